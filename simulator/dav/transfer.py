"""MOVE, COPY and DELETE of items, and the MOVE that sends."""

from simulator.address import Place, Submission, destination
from simulator.dav.call import Call
from simulator.http import HttpError, Response
from simulator.languages import Role
from simulator.tally import Deed
from simulator.world import Item


def move(call: Call) -> Response:
    """201 with the new Location, 204 when something was replaced; a draft moved to the submission URI is sent."""
    return _transfer(call, keep=False)


def copy(call: Call) -> Response:
    """As MOVE, and the source stays."""
    return _transfer(call, keep=True)


def delete(call: Call) -> Response:
    """200, not the 204 of the standard (DavMail takes anything else for an error); the item is gone for good."""
    item = call.item()
    call.world.remove(item)
    if item.tally:
        item.tally.record(Deed.DELETED)
    return Response(200)


def _transfer(call: Call, *, keep: bool) -> Response:
    item = call.item()
    match destination(call.request, call.world, call.server, item):
        case Submission():
            return _submit(call, item, keep=keep)
        case Place() as place:
            return _store(call, item, place, keep=keep)


def _submit(call: Call, item: Item, *, keep: bool) -> Response:
    if item.folder.role is not Role.DRAFTS:
        # Exchange sends only what is marked unsent, and here that is what lies in Drafts.
        raise HttpError(403)
    if not call.request.says("saveinsent", "f"):
        sent = call.world.copy(item, item.mailbox.folders[Role.SENT_ITEMS], item.name)
        sent.message.read = True
    if not keep:
        call.world.remove(item)
    if item.answers:
        item.answers.record(Deed.SUBMITTED)
    return Response(call.behaviour.submission_status)


def _store(call: Call, item: Item, place: Place, *, keep: bool) -> Response:
    occupant = place.folder.items.get(place.name.casefold())
    if occupant is item:
        raise HttpError(403)
    # Allow-Rename wins over Overwrite: the newcomer gets `-2` (MSDN aa142703); the default is to overwrite (aa142944).
    replaced = occupant is not None and not call.request.says("allow-rename", "t")
    if occupant is not None and replaced:
        if call.request.says("overwrite", "f"):
            raise HttpError(412)
        call.world.remove(occupant)
        if occupant.tally:
            occupant.tally.record(Deed.DELETED)
    put = call.world.copy if keep else call.world.move
    stored = put(item, place.folder, place.name)
    if item.tally and not keep:
        item.tally.record(Deed.MOVED)
    return Response(204 if replaced else 201, headers=(("Location", call.request.origin + stored.href_path),))
