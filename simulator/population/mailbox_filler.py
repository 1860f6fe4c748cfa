"""Puts made-up messages into mailboxes of a complete population, and finds hours at which nobody there has anything.

What it delivers comes after all other mail, one minute after the other.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

from simulator.population.vocabulary import FAMILY_NAMES, GIVEN_NAMES, SUBJECTS
from simulator.world import names
from simulator.world.answering import REQUEST_CLASS
from simulator.world.content_classes import CALENDAR_MESSAGE
from simulator.world.directory import INTERNAL_DOMAIN
from simulator.world.languages import Role
from simulator.world.mailboxes import Item, Mailbox
from simulator.world.messages import Meeting, Message, Person
from simulator.world.series import instances
from simulator.world.state import Seeded, World
from simulator.world.tally import Kind, Tally

CANCELLATION_CLASS = "IPM.Schedule.Meeting.Canceled"
_ACCEPTED = 3
_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
#: Behind all meetings of the ordinary mail; and what is looked at of calendars.
_FIRST_DAY, _LAST_DAY = 62, 250
_HOURS = range(7, 18)
#: Before the end of the made-up past.
_BEGINS = timedelta(hours=12)


class MailboxFiller:
    """Fills one mailbox; free hours can be shared with others."""

    def __init__(self, world: World, mailbox: Mailbox, chance: Random, schedules: "Schedules") -> None:
        self.world = world
        self.mailbox = mailbox
        self.chance = chance
        self.schedules = schedules
        self._next = world.created - _BEGINS

    def moment(self) -> datetime:
        """Return when the next message arrives."""
        self._next += _MINUTE
        return self._next

    def free_hour(self, *others: Mailbox) -> datetime:
        """Reserve an hour at which neither the owner nor the others are busy."""
        return self.schedules.free_hour((self.mailbox, *others))

    def uid(self) -> str:
        """Return a uid in Outlook's format."""
        return f"040000008200E00074C5B7101A82E00800000000{'0' * 32}10000000{self.chance.getrandbits(128):032X}"

    def colleague(self) -> Person:
        """Return a person of the same company without a mailbox here."""
        name = f"{self.chance.choice(GIVEN_NAMES)} {self.chance.choice(FAMILY_NAMES)}"
        return Person(name, f"person{self.chance.randrange(500)}@{INTERNAL_DOMAIN}")

    def meeting(self, start: datetime, organizer: Person | None = None) -> Meeting:
        """Return a new meeting of an hour that asks for a response."""
        return Meeting(self.uid(), organizer or self.colleague(), start, start + _HOUR, method="REQUEST")

    def message(self, meeting: Meeting, subject: str = "", message_class: str = REQUEST_CLASS) -> Message:
        """Return the message of the organizer; by default a request."""
        subject = subject or f"{self.chance.choice(SUBJECTS)} {self.chance.randrange(1000)}".strip()
        organizer, owner = meeting.organizer, self.mailbox.owner
        return Message(message_class, CALENDAR_MESSAGE, subject, organizer, owner, self.world.created, meeting)

    def deliver(
        self,
        message: Message,
        received: datetime | None = None,
        *,
        kind: Kind = Kind.REQUEST,
        why: str = "",
        outdated: bool = False,
    ) -> Item:
        """Put it into the Inbox, and tell the oracle why nobody may answer it, if so."""
        received = received or self.moment()
        return self._seed(Role.INBOX, replace(message, received=received, delivered=True), kind, why, outdated=outdated)

    def leave_draft(self, message: Message, name: str) -> Item:
        """Put what the owner has begun to answer, and not sent, into Drafts."""
        draft = replace(message, received=self.moment(), read=True)
        return self._seed(Role.DRAFTS, draft, Kind.DRAFT, "draft", name=name)

    def book(self, message: Message, mailbox: Mailbox | None = None, status: int = _ACCEPTED) -> Item:
        """Put the meeting of a message into the calendar, of its recipient or of another one."""
        meeting = message.meeting
        appointment = replace(
            message,
            message_class="IPM.Appointment",
            content_class="urn:content-classes:appointment",
            meeting=meeting and replace(meeting, method=None, response_status=status),
            received=self._next - _HOUR,
            read=True,
            delivered=False,
        )
        calendar = (mailbox or self.mailbox).folders[Role.CALENDAR]
        return self.world.put(calendar, appointment, names.item_name(message.subject), appointment.received)

    def _seed(
        self, role: Role, message: Message, kind: Kind, why: str, *, outdated: bool = False, name: str = ""
    ) -> Item:
        wanted = name or names.item_name(message.subject)
        item = self.world.put(self.mailbox.folders[role], message, wanted, message.received)
        item.tally = Tally()
        self.world.seeded.append(Seeded(self.mailbox, kind, replace(message), item.tally, outdated, why))
        return item


class Schedules:
    """The calendars of the mailboxes in the weeks in which new meetings are placed."""

    def __init__(self, world: World) -> None:
        self._first = world.created + timedelta(days=_FIRST_DAY)
        self._last = world.created + timedelta(days=_LAST_DAY)
        self._taken: dict[Mailbox, list[tuple[datetime, datetime]]] = {}

    def free_hour(self, mailboxes: Iterable[Mailbox]) -> datetime:
        """Return the first hour that is free for all of them."""
        calendars = [self._calendar(mailbox) for mailbox in mailboxes]
        for start in self._hours():
            end = start + _HOUR
            if not any(begun < end and start < ended for taken in calendars for begun, ended in taken):
                for taken in calendars:
                    taken.append((start, end))
                return start
        raise LookupError("no hour is free")

    def _hours(self) -> Iterable[datetime]:
        day = self._first
        while day < self._last:
            yield from (day + hour * _HOUR for hour in _HOURS)
            day += timedelta(days=1)

    def _calendar(self, mailbox: Mailbox) -> list[tuple[datetime, datetime]]:
        if mailbox not in self._taken:
            items = mailbox.folders[Role.CALENDAR].items.values()
            meetings = [item.message.meeting for item in items if item.message.meeting]
            self._taken[mailbox] = [times for meeting in meetings for times in self._times(meeting)]
        return self._taken[mailbox]

    def _times(self, meeting: Meeting) -> Iterable[tuple[datetime, datetime]]:
        found = instances(meeting, self._first, self._last) if meeting.rrule else (meeting,)
        return [(one.start, one.end) for one in found]
