"""The arguments that all functions which process a message share."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

from rsvpq.mail.lease import Lease
from rsvpq.mail.messages import MeetingMessage
from rsvpq.mail.ports import AnswersAtOnce, AnswersByDraft, OpenMailbox
from rsvpq.tasks.journal import Decided, Journal


@dataclass(frozen=True, slots=True)
class Work:
    """A message, its mailbox, and the attempt that processes it.

    :param item: the id of the item, which is written into our marks. :param address: the mailbox's SMTP address, or its
        alias. :param lease: no request to a mail server outlasts it. :param decide: decides by the policy, on fresh
        facts. :param settle_s: seconds until a command whose effect does not show is issued again.
    """

    item: str
    message: MeetingMessage
    address: str
    box: OpenMailbox
    journal: Journal
    lease: Lease
    decide: Callable[[MeetingMessage], Decided]
    settle_s: float = 120.0

    def with_message(self, message: MeetingMessage) -> Self:
        """Return a copy with the message as it is now."""
        return replace(self, message=message)


@dataclass(frozen=True, slots=True)
class DraftWork(Work):
    """Work in a mailbox whose answers are drafts first."""

    box: AnswersByDraft


@dataclass(frozen=True, slots=True)
class AtOnceWork(Work):
    """Work in a mailbox that answers in one step."""

    box: AnswersAtOnce
