"""A message and its meeting, before it has a place in a mailbox."""

from dataclasses import dataclass
from datetime import datetime
from email.utils import getaddresses

from simulator.world.content_classes import MESSAGE

PLAIN_CLASS = "IPM.Note"


@dataclass(frozen=True, slots=True)
class Person:
    """A name and its SMTP address."""

    name: str
    address: str

    def __str__(self) -> str:
        return f'"{self.name}" <{self.address}>'


@dataclass(frozen=True, slots=True)
class SeriesException:
    """One instance of a series that somebody moved to other times, or deleted; all in UTC."""

    #: When it would start by the rule.
    original: datetime
    #: None where it was deleted.
    start: datetime | None = None
    end: datetime | None = None
    #: What was agreed for it alone; None where all but its times is as in the series.
    own: "Meeting | None" = None


@dataclass(frozen=True, slots=True)
class Meeting:
    """The content of a meeting message or calendar item about the meeting."""

    uid: str
    organizer: Person
    start: datetime
    end: datetime
    location: str = ""
    method: str | None = None
    sequence: int = 0
    response_requested: bool = True
    rrule: str | None = None
    #: 0 none, 1 organizer, 2 tentative, 3 accepted, 4 declined, 5 not responded (dispidResponseStatus).
    response_status: int = 5
    #: Whether a tentative response proposes another time (PidLidAppointmentCounterProposal).
    counter_proposal: bool = False
    #: The IANA name of the zone whose clock a series follows.
    zone: str = "UTC"
    exceptions: tuple[SeriesException, ...] = ()
    all_day: bool = False
    #: What the organizer wants it to show as: 0 free, 1 tentative, 2 busy, 3 out of office (PidLidIntendedBusyStatus).
    busy: int = 2
    #: Of an occurrence of a series: 2 where it is as the rule has it, 3 where it is an exception.
    instance_type: int | None = None
    #: When an occurrence would start by the rule.
    recurrence_id: datetime | None = None
    #: When this edition was written; None for when the message came.
    stamp: datetime | None = None
    #: When the owner of the calendar answered (PidLidAppointmentReplyTime).
    replied: datetime | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """The MIME text that a client stored, and what its header says beyond the fields of a message."""

    octets: bytes
    to: str = ""
    cc: str = ""
    message_id: str | None = None
    has_attachment: bool = False


@dataclass(slots=True)
class Message:
    """The content of an item before it has a place in the store."""

    message_class: str
    content_class: str
    subject: str
    sender: Person
    recipient: Person
    received: datetime
    meeting: Meeting | None = None
    read: bool = False
    private: bool = False
    #: Whom the message was meant for, when a rule forwarded it to this mailbox as the delegate.
    received_for: Person | None = None
    #: Who has sent it on the sender's behalf: the Sender of a mail, beside its From.
    sent_by: Person | None = None
    #: Who else is invited, beside the recipient: in To, and in Cc.
    others: tuple[Person, ...] = ()
    optional: tuple[Person, ...] = ()
    #: Written by a client and not sent yet (MSGFLAG_UNSENT); what lies in Drafts is so without this.
    unsent: bool = False
    #: Whether it came by mail: then the machine that delivered it has stamped it, by a clock of its own.
    delivered: bool = False
    #: What a client stored; None for messages made up here.
    source: Source | None = None
    #: What the author of a message without MIME text has written; '' where it is no more than the subject.
    text: str = ""


def blank(owner: Person, moment: datetime, *, read: bool) -> Message:
    """Return an empty message; its owner is its author."""
    return Message(PLAIN_CLASS, MESSAGE, "", owner, owner, moment, read=read)


def people(text: str) -> list[Person]:
    """Return the addressees of a header."""
    return [Person(name or address, address) for name, address in getaddresses([text]) if "@" in address]
