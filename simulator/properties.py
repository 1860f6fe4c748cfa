"""Every property an item has, by the name clients ask for, and how its value is read from the store.

Values are computed when asked for: a hundred thousand messages with sixty stored properties each would not fit.
Sources: MSDN "Exchange Store Schema", MS-OXPROPS, and what clients are known to select.
"""

import base64
from collections.abc import Callable
from functools import lru_cache

from simulator import names
from simulator.folder_properties import FOLDER_PROPERTIES
from simulator.languages import Role
from simulator.namespaces import (
    CALENDAR,
    DAV,
    EXCHANGE,
    GLOBAL_OBJECT_IDS,
    HTTPMAIL,
    MAILHEADER,
    MAPI,
    PROPTAG,
    REPL,
    canonical,
)
from simulator.values import Value
from simulator.world import Folder, Item, Meeting

Resource = Item | Folder
#: Reads one property of a resource; the origin goes before every URL in the value.
Reader = Callable[[Resource, str], Value | None]

READ = HTTPMAIL + "read"
#: PR_MESSAGE_PROCESSED, DavMail's "already handled" marker.
PROCESSED = PROPTAG + "x65e8000b"

_CHANGES = "{}{:012x}"
_BUSY_STATUS = {0: "FREE", 1: "TENTATIVE", 2: "BUSY", 3: "OOF"}
_TENTATIVE = 2
_BUSY = 2
_MESSAGE_READ, _MESSAGE_UNSENT = 1, 8
_PRIVATE = 2


def replica(item: Item) -> str:
    """The identifier of the database that numbered the item."""
    return item.mailbox.world.replicas[item.mailbox.server]


def etag(item: Item) -> str:
    """The ETag, quotes included; new with every change."""
    return f'"{replica(item)}{item.change:012x}"'


def permanent_path(item: Item) -> str:
    """The path by number, good until the item is moved (evolution-exchange, docs/entryids)."""
    database = replica(item)
    place = f"{database}-{item.folder.serial:x}/{database}-{item.serial:x}"
    return f"{item.mailbox.root.path}/{names.FLAT_URL_SPACE}/{place}"


def _message_flags(item: Item) -> int:
    unsent = item.folder.role is Role.DRAFTS
    return _MESSAGE_READ * item.message.read + _MESSAGE_UNSENT * unsent


def _size(item: Item) -> int:
    # Steady and plausible; nobody has asked for the truth yet, and the source of a message is made on demand.
    return 1500 + 2 * len(item.message.subject)


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
    return 1 if meeting.response_status == _TENTATIVE else _BUSY


_GLOBAL_OBJECT_ID = _of_meeting(lambda meeting: bytes.fromhex(meeting.uid))

#: Properties whose value is a URL, and therefore depends on how the client addressed us.
_LOCATIONS: dict[str, Callable[[Item, str], Value | None]] = {
    DAV + "href": lambda item, origin: origin + item.href_path,
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
    REPL + "repl-uid": lambda item: "rid:" + _CHANGES.format(replica(item), item.serial),
    REPL + "resourcetag": lambda item: (
        "rt:" + _CHANGES.format(replica(item), item.serial) + _CHANGES.format(replica(item), item.change)
    ),
    HTTPMAIL + "subject": lambda item: item.message.subject,
    HTTPMAIL + "normalizedsubject": lambda item: item.message.subject,
    HTTPMAIL + "fromname": lambda item: item.message.sender.name,
    HTTPMAIL + "fromemail": lambda item: str(item.message.sender),
    HTTPMAIL + "from": lambda item: str(item.message.sender),
    HTTPMAIL + "sendername": lambda item: item.message.sender.name,
    HTTPMAIL + "senderemail": lambda item: str(item.message.sender),
    HTTPMAIL + "to": lambda item: str(item.message.recipient),
    HTTPMAIL + "displayto": lambda item: item.message.recipient.name,
    HTTPMAIL + "datereceived": lambda item: item.message.received,
    HTTPMAIL + "date": lambda item: item.message.received,
    HTTPMAIL + "hasattachment": lambda _: False,
    HTTPMAIL + "importance": lambda _: 1,
    READ: lambda item: item.message.read,
    MAILHEADER + "subject": lambda item: item.message.subject,
    MAILHEADER + "from": lambda item: str(item.message.sender),
    MAILHEADER + "to": lambda item: str(item.message.recipient),
    MAILHEADER + "message-id": lambda item: f"<{item.serial:x}@{item.message.sender.address.partition('@')[2]}>",
    PROPTAG + "x001a001f": lambda item: item.message.message_class,
    PROPTAG + "x00360003": lambda item: _PRIVATE if item.message.private else 0,
    PROPTAG + "x0037001f": lambda item: item.message.subject,
    PROPTAG + "x0078001f": lambda item: item.message.received_for,
    PROPTAG + "x0c1a001f": lambda item: item.message.sender.name,
    PROPTAG + "x0e060040": lambda item: item.message.received,
    PROPTAG + "x0e070003": _message_flags,
    PROPTAG + "x0e080003": _size,
    PROPTAG + "x0e1d001f": lambda item: item.message.subject,
    PROPTAG + "x0e230003": lambda item: item.article,
    PROPTAG + "x10f3001f": lambda item: item.name,
}

_MEETING: dict[str, Callable[[Meeting], Value | None]] = {
    CALENDAR + "uid": lambda meeting: meeting.uid,
    CALENDAR + "dtstart": lambda meeting: meeting.start,
    CALENDAR + "dtend": lambda meeting: meeting.end,
    CALENDAR + "duration": lambda meeting: int((meeting.end - meeting.start).total_seconds()),
    CALENDAR + "location": lambda meeting: meeting.location,
    CALENDAR + "alldayevent": lambda _: False,
    CALENDAR + "busystatus": lambda meeting: _BUSY_STATUS[_busy(meeting)],
    CALENDAR + "meetingstatus": lambda meeting: "CANCELLED" if meeting.method == "CANCEL" else "CONFIRMED",
    CALENDAR + "organizer": lambda meeting: str(meeting.organizer),
    CALENDAR + "instancetype": lambda meeting: 1 if meeting.rrule else 0,
    CALENDAR + "rrule": lambda meeting: meeting.rrule,
    CALENDAR + "sequence": lambda meeting: meeting.sequence,
    CALENDAR + "method": lambda meeting: meeting.method,
    CALENDAR + "responserequested": lambda meeting: meeting.response_requested,
    MAPI + "responsestatus": lambda meeting: meeting.response_status,
    MAPI + "response_requested": lambda meeting: meeting.response_requested,
    MAPI + "busystatus": _busy,
    MAPI + "intendedbusystatus": lambda _: _BUSY,
    MAPI + "finvited": lambda _: True,
    PROPTAG + "x0063000b": lambda meeting: meeting.response_requested,
}

ITEM_PROPERTIES: dict[str, Callable[[Item, str], Value | None]] = {
    **_LOCATIONS,
    **{name: _of_message(read) for name, read in _STORED.items()},
    **{name: _of_meeting(read) for name, read in _MEETING.items()},
    **dict.fromkeys(GLOBAL_OBJECT_IDS, _GLOBAL_OBJECT_ID),
}

#: What `SELECT *` and a PROPFIND without names show; not the names that no XML parser takes.
ALL_NAMES = tuple(
    name for name in dict.fromkeys((*FOLDER_PROPERTIES, *ITEM_PROPERTIES)) if name not in GLOBAL_OBJECT_IDS
)


def _absent(_resource: object, _origin: str) -> None:
    return None


@lru_cache(maxsize=1024)
def reader(name: str) -> Reader:
    """How to read the property of this name, in any of its spellings; what PROPPATCH wrote comes first."""
    key = canonical(name)
    of_item, of_folder = ITEM_PROPERTIES.get(key, _absent), FOLDER_PROPERTIES.get(key, _absent)

    def read(resource: Resource, origin: str) -> Value | None:
        patches = resource.patches
        if patches is not None and key in patches:
            return patches[key]
        return of_item(resource, origin) if isinstance(resource, Item) else of_folder(resource, origin)

    return read
