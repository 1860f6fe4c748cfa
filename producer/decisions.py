"""The decisions of a scan: kept until all are made, then told to the audit."""

from rsvpq.audit.record import Audit, DecisionRecord
from rsvpq.mail.messages import Mailbox, MeetingMessage
from rsvpq.policy import Decision
from rsvpq.tasks import contract

#: Decisions per round trip.
BATCH = 200


class Decisions:
    """What one scan decides.

    :param scan: the item id of the scan.
    """

    def __init__(self, audit: Audit, mailbox: Mailbox, scan: str) -> None:
        self._audit = audit
        self._mailbox = mailbox
        self._scan = scan
        self._page: list[tuple[MeetingMessage, DecisionRecord | None]] = []

    def note(self, message: MeetingMessage, decision: Decision) -> Decision:
        """Buffer a decision and return it. Preliminary ones are recorded later, by the worker."""
        settled = decision.final or decision.observed
        record = DecisionRecord(decision.word, decision.rule, decision.reason) if settled else None
        self._page.append((message, record))
        return decision

    def tell(self) -> None:
        """Tell the audit what was decided since it was last told."""
        for first in range(0, len(self._page), BATCH):
            page = self._page[first : first + BATCH]
            self._audit.decide(self._mailbox, self._scan, contract.run_of(self._scan), page)
        self._page.clear()
