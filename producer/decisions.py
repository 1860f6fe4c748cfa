"""The decisions of a scan: kept until their page is complete, then told to the audit in one round trip."""

from rsvpq import queue
from rsvpq.audit import Audit, Told
from rsvpq.messages import Mailbox, MeetingMessage
from rsvpq.policy import Decision


class Decisions:
    """What one scan decides.

    :param scan: the item id of the scan.
    """

    def __init__(self, audit: Audit, mailbox: Mailbox, scan: str) -> None:
        self._audit = audit
        self._mailbox = mailbox
        self._scan = scan
        self._page: list[tuple[MeetingMessage, Told]] = []

    def note(self, message: MeetingMessage, decision: Decision) -> Decision:
        """Keep a decision, and hand it on."""
        rule = getattr(decision, "rule", "")
        self._page.append((message, Told(str(decision.action), rule, decision.reason)))
        return decision

    def tell(self) -> None:
        """Tell the audit what was decided since it was last told."""
        self._audit.decide(self._mailbox, self._scan, queue.run_of(self._scan), self._page)
        self._page.clear()

    def facts(self, message: MeetingMessage) -> str:
        """What the audit is told of a message that this scan offers."""
        return self._audit.facts(self._mailbox, message, queue.run_of(self._scan))
