"""FindItem, GetItem and SyncFolderItems: what is there."""

import base64
import binascii
import json
import zlib
from collections.abc import Sequence
from functools import partial
from typing import Any

from simulator.ews.call import Call
from simulator.ews.ids import lost_item_id
from simulator.ews.properties.shape import Path, Shape, read_shape
from simulator.ews.properties.shown import Shown
from simulator.ews.properties.values import comparable
from simulator.ews.search.restriction import of_items, read_condition, searchable
from simulator.ews.search.views import of_calendar, page
from simulator.ews.soap import (
    Element,
    M,
    RefusedError,
    Result,
    SoapFault,
    T,
    check_order,
    m,
    refused,
    response_message,
    t,
)
from simulator.ews.versions import SCHEMAS
from simulator.world.languages import Role
from simulator.world.mailboxes import Folder, Item

_MOST_CHANGES = 512
_STOPPED = "The request was not processed: the batch was stopped."


def find_item(call: Call) -> Element:
    """A page of the items of each folder."""
    operation = call.envelope.operation
    if operation.get("Traversal") not in {"Shallow", "SoftDeleted", "Associated"}:
        raise SoapFault("ErrorSchemaValidation", "The required attribute 'Traversal' is missing.")
    check_order(
        operation,
        (
            "ItemShape",
            "IndexedPageItemView",
            "CalendarView",
            "GroupBy",
            "Restriction",
            "SortOrder",
            "ParentFolderIds",
            "QueryString",
        ),
    )
    reported = [_found(call, element) for element in operation.iterfind(f"{M}ParentFolderIds/*")]
    return m("FindItemResponse", m("ResponseMessages", [response_message("FindItem", one) for one in reported]))


def get_item(call: Call) -> Element:
    """Each of the items, or why not."""
    operation = call.envelope.operation
    check_order(operation, ("ItemShape", "ItemIds"))
    reported = []
    limit = call.behavior.ews_batch
    for number, element in enumerate(operation.iterfind(f"{M}ItemIds/*")):
        if limit and number >= limit:
            reported.append(Result([m("Items")], "ErrorBatchProcessingStopped", _STOPPED, {}, "Warning"))
            continue
        try:
            shape = read_shape(operation.find(f"{M}ItemShape"))
            reported.append(Result([m("Items", shape.element(Shown(call.item(element), call)))]))
        except RefusedError as error:
            reported.append(refused(error, m("Items")))
    return m("GetItemResponse", m("ResponseMessages", [response_message("GetItem", one) for one in reported]))


def sync_folder_items(call: Call) -> Element:
    """What has changed in a folder since a state."""
    operation = call.envelope.operation
    check_order(operation, ("ItemShape", "SyncFolderId", "SyncState", "Ignore", "MaxChangesReturned", "SyncScope"))
    try:
        reported = _synchronized(call, operation)
    except RefusedError as error:
        reported = refused(error)
    return m("SyncFolderItemsResponse", m("ResponseMessages", response_message("SyncFolderItems", reported)))


def _found(call: Call, element: Element) -> Result:
    operation = call.envelope.operation
    try:
        folder = call.folder(element)
        _count(call, folder, operation)
        shape = read_shape(operation.find(f"{M}ItemShape"))
        items, facts = _view(call, operation, _visible(operation, folder))
    except RefusedError as error:
        return refused(error)
    rows = t("Items", [shape.element(Shown(item, call, in_row=True)) for item in items])
    return Result([m("RootFolder", rows, **facts)])


def _visible(operation: Element, folder: Folder) -> list[Item]:
    return list(folder.items.values()) if operation.get("Traversal") == "Shallow" else []


def _count(call: Call, folder: Folder, operation: Element) -> None:
    view = operation.find(f"{M}IndexedPageItemView")
    begins = view is None or view.get("Offset", "0") == "0"
    if folder.role is Role.INBOX and begins:
        call.operation(folder.mailbox)


def _view(call: Call, operation: Element, items: list[Item]) -> tuple[Sequence[Item], dict[str, str]]:
    restriction, calendar = operation.find(f"{M}Restriction"), operation.find(f"{M}CalendarView")
    if calendar is not None:
        if restriction is not None or operation.find(f"{M}SortOrder") is not None:
            raise RefusedError("ErrorInvalidRestriction", "A CalendarView takes neither restriction nor order.")
        return of_calendar(items, calendar)
    if restriction is not None:
        if len(restriction) != 1:
            raise SoapFault("ErrorSchemaValidation", "Restriction has one child.")
        holds = read_condition(restriction[0], of_items)
        items = [item for item in items if holds(Shown(item, call, in_row=True))]
    # Without an order the newest comes first, as it does in Outlook.
    ordered = _sorted(call, operation, list(reversed(items)))
    return page(ordered, operation.find(f"{M}IndexedPageItemView"), _cap(call, operation, len(items)))


def _cap(call: Call, operation: Element, found: int) -> int | None:
    """The most rows of this search; Exchange 2007 has no throttling, and older schemas no partial pages."""
    if operation.find(f"{M}Restriction") is None or call.behavior.ews_version == "2007":
        return None
    cap, view = call.behavior.ews_find_cap, operation.find(f"{M}IndexedPageItemView")
    wanted = found if view is None else min(found, int(view.get("MaxEntriesReturned", found)))
    if wanted > cap and call.envelope.version in SCHEMAS[: SCHEMAS.index("Exchange2010_SP1")]:
        raise RefusedError("ErrorServerBusy", "The server cannot service this request right now.")
    if wanted > cap and view is None:
        raise RefusedError("ErrorExceededFindCountLimit", "You have exceeded the maximum number of items.")
    return cap


def _sorted(call: Call, operation: Element, items: list[Item]) -> list[Item]:
    for order in reversed(operation.findall(f"{M}SortOrder/{T}FieldOrder")):
        if not len(order):
            raise SoapFault("ErrorSchemaValidation", "FieldOrder names a property.")
        key = partial(_key, call, searchable(order[0]))
        items.sort(key=key, reverse=order.get("Order") == "Descending")
    return items


def _key(call: Call, path: Path, item: Item) -> tuple[bool, Any]:
    value = comparable(path.read(Shown(item, call, in_row=True)))
    return value is not None, value


def _synchronized(call: Call, operation: Element) -> Result:
    target = operation.find(f"{M}SyncFolderId/*")
    if target is None:
        raise SoapFault("ErrorSchemaValidation", "SyncFolderId is missing.")
    folder = call.folder(target)
    known, is_new_round = _state(operation.findtext(f"{M}SyncState") or "", folder)
    most = int(operation.findtext(f"{M}MaxChangesReturned") or _MOST_CHANGES)
    if not 1 <= most <= _MOST_CHANGES:
        raise SoapFault("ErrorSchemaValidation", "MaxChangesReturned is from 1 to 512.")
    if is_new_round and folder.role is Role.INBOX:
        call.operation(folder.mailbox)
    shape = read_shape(operation.find(f"{M}ItemShape"))
    changes, is_last = _changes(call, folder, known, shape, most)
    return Result(
        [
            m("SyncState", _written(known, folder, is_last=is_last)),
            m("IncludesLastItemInRange", str(is_last).lower()),
            m("Changes", changes),
        ]
    )


def _changes(call: Call, folder: Folder, known: dict[int, int], shape: Shape, most: int) -> tuple[list[Element], bool]:
    """The next changes; what is reported becomes known."""
    there = {(item.origin if call.ids_kept else item.serial): item for item in folder.items.values()}
    changes: list[Element] = []
    pending = [number for number in known if number not in there]
    pending += [number for number, item in there.items() if known.get(number) != item.change]
    for number in pending[:most]:
        item = there.get(number)
        if item is None:
            del known[number]
            changes.append(t("Delete", lost_item_id(folder.mailbox, number)))
            continue
        kind = "Update" if number in known else "Create"
        known[number] = item.change
        changes.append(t(kind, shape.element(Shown(item, call, in_row=True))))
    return changes, len(pending) <= most


def _state(text: str, folder: Folder) -> tuple[dict[int, int], bool]:
    """What a client knows of a folder: the changes of items by their numbers; and whether it had seen the last one."""
    if not text.strip():
        return {}, True
    try:
        serial, is_last, known = json.loads(zlib.decompress(base64.b64decode(text, validate=True)))
        numbers = {int(number): int(change) for number, change in known.items()}
    except (ValueError, TypeError, AttributeError, binascii.Error, zlib.error):
        raise RefusedError("ErrorInvalidSyncStateData", "Synchronization state data is corrupt.") from None
    if serial != folder.serial:
        raise RefusedError("ErrorInvalidSyncStateData", "Synchronization state data is of another folder.")
    return numbers, bool(is_last)


def _written(known: dict[int, int], folder: Folder, *, is_last: bool) -> str:
    text = json.dumps([folder.serial, is_last, known], separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode())).decode("ascii")
