"""Build requests: the envelope with the mailbox that is acted for, and the body of each operation. Pure; sends nothing.

A request without its mailbox would act in the mailbox of the service account itself. So everything that is sent for a
mailbox is built by an :class:`Envelope`, which is made for one.

One connection serves many mailboxes, so each request names its own: by the header ExchangeImpersonation, which needs
the role ApplicationImpersonation (Microsoft Learn: "Impersonation and EWS in Exchange"), or by the owner in each folder
id, for an account with full access (Microsoft Learn: "Delegate access and EWS in Exchange"). ``X-AnchorMailbox`` lets
the front end of Exchange 2013 and later find the server of the mailbox.

There is no TimeZoneContext, which Exchange 2007 does not know: without it all times come in UTC.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from lxml import etree

from rsvpq.ews.properties import (
    CLEAN_GLOBAL_ID,
    ITEM_CLASS,
    MESSAGES,
    TYPES,
    EwsProperty,
    shape,
)
from rsvpq.mail.errors import Refused
from rsvpq.mail.messages import Verdict
from rsvpq.mail.persons import is_plain_smtp

#: How the account gets into mailboxes.
Access = Literal["impersonation", "delegate"]
#: The versions of the schema that are requested: the oldest that have what is needed (Microsoft Learn: "EWS schema
#: versions in Exchange"). All fields that are used exist in both.
SCHEMAS = ("Exchange2010_SP2", "Exchange2007_SP1")
Folder = Literal["inbox", "calendar", "sentitems", "deleteditems", "outbox"]
#: The headers of every request.
XML = {"Content-Type": "text/xml; charset=utf-8"}

_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_NAMESPACES = {"s": _SOAP, "m": MESSAGES[1:-1], "t": TYPES[1:-1]}
#: What XML 1.0 does not allow.
_NO_TEXT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: The most characters of an Id. One of Exchange is base64 of about 150 characters; other servers write other ones.
LONGEST_ID = 2000
_ID = re.compile(rf"[\x21-\x7e]{{1,{LONGEST_ID}}}")
_ANSWERS = {
    Verdict.ACCEPT: "AcceptItem",
    Verdict.DECLINE: "DeclineItem",
    Verdict.TENTATIVE: "TentativelyAcceptItem",
}


@dataclass(frozen=True, slots=True)
class ItemId:
    """The address of an item: its Id, which is new after each move, and the ChangeKey, which is new after each change.

    :raises Refused: no server can have sent it.
    """

    id: str
    change_key: str = ""

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id) or (self.change_key and not _ID.fullmatch(self.change_key)):
            raise Refused("the item's address is not one of EWS; nothing was sent")

    def element(self, name: str = "ItemId") -> etree._Element:
        """Return the reference in a request."""
        version = {"ChangeKey": self.change_key} if self.change_key else {}
        return etree.Element(TYPES + name, {"Id": self.id, **version})


class Envelope:
    """Builds the requests for one mailbox.

    :param mailbox: its SMTP address.
    :raises Refused: it is not an SMTP address.
    """

    def __init__(self, mailbox: str, access: Access) -> None:
        if not is_plain_smtp(mailbox):
            raise Refused(f"{mailbox[:200]!r} is not an SMTP address, which Exchange Web Services needs")
        self.mailbox = mailbox
        self.access = access
        self.headers: Mapping[str, str] = {**XML, "X-AnchorMailbox": mailbox}

    def request(self, operation: etree._Element, schema: str) -> bytes:
        """Return the whole request."""
        header = []
        if self.access == "impersonation":
            who = etree.Element(f"{TYPES}ExchangeImpersonation")
            etree.SubElement(
                etree.SubElement(who, f"{TYPES}ConnectingSID"), f"{TYPES}PrimarySmtpAddress"
            ).text = self.mailbox
            header.append(who)
        return _serialized(operation, schema, header)

    def folder(self, role: Folder) -> etree._Element:
        """Return the id of a well-known folder of the mailbox."""
        found = etree.Element(f"{TYPES}DistinguishedFolderId", Id=role)
        if self.access == "delegate":
            owner = etree.SubElement(found, f"{TYPES}Mailbox")
            etree.SubElement(owner, f"{TYPES}EmailAddress").text = self.mailbox
        return found

    def get_folder(self, role: Folder) -> etree._Element:
        """Build a GetFolder."""
        return _get_folder([self.folder(role)])

    def get_rights(self, roles: Iterable[Folder]) -> etree._Element:
        """Build a GetFolder for the number of items in folders, and for what the account may do there."""
        return _get_folder(map(self.folder, roles), ("folder:TotalCount", "folder:EffectiveRights"))

    def find_item(
        self, role: Folder, properties: Sequence[EwsProperty], restriction: etree._Element, order: "Order"
    ) -> etree._Element:
        """Build a FindItem; its page is set by :func:`set_page`."""
        operation = etree.Element(f"{MESSAGES}FindItem", Traversal="Shallow")
        shape(operation, properties)
        etree.SubElement(operation, f"{MESSAGES}IndexedPageItemView", BasePoint="Beginning")
        etree.SubElement(operation, f"{MESSAGES}Restriction").append(restriction)
        by = etree.SubElement(
            etree.SubElement(operation, f"{MESSAGES}SortOrder"), f"{TYPES}FieldOrder", Order=order.direction
        )
        by.append(order.by.element())
        etree.SubElement(operation, f"{MESSAGES}ParentFolderIds").append(self.folder(role))
        return operation

    def calendar_view(
        self, properties: Sequence[EwsProperty], start: datetime, end: datetime, most: int
    ) -> etree._Element:
        """Build a FindItem for everything between two moments, in which the server expands series."""
        operation = etree.Element(f"{MESSAGES}FindItem", Traversal="Shallow")
        shape(operation, properties)
        attributes = {"MaxEntriesReturned": str(most), "StartDate": _moment(start), "EndDate": _moment(end)}
        etree.SubElement(operation, f"{MESSAGES}CalendarView", attributes)
        etree.SubElement(operation, f"{MESSAGES}ParentFolderIds").append(self.folder("calendar"))
        return operation

    def respond(self, request: ItemId, verdict: Verdict, text: str, *, silent: bool) -> etree._Element:
        """Build the one CreateItem that answers a request: calendar, sending, and moving the request.

        The copy goes to Sent Items by name, as it would otherwise be kept in the account's own folder under delegate
        access (Microsoft Learn: "CreateItem"). The children are in the order of the schema.
        """
        operation = etree.Element(
            f"{MESSAGES}CreateItem", MessageDisposition="SaveOnly" if silent else "SendAndSaveCopy"
        )
        if not silent:
            etree.SubElement(operation, f"{MESSAGES}SavedItemFolderId").append(self.folder("sentitems"))
        answer = etree.SubElement(etree.SubElement(operation, f"{MESSAGES}Items"), TYPES + _ANSWERS[verdict])
        if text:
            etree.SubElement(answer, f"{TYPES}Body", BodyType="Text").text = _NO_TEXT.sub("", text)
        answer.append(request.element("ReferenceItemId"))
        return operation

    def move(self, item: ItemId, role: Folder) -> etree._Element:
        """Build a MoveItem."""
        operation = etree.Element(f"{MESSAGES}MoveItem")
        etree.SubElement(operation, f"{MESSAGES}ToFolderId").append(self.folder(role))
        etree.SubElement(operation, f"{MESSAGES}ItemIds").append(item.element())
        return operation


@dataclass(frozen=True, slots=True)
class Order:
    """The order of the items that a search returns."""

    by: EwsProperty
    direction: Literal["Ascending", "Descending"] = "Ascending"


def set_page(operation: etree._Element, offset: int, rows: int) -> None:
    """Set which page a FindItem asks for."""
    view = operation.find(f"{MESSAGES}IndexedPageItemView")
    if view is None:
        raise ValueError("not a search with pages")
    view.set("MaxEntriesReturned", str(rows))
    view.set("Offset", str(offset))


def get_item(items: Iterable[ItemId], properties: Sequence[EwsProperty]) -> etree._Element:
    """Build a GetItem."""
    operation = etree.Element(f"{MESSAGES}GetItem")
    shape(operation, properties)
    etree.SubElement(operation, f"{MESSAGES}ItemIds").extend(item.element() for item in items)
    return operation


def update_item(item: ItemId, type_name: str, values: Mapping[EwsProperty, str], conflicts: str) -> etree._Element:
    """Build an UpdateItem that sets extended properties, and nothing else: Exchange may refuse all of it otherwise.

    :param type_name: the name of the element of such an item, such as ``MeetingRequest``.
    :param conflicts: ``NeverOverwrite`` to fail if the item has another ChangeKey by now; else ``AlwaysOverwrite``.
    """
    operation = etree.Element(f"{MESSAGES}UpdateItem", ConflictResolution=conflicts, MessageDisposition="SaveOnly")
    change = etree.SubElement(etree.SubElement(operation, f"{MESSAGES}ItemChanges"), f"{TYPES}ItemChange")
    change.append(item.element())
    updates = etree.SubElement(change, f"{TYPES}Updates")
    for name, value in values.items():
        update = etree.SubElement(updates, f"{TYPES}SetItemField")
        update.append(name.element())
        holder = etree.SubElement(etree.SubElement(update, TYPES + type_name), f"{TYPES}ExtendedProperty")
        holder.append(name.element())
        etree.SubElement(holder, f"{TYPES}Value").text = _NO_TEXT.sub("", value)
    return operation


def delete_item(item: ItemId, how: Literal["HardDelete", "MoveToDeletedItems"]) -> etree._Element:
    """Build a DeleteItem that tells nobody: without that attribute Exchange refuses to delete an appointment."""
    operation = etree.Element(f"{MESSAGES}DeleteItem", DeleteType=how, SendMeetingCancellations="SendToNone")
    etree.SubElement(operation, f"{MESSAGES}ItemIds").append(item.element())
    return operation


def remove_item(cancellation: ItemId) -> etree._Element:
    """Build the CreateItem that removes a canceled meeting from the calendar, and its message from the Inbox."""
    operation = etree.Element(f"{MESSAGES}CreateItem", MessageDisposition="SaveOnly")
    remove = etree.SubElement(etree.SubElement(operation, f"{MESSAGES}Items"), f"{TYPES}RemoveItem")
    remove.append(cancellation.element("ReferenceItemId"))
    return operation


def resolve_names(name: str) -> etree._Element:
    """Build a ResolveNames, which looks a name up in the directory."""
    operation = etree.Element(f"{MESSAGES}ResolveNames", ReturnFullContactData="false")
    etree.SubElement(operation, f"{MESSAGES}UnresolvedEntry").text = _NO_TEXT.sub("", name)
    return operation


def of_classes(*prefixes: str) -> etree._Element:
    """Return the restriction to items whose class begins with any of these.

    Exchange makes an index for each distinct restriction, and keeps it for days; so its text must not vary (Microsoft
    Learn: "EWS throttling in Exchange").
    """
    parts = []
    for prefix in prefixes:
        part = etree.Element(f"{TYPES}Contains", ContainmentMode="Prefixed", ContainmentComparison="IgnoreCase")
        part.append(ITEM_CLASS.element())
        etree.SubElement(part, f"{TYPES}Constant", Value=prefix)
        parts.append(part)
    if len(parts) == 1:
        return parts[0]
    joined = etree.Element(f"{TYPES}Or")
    joined.extend(parts)
    return joined


def of_meeting(global_id: str) -> etree._Element:
    """Return the restriction to the items of one meeting.

    ``calendar:UID`` cannot be searched for.

    :param global_id: the CleanGlobalObjectId, in base64.
    """
    restriction = etree.Element(f"{TYPES}IsEqualTo")
    restriction.append(CLEAN_GLOBAL_ID.element())
    value = etree.SubElement(restriction, f"{TYPES}FieldURIOrConstant")
    etree.SubElement(value, f"{TYPES}Constant", Value=global_id)
    return restriction


def probe() -> bytes:
    """Return the request that shows whether the account is logged in, whoever it is: it reads its own Inbox's id.

    It is the only request without a mailbox, as it is about none; every version of Exchange accepts its schema.
    """
    return _serialized(_get_folder([etree.Element(f"{TYPES}DistinguishedFolderId", Id="inbox")]), SCHEMAS[-1], ())


def _get_folder(folders: Iterable[etree._Element], fields: Sequence[str] = ()) -> etree._Element:
    operation = etree.Element(f"{MESSAGES}GetFolder")
    made = etree.SubElement(operation, f"{MESSAGES}FolderShape")
    etree.SubElement(made, f"{TYPES}BaseShape").text = "IdOnly"
    if fields:
        more = etree.SubElement(made, f"{TYPES}AdditionalProperties")
        more.extend(etree.Element(f"{TYPES}FieldURI", FieldURI=field) for field in fields)
    etree.SubElement(operation, f"{MESSAGES}FolderIds").extend(folders)
    return operation


def _serialized(operation: etree._Element, schema: str, headers: Iterable[etree._Element]) -> bytes:
    root = etree.Element(f"{{{_SOAP}}}Envelope", nsmap=_NAMESPACES)
    header = etree.SubElement(root, f"{{{_SOAP}}}Header")
    etree.SubElement(header, f"{TYPES}RequestServerVersion", Version=schema)
    header.extend(headers)
    etree.SubElement(root, f"{{{_SOAP}}}Body").append(operation)
    return b'<?xml version="1.0" encoding="utf-8"?>' + etree.tostring(root, encoding="utf-8")


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat() + "Z"
