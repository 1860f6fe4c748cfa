"""The facts that a decision uses beside the message itself. The caller collects them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from rsvpq.mail.calendar import Agenda, Appointment, CalendarUnknown
from rsvpq.mail.editions import Edition, MeetingKey, Settled, organizer_of
from rsvpq.mail.messages import Kind, MeetingMessage
from rsvpq.mail.persons import comparable


@dataclass(frozen=True, slots=True)
class CalendarView:
    """What was read from the mailbox's calendar.

    ``appointment`` is the one with the message's uid; None if there is none. ``agenda`` has everything else, at least
    from the start of the first to the end of the last of ``times``; None if it was not read.
    """

    appointment: Appointment | CalendarUnknown | None = None
    agenda: Agenda | CalendarUnknown | None = None
    #: When the meeting takes place, each (start, end); of a series, its instances in the requested period. None stands
    #: for the time that the message shows.
    times: tuple[tuple[datetime, datetime], ...] | None = None
    #: Whether ``times`` has all instances in that period.
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts about the mailbox, its calendar, and other messages about the same meeting.

    ``calendar`` and ``attendees`` are None until they have been read. ``last_look`` says that reading them again would
    not help: a fact that is still None stays unknown, and the decision is made without it.
    """

    mailbox: str
    group: str = ""
    #: The message's item id in this mailbox, as marks name it.
    identity: str = ""
    #: The mailbox's own SMTP addresses as its server shows them, without the mailbox's name.
    addresses: frozenset[str] = frozenset()
    #: The number of attendees, without the organizer.
    attendees: int | None = None
    calendar: CalendarView | None = None
    #: The newest edition of this meeting among the messages of the Inbox; see :class:`Newest`.
    newest: Edition | None = None
    #: What this occurrence of the meeting was answered with before, in reply to another message.
    settled: Settled | None = None
    #: Whether a draft, a sent answer or the state of the request confirms the mark that says that an answer was begun;
    #: None if that was not looked for. The mark alone proves nothing: whoever has access to the mailbox can write one.
    begun: bool | None = None
    #: When the last meeting of a series ends, NEVER for a series without end; None if that is not known.
    series_end: datetime | None = None
    #: What could not be read of the series, in words.
    unread: str = ""
    last_look: bool = False

    @classmethod
    def about(cls, message: MeetingMessage, mailbox: str, group: str, newest: Edition | None = None) -> Self:
        """Return what is known about a message without reading anything more."""
        shown = frozenset({message.received_by} if message.received_by else ())
        return cls(mailbox, group, addresses=shown, newest=newest)

    @property
    def own_addresses(self) -> frozenset[str]:
        """The mailbox's addresses in comparable form; an alias is not an address."""
        return frozenset(comparable(address) for address in {self.mailbox, *self.addresses} if "@" in address)


class Newest:
    """The newest edition of each meeting that the requests and cancellations in an Inbox are about.

    A series as a whole has editions of its own, and so has each occurrence that a message is about. Editions are also
    kept apart by organizer and sender: anybody who knows a uid can send messages with it, and these must not make the
    organizer's own messages out of date.

    :param is_internal: whether somebody with that address may send for an organizer.
    """

    def __init__(
        self, messages: Iterable[MeetingMessage], is_internal: Callable[[str], bool] = lambda _address: True
    ) -> None:
        self._is_internal = is_internal
        self._editions: dict[tuple[MeetingKey, tuple[str, ...]], Edition] = {}
        for message in messages:
            key, edition = self._key(message), Edition.of(message)
            if message.kind not in (Kind.REQUEST, Kind.CANCELLATION) or not key[0].meeting:
                continue
            if key not in self._editions or self._editions[key].is_older_than(edition):
                self._editions[key] = edition

    def of(self, message: MeetingMessage) -> Edition | None:
        """Return the newest edition of what a message is about, from the same organizer and sender."""
        return self._editions.get(self._key(message))

    def _key(self, message: MeetingMessage) -> tuple[MeetingKey, tuple[str, ...]]:
        outsiders = (address for address in message.sent_by if not self._is_internal(address))
        return MeetingKey.of(message), (organizer_of(message), message.from_another, *outsiders)
