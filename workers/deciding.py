"""Decide on the message of one attempt by the policy, and hand the decision to the audit."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from rsvpq.audit.record import Audit, AuditedDecision
from rsvpq.lanes.limits import Lane
from rsvpq.mail.editions import Settled
from rsvpq.mail.errors import ExchangeError
from rsvpq.mail.messages import Mailbox, MeetingMessage
from rsvpq.mail.ports import OpenMailbox
from rsvpq.policy import Facts, Policy
from rsvpq.policy.gather import decide_knowing
from rsvpq.tasks.journal import Attached, Decided
from rsvpq.tasks.recollection import Recollection, without_item
from rsvpq.tasks.runner import Attempt


@dataclass(slots=True)
class Decider:
    """The policy, the ledger's memory and the audit, for one attempt."""

    attempt: Attempt
    box: OpenMailbox
    #: Returns the policy in force for the mailboxes of a group.
    policy: Callable[[str], Policy]
    recollection: Recollection
    audit: Audit
    _last: Attached = field(default=Attached(), init=False)

    def decide(self, message: MeetingMessage) -> Decided:
        """Decide on fresh facts; the audit records the decision if it differs from that of the scan.

        :raises ExchangeError: a fact could not be read.
        """
        start = self.attempt.start
        memory = self.recollection.at_start(start, self.box, self.attempt.journal)
        group = start.payload.get("group", "")
        known = Facts.about(message, start.mailbox, group)
        facts = replace(known, identity=start.id, settled=without_item(Settled.parse(memory), start.id))
        decision = decide_knowing(self.policy(group), message, self.box, facts)
        mailbox, record = Mailbox(start.mailbox, start.server), AuditedDecision.of(decision)
        decisions = self.audit.decisions(mailbox, "", start.payload.get("run", ""), [(message, record)])
        memory_after = self.recollection.of_decision(start.id, message, decision, memory)
        self._last = Attached(decisions, memory_after)
        return Decided(decision, self._last)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record the decision if the mailbox fails after it and before the first journal entry that is made for it.

        The decision is then in the audit before the failure. One that was recorded with an entry is not recorded again.
        """
        try:
            yield
        except ExchangeError:
            if self._last.decisions is not None:
                start = self.attempt.start
                self.audit.lanes.ledger.record_decisions(Lane(start.mailbox, start.server), self._last.decisions)
            raise
