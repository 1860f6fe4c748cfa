"""PUT: MIME becomes an item, or the new content of one."""

from simulator.mime.reader import read_message
from simulator.serving.http import HttpError, Response
from simulator.webdav.call import Call
from simulator.webdav.verbs.conditions import check_conditions
from simulator.webdav.verbs.stored import stored_headers
from simulator.world.clock import now_utc
from simulator.world.delivery import submit
from simulator.world.mailboxes import Item
from simulator.world.messages import blank


def put(call: Call) -> Response:
    """Store an item: 201 if it is new, 200 if it is changed.

    `Overwrite: f` never prevents it, a condition does with 412.
    """
    if call.address.submits:
        author = call.address.mailbox
        submit(call.world, author, read_message(call.request.body, blank(author.owner, now_utc(), read=True)))
        return Response(call.behavior.submission_status)
    existing = call.address.resource()
    if existing is not None and not isinstance(existing, Item):
        raise HttpError(405)
    check_conditions(call, existing)
    item = _stored(call, existing)
    return Response(200 if existing else 201, headers=stored_headers(item, call.request.origin))


def _stored(call: Call, existing: Item | None) -> Item:
    if existing is not None:
        existing.message = read_message(call.request.body, existing.message)
        call.world.changed(existing)
        return existing
    place = call.address.place()
    if place is None:
        raise HttpError(409)
    message = read_message(call.request.body, call.blank())
    return call.world.put(place.folder, message, place.name)
