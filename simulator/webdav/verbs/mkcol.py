"""MKCOL: a new folder, with the properties that its body sets."""

from simulator.serving.http import HttpError, Response
from simulator.webdav.call import Call
from simulator.webdav.properties.writing import write
from simulator.webdav.request_xml import property_changes
from simulator.webdav.urls import href_path
from simulator.world import names
from simulator.world.folders import add_folder


def mkcol(call: Call) -> Response:
    """Create a folder: 201, 405 if the name is taken, 409 if the parent is missing."""
    changes = property_changes(call.request.body) if call.request.body.strip() else []
    if call.address.resource() is not None:
        raise HttpError(405)
    place = call.address.place()
    if place is None:
        raise HttpError(409)
    folder = add_folder(call.world, place.folder, names.folder_name(place.name))
    for change in changes:
        write(folder, change.name, change.value)
    return Response(201, headers=(("Location", call.request.origin + href_path(folder)),))
