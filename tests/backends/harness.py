"""What the tests of all backends need of a server, in no protocol's words: others who work there, faults, the truth."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

import pytest

from rsvpq.mail.calendar import BusyStatus
from rsvpq.mail.errors import ExchangeError
from rsvpq.mail.lease import NoLease
from rsvpq.mail.messages import Kind, MeetingMessage, Verdict
from rsvpq.mail.ports import AnswersAtOnce, AnswersByDraft, Backend, OpenMailbox, Place

#: How long a busy server wants to be left alone, in seconds: another time than what is waited without being asked.
WAIT_S = 7


class Failure(StrEnum):
    """What goes wrong with a request."""

    #: Nothing is done, and the server wants to be left alone for :data:`WAIT_S`.
    BUSY = "busy"
    #: The connection ends before the server has looked at it.
    CUT = "cut"
    #: It is done, and the connection ends before the server has said so.
    LOST = "lost"
    #: It is done, and what the server says of it breaks off in the middle.
    TORN = "torn"


class HalfDone(StrEnum):
    """What else an answer in one step may leave behind."""

    #: The calendar is written; nothing is sent, the request stays, and the server reports an error.
    CALENDAR_ONLY = "calendar-only"
    #: The answer is sent, and nothing else is done; the server reports an error.
    SENT_ONLY = "sent-only"
    #: All is done, but the request stays in the Inbox.
    LEFT = "left"
    #: All is done, but Sent Items keeps no copy.
    NO_COPY = "no-copy"
    #: All is done, but what is sent waits in the Outbox.
    IN_OUTBOX = "in-outbox"


@dataclass(frozen=True, slots=True)
class Written:
    """A meeting message as its sender wrote it."""

    kind: Kind
    uid: str
    subject: str
    #: Of a request or a cancellation: servers differ in whom a response shows.
    organizer: str
    received: datetime
    start: datetime
    sequence: int
    recurring: bool
    response_requested: bool
    private: bool
    reply: Verdict | None


@dataclass(frozen=True, slots=True)
class Habits:
    """In what the servers of two backends differ, although both keep what the port promises."""

    #: The server answers in one step, without a draft.
    answers_at_once: bool = False
    #: The server enters responses by itself, so that there is nothing to absorb.
    absorbs_by_itself: bool = False
    #: The server puts a tentative appointment into the calendar for each request.
    proposes_appointments: bool = False
    #: Messages show whether they were read.
    shows_read: bool = True
    #: An address shows which mailbox it is in; otherwise the server finds nothing at those of another one.
    addresses_show_the_mailbox: bool = True


class Harness(Protocol):
    """One server with a backend in front of it, and somebody who knows all that really happens there."""

    habits: Habits

    def backend(self, *, wrong_password: bool = False, unreachable: bool = False) -> Backend:
        """Make a new backend, or one that is configured badly."""

    def take(self) -> str:
        """Name a mailbox that no other test has: with some requests that want a response, and a response."""

    def nobody(self) -> str:
        """Name a mailbox that the server does not have."""

    def deep(self) -> str:
        """Name the mailbox whose Inbox is read in several pages."""

    def other_name(self, mailbox: str) -> str:
        """Another name that the same mailbox can be opened by."""

    def written(self, mailbox: str) -> list[Written]:
        """Tell the requests, responses and cancellations that arrived in a mailbox before all tests."""

    def invitation(self) -> tuple[str, str, str]:
        """Find a request of somebody who has a mailbox here: the guest's mailbox, the organizer's, and the uid."""

    def statuses(self, uid: str) -> list[str]:
        """Tell what the organizer's calendar shows of the attendees of a meeting."""

    def done_to(self, mailbox: str, message: MeetingMessage) -> Counter[str]:
        """Count what was done to a message that came before all tests.

        By the names ``accepted``, ``declined``, ``tentative``, ``submitted``, ``opened``, ``moved`` and ``deleted``.
        """

    def effects(self) -> int:
        """Count all requests so far that were to change something, whatever came of them."""

    def fail(self, failure: Failure) -> None:
        """Let the next requests fail, until told otherwise."""

    def recover(self) -> None:
        """Let no request fail any more."""

    def without_commands(self) -> AbstractContextManager[None]:
        """Within it, the server neither answers requests nor enters responses when it is told to."""

    def without_calendar(self) -> AbstractContextManager[None]:
        """Within it, the account may not read any calendar."""

    def half_done(self, what: HalfDone) -> AbstractContextManager[None]:
        """Within it, answers in one step leave this behind."""

    def change(self, mailbox: str, message: MeetingMessage) -> None:
        """Let somebody else change a message or a draft, where it is."""

    def remove(self, mailbox: str, message: MeetingMessage) -> None:
        """Let somebody else delete a message for good."""

    def put_away(self, mailbox: str, message: MeetingMessage) -> None:
        """Let somebody else move a message to where deleted ones lie."""

    def bring_back(self, mailbox: str, message: MeetingMessage) -> None:
        """Let somebody else move what was put away back into the Inbox."""

    def replace(self, mailbox: str, message: MeetingMessage, by: MeetingMessage) -> None:
        """Let somebody else delete a message, and another one take its place as far as that is possible."""

    def respond(self, mailbox: str, request: MeetingMessage, verdict: Verdict) -> None:
        """Let the owner of a mailbox answer a request."""

    def book(self, mailbox: str, uid: str, start: datetime, end: datetime, status: BusyStatus) -> None:
        """Let the owner of a mailbox put something into the calendar."""

    def can_be_brought_back(self, mailbox: str, uid: str) -> bool:
        """Whether an appointment lies where deleted things lie."""


@contextmanager
def failing(exchange: Harness, failure: Failure) -> Iterator[None]:
    """Within it, every request fails."""
    exchange.fail(failure)
    try:
        yield
    finally:
        exchange.recover()


def fails(act: Callable[[], object], expected: type[ExchangeError]) -> ExchangeError:
    """The error, which is of exactly this kind for everybody but its backend."""
    with pytest.raises(expected) as caught:
        act()
    kinds = [kind for kind in type(caught.value).__mro__ if kind.__module__ == ExchangeError.__module__]
    assert kinds[0] is expected
    return caught.value


Box_co = TypeVar("Box_co", bound=OpenMailbox, covariant=True)


@dataclass(frozen=True, slots=True)
class Opened(Generic[Box_co]):
    """A mailbox of the test's own, opened, and its messages when it was."""

    name: str
    box: Box_co
    exchange: Harness

    def requests(self) -> list[MeetingMessage]:
        """The requests to the owner that want a response, of meetings that no other message is about."""
        wanted = (one for one in unique(inbox(self.box)) if one.kind is Kind.REQUEST and one.response_requested)
        return [message for message in wanted if not message.received_for]

    def request(self) -> MeetingMessage:
        """One of these as it is now, with all that it takes to change it."""
        return self.now(self.requests()[0])

    def response(self) -> MeetingMessage:
        """A response as it is now."""
        return self.now(next(one for one in inbox(self.box) if one.kind is Kind.RESPONSE))

    def now(self, message: MeetingMessage) -> MeetingMessage:
        """The message as it is now."""
        found = self.box.refresh(message)
        assert found is not None
        return found

    def done_to(self, message: MeetingMessage) -> Counter[str]:
        """What was really done to a message."""
        return self.exchange.done_to(self.name, message)


@contextmanager
def opened(exchange: Harness, name: str) -> Iterator[Opened[OpenMailbox]]:
    """Open a mailbox by a backend of its own."""
    with exchange.backend().open(name, NoLease()) as box:
        yield Opened(name, box, exchange)


@contextmanager
def opened_by_draft(exchange: Harness, name: str) -> Iterator[Opened[AnswersByDraft]]:
    """Open a mailbox that answers by drafts."""
    with exchange.backend().open(name, NoLease()) as box:
        assert box.answering == "by-draft"
        yield Opened(name, box, exchange)


@contextmanager
def opened_at_once(exchange: Harness, name: str) -> Iterator[Opened[AnswersAtOnce]]:
    """Open a mailbox that answers in one step."""
    with exchange.backend().open(name, NoLease()) as box:
        assert box.answering == "at-once"
        yield Opened(name, box, exchange)


def inbox(box: OpenMailbox) -> list[MeetingMessage]:
    """All meeting messages of the Inbox, oldest first."""
    return [message for page in box.meeting_messages() for message in page.messages]


def messages_in(box: OpenMailbox, place: Place, uid: str = "") -> list[MeetingMessage]:
    """All meeting messages of a place, the newest first."""
    return [message for page in box.messages_in(place, uid) for message in page.messages]


def unique(messages: Collection[MeetingMessage]) -> list[MeetingMessage]:
    """Those of meetings that no other message is about."""
    times = Counter(message.uid for message in messages)
    return [message for message in messages if times[message.uid] == 1]
