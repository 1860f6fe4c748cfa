"""What a backend offers: one mailbox, as whoever scans it or answers in it sees it.

A method either looks, and may be repeated, or has a single effect, and is never repeated by itself. Every method raises
what :mod:`rsvpq.mail.errors` says; :class:`Unknown` where nobody can tell whether an effect came about.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from rsvpq.mail.calendar import Agenda, Appointment, CalendarUnknown, Details
from rsvpq.mail.messages import Intent, MeetingMessage, Verdict

#: The widest range for which :meth:`OpenMailbox.busy` has to know the calendar.
WIDEST = timedelta(days=730)


class Place(StrEnum):
    """Where the messages of a mailbox lie."""

    INBOX = "inbox"
    TRASH = "trash"
    DRAFTS = "drafts"
    SENT = "sent"


class Clear(StrEnum):
    """What becomes of a message that was dealt with."""

    #: It stays, marked so that no scan offers it again; where the server keeps no mark, it goes to the trash.
    MARK = "mark"
    #: It goes where a person can get it back.
    TRASH = "trash"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the messages of a place, and how many more the server failed to show, or broke beyond reading."""

    messages: list[MeetingMessage]
    unreadable: int = 0


class OpenMailbox(Protocol):
    """One mailbox, opened for one item."""

    @property
    def identity(self) -> str:
        """What tells the mailbox from all others, whatever name it was opened by; '' where that is not shown."""

    def require_own(self, message: MeetingMessage) -> None:
        """Complain of a message whose address is not in this mailbox.

        :raises Refused: it is one. :raises Transient: the name leads to another mailbox now.
        """

    def meeting_messages(self) -> Iterator[Page]:
        """Read the Inbox's meeting messages, oldest first; each comes once, whatever shifts meanwhile."""

    def messages_in(self, place: Place, uid: str = "") -> Iterator[Page]:
        """Read the meeting messages of a place, the newest first, of one meeting or of all; read as they are taken.

        Those of Drafts and Sent Items are answers of the mailbox itself: :attr:`Kind.ANSWER`.
        """

    def is_in_inbox(self, message: MeetingMessage) -> bool:
        """Whether its address is one of the Inbox."""

    def refresh(self, message: MeetingMessage) -> MeetingMessage | None:
        """Read the message as it is now; None if it is gone."""

    def holds(self, message: MeetingMessage) -> bool:
        """Whether the message is still where it was."""

    def details(self, message: MeetingMessage) -> Details:
        """Read what a request says of its attendees and its series.

        :raises Gone: it is not there any more.
        """

    def appointment(self, message: MeetingMessage) -> Appointment | CalendarUnknown | None:
        """Read what the calendar has of what a message is about, the newest if it has several."""

    def appointments(self, uid: str) -> list[Appointment] | CalendarUnknown:
        """Read all that the calendar has of a meeting."""

    def busy(self, start: datetime, end: datetime) -> Agenda | CalendarUnknown:
        """Read what the calendar has from one moment to another."""

    def mark(self, request: MeetingMessage, intent: Intent) -> bool:
        """Write on the request that its answer is begun, if nobody has changed it since it was read.

        :returns: whether the server keeps it. :raises Gone, Changed: the request is not there, or not so, any more.
        """

    def absorb(self, response: MeetingMessage) -> None:
        """Enter what an attendee has said into the calendar of the organizer.

        :raises Unsupported: the server does that by itself.
        """

    def shows_as_absorbed(self, response: MeetingMessage) -> bool:
        """Whether the server shows that it was.

        :param response: as it was before.
        """

    def remove_appointment(self, appointment: Appointment) -> None:
        """Take it out of the calendar, to where a person can get it back."""

    def clear(self, message: MeetingMessage, how: Clear, intent: Intent | None = None) -> None:
        """Take a message that was dealt with out of the next scan's way.

        :param intent: with :attr:`Clear.MARK`, what our own mark says in the end; None where there is none.
        """


class AnswersByDraft(OpenMailbox, Protocol):
    """Answering in two steps: a draft of the answer comes to be, and is sent."""

    @property
    def commands(self) -> bool:
        """Whether the server writes the draft when it is told to, for all that is known by now."""

    @property
    def conditional(self) -> bool:
        """Whether marks are written only if nobody has changed the item, for all that is known by now."""

    def command(self, request: MeetingMessage, verdict: Verdict) -> str:
        """Have the server write the draft of the answer.

        Whether it did must be looked up afterwards.

        :returns: where the draft is, for :meth:`is_at`; '' where the server does not say.
        :raises Unsupported: it knows no such command. If :attr:`commands` is still true, that is an error of settings.
        """

    def is_at(self, draft: MeetingMessage, where: str) -> bool:
        """Whether it is the draft to which a command has led."""

    def mark_draft(self, draft: MeetingMessage, marker: str) -> bool:
        """Write on the draft which request it answers, if nobody has changed it since it was read.

        :param marker: see :func:`rsvpq.mail.editions.answer_marker`.
        :returns: whether the server keeps it. :raises Gone, Changed: the draft is not there, or not so, any more.
        """

    def send(self, draft: MeetingMessage) -> None:
        """Send a draft; a copy stays in Sent Items."""

    def compose_reply(self, request: MeetingMessage, address: str, verdict: Verdict) -> bytes:
        """Write the answer, without storing it.

        :param address: of the mailbox, or its alias. :raises Refused: no answer can be written to that request.
        """

    def create_draft(self, name: str, content: bytes, marker: str) -> None:
        """Store an answer of our own under a name of our own; what is there under it is overwritten."""

    def has_draft(self, name: str) -> bool:
        """Whether :meth:`create_draft` has stored something under this name that is still there."""

    def has_sent(self, name: str) -> bool:
        """Whether Sent Items has what was stored under this name."""

    def send_draft(self, name: str) -> None:
        """Send what was stored under this name."""

    def discard_draft(self, name: str) -> None:
        """Delete what was stored under this name."""


class Backend(Protocol):
    """One configured server; for all threads of a process."""

    def open(self, name: str, lease: Any) -> AbstractContextManager[AnswersByDraft]:
        """Open a mailbox.

        :param lease: of the item that it is opened for: a :class:`rsvpq.http.lease.Lease`.
        :raises Busy: the server refuses the mailbox as a whole. :raises Gone: there is no such mailbox.
        """
