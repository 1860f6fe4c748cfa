"""The forecast of a dry run for one message."""

from dataclasses import dataclass

from rsvpq.ops.message_row import MessageRow


@dataclass(frozen=True, slots=True)
class Forecast(MessageRow):
    """What would be done with one message of a mailbox; all fields are strings.

    ``answer`` is the verdict that would be sent (accept, tentative, decline), or ''. ``held`` says why it would not be
    offered in this run: ``cap``, or its state in the ledger. ``needs`` names the facts that were not read, so that the
    decision is preliminary. Times are in UTC, in the form of :func:`rsvpq.mail.messages.written`.
    """

    mailbox: str
    kind: str
    decision: str
    rule: str
    reason: str
    answer: str = ""
    held: str = ""
    needs: str = ""
    organizer: str = ""
    start: str = ""
    received: str = ""
    subject: str = ""
    uid: str = ""
    item: str = ""
