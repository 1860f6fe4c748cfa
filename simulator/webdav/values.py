"""The values a property can have, as text on the wire.

The type names are those of the `b:dt` attribute (urn:uuid:c2f41010-65b3-11d1-a29f-00aa00c14882/).  This module knows
types, not properties.
"""

import base64
import binascii
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from simulator.world.values import Value, date_text


class Markup(str):
    """Text that is XML already, such as the `<a:collection/>` of DAV:resourcetype."""

    __slots__ = ()


_TRUE_WORDS = frozenset({"1", "true"})
_FALSE_WORDS = frozenset({"0", "false"})

#: The last four digits of a property tag are its type (MAPI PT_*); lower case.
_TAG_TYPES = {"000b": "boolean", "0003": "int", "0040": "dateTime.tz", "0102": "bin.base64", "101f": "mv.string"}

#: Every spelling that a client was seen to use; all of them are UTC.
_DATE_FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y-%m-%d", "%Y/%m/%d")


def parse_date(text: str) -> datetime | None:
    """Parse a date in any of the spellings that clients use; None if it is none of them."""
    for form in _DATE_FORMATS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def parse_bool(text: str) -> bool | None:
    """Parse `1`, `0`, `true`, `false` in any case; None for other texts."""
    word = text.strip().casefold()
    if word in _TRUE_WORDS:
        return True
    return False if word in _FALSE_WORDS else None


def parse_int(text: str) -> int | None:
    """Parse a whole number; None for other texts."""
    try:
        return int(text)
    except ValueError:
        return None


def parse_value(text: str, wire_type: str | None) -> Value:
    """Parse a value as the type that the client named; text that does not fit stays text."""
    value: Value | None = text
    match wire_type:
        case "boolean":
            value = parse_bool(text)
        case "int" | "i4" | "i8":
            value = parse_int(text)
        case "dateTime.tz" | "dateTime":
            value = parse_date(text)
        case "bin.base64":
            value = _parse_base64(text)
    return text if value is None else value


def type_of_tag(local_name: str) -> str | None:
    """Return the wire type in the name of a property tag such as `x65e8000b`."""
    return _TAG_TYPES.get(local_name[-4:].casefold())


def render(value: Value) -> tuple[str | None, str]:
    """Return the `b:dt` type (None for plain text) and the inner XML of a value."""
    if isinstance(value, str):
        return None, value if isinstance(value, Markup) else escape(value)
    if isinstance(value, bool):
        return "boolean", "1" if value else "0"
    if isinstance(value, int):
        return "int", str(value)
    if isinstance(value, datetime):
        return "dateTime.tz", date_text(value)
    if isinstance(value, bytes):
        return "bin.base64", base64.b64encode(value).decode("ascii")
    texts = [date_text(part) if isinstance(part, datetime) else escape(part) for part in value]
    wire_type = "mv.dateTime.tz" if value and isinstance(value[0], datetime) else "mv.string"
    return wire_type, "".join(f"<c:v>{text}</c:v>" for text in texts)


def _parse_base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
