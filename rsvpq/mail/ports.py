"""The interface of a backend: what scans and workers can do with one mailbox.

A method either only reads, and may be repeated, or has a single effect, which it never repeats by itself. Every method
raises the errors of :mod:`rsvpq.mail.errors`, among them ``Unknown`` if it is not known whether an effect happened.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, Protocol

from rsvpq.mail.calendar import Agenda, Appointment, CalendarUnknown, Details
from rsvpq.mail.lease import Lease
from rsvpq.mail.messages import Intent, MeetingMessage, Verdict

#: The widest range that :meth:`OpenMailbox.busy` must support.
WIDEST = timedelta(days=730)


class Place(StrEnum):
    """A folder that has messages of a mailbox."""

    INBOX = "inbox"
    TRASH = "trash"
    DRAFTS = "drafts"
    SENT = "sent"


class Clear(StrEnum):
    """What to do with a message that is finished."""

    #: Keep it, marked so that no scan offers it again; if the server keeps no mark, move it to the trash.
    MARK = "mark"
    #: Move it to where a person can get it back.
    TRASH = "trash"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Page:
    """Some messages of a place, and the number of others that the server failed to return in readable form."""

    messages: list[MeetingMessage]
    unreadable: int = 0


class Absorbing(StrEnum):
    """How a response gets into the organizer's calendar."""

    #: By :meth:`OpenMailbox.absorb`.
    ON_COMMAND = "on-command"
    #: The server enters it, and :meth:`OpenMailbox.shows_as_absorbed` tells when it has.
    BY_ITSELF = "by-itself"
    #: The server enters it, and does not show it.
    UNSEEN = "unseen"


class OpenMailbox(Protocol):
    """One mailbox, opened for one item."""

    @property
    def answering(self) -> Literal["by-draft", "at-once"]:
        """Whether an answer is a draft first; only one that is given at once carries a text."""

    @property
    def absorbing(self) -> Absorbing:
        """How responses get into the calendar, as far as is known by now."""

    @property
    def conditional(self) -> bool:
        """Whether marks are written only if nobody has changed the item, as far as is known by now."""

    @property
    def identity(self) -> str:
        """The identity of the mailbox, whatever name it was opened by; '' if the server does not show it."""

    def require_own(self, message: MeetingMessage) -> None:
        """Check that the address of a message is in this mailbox.

        :raises Refused: it is not. :raises Transient: the mailbox's name leads to another mailbox now.
        """

    def meeting_messages(self) -> Iterator[Page]:
        """Read the Inbox's meeting messages, oldest first, each once even if the Inbox changes meanwhile."""

    def messages_in(self, place: Place, uid: str = "") -> Iterator[Page]:
        """Read the meeting messages of a place, of one meeting or of all, newest first; pages are read on demand.

        Those in Drafts and Sent Items are answers of the mailbox itself: :attr:`Kind.ANSWER`.
        """

    def is_in_inbox(self, message: MeetingMessage) -> bool:
        """Return whether the message's address is in the Inbox."""

    def refresh(self, message: MeetingMessage) -> MeetingMessage | None:
        """Read the message again; None if it is gone."""

    def holds(self, message: MeetingMessage) -> bool:
        """Return whether the message is still where it was."""

    def details(self, message: MeetingMessage) -> Details:
        """Read the attendees and the series of a request.

        :raises Gone: it is not there any more.
        """

    def appointment(self, message: MeetingMessage) -> Appointment | CalendarUnknown | None:
        """Read the appointment of what a message is about, the newest if there are several."""

    def appointments(self, uid: str) -> list[Appointment] | CalendarUnknown:
        """Read all appointments of a meeting."""

    def busy(self, start: datetime, end: datetime) -> Agenda | CalendarUnknown:
        """Read everything that the calendar has between two moments."""

    def mark(self, request: MeetingMessage, intent: Intent) -> bool:
        """Write on the request that its answer was begun, unless somebody changed it after it was read.

        :returns: whether the server keeps the mark.
        :raises Gone: the request is not there any more. :raises Changed: somebody changed it.
        """

    def absorb(self, response: MeetingMessage) -> None:
        """Enter an attendee's response into the organizer's calendar.

        :raises Unsupported: the server does that by itself.
        """

    def shows_as_absorbed(self, response: MeetingMessage) -> bool:
        """Return whether the server shows that a response was absorbed.

        :param response: as it was before it was absorbed.
        """

    def remove_canceled(self, cancellation: MeetingMessage) -> None:
        """Have the server remove a canceled meeting from the calendar, and with it the message from the Inbox.

        :raises Unsupported: it has no operation for that. :raises NotAnswerable: it refuses to remove this meeting.
        """

    def remove_appointment(self, appointment: Appointment) -> None:
        """Move an appointment from the calendar to where a person can get it back."""

    def clear(self, message: MeetingMessage, how: Clear, intent: Intent | None = None) -> None:
        """Clear a message that is finished, so that the next scan does not offer it again.

        :param intent: the content of our mark, with :attr:`Clear.MARK`; None if it has no mark of ours.
        """


class AnswersByDraft(OpenMailbox, Protocol):
    """Answering in two steps: a draft of the answer is created, then it is sent."""

    answering: Literal["by-draft"]

    @property
    def commands(self) -> bool:
        """Whether the server writes the draft on command, as far as is known by now."""

    def command(self, request: MeetingMessage, verdict: Verdict) -> str:
        """Have the server write the draft of the answer.

        The caller must look up afterwards whether it did.

        :returns: where the draft is, for :meth:`is_at`; '' if the server does not say.
        :raises Unsupported: the server has no such command. If :attr:`commands` is still true, the settings are wrong.
        """

    def is_at(self, draft: MeetingMessage, where: str) -> bool:
        """Return whether a draft is where a command said that its draft is."""

    def mark_draft(self, draft: MeetingMessage, marker: str) -> bool:
        """Write on the draft which request it answers, unless somebody changed it after it was read.

        :param marker: see :func:`rsvpq.mail.editions.answer_marker`.
        :returns: whether the server keeps the mark.
        :raises Gone: the draft is not there any more. :raises Changed: somebody changed it.
        """

    def send(self, draft: MeetingMessage) -> None:
        """Send a draft; a copy stays in Sent Items."""

    def compose_reply(self, request: MeetingMessage, address: str, verdict: Verdict) -> bytes:
        """Return the content of the answer, without storing it.

        :param address: of the mailbox, or its alias. :raises Refused: no answer can be written to that request.
        """

    def draft_name(self, stem: str) -> str:
        """Return the name of a draft that we choose: the stem, as this kind of store names messages."""

    def create_draft(self, name: str, content: bytes, marker: str) -> None:
        """Store an answer that we composed under a name that we chose, replacing any draft with that name."""

    def has_draft(self, name: str) -> bool:
        """Return whether Drafts has a draft that :meth:`create_draft` stored under this name."""

    def has_sent(self, name: str) -> bool:
        """Return whether Sent Items has the draft that was stored under this name."""

    def send_draft(self, name: str) -> None:
        """Send the draft that was stored under this name."""

    def discard_draft(self, name: str) -> None:
        """Delete the draft that was stored under this name."""


class AnswerState(StrEnum):
    """Whether an answer was given, as far as a mailbox shows."""

    #: This edition was answered: by us, or by a person.
    ANSWERED = "answered"
    #: The request is there, and nothing of an answer is.
    NOT_DONE = "not-done"
    #: Part of it was done. Doing it again could send a second answer; not doing it could lose the only one.
    HALF_DONE = "half-done"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class AnswerEvidence:
    """What a mailbox shows of an answer that may have been given, with a note for operators."""

    state: AnswerState
    note: str = ""


class AnswersAtOnce(OpenMailbox, Protocol):
    """Answering in one step: the server writes the calendar, sends the answer and removes the request."""

    answering: Literal["at-once"]

    def respond(self, request: MeetingMessage, verdict: Verdict, *, text: str = "", silent: bool = False) -> bool:
        """Answer a request that was just read again.

        :param text: the body of the answer. :param silent: do not tell the organizer.
        :returns: whether the server may have left the request in the Inbox: see :meth:`left`.
        :raises Unknown: it may have been done: see :meth:`evidence`. :raises Refused: the server refuses this answer.
        """

    def left(self, request: MeetingMessage) -> MeetingMessage | None:
        """Return where the server has left an answered request in the Inbox; None if it is not there any more.

        Of the message that is returned only kind, key and address count.
        """

    def evidence(self, request: MeetingMessage, verdict: Verdict, begun: datetime) -> AnswerEvidence:
        """Look whether an answer was given; only reads.

        An answer that was just begun may not show yet. The caller must wait before it takes
        :attr:`AnswerState.NOT_DONE` as the final word.

        :param request: as it was before. :param begun: when the answer was begun.
        """


class Backend(Protocol):
    """One configured server, shared by all threads of a process."""

    @property
    def certificate_end_s(self) -> float:
        """When the certificate of the server ends, in seconds since the epoch; 0 if none was seen."""

    def open(self, name: str, lease: Lease) -> AbstractContextManager[AnswersByDraft | AnswersAtOnce]:
        """Open a mailbox.

        :param lease: the lease of the item that it is opened for; no request outlasts it.
        :raises MailboxRefused: the server refuses the mailbox as a whole. :raises Gone: there is no such mailbox.
        """
