"""One message at work: what every way to deal with it is given."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from rsvpq.http.lease import Lease
from rsvpq.mail.messages import MeetingMessage
from rsvpq.mail.ports import AnswersByDraft
from rsvpq.tasks.journal import Decided, Journal


@dataclass(frozen=True, slots=True)
class Work:
    """A message in its mailbox.

    :param item: the identity of the item, with which the mailbox is marked. :param address: the mailbox's SMTP address,
        or its alias. :param lease: no mail server is asked beyond it. :param decide: asks the policy, on fresh facts.
    :param settle_s: how long a command whose effect does not show is waited for before it is given again.
    """

    item: str
    message: MeetingMessage
    address: str
    box: AnswersByDraft
    journal: Journal
    lease: Lease
    decide: Callable[[MeetingMessage], Decided]
    settle_s: float = 120.0

    def of(self, message: MeetingMessage) -> "Work":
        """The same work with the message as it is now."""
        return replace(self, message=message)
