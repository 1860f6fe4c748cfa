"""What another policy would change for one message."""

from dataclasses import dataclass

from rsvpq.ops.message_row import MessageRow


@dataclass(frozen=True, slots=True)
class DecisionChange(MessageRow):
    """A message that two policies decide on differently; all fields are strings.

    ``before`` and ``after`` are the decisions, each with its reason, which has the name of the rule if one decided
    (``rule:clash``). They are the same if only the text of the answer would change. Times are in UTC, in the form of
    :func:`rsvpq.mail.messages.written`.
    """

    mailbox: str
    kind: str
    before: str
    before_reason: str
    after: str
    after_reason: str
    organizer: str = ""
    start: str = ""
    received: str = ""
    subject: str = ""
    uid: str = ""
    item: str = ""
