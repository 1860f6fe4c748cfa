"""Names of properties: those with a FieldURI, and the extended ones of MAPI, which have a number or a name.

A server writes the name of an extended property in its own spelling: ``0x5d02`` for ``0x5D02``, ``0x63`` for
``0x0063``, a number in decimal, a property set by its word or by its GUID. So names are compared as numbers and GUIDs,
never as text.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal, Self
from xml.etree.ElementTree import Element

from lxml import etree

#: The namespaces of EWS (Microsoft Learn: "EWS schema"), in the notation of ElementTree.
MESSAGES = "{http://schemas.microsoft.com/exchange/services/2006/messages}"
TYPES = "{http://schemas.microsoft.com/exchange/services/2006/types}"

PropertyType = Literal["Binary", "Boolean", "Integer", "String", "SystemTime"]

#: PSETID_Meeting, PSETID_Appointment and PSETID_CalendarAssistant (MS-OXPROPS), by their words in EWS.
_SETS = {
    "Meeting": "6ed8da90-450b-101b-98da-00aa003f1305",
    "Appointment": "00062002-0000-0000-c000-000000000046",
    "CalendarAssistant": "11000e07-b51b-40d6-af21-caa85edab1d0",
}
#: The most characters of a number on the wire: 32 bits, in decimal.
_LONGEST_NUMBER = 10


@dataclass(frozen=True, slots=True)
class Extended:
    """The name of an extended property: a set and a number or name in it; the set of a property tag is ''."""

    property_set: str
    name: int | str

    @classmethod
    def named_by(cls, element: Element) -> Self | None:
        """Read the name in an ExtendedFieldURI of a response; None if it is malformed."""
        get = element.get
        if (tag := _number(get("PropertyTag", ""))) is not None:
            return cls("", tag)
        word = get("DistinguishedPropertySetId", "")
        own = _SETS.get(word, word.lower()) or get("PropertySetId", "").strip("{}").lower()
        number, name = _number(get("PropertyId", "")), get("PropertyName", "")
        if not own or (number is None and not name):
            return None
        return cls(own, name if number is None else number)


def _number(text: str) -> int | None:
    """Return the number in decimal or hexadecimal notation; None if it is neither."""
    text = text.strip().lower()
    base = 16 if text.startswith("0x") else 10
    digits = text.removeprefix("0x")
    if not (digits.isascii() and digits.isalnum() and len(digits) <= _LONGEST_NUMBER):
        return None
    try:
        return int(digits, base)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class EwsProperty:
    """A property that requests name."""

    uri: str = ""
    extended: Extended | None = None
    kind: PropertyType = "String"

    def element(self) -> etree._Element:
        """Return the element that names it in a request."""
        if self.extended is None:
            return etree.Element(f"{TYPES}FieldURI", FieldURI=self.uri)
        own, name = self.extended.property_set, self.extended.name
        attributes: dict[str, str] = {"PropertyType": self.kind}
        word = next((word for word, guid in _SETS.items() if guid == own), "")
        if not own:
            attributes = {"PropertyTag": f"0x{name:04X}", **attributes}
        elif word:
            attributes = {"DistinguishedPropertySetId": word, "PropertyId": str(name), **attributes}
        else:
            attributes = {"PropertySetId": own, "PropertyName": str(name), **attributes}
        return etree.Element(f"{TYPES}ExtendedFieldURI", attributes)


@cache
def field(uri: str) -> EwsProperty:
    """Return the property with a FieldURI."""
    return EwsProperty(uri)


def by_tag(number: int, kind: PropertyType) -> EwsProperty:
    """Return the property with a tag."""
    return EwsProperty("", Extended("", number), kind)


def meeting(number: int, kind: PropertyType) -> EwsProperty:
    """Return a property of PSETID_Meeting."""
    return EwsProperty("", Extended(_SETS["Meeting"], number), kind)


def appointment(number: int, kind: PropertyType) -> EwsProperty:
    """Return a property of PSETID_Appointment."""
    return EwsProperty("", Extended(_SETS["Appointment"], number), kind)


def assistant(number: int, kind: PropertyType) -> EwsProperty:
    """Return a property of PSETID_CalendarAssistant."""
    return EwsProperty("", Extended(_SETS["CalendarAssistant"], number), kind)


ITEM_CLASS = field("item:ItemClass")
RECEIVED = field("item:DateTimeReceived")
SENT = field("item:DateTimeSent")
PARENT = field("item:ParentFolderId")
START_FIELD = field("calendar:Start")

#: Its identity: it stays the same wherever an item is moved within its mailbox (MS-OXCPRPT, PidTagSearchKey).
SEARCH_KEY = by_tag(0x300B, "Binary")
#: PidTagInternetMessageId.
MESSAGE_ID = by_tag(0x1035, "String")
#: PidTagSentRepresentingSmtpAddress: FindItem shows only the name of an organizer (Microsoft Learn: "FindItem").
SENT_FOR = by_tag(0x5D02, "String")
RESPONSE_REQUESTED = by_tag(0x0063, "Boolean")
#: PR_MESSAGE_PROCESSED, which DavMail writes too; on EWS it is our mark of a finished message.
PROCESSED = by_tag(0x65E8, "Boolean")
#: PidLidGlobalObjectId, and the same without the date of an instance, PidLidCleanGlobalObjectId.
GLOBAL_ID = meeting(0x3, "Binary")
CLEAN_GLOBAL_ID = meeting(0x23, "Binary")
#: PidLidOwnerCriticalChange.
STAMP = meeting(0x1A, "SystemTime")
#: PidLidAttendeeCriticalChange.
ANSWERED_AT = meeting(0x1, "SystemTime")
MEETING_TYPE = meeting(0x26, "Integer")
SEQUENCE = appointment(0x8201, "Integer")
START = appointment(0x820D, "SystemTime")
END = appointment(0x820E, "SystemTime")
ALL_DAY = appointment(0x8215, "Boolean")
RESPONSE_STATUS = appointment(0x8218, "Integer")
REPLY_TIME = appointment(0x8220, "SystemTime")
RECURRING = appointment(0x8223, "Boolean")
COUNTER_PROPOSAL = appointment(0x8257, "Boolean")
#: PidLidServerProcessed and PidLidServerProcessingActions (MS-OXOCAL 2.2.5.4 and 2.2.5.5).
SERVER_PROCESSED = assistant(0x85CC, "Boolean")
SERVER_ACTIONS = assistant(0x85CD, "Integer")
#: Our mark on a request; in a property set of our own.
INTENT = EwsProperty("", Extended("6d3f5b0c-8f4e-4c0e-9a55-6a0f2f6a3b91", "rsvpq-intent"), "String")

#: What a search of messages returns: few properties, as each makes the view slower, but enough to know each message.
ROW = (
    *(ITEM_CLASS, RECEIVED, field("item:Sensitivity"), field("item:Subject")),
    *(SEARCH_KEY, MESSAGE_ID, SENT_FOR, PROCESSED, GLOBAL_ID, CLEAN_GLOBAL_ID),
    *(STAMP, MEETING_TYPE, SEQUENCE, START, END, RECURRING, INTENT),
)
#: Answers in Sent Items and elsewhere: when they were sent instead of when they were received.
SENT_ROW = (*(one for one in ROW if one is not RECEIVED), SENT, ANSWERED_AT)
#: What only GetItem returns of a meeting message of any kind, beside the same properties.
MESSAGE = (
    *ROW,
    *(PARENT, RESPONSE_REQUESTED, ALL_DAY, COUNTER_PROPOSAL, RESPONSE_STATUS),
    *map(field, ("item:DateTimeCreated", "message:From", "message:Sender", "message:ReceivedBy")),
    *map(field, ("message:ReceivedRepresenting", "message:IsResponseRequested")),
    *map(field, ("meeting:IsDelegated", "meeting:IsOutOfDate", "meeting:ResponseType")),
)
#: What a request has beside these; a message of another class does not have these fields.
REQUEST = (
    *MESSAGE,
    *map(field, ("meetingRequest:MeetingRequestType", "calendar:UID", "calendar:RecurrenceId")),
    *map(field, ("calendar:DateTimeStamp", "calendar:Start", "calendar:End", "calendar:IsAllDayEvent")),
    *map(field, ("calendar:IsRecurring", "calendar:CalendarItemType", "calendar:MyResponseType")),
    *map(field, ("calendar:Organizer", "calendar:AppointmentSequenceNumber")),
)
WHERE = (ITEM_CLASS, PARENT, SEARCH_KEY, MESSAGE_ID, CLEAN_GLOBAL_ID)
ABSORBED = (ITEM_CLASS, field("meeting:HasBeenProcessed"), SERVER_PROCESSED, SERVER_ACTIONS)
#: The attendees and the series of a request. Its time zone has another field in the schema of 2007.
DETAILS = (
    ITEM_CLASS,
    *map(field, ("calendar:Organizer", "calendar:RequiredAttendees", "calendar:OptionalAttendees")),
    *map(field, ("calendar:Recurrence", "calendar:DeletedOccurrences")),
)
ZONE, ZONE_OF_2007 = field("calendar:StartTimeZone"), field("calendar:MeetingTimeZone")
APPOINTMENT_FACTS = (
    *(ITEM_CLASS, GLOBAL_ID, CLEAN_GLOBAL_ID, SENT_FOR, STAMP, SEQUENCE, RESPONSE_STATUS, REPLY_TIME),
    *map(field, ("calendar:UID", "calendar:RecurrenceId", "calendar:Start", "calendar:End", "calendar:Organizer")),
    *map(field, ("calendar:LegacyFreeBusyStatus", "calendar:IsRecurring", "calendar:CalendarItemType")),
    *map(field, ("calendar:MyResponseType", "calendar:AppointmentReplyTime", "calendar:AppointmentSequenceNumber")),
)
#: What a search shows of an appointment; of most appointments, that is everything.
APPOINTMENT_ROW = (
    *(ITEM_CLASS, GLOBAL_ID, CLEAN_GLOBAL_ID, SENT_FOR, STAMP, SEQUENCE, RESPONSE_STATUS),
    *map(field, ("calendar:Start", "calendar:End", "calendar:Organizer", "calendar:LegacyFreeBusyStatus")),
    *map(field, ("calendar:CalendarItemType", "calendar:MyResponseType")),
)
AGENDA = (
    *(CLEAN_GLOBAL_ID, SENT_FOR),
    *map(field, ("calendar:Start", "calendar:End", "calendar:LegacyFreeBusyStatus", "calendar:CalendarItemType")),
)


def shape(parent: etree._Element, properties: Iterable[EwsProperty]) -> None:
    """Add the shape of items with these properties, and no others, to a request."""
    made = etree.SubElement(parent, f"{MESSAGES}ItemShape")
    etree.SubElement(made, f"{TYPES}BaseShape").text = "IdOnly"
    more = etree.SubElement(made, f"{TYPES}AdditionalProperties")
    more.extend(one.element() for one in properties)
