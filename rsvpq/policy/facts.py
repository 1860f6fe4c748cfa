"""What is known about a message beside the message itself; whoever asks for a decision has collected it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from rsvpq.mail.addresses import comparable
from rsvpq.mail.calendar import Agenda, Appointment, CalendarUnknown
from rsvpq.mail.editions import MeetingKey, Settled, Version, organizer_of
from rsvpq.mail.messages import Kind, MeetingMessage


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
    #: The message's item in this mailbox, as its markers name it.
    identity: str = ""
    #: The mailbox's own SMTP addresses as its server shows them, beside its name where that is one.
    addresses: frozenset[str] = frozenset()
    #: How many are invited, the organiser not counted.
    attendees: int | None = None
    calendar: CalendarView | None = None
    #: The newest version of this meeting among all messages at hand; see :class:`Newest`.
    newest: Version | None = None
    #: What this occurrence of the meeting was answered with before, through another message than this one.
    settled: Settled | None = None
    #: Whether a draft, a sent answer or the request itself shows that the answer was begun of which its marker tells.
    #: None where that was not looked for. Anybody who may write into the mailbox can write a marker.
    begun: bool | None = None
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
        """As they are compared; an alias is none."""
        return frozenset(comparable(address) for address in {self.mailbox, *self.addresses} if "@" in address)


class Newest:
    """The newest version of each meeting that requests and cancellations in an Inbox speak of.

    Like with like: a series as a whole has versions of its own, and so has each occurrence that a message is about. And
    what one organizer says makes nothing out of date that another one has said: who knows a uid may send what he likes.

    :param is_internal: whether somebody of that address may send for an organizer.
    """

    def __init__(
        self, messages: Iterable[MeetingMessage], is_internal: Callable[[str], bool] = lambda _address: True
    ) -> None:
        self._is_internal = is_internal
        self._versions: dict[tuple[MeetingKey, tuple[str, ...]], Version] = {}
        for message in messages:
            key, version = self._key(message), Version.of(message)
            if message.kind not in (Kind.REQUEST, Kind.CANCELLATION) or not key[0].meeting:
                continue
            if key not in self._versions or self._versions[key].is_older_than(version):
                self._versions[key] = version

    def of(self, message: MeetingMessage) -> Version | None:
        """The newest version of what a message is about, from whom it is from."""
        return self._versions.get(self._key(message))

    def _key(self, message: MeetingMessage) -> tuple[MeetingKey, tuple[str, ...]]:
        strangers = (address for address in message.sent_by if not self._is_internal(address))
        return MeetingKey.of(message), (organizer_of(message), message.from_another, *strangers)
