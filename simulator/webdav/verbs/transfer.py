"""MOVE, COPY and DELETE of items and folders, and the MOVE that sends."""

from simulator.serving.http import HttpError, Response
from simulator.webdav.address import Place, Submission, destination
from simulator.webdav.answers.multistatus import status_answer
from simulator.webdav.call import Call
from simulator.webdav.urls import href_path
from simulator.world.answering import sent as sent_answer
from simulator.world.concurrent_changes import succeed
from simulator.world.delivery import NotAllowedError, send
from simulator.world.folders import add_folder, move_folder, remove_folder
from simulator.world.mailboxes import Folder, Item, Resource, is_unsent
from simulator.world.tally import Action

_MULTI_STATUS = 207


def move(call: Call) -> Response:
    """Move: 201 with the new Location, 204 if something was replaced; a draft moved to the submission URI is sent."""
    return _transfer(call, keep=False)


def copy(call: Call) -> Response:
    """Copy, as MOVE moves."""
    return _transfer(call, keep=True)


def delete(call: Call) -> Response:
    """Delete for good: 200, not the 204 of the standard (DavMail takes anything else for an error)."""
    resource = call.resource()
    if isinstance(resource, Folder):
        _own_folder(resource)
        doomed = [item for folder in (resource, *resource.below()) for item in folder.items.values()]
        remove_folder(call.world, resource)
    else:
        doomed = [resource]
        call.world.remove(resource)
    for item in doomed:
        if item.tally:
            item.tally.record(Action.DELETED)
    if isinstance(resource, Item) and call.behavior.name_reuse:
        succeed(call.world, resource, resource.folder)
    return Response(call.behavior.delete_status)


def _transfer(call: Call, *, keep: bool) -> Response:
    resource = call.resource()
    if call.behavior.path_destination != "accepted" and call.request.headers.get("destination", "").startswith("/"):
        raise HttpError(int(call.behavior.path_destination))
    target = destination(call.request, call.world, call.server, resource)
    if isinstance(resource, Folder):
        return _relocate(call, resource, target, keep=keep)
    match target:
        case Submission():
            return _submit(call, resource, keep=keep)
        case Place() as place:
            return _store(call, resource, place, keep=keep)


def _own_folder(folder: Folder) -> None:
    # The well-known folders and the root can neither leave nor be renamed.
    if folder.role is not None or folder.parent is None or folder.hidden:
        raise HttpError(403)


def _relocate(call: Call, folder: Folder, target: Submission | Place, *, keep: bool) -> Response:
    if not isinstance(target, Place):
        raise HttpError(403)
    _own_folder(folder)
    if target.folder in (folder, *folder.below()):
        raise HttpError(409)
    if target.folder.child(target.name) is not None:
        raise HttpError(412)
    if keep:
        folder = _copied(call, folder, target)
    else:
        move_folder(call.world, folder, target.folder, target.name)
    return _created(call, folder)


def _copied(call: Call, folder: Folder, target: Place) -> Folder:
    twin = add_folder(call.world, target.folder, target.name)
    twin.folder_class, twin.patches = folder.folder_class, dict(folder.patches) if folder.patches else None
    for item in folder.items.values():
        call.world.copy(item, twin, item.name)
    for child in folder.children.values():
        _copied(call, child, Place(twin, child.name))
    return twin


def _submit(call: Call, item: Item, *, keep: bool) -> Response:
    href = call.request.origin + href_path(item)
    refusal = call.behavior.submission_refusal
    if refusal == str(_MULTI_STATUS):
        return status_answer(href, 403, call.behavior)
    if refusal != "none" or not is_unsent(item):
        raise HttpError(403 if refusal == "none" else int(refusal))
    try:
        send(call.world, item, keeps_copy=not call.request.says("saveinsent", "f"), keep=keep)
    except NotAllowedError:
        raise HttpError(403) from None
    sent_answer(call.world, call.behavior, item)
    return _sent(call, href)


def _sent(call: Call, href: str) -> Response:
    status = call.behavior.submission_status
    return status_answer(href, 200, call.behavior) if status == _MULTI_STATUS else Response(status)


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
            occupant.tally.record(Action.DELETED)
    put = call.world.copy if keep else call.world.move
    stored = put(item, place.folder, place.name)
    if item.tally and not keep:
        item.tally.record(Action.MOVED)
    return _created(call, stored, 204 if replaced else 201)


def _created(call: Call, stored: Resource, status: int = 201) -> Response:
    location = (("Location", call.request.origin + href_path(stored)),) if call.behavior.move_location else ()
    return Response(status, headers=location)
