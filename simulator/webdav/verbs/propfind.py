"""PROPFIND: properties of a folder or an item, and with `Depth: 1` of what is in the folder."""

from collections.abc import Iterator

from simulator.serving.http import Response
from simulator.webdav.answers.multistatus import ValueRows
from simulator.webdav.call import Call
from simulator.webdav.properties.items import ALL_NAMES
from simulator.webdav.request_xml import requested_names
from simulator.webdav.search.query import columns_of
from simulator.world.mailboxes import Folder, Resource


def propfind(call: Call) -> Response:
    """Answer 207; a real 404 for a URL that names nothing."""
    resource = call.resource()
    names = requested_names(call.request.body)
    brief = call.request.says("brief", "t") or not names
    rows = ValueRows(columns_of(names or ALL_NAMES), call.request.origin, brief=brief, behavior=call.behavior)
    return rows.answer(_covered(resource, call.request.headers.get("depth", "1").casefold()))


def _covered(resource: Resource, depth: str) -> Iterator[Resource]:
    # Anything but 0 is 1 here: Exchange walks trees by SEARCH, not by PROPFIND.
    if depth == "0" or "noroot" not in depth:
        yield resource
    if depth != "0" and isinstance(resource, Folder):
        yield from resource.children.values()
        yield from reversed(resource.items.values())
