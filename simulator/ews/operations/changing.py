"""UpdateItem, MoveItem, CopyItem and DeleteItem."""

from collections.abc import Callable
from functools import partial

from simulator.ews.call import Call
from simulator.ews.ids import change_key
from simulator.ews.properties.extended import ExtendedPath, extended_properties
from simulator.ews.properties.shape import FieldPath, is_path, read_path
from simulator.ews.properties.shown import Shown
from simulator.ews.soap import (
    Element,
    M,
    RefusedError,
    Result,
    SoapFault,
    T,
    check_order,
    local_name,
    m,
    refused,
    response_message,
    t,
)
from simulator.world.languages import Role
from simulator.world.mailboxes import Folder, Item
from simulator.world.property_names import PROCESSED
from simulator.world.tally import Action
from simulator.world.values import Value

_RESOLUTIONS = {"NeverOverwrite", "AutoResolve", "AlwaysOverwrite"}
_DELETE_TYPES = {"HardDelete", "SoftDelete", "MoveToDeletedItems"}
#: To move or delete one of these is work on it; a request was worked on when it was answered.
_WORKED_ON = frozenset({"MeetingResponse", "MeetingCancellation"})
_READ = "message:IsRead"


def update_item(call: Call) -> Element:
    """Change each of the items, or say why not."""
    operation = call.envelope.operation
    check_order(operation, ("SavedItemFolderId", "ItemChanges"))
    if operation.get("ConflictResolution") not in _RESOLUTIONS:
        raise SoapFault("ErrorSchemaValidation", "The required attribute 'ConflictResolution' is missing.")
    messages = []
    for change in operation.iterfind(f"{M}ItemChanges/{T}ItemChange"):
        try:
            item = _updated(call, change)
            content = [m("Items", t(Shown(item, call).kind, call.id_of(item)))]
            reported = Result([*content, m("ConflictResults", t("Count", "0"))])
        except RefusedError as error:
            reported = refused(error, m("Items"))
        messages.append(response_message("UpdateItem", reported))
    return m("UpdateItemResponse", m("ResponseMessages", messages))


def move_item(call: Call) -> Element:
    """Move each of the items; it has another id afterwards."""
    return _transferred(call, "MoveItem", partial(_moved, call))


def copy_item(call: Call) -> Element:
    """Put a copy of each of the items into a folder."""
    return _transferred(call, "CopyItem", lambda item, folder: call.world.copy(_stored(item), folder, item.name))


def delete_item(call: Call) -> Element:
    """Put each of the items into Deleted Items, or delete it for good."""
    operation = call.envelope.operation
    check_order(operation, ("ItemIds",))
    kind = operation.get("DeleteType")
    if kind not in _DELETE_TYPES:
        raise SoapFault("ErrorSchemaValidation", "The required attribute 'DeleteType' is missing.")

    def delete(item: Item) -> list[Element]:
        if Shown(item, call).kind == "CalendarItem" and operation.get("SendMeetingCancellations") is None:
            raise RefusedError("ErrorSendMeetingCancellationsRequired")
        deleted = item.mailbox.folders[Role.DELETED_ITEMS]
        if kind == "MoveToDeletedItems" and item.folder is not deleted:
            _moved(call, item, deleted)
            return []
        _count(call, item)
        call.world.remove(_stored(item))
        if item.tally:
            item.tally.record(Action.DELETED)
        return []

    return _each(call, "DeleteItem", delete, shows_items=False)


def _transferred(call: Call, name: str, transfer: Callable[[Item, Folder], Item]) -> Element:
    operation = call.envelope.operation
    check_order(operation, ("ToFolderId", "ItemIds", "ReturnNewItemIds"))
    target = operation.find(f"{M}ToFolderId/*")
    if target is None:
        raise SoapFault("ErrorSchemaValidation", "ToFolderId is missing.")
    tells = (operation.findtext(f"{M}ReturnNewItemIds") or "true").strip() == "true"

    def act(item: Item) -> list[Element]:
        folder = call.folder(target)
        if folder.mailbox is not item.mailbox:
            raise RefusedError("ErrorCrossMailboxMoveCopy")
        arrived = transfer(item, folder)
        return [t(Shown(arrived, call).kind, call.id_of(arrived))] if tells else []

    return _each(call, name, act, shows_items=True)


def _each(call: Call, name: str, act: Callable[[Item], list[Element]], *, shows_items: bool) -> Element:
    messages = []
    for element in call.envelope.operation.iterfind(f"{M}ItemIds/*"):
        try:
            content = act(call.item(element))
            reported = Result([m("Items", content)] if shows_items else [])
        except RefusedError as error:
            reported = refused(error, *([m("Items")] if shows_items else []))
        messages.append(response_message(name, reported))
    return m(f"{name}Response", m("ResponseMessages", messages))


def _moved(call: Call, item: Item, folder: Folder) -> Item:
    _count(call, item)
    moved = call.world.move(_stored(item), folder, item.name)
    if item.tally:
        item.tally.record(Action.MOVED)
    return moved


def _count(call: Call, item: Item) -> None:
    if Shown(item, call).kind in _WORKED_ON and item.folder.role is Role.INBOX:
        call.operation(item.mailbox)


def _stored(item: Item) -> Item:
    """The item itself; an instance of a series neither moves nor goes by itself here."""
    if item.mailbox.by_serial.get(item.serial) is not item:
        raise RefusedError("ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange")
    return item


def _updated(call: Call, change: Element) -> Item:
    reference = change.find(f"{T}ItemId")
    if reference is None:
        raise SoapFault("ErrorSchemaValidation", "ItemId is missing.")
    item = _stored(call.item(reference))
    _check(call, item, reference.get("ChangeKey"))
    updates = [_update(element) for element in change.iterfind(f"{T}Updates/*")]
    for name, value in updates:
        if name == _READ:
            item.message.read = bool(value)
        else:
            item.patches = {**(item.patches or {}), name: value}
    if item.tally and any(name == PROCESSED and value for name, value in updates):
        item.tally.record(Action.MARKED)
    call.world.changed(item)
    return item


def _check(call: Call, item: Item, key: str | None) -> None:
    """Refuse what this server does not change, and what was not read in its newest version."""
    operation, shown = call.envelope.operation, Shown(item, call)
    if shown.kind == "CalendarItem":
        if operation.get("SendMeetingInvitationsOrCancellations") is None:
            raise RefusedError("ErrorSendMeetingInvitationsOrCancellationsRequired")
    elif operation.get("MessageDisposition") is None:
        raise RefusedError("ErrorMessageDispositionRequired", "Message disposition is required.")
    if call.behavior.ews_marks == "refused" and shown.kind == "MeetingRequest":
        raise RefusedError("ErrorSentMeetingRequestUpdate", "Meeting requests that were sent cannot be updated.")
    if operation.get("ConflictResolution") != "NeverOverwrite" or call.behavior.ews_conflicts == "ignored":
        return
    if key is None:
        raise RefusedError("ErrorChangeKeyRequiredForWriteOperations", "A change key is required.")
    if key != change_key(item):
        raise RefusedError("ErrorIrresolvableConflict", "The send or update operation could not be performed.")


def _update(element: Element) -> tuple[str, Value | None]:
    """What one of the updates writes, and under which name."""
    path_element = next((child for child in element if is_path(child)), None)
    if path_element is None:
        raise SoapFault("ErrorSchemaValidation", "An update names a property.")
    path = read_path(path_element)
    if local_name(element) == "DeleteItemField":
        if isinstance(path, FieldPath):
            raise RefusedError("ErrorInvalidPropertyDelete", f"The property '{path.uri}' cannot be deleted.")
        return path.name, None
    if local_name(element) != "SetItemField":
        raise RefusedError("ErrorInvalidPropertyAppend", "Nothing here can be appended to.")
    item = next((child for child in element if not is_path(child)), None)
    if item is None:
        raise SoapFault("ErrorSchemaValidation", "SetItemField has an item.")
    return _written(path, item)


def _written(path: FieldPath | ExtendedPath, item: Element) -> tuple[str, Value]:
    if isinstance(path, FieldPath):
        text = item.findtext(f"{T}IsRead")
        if path.uri != _READ or text is None:
            raise RefusedError("ErrorInvalidPropertySet", f"The property '{path.uri}' cannot be set.")
        return _READ, text.strip() in {"true", "1"}
    values = {one.name: value for one, value in extended_properties(item)}
    if path.name not in values:
        raise RefusedError("ErrorUpdatePropertyMismatch", "The property of the path is not the one that is set.")
    return path.name, values[path.name]
