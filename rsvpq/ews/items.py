"""Convert items of EWS to meeting messages.

An item shows a value as a field or as an extended property of MAPI: FindItem returns few fields of messages, and no
address of an organizer (Microsoft Learn: "FindItem"). ``HasBeenProcessed``, which is PidTagProcessed of MAPI, says that
the Calendar Attendant or a client has put a message into the calendar, and not that a request was answered, or that
anybody has cleared a response; so none of them makes a message ``processed``.
"""

import base64
import binascii
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any
from xml.etree.ElementTree import Element

from rsvpq.ews import properties
from rsvpq.ews.envelope import ItemId
from rsvpq.ews.global_ids import day_of_instance, uid_in, uid_of
from rsvpq.ews.properties import TYPES, EwsProperty, Extended
from rsvpq.mail.classes import DELEGATE_ANSWERS, INFORMS, OUT_OF_DATE, kind_of, reply_of
from rsvpq.mail.errors import Refused
from rsvpq.mail.marks import intent_of_text
from rsvpq.mail.messages import ItemRef, Kind, MeetingMessage, Sensitivity, Verdict, instant
from rsvpq.mail.persons import People, Person, is_smtp
from rsvpq.text import shortened

#: Returns the SMTP address of a name of the directory (X.500); '' if that is not known.
Resolve = Callable[[str], str]

#: The most extended properties of an item that are read, and the most characters of a text of an item. Exchange itself
#: cuts subjects after 255 characters, and texts in searches too.
_MOST_EXTENDED, _LONGEST_TEXT, _LONGEST_SUBJECT = 100, 1000, 300
#: The most characters that are read of a text; longer ones count as overlong.
_LONGEST_READ = 16_000
#: FindItem cuts texts after so many characters, and GetItem does not.
CUT_AFTER = 255
_ANSWERED = {"Accept": Verdict.ACCEPT, "Decline": Verdict.DECLINE, "Tentative": Verdict.TENTATIVE}
#: PidLidResponseStatus (MS-OXOCAL 2.2.1.11).
_ANSWERED_BY_NUMBER = {"2": Verdict.TENTATIVE, "3": Verdict.ACCEPT, "4": Verdict.DECLINE}
_OF_TYPE = {"InformationalUpdate": INFORMS, "Outdated": OUT_OF_DATE, "PrincipalWantsCopy": DELEGATE_ANSWERS}
SINGLE, SERIES, _OCCURRENCE = "Single", "RecurringMaster", {"Occurrence", "Exception"}
#: The most digits of a number: 32 bits.
_LONGEST_NUMBER = 10
#: The kinds whose details are read with GetItem.
MEETING_KINDS = frozenset({Kind.REQUEST, Kind.RESPONSE, Kind.CANCELLATION})


class EwsItem:
    """An item as a response shows it."""

    def __init__(self, element: Element) -> None:
        self._element = element
        self._extended: dict[Extended, str] = {}
        for holder in islice(element.findall(f"{TYPES}ExtendedProperty"), _MOST_EXTENDED):
            found = holder.find(f"{TYPES}ExtendedFieldURI")
            name = None if found is None else Extended.named_by(found)
            if name is not None:
                self._extended[name] = (holder.findtext(f"{TYPES}Value") or "")[:_LONGEST_READ].strip()

    @property
    def element_name(self) -> str:
        """The name of its element, such as ``MeetingRequest``, or ``Message`` for classes that EWS does not know."""
        return self._element.tag.rpartition("}")[2]

    def id(self) -> ItemId | None:
        """Return its address; None if it shows none that can be sent back."""
        return self._reference("ItemId")

    def parent(self) -> str:
        """Return the Id of its folder; '' if it is not shown."""
        found = self._reference("ParentFolderId")
        return found.id if found else ""

    def _reference(self, name: str) -> ItemId | None:
        found = self._element.find(TYPES + name)
        if found is None:
            return None
        try:
            return ItemId(found.get("Id", ""), found.get("ChangeKey", ""))
        except Refused:
            return None

    def text(self, name: str | EwsProperty) -> str:
        """Return the text of a field by the name of its element, or of an extended property; '' if it is not shown."""
        if isinstance(name, str):
            return (self._element.findtext(TYPES + name) or "")[:_LONGEST_READ].strip()
        return "" if name.extended is None else self._extended.get(name.extended, "")

    def first(self, *names: str | EwsProperty) -> str:
        """Return the first of several texts that is shown."""
        return next(filter(None, map(self.text, names)), "")

    def flag(self, *names: str | EwsProperty, default: bool = False) -> bool:
        """Return the first of several booleans that is shown."""
        text = self.first(*names).lower()
        return default if not text else text in {"true", "1"}

    def number(self, *names: str | EwsProperty) -> int | None:
        """Return the first of several numbers that is shown; None if none is, or if it is not a number of 32 bits."""
        text = self.first(*names)
        return int(text) if text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER else None

    def moment(self, *names: str | EwsProperty) -> datetime | None:
        """Return the first of several times that is shown; None if it is not a time."""
        return instant(self.first(*names))

    def find(self, name: str) -> Element | None:
        """Return the element of a field."""
        return self._element.find(TYPES + name)

    def person(self, name: str) -> Person:
        """Return the person in a field; the address of one in the directory may be X.500."""
        return _person(self.find(name))

    def people(self, name: str) -> Iterator[Person]:
        """Yield the attendees in a field."""
        holder = self.find(name)
        return map(_person, () if holder is None else holder.findall(f"{TYPES}Attendee"))


def _person(holder: Element | None) -> Person:
    mailbox = None if holder is None else holder.find(f"{TYPES}Mailbox")
    if mailbox is None:
        return Person("")
    address = "_".join((mailbox.findtext(f"{TYPES}EmailAddress") or "").split())
    return Person(address[:_LONGEST_READ], (mailbox.findtext(f"{TYPES}Name") or "")[:_LONGEST_READ].strip())


def people_of_item(item: EwsItem, kind: Kind, resolve: Resolve) -> People:
    """Return the persons of an item; the names of the directory among them are looked up."""

    def found(name: str) -> Person:
        person = item.person(name)
        known = person.address.startswith("/") and resolve(person.address)
        return replace(person, address=known) if known else person

    smtp = item.text(properties.SENT_FOR)
    sent_for = found("From")
    # The one property comes with the person's SMTP address, which needs no look-up.
    sent_for = replace(sent_for, address=smtp) if is_smtp(smtp) else sent_for
    organizer = found("Organizer") if kind is Kind.REQUEST else Person("")
    return People(
        organizer if organizer.address else sent_for,
        found("Sender"),
        sent_for,
        found("ReceivedBy"),
        found("ReceivedRepresenting"),
    )


def _nobody(_name: str) -> str:
    return ""


def message_of_item(item: EwsItem, resolve: Resolve = _nobody) -> MeetingMessage | None:
    """Return the message of an item; None if it shows no address.

    :param resolve: looks up names of the directory.
    """
    address = item.id()
    if address is None:
        return None
    type_name = item.text("ItemClass")
    kind = kind_of(type_name)
    people = people_of_item(item, kind, resolve)
    meeting_type = _meeting_type(item)
    message = MeetingMessage(
        kind=kind,
        ref=ItemRef(_key(item, address), (address.id, address.change_key)),
        type_name=type_name,
        reply=reply_of(type_name),
        answered=_answered(item) if kind is Kind.REQUEST else None,
        uid=uid_of_item(item),
        subject=item.text("Subject"),
        organizer=_shown(people.organizer),
        received=item.moment("DateTimeReceived", "DateTimeSent"),
        response_requested=item.flag("IsResponseRequested", properties.RESPONSE_REQUESTED, default=True),
        processed=item.flag(properties.PROCESSED),
        start=item.moment("Start", properties.START),
        end=item.moment("End", properties.END),
        stamp=item.moment(properties.STAMP, "DateTimeStamp"),
        sequence=item.number("AppointmentSequenceNumber", properties.SEQUENCE),
        recurring=recurring_of_item(item),
        occurrence=occurrence_of_item(item),
        all_day=item.flag("IsAllDayEvent", properties.ALL_DAY),
        sensitivity=_sensitivity(item.text("Sensitivity")),
        received_for=people.received_for_another(),
        received_by=people.receiver(),
        own=people.own(),
        from_another=people.from_another(),
        sent_by=people.sent_by(),
        counter_proposal=item.flag(properties.COUNTER_PROPOSAL) or item.find("ProposedStart") is not None,
        outdated=bool(meeting_type & OUT_OF_DATE) or item.flag("IsOutOfDate"),
        informational=bool(meeting_type & INFORMS),
        for_delegate=bool(meeting_type & DELEGATE_ANSWERS),
        intent=intent_of_text(item.text(properties.INTENT)),
        created=item.moment("DateTimeCreated"),
    )
    return _bounded(message)


def _key(item: EwsItem, address: ItemId) -> str:
    """Return the identity: the search key in hexadecimal; else what stays the same when the item is moved.

    The Id is new after each move, so it is the identity only of what shows nothing else.
    """
    try:
        key = base64.b64decode(item.text(properties.SEARCH_KEY), validate=True).hex()
    except (binascii.Error, ValueError):
        key = ""
    if key:
        return key[:_LONGEST_TEXT]
    message_id, meeting = item.text(properties.MESSAGE_ID)[:CUT_AFTER], item.text(properties.CLEAN_GLOBAL_ID)
    if not message_id:
        return address.id
    return " ".join((message_id, meeting, item.text("ItemClass")))[:_LONGEST_READ]


def _answered(item: EwsItem) -> Verdict | None:
    """Return how this edition was answered.

    The request says so, and not the appointment, which keeps the answer to an earlier edition until the update is
    answered.
    """
    shown = [_ANSWERED.get(item.text(name)) for name in ("ResponseType", "MyResponseType")]
    shown.append(_ANSWERED_BY_NUMBER.get(item.text(properties.RESPONSE_STATUS)))
    return next(filter(None, shown), None)


def uid_of_item(item: EwsItem) -> str:
    """Return the uid of the meeting that an item is about; '' if it shows none."""
    for name in (properties.CLEAN_GLOBAL_ID, properties.GLOBAL_ID):
        if uid := uid_of(item.text(name)):
            return uid
    return uid_in(item.text("UID"))


def occurrence_of_item(item: EwsItem) -> str:
    """Return which occurrence of a series an item is about, as :attr:`MeetingMessage.occurrence`."""
    kind = item.text("CalendarItemType")
    if kind == SERIES:
        return ""
    original = item.moment("RecurrenceId")
    if original is not None:
        return f"{original:%Y%m%dT%H%M%SZ}"
    day = day_of_instance(item.text(properties.GLOBAL_ID))
    return day or (f"at {item.first('Start', properties.START)}" if kind in _OCCURRENCE else "")


def recurring_of_item(item: EwsItem) -> bool | None:
    """Return whether an item is about a series or one of its occurrences; None if it does not show that."""
    kind = item.text("CalendarItemType")
    if kind in {SERIES, *_OCCURRENCE} or occurrence_of_item(item):
        return True
    if kind == SINGLE:
        return False
    shown = item.first("IsRecurring", properties.RECURRING)
    return item.flag("IsRecurring", properties.RECURRING) if shown else None


def _meeting_type(item: EwsItem) -> int:
    """Return the flags of PidLidMeetingType, whether they come as a number or as a word."""
    return (item.number(properties.MEETING_TYPE) or 0) | _OF_TYPE.get(item.text("MeetingRequestType"), 0)


def _sensitivity(text: str) -> Sensitivity:
    """Return the sensitivity: normal if there is none, and the highest if it cannot be read."""
    try:
        return Sensitivity(text.lower()) if text else Sensitivity.NORMAL
    except ValueError:
        return list(Sensitivity)[-1]


def _shown(person: Person) -> str:
    """Return a person as :attr:`MeetingMessage.organizer` shows one; a name alone is not an address."""
    if not person.address:
        return person.name
    name = person.name.replace('"', "'")
    return f'"{name}" <{person.address}>' if name and not {"<", ">"} & set(person.address) else person.address


def organizer_of_item(item: EwsItem, resolve: Resolve = _nobody) -> str:
    """Return the organizer of an appointment, as :attr:`MeetingMessage.organizer` shows one."""
    organizer = people_of_item(item, Kind.REQUEST, resolve).organizer
    if organizer.address and not organizer.name:  # a search shows the organizer's name without the address
        organizer = replace(organizer, name=item.person("Organizer").name)
    return _shown(organizer)


def _bounded(message: MeetingMessage) -> MeetingMessage:
    """Return the message with overlong texts cut, and the names of those that a decision may be based on."""
    limits = dict.fromkeys(("uid", "organizer", "received_for", "from_another", "type_name"), _LONGEST_TEXT)
    cut: dict[str, Any] = {
        name: shortened(text, most) for name, most in limits.items() if len(text := getattr(message, name)) > most
    }
    overlong = sorted(cut)
    if len(message.subject) > _LONGEST_SUBJECT:
        cut["subject"] = shortened(message.subject, _LONGEST_SUBJECT)
    if any(len(one) > _LONGEST_TEXT for one in message.sent_by):
        overlong.append("sent_by")
        message = replace(message, sent_by=tuple(shortened(one, _LONGEST_TEXT) for one in message.sent_by))
    return replace(message, **cut, overlong=", ".join(overlong)) if cut or overlong else message
