"""ExtendedFieldURI: properties by MAPI's own names, those that the store makes up and those that clients wrote.

They are kept under the names that the store has for them, so that what one protocol writes the other reads.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from simulator.ews.properties.shown import Shown
from simulator.ews.properties.values import parsed, text_of
from simulator.ews.soap import Element, RefusedError, T, local_name, t
from simulator.world.messages import Meeting
from simulator.world.object_ids import clean_global_object_id, global_object_id
from simulator.world.property_names import MAPI, MAPI_ID, MEETING_SET, PROPTAG
from simulator.world.values import Value

_SETS = {
    "Meeting": "6ed8da90-450b-101b-98da-00aa003f1305",
    "Appointment": "00062002-0000-0000-c000-000000000046",
    "Common": "00062008-0000-0000-c000-000000000046",
    "PublicStrings": "00020329-0000-0000-c000-000000000046",
    "Address": "00062004-0000-0000-c000-000000000046",
    "InternetHeaders": "00020386-0000-0000-c000-000000000046",
    "CalendarAssistant": "11000e07-b51b-40d6-af21-caa85edab1d0",
    "UnifiedMessaging": "4442858e-a9e3-4e80-b900-317a210cc15b",
    "Task": "00062003-0000-0000-c000-000000000046",
    "Sharing": "00062040-0000-0000-c000-000000000046",
}
_APPOINTMENT_SET = f"{MAPI_ID}{{{_SETS['Appointment']}}}/"
_TYPES = {
    "Short": "0002",
    "Integer": "0003",
    "Double": "0005",
    "Boolean": "000b",
    "Long": "0014",
    "String": "001f",
    "SystemTime": "0040",
    "CLSID": "0048",
    "Binary": "0102",
    "StringArray": "101f",
}
_PRIVATE = 2
_ORGANIZER, _TENTATIVE = 1, 2
#: PidLidMeetingType (MS-OXOCAL 2.2.6.5): a first request, and an update of time or place.
_FIRST_REQUEST, _FULL_UPDATE = 0x1, 0x10000
_READ, _UNSENT = 1, 8
_ENTRY_ID = 70


@dataclass(frozen=True, slots=True)
class ExtendedPath:
    """One extended property."""

    #: The name that the store keeps it under.
    name: str
    property_type: str
    #: As the server spells the path: numbers of tags in small hexadecimal digits, others decimal.
    attributes: tuple[tuple[str, str], ...]

    def element(self) -> Element:
        """The path as it stands in an answer."""
        return t("ExtendedFieldURI", **dict(self.attributes))

    def read(self, shown: Shown) -> Value | None:
        """The value for an item; what a client wrote comes first."""
        patches = shown.item.patches
        if patches is not None and self.name in patches:
            return patches[self.name]
        read = _READERS.get(self.name)
        return read(shown) if read else None

    def write(self, shown: Shown) -> Element | None:
        """The property of an item; None where it has none."""
        return self.written(self.read(shown))

    def written(self, value: Value | None) -> Element | None:
        """The property with a value; None where it has none."""
        if value is None:
            return None
        if isinstance(value, tuple):
            return t("ExtendedProperty", self.element(), t("Values", [t("Value", text_of(one)) for one in value]))
        return t("ExtendedProperty", self.element(), t("Value", text_of(value)))

    def value(self, given: Element) -> Value:
        """What an `ExtendedProperty` of a client says."""
        several = given.find(f"{T}Values")
        if several is not None:
            return tuple(one.text or "" for one in several)
        single = given.find(f"{T}Value")
        if single is None:
            raise RefusedError("ErrorInvalidExtendedPropertyValue")
        return parsed(single.text or "", self.property_type)


def read_extended(element: Element) -> ExtendedPath:
    """The path that an `ExtendedFieldURI` says."""
    kind = element.get("PropertyType", "")
    if kind not in _TYPES:
        raise RefusedError("ErrorInvalidExtendedProperty", f"The property type '{kind}' is invalid.")
    tag = element.get("PropertyTag")
    if tag is not None:
        number = _number(tag)
        spelled = (("PropertyTag", f"0x{number:x}"), ("PropertyType", kind))
        return ExtendedPath(f"{PROPTAG}x{number:04x}{_TYPES[kind]}", kind, spelled)
    known = element.get("DistinguishedPropertySetId")
    guid = _SETS.get(known or "") or element.get("PropertySetId", "").strip("{}").lower()
    if not guid:
        raise RefusedError("ErrorInvalidExtendedProperty", "The extended property attribute combination is invalid.")
    owner = ("DistinguishedPropertySetId", known) if known else ("PropertySetId", guid)
    label = element.get("PropertyName")
    if label is not None:
        facts = (owner, ("PropertyName", label), ("PropertyType", kind))
        return ExtendedPath(f"{MAPI}string/{{{guid}}}/{label}", kind, facts)
    number = _number(element.get("PropertyId", ""))
    facts = (owner, ("PropertyId", str(number)), ("PropertyType", kind))
    return ExtendedPath(f"{MAPI_ID}{{{guid}}}/0x{number:x}", kind, facts)


def extended_properties(element: Element) -> list[tuple[ExtendedPath, Value]]:
    """What the `ExtendedProperty` children of an item in a request set."""
    found = []
    for child in element:
        if local_name(child) == "ExtendedProperty":
            path = child.find(f"{T}ExtendedFieldURI")
            if path is None:
                raise RefusedError("ErrorInvalidExtendedProperty")
            extended = read_extended(path)
            found.append((extended, extended.value(child)))
    return found


def _number(text: str) -> int:
    try:
        return int(text, 16 if text.lower().startswith("0x") else 10)
    except ValueError:
        raise RefusedError("ErrorInvalidExtendedProperty", f"'{text}' is not a number of a property.") from None


def _search_key(shown: Shown) -> bytes:
    item = shown.item
    number = item.origin if shown.call.behavior.ews_search_key == "kept" else item.serial
    return sha256(f"{item.mailbox.name}/{number}".encode()).digest()[:16]


def _smtp_in_row(shown: Shown) -> str | None:
    hidden = shown.in_row and not shown.call.behavior.ews_smtp_in_find
    return None if hidden else shown.item.message.sender.address


def _flags(shown: Shown) -> int:
    message = shown.item.message
    return _READ * message.read + _UNSENT * message.unsent


def _replied_at(shown: Shown) -> datetime | None:
    """PidLidAttendeeCriticalChange of a response: when it was given."""
    return shown.item.message.received if shown.kind == "MeetingResponse" else None


def _stamp(shown: Shown) -> datetime | None:
    meeting = shown.meeting
    return (meeting.stamp or shown.item.message.received) if meeting else None


def _of_meeting(read: Callable[[Meeting], Value | None]) -> Callable[[Shown], Value | None]:
    return lambda shown: read(shown.meeting) if shown.meeting else None


def _meeting_type(meeting: Meeting) -> int | None:
    if meeting.method != "REQUEST":
        return None
    return _FULL_UPDATE if meeting.sequence else _FIRST_REQUEST


def _state(meeting: Meeting) -> int:
    """PidLidAppointmentStateFlags: a meeting, that was received, that is canceled."""
    received = meeting.response_status != _ORGANIZER
    return 1 + 2 * received + 4 * (meeting.method == "CANCEL")


_UNANSWERED = 5
#: How much later a counter-proposal wants the meeting.
PROPOSED_LATER = timedelta(hours=1)


def _proposed(read: Callable[[Meeting], datetime]) -> Callable[[Shown], Value | None]:
    """A time that a counter-proposal proposes."""
    return _of_meeting(lambda meeting: read(meeting) + PROPOSED_LATER if meeting.counter_proposal else None)


def _busy(meeting: Meeting) -> int:
    return 1 if meeting.response_status in {_TENTATIVE, _UNANSWERED} and meeting.busy else meeting.busy


def _sender(shown: Shown) -> str:
    return shown.address(shown.item.message.sender)


def _routing(shown: Shown) -> str:
    return "EX" if _sender(shown).startswith("/") else "SMTP"


_READERS: dict[str, Callable[[Shown], Value | None]] = {
    PROPTAG + "x001a001f": lambda shown: shown.item.message.message_class,
    PROPTAG + "x00360003": lambda shown: _PRIVATE if shown.item.message.private else 0,
    PROPTAG + "x0037001f": lambda shown: shown.item.message.subject,
    PROPTAG + "x00390040": lambda shown: shown.item.message.received,
    PROPTAG + "x0042001f": lambda shown: shown.item.message.sender.name,
    PROPTAG + "x0063000b": _of_meeting(lambda meeting: meeting.response_requested),
    PROPTAG + "x0064001f": _routing,
    PROPTAG + "x0065001f": _sender,
    PROPTAG + "x0e060040": lambda shown: shown.item.message.received,
    PROPTAG + "x0e070003": _flags,
    PROPTAG + "x0e080003": lambda shown: shown.size,
    PROPTAG + "x0e1d001f": lambda shown: shown.item.message.subject,
    PROPTAG + "x0e230003": lambda shown: shown.item.article,
    PROPTAG + "x0ff90102": lambda shown: shown.item.serial.to_bytes(_ENTRY_ID),
    PROPTAG + "x1035001f": lambda shown: shown.message_id,
    PROPTAG + "x30080040": lambda shown: shown.item.modified,
    PROPTAG + "x300b0102": _search_key,
    PROPTAG + "x5d02001f": _smtp_in_row,
    MEETING_SET + "0x1": _replied_at,
    MEETING_SET + "0x3": _of_meeting(global_object_id),
    MEETING_SET + "0x1a": _stamp,
    MEETING_SET + "0x23": _of_meeting(clean_global_object_id),
    MEETING_SET + "0x26": _of_meeting(_meeting_type),
    _APPOINTMENT_SET + "0x8201": _of_meeting(lambda meeting: meeting.sequence),
    _APPOINTMENT_SET + "0x8205": _of_meeting(_busy),
    _APPOINTMENT_SET + "0x8208": _of_meeting(lambda meeting: meeting.location),
    _APPOINTMENT_SET + "0x820d": _of_meeting(lambda meeting: meeting.start),
    _APPOINTMENT_SET + "0x820e": _of_meeting(lambda meeting: meeting.end),
    _APPOINTMENT_SET + "0x8215": _of_meeting(lambda meeting: meeting.all_day),
    _APPOINTMENT_SET + "0x8217": _of_meeting(_state),
    _APPOINTMENT_SET + "0x8218": lambda shown: shown.status if shown.meeting else None,
    _APPOINTMENT_SET + "0x8220": _of_meeting(lambda meeting: meeting.replied),
    _APPOINTMENT_SET + "0x8223": _of_meeting(lambda meeting: meeting.rrule is not None),
    _APPOINTMENT_SET + "0x8224": _of_meeting(lambda meeting: meeting.busy),
    _APPOINTMENT_SET + "0x8250": _proposed(lambda meeting: meeting.start),
    _APPOINTMENT_SET + "0x8251": _proposed(lambda meeting: meeting.end),
    _APPOINTMENT_SET + "0x8257": _of_meeting(lambda meeting: meeting.counter_proposal or None),
}
