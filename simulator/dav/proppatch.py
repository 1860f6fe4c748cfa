"""PROPPATCH: set and remove properties of something that exists."""

from simulator.dav.call import Call
from simulator.http import Response
from simulator.multistatus import names_answer
from simulator.namespaces import canonical
from simulator.properties import READ
from simulator.request_xml import PropertyChange, property_changes
from simulator.values import parse_bool
from simulator.world import Item


def proppatch(call: Call) -> Response:
    """Answer 207 with every name in a 200 propstat: the store has no schema, so any property can be written."""
    resource = call.resource()
    changes = property_changes(call.request.body)
    for change in changes:
        if isinstance(resource, Item) and canonical(change.name) == READ:
            resource.message.read = _is_true(change)
        else:
            resource.patches = {**(resource.patches or {}), canonical(change.name): change.value}
    if isinstance(resource, Item):
        call.world.changed(resource)
    return names_answer(call.request.origin + resource.href_path, [change.name for change in changes])


def _is_true(change: PropertyChange) -> bool:
    return change.value is True or (isinstance(change.value, str) and parse_bool(change.value) is True)
