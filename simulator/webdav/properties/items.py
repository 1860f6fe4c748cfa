"""Every property an item has, by the name clients ask for, and how its value is read from the store.

Values are computed when asked for: a hundred thousand messages with sixty stored properties each would not fit.
Sources: MSDN "Exchange Store Schema", MS-OXPROPS, and what clients are known to select.
"""

import base64
from collections.abc import Callable
from datetime import datetime
from email.utils import getaddresses
from functools import lru_cache

from simulator.mime.fields import read_body, read_header
from simulator.mime.vtimezone import ZoneText, written
from simulator.webdav.properties.folders import FOLDER_PROPERTIES
from simulator.webdav.properties.names import (
    COUNTER_PROPOSAL,
    COUNTER_PROPOSAL_ID,
    DAV,
    EXCHANGE,
    INTERNET_HEADERS,
    MEETING_TYPE,
    REPL,
    canonical,
    split_name,
)
from simulator.webdav.properties.recipients import RECIPIENTS
from simulator.webdav.urls import href_path, permanent_path
from simulator.world.mailboxes import Item, Resource, is_unsent, replica
from simulator.world.messages import Meeting
from simulator.world.object_ids import clean_global_object_id, global_object_id, shown_uid
from simulator.world.property_names import CALENDAR, GLOBAL_OBJECT_IDS, HTTPMAIL, MAILHEADER, MAPI, PROPTAG
from simulator.world.values import Value

#: Reads one property of a resource; the origin goes before every URL in the value.
Reader = Callable[[Resource, str], Value | None]

READ = HTTPMAIL + "read"

_CHANGES = "{}{:012x}"
_BUSY_STATUS = {0: "FREE", 1: "TENTATIVE", 2: "BUSY", 3: "OOF"}
_TENTATIVE = 2
_ORGANIZER = 1
#: PidLidMeetingType (MS-OXOCAL 2.2.6.5): a first request, and an update of time or place.
_FIRST_REQUEST, _FULL_UPDATE = 0x1, 0x10000
MESSAGE_READ, MESSAGE_UNSENT = 1, 8
_PRIVATE = 2


def etag(item: Item) -> str:
    """Return the ETag, quotes included; new with every change."""
    return f'"{replica(item)}{item.change:012x}"'


def repl_uid(item: Item) -> str:
    """Return the identifier of the item at its place."""
    return "rid:" + _CHANGES.format(replica(item), item.serial)


def resource_tag(item: Item) -> str:
    """Return the identifier of this version of it."""
    return "rt:" + _CHANGES.format(replica(item), item.serial) + _CHANGES.format(replica(item), item.change)


def _message_flags(item: Item) -> int:
    return MESSAGE_READ * item.message.read + MESSAGE_UNSENT * is_unsent(item)


def _delivered_at(item: Item) -> datetime:
    """Return when an item was delivered, by the clock of the sending server; other times are by the store's clock."""
    message = item.message
    return message.received + item.mailbox.transport_skew if message.delivered else message.received


def stamp(item: Item) -> datetime | None:
    """Return when this edition of the meeting was written."""
    meeting = item.message.meeting
    return (meeting.stamp or item.message.received) if meeting else None


def _size(item: Item) -> int:
    if item.message.source:
        return len(item.message.source.octets)
    # Steady and plausible; nobody has asked for the truth yet, and the source of a message is made on demand.
    return 1500 + 2 * len(item.message.subject)


def _to(item: Item) -> str:
    if item.message.source:
        return item.message.source.to
    return ", ".join(map(str, (item.message.recipient, *item.message.others)))


def _cc(item: Item) -> str | None:
    source = item.message.source
    return (source.cc if source else ", ".join(map(str, item.message.optional))) or None


def _display_to(item: Item) -> str:
    if item.message.source is None:
        return "; ".join(person.name for person in (item.message.recipient, *item.message.others))
    return "; ".join(name or address for name, address in getaddresses([item.message.source.to]))


def _message_id(item: Item) -> str:
    if item.message.source and item.message.source.message_id:
        return item.message.source.message_id
    return f"<{item.serial:x}@{item.message.sender.address.partition('@')[2]}>"


def _body(item: Item) -> str:
    # The store made messages up with nothing in them but their subject.
    return read_body(item.message.source.octets) if item.message.source else item.message.subject + "\r\n"


def _transport_headers(item: Item) -> str | None:
    source = item.message.source
    return source.octets.partition(b"\r\n\r\n")[0].decode("utf-8", "replace") if source else None


def _entry_id(item: Item) -> str:
    return base64.b64encode(bytes.fromhex(_CHANGES.format(replica(item), item.serial))).decode("ascii")


def _of_meeting(read: Callable[[Meeting], Value | None]) -> Callable[[Item, str], Value | None]:
    def read_item(item: Item, _origin: str) -> Value | None:
        meeting = item.message.meeting
        return None if meeting is None else read(meeting)

    return read_item


def _of_message(read: Callable[[Item], Value | None]) -> Callable[[Item, str], Value | None]:
    return lambda item, _origin: read(item)


def _busy(meeting: Meeting) -> int:
    return 1 if meeting.response_status == _TENTATIVE else meeting.busy


def _instance_type(meeting: Meeting) -> int:
    return meeting.instance_type or (1 if meeting.rrule else 0)


def _meeting_type(meeting: Meeting) -> int | None:
    if meeting.method != "REQUEST":
        return None
    return _FULL_UPDATE if meeting.sequence else _FIRST_REQUEST


def _deleted_instances(meeting: Meeting) -> tuple[datetime, ...] | None:
    return tuple(sorted(one.original for one in meeting.exceptions if one.start is None)) or None


def _zone(meeting: Meeting, style: ZoneText = "cdo") -> str | None:
    recurs = meeting.rrule or meeting.instance_type
    return written(meeting.zone, meeting.start.year, style) if recurs else None


def zone_reader(style: ZoneText) -> Callable[[Resource, str], Value | None]:
    """Return a reader of the zone of a series, in this style."""
    read = _of_meeting(lambda meeting: _zone(meeting, style))
    return lambda resource, origin: read(resource, origin) if isinstance(resource, Item) else None


_GLOBAL_OBJECT_ID, _CLEAN_ID = _of_meeting(global_object_id), _of_meeting(clean_global_object_id)

#: Properties whose value is a URL, and therefore depends on how the client addressed us.
_LOCATIONS: dict[str, Callable[[Item, str], Value | None]] = {
    DAV + "href": lambda item, origin: origin + href_path(item),
    EXCHANGE + "permanenturl": lambda item, origin: origin + permanent_path(item),
}

_STORED: dict[str, Callable[[Item], Value | None]] = {
    DAV + "contentclass": lambda item: item.message.content_class,
    DAV + "displayname": lambda item: item.name,
    DAV + "parentname": lambda item: item.folder.name,
    DAV + "getetag": etag,
    DAV + "uid": _entry_id,
    DAV + "id": _entry_id,
    DAV + "isfolder": lambda _: False,
    DAV + "iscollection": lambda _: False,
    DAV + "ishidden": lambda _: False,
    DAV + "resourcetype": lambda _: "",
    DAV + "getcontenttype": lambda _: "message/rfc822",
    DAV + "getcontentlength": _size,
    DAV + "creationdate": lambda item: item.message.received,
    DAV + "getlastmodified": lambda item: item.modified,
    EXCHANGE + "outlookmessageclass": lambda item: item.message.message_class,
    EXCHANGE + "sensitivity": lambda item: _PRIVATE if item.message.private else 0,
    REPL + "repl-uid": repl_uid,
    REPL + "resourcetag": resource_tag,
    HTTPMAIL + "subject": lambda item: item.message.subject,
    HTTPMAIL + "normalizedsubject": lambda item: item.message.subject,
    HTTPMAIL + "fromname": lambda item: item.message.sender.name,
    HTTPMAIL + "fromemail": lambda item: str(item.message.sender),
    HTTPMAIL + "from": lambda item: str(item.message.sender),
    HTTPMAIL + "sendername": lambda item: item.message.sender.name,
    HTTPMAIL + "senderemail": lambda item: str(item.message.sender),
    HTTPMAIL + "to": _to,
    HTTPMAIL + "cc": _cc,
    HTTPMAIL + "displayto": _display_to,
    HTTPMAIL + "datereceived": _delivered_at,
    HTTPMAIL + "date": lambda item: item.message.received,
    HTTPMAIL + "hasattachment": lambda item: bool(item.message.source and item.message.source.has_attachment),
    HTTPMAIL + "importance": lambda _: 1,
    READ: lambda item: item.message.read,
    MAILHEADER + "subject": lambda item: item.message.subject,
    MAILHEADER + "from": lambda item: str(item.message.sender),
    MAILHEADER + "to": _to,
    MAILHEADER + "message-id": _message_id,
    PROPTAG + "x001a001f": lambda item: item.message.message_class,
    PROPTAG + "x00360003": lambda item: _PRIVATE if item.message.private else 0,
    PROPTAG + "x0037001f": lambda item: item.message.subject,
    PROPTAG + "x007d001f": _transport_headers,
    PROPTAG + "x0c1a001f": lambda item: item.message.sender.name,
    PROPTAG + "x0e060040": _delivered_at,
    PROPTAG + "x0e070003": _message_flags,
    PROPTAG + "x0e080003": _size,
    PROPTAG + "x0e1d001f": lambda item: item.message.subject,
    PROPTAG + "x0e230003": lambda item: item.article,
    PROPTAG + "x1000001f": _body,
    HTTPMAIL + "textdescription": _body,
    PROPTAG + "x10f3001f": lambda item: item.name,
    CALENDAR + "uid": shown_uid,
    CALENDAR + "dtstamp": stamp,
}

_MEETING: dict[str, Callable[[Meeting], Value | None]] = {
    CALENDAR + "dtstart": lambda meeting: meeting.start,
    CALENDAR + "dtend": lambda meeting: meeting.end,
    CALENDAR + "duration": lambda meeting: int((meeting.end - meeting.start).total_seconds()),
    CALENDAR + "location": lambda meeting: meeting.location,
    CALENDAR + "alldayevent": lambda meeting: meeting.all_day,
    CALENDAR + "busystatus": lambda meeting: _BUSY_STATUS[_busy(meeting)],
    CALENDAR + "meetingstatus": lambda meeting: "CANCELLED" if meeting.method == "CANCEL" else "CONFIRMED",
    CALENDAR + "organizer": lambda meeting: str(meeting.organizer),
    CALENDAR + "isorganizer": lambda meeting: meeting.response_status == _ORGANIZER,
    CALENDAR + "instancetype": _instance_type,
    CALENDAR + "rrule": lambda meeting: (meeting.rrule,) if meeting.rrule else None,
    CALENDAR + "exdate": _deleted_instances,
    CALENDAR + "recurrenceid": lambda meeting: meeting.recurrence_id,
    CALENDAR + "timezone": _zone,
    CALENDAR + "sequence": lambda meeting: meeting.sequence,
    CALENDAR + "method": lambda meeting: meeting.method,
    CALENDAR + "responserequested": lambda meeting: meeting.response_requested,
    MAPI + "responsestatus": lambda meeting: meeting.response_status,
    MAPI + "response_requested": lambda meeting: meeting.response_requested,
    MAPI + "busystatus": _busy,
    MAPI + "intendedbusystatus": lambda meeting: meeting.busy,
    EXCHANGE + "intendedbusystatus": lambda meeting: meeting.busy,
    MEETING_TYPE: _meeting_type,
    MAPI + "finvited": lambda _: True,
    COUNTER_PROPOSAL: lambda meeting: meeting.counter_proposal or None,
    COUNTER_PROPOSAL_ID: lambda meeting: meeting.counter_proposal or None,
    PROPTAG + "x0063000b": lambda meeting: meeting.response_requested,
}

ITEM_PROPERTIES: dict[str, Callable[[Item, str], Value | None]] = {
    **_LOCATIONS,
    **{name: _of_message(read) for name, read in _STORED.items()},
    **{name: _of_meeting(read) for name, read in _MEETING.items()},
    **dict(zip(GLOBAL_OBJECT_IDS, (_GLOBAL_OBJECT_ID, _CLEAN_ID), strict=True)),
    **{name: _of_message(read) for name, read in RECIPIENTS.items()},
}

#: What `SELECT *` and a PROPFIND without names show; not the names that no XML parser takes.
ALL_NAMES = tuple(
    name
    for name in dict.fromkeys((*FOLDER_PROPERTIES, *ITEM_PROPERTIES))
    if name not in (*GLOBAL_OBJECT_IDS, MEETING_TYPE, COUNTER_PROPOSAL_ID)
)


def _of_header(key: str) -> Callable[[Item, str], Value | None]:
    """Return a reader of a header of stored MIME, known under either of two namespaces."""
    namespace, name = split_name(key)
    if namespace not in (MAILHEADER, INTERNET_HEADERS):
        return _absent
    return lambda item, _origin: read_header(item.message.source.octets, name) if item.message.source else None


def _absent(_resource: object, _origin: str) -> None:
    return None


@lru_cache(maxsize=1024)
def reader(name: str) -> Reader:
    """Return a reader of the property of this name, in any spelling; values written by PROPPATCH come first."""
    key = canonical(name)
    of_item, of_folder = ITEM_PROPERTIES.get(key) or _of_header(key), FOLDER_PROPERTIES.get(key, _absent)

    def read(resource: Resource, origin: str) -> Value | None:
        patches = resource.patches
        if patches is not None and key in patches:
            return patches[key]
        return of_item(resource, origin) if isinstance(resource, Item) else of_folder(resource, origin)

    return read
