"""What is known about a message beside the message itself; whoever asks for a decision has collected it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from rsvpq.agenda import Agenda, Appointment, CalendarUnknown
from rsvpq.messages import Kind, MeetingMessage


@dataclass(frozen=True, slots=True)
class Version:
    """Which edition of a meeting something speaks of (RFC 5546, 2.1.5): by its sequence, then by its stamp."""

    sequence: int | None = None
    stamp: datetime | None = None

    @classmethod
    def of(cls, message: MeetingMessage) -> Self:
        """The version that a message carries."""
        return cls(message.sequence, instant(message.stamp))

    def is_older_than(self, other: "Version") -> bool:
        """Whether this is certainly the older one; what is not known on both sides proves nothing."""
        if self.sequence is not None and other.sequence is not None and self.sequence != other.sequence:
            return self.sequence < other.sequence
        return self.stamp is not None and other.stamp is not None and self.stamp < other.stamp


@dataclass(frozen=True, slots=True)
class CalendarView:
    """What came of a look into the mailbox's calendar.

    ``appointment`` is the one of the message's uid, None where there is none. ``agenda`` has all else, at least from
    the start of the first to the end of the last of ``times``; None where that was not looked at.
    """

    appointment: Appointment | CalendarUnknown | None = None
    agenda: Agenda | CalendarUnknown | None = None
    #: When it takes place, each (start, end), of a series in the period that was asked for; None for the time that the
    #: message shows.
    times: tuple[tuple[datetime, datetime], ...] | None = None
    #: Whether ``times`` are all there are in that period.
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Facts:
    """The mailbox, its calendar, and the other messages about the same meeting.

    ``calendar`` and ``attendees`` are None until they have been looked at. ``last_look`` says that they were looked
    for in vain: what is None then stays unknown, and the decision must do without.
    """

    mailbox: str
    group: str = ""
    #: The mailbox's own SMTP addresses as its server shows them, beside its name where that is one.
    addresses: frozenset[str] = frozenset()
    #: How many are invited, the organiser not counted.
    attendees: int | None = None
    calendar: CalendarView | None = None
    #: The newest version of this meeting among all messages at hand; see :func:`latest_versions`.
    newest: Version | None = None
    #: When the last meeting of a recurring series ends, NEVER if it does not; None where it is not known.
    series_end: datetime | None = None
    #: What of the series could not be read, for people.
    unread: str = ""
    last_look: bool = False

    @classmethod
    def about(cls, message: MeetingMessage, mailbox: str, group: str, newest: Version | None = None) -> Self:
        """What is known about a message without asking for anything."""
        shown = frozenset({message.received_by} if message.received_by else ())
        return cls(mailbox, group, addresses=shown, newest=newest)

    @property
    def own_addresses(self) -> frozenset[str]:
        """In lower case; an alias is none."""
        return frozenset(address.casefold() for address in {self.mailbox, *self.addresses} if "@" in address)


def instant(text: str) -> datetime | None:
    """The time that a server wrote, such as ``2007-12-30T05:16:11.844Z``, in UTC; None where it is none."""
    try:
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def latest_versions(messages: Iterable[MeetingMessage]) -> dict[str, Version]:
    """The newest version of each meeting (by uid) that requests and cancellations in an Inbox speak of.

    Messages about a series are left out: a changed single meeting has the uid of its series, and a version of its own.
    """
    newest: dict[str, Version] = {}
    for message in messages:
        if message.kind in (Kind.REQUEST, Kind.CANCELLATION) and message.uid and not message.recurring:
            version = Version.of(message)
            if message.uid not in newest or newest[message.uid].is_older_than(version):
                newest[message.uid] = version
    return newest
