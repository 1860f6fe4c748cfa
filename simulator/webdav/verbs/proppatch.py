"""PROPPATCH: set and remove properties; what does not exist yet is created by it."""

from simulator.serving.http import HttpError, Response
from simulator.webdav.answers.multistatus import names_answer
from simulator.webdav.call import Call
from simulator.webdav.properties.writing import write
from simulator.webdav.request_xml import PropertyChange, property_changes
from simulator.webdav.urls import href_path
from simulator.webdav.verbs.conditions import check_conditions
from simulator.webdav.verbs.stored import stored_headers
from simulator.world.mailboxes import Item, Resource


def proppatch(call: Call) -> Response:
    """Answer 207 with every name in a 200 propstat: the store has no schema, so any property can be written."""
    changes = property_changes(call.request.body)
    resource = call.address.resource()
    check_conditions(call, resource)
    created = resource is None
    if resource is None:
        resource = _created(call)
    apply_changes(call, resource, changes)
    headers = stored_headers(resource, call.request.origin) if created and isinstance(resource, Item) else ()
    href = call.request.origin + href_path(resource)
    names = [change.name for change in changes]
    return names_answer(href, names, created=created, headers=headers, behavior=call.behavior)


def apply_changes(call: Call, resource: Resource, changes: list[PropertyChange]) -> None:
    """Write properties, and let the ETag or the folder show it."""
    for change in changes:
        write(resource, change.name, change.value)
    if isinstance(resource, Item):
        call.world.changed(resource)


def _created(call: Call) -> Item:
    place = call.address.place()
    if place is None:
        raise HttpError(404 if call.address.permanent else 409)
    return call.world.put(place.folder, call.blank(), place.name)
