"""Write properties: most are only stored, a few change the message.

A message is read or unread, unsent or sent, dated and classed in one place, whatever the name it was written under;
the store has no schema, so any other property is kept beside the message and comes first when it is read.
"""

from collections.abc import Callable
from datetime import datetime

from simulator.webdav.properties.items import MESSAGE_READ, MESSAGE_UNSENT, READ
from simulator.webdav.properties.names import DAV, EXCHANGE, canonical
from simulator.webdav.values import parse_bool, parse_date, parse_int
from simulator.world.content_classes import content_class_of
from simulator.world.mailboxes import Item, Resource
from simulator.world.messages import Message
from simulator.world.property_names import HTTPMAIL, MAILHEADER, PROPTAG
from simulator.world.values import Value

_Writer = Callable[[Message, Value | None], None]


def write(resource: Resource, name: str, value: Value | None) -> None:
    """Set a property, or with None remove it."""
    key = canonical(name)
    writer = _WRITERS.get(key) if isinstance(resource, Item) else None
    if writer is not None and isinstance(resource, Item):
        writer(resource.message, value)
        return
    resource.patches = {**(resource.patches or {}), key: value}


def _read(message: Message, value: Value | None) -> None:
    message.read = value is True or (isinstance(value, str) and parse_bool(value) is True)


def _flags(message: Message, value: Value | None) -> None:
    flags = value if isinstance(value, int) else parse_int(str(value)) or 0
    message.read = bool(flags & MESSAGE_READ)
    message.unsent = bool(flags & MESSAGE_UNSENT)


def _subject(message: Message, value: Value | None) -> None:
    message.subject = _text(value)


def _received(message: Message, value: Value | None) -> None:
    moment = value if isinstance(value, datetime) else parse_date(_text(value))
    message.received, message.delivered = moment or message.received, message.delivered and moment is None


def _content_class(message: Message, value: Value | None) -> None:
    message.content_class = _text(value) or content_class_of(message.message_class)


def _message_class(message: Message, value: Value | None) -> None:
    said = message.content_class != content_class_of(message.message_class)
    message.message_class = _text(value) or message.message_class
    # What somebody has set stays; what the store calculates follows.
    message.content_class = message.content_class if said else content_class_of(message.message_class)


def _text(value: Value | None) -> str:
    return value if isinstance(value, str) else ""


_WRITERS: dict[str, _Writer] = {
    READ: _read,
    PROPTAG + "x0e070003": _flags,
    HTTPMAIL + "subject": _subject,
    MAILHEADER + "subject": _subject,
    PROPTAG + "x0037001f": _subject,
    HTTPMAIL + "datereceived": _received,
    PROPTAG + "x0e060040": _received,
    DAV + "contentclass": _content_class,
    EXCHANGE + "outlookmessageclass": _message_class,
    PROPTAG + "x001a001f": _message_class,
}
