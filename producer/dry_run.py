"""Dry run: report what a scan would do with each message. Nothing is offered, and nothing is written.

A dry run takes the same steps as :mod:`producer.scan`, and examines the messages that a scan would offer as a worker
does before it acts. The effect of one message on another is not predicted: two requests for the same hour are both
compared with the calendar as it is now.
"""

import logging
from collections.abc import Collection
from dataclasses import replace

from producer.offer import known_earlier, order_of_offer
from producer.reconcile import count_unsent, find_unsent_answers
from producer.visit import Visit
from rsvpq.mail.editions import MeetingKey, Settled
from rsvpq.mail.errors import Busy, ExchangeError, Gone, Refused
from rsvpq.mail.messages import Kind, MeetingMessage
from rsvpq.ops.forecast import Forecast
from rsvpq.policy import Decision, Edition, Facts, Policy, Trace, held_for
from rsvpq.policy.gather import explain_knowing
from rsvpq.tasks.journal import Outcome
from rsvpq.tasks.recollection import Recollection, without_item

logger = logging.getLogger(__name__)

#: If this many examinations in a row fail for no reason of their messages, the server is at fault.
MOST_IN_A_ROW = 3


def dry_run(visit: Visit) -> Outcome:
    """Report what a scan would do with each message of the Inbox, and count what it would offer.

    :raises ExchangeError: the mailbox could not be read.
    """
    inbox = visit.read_inbox()
    decisions = dict(visit.decide(inbox))
    acting = [message for message, decision in decisions.items() if decision.acts]
    held = _held_back(visit, acting)
    would_be_offered = [message for message in acting if message not in held]
    # Those with a preliminary decision, requests first; at most as many as a scan may offer requests.
    preliminary = [message for message in would_be_offered if not decisions[message].final]
    preliminary.sort(key=lambda one: one.kind is not Kind.REQUEST)
    examiner = Examiner(visit)
    for message in preliminary[: visit.caps.per_scan]:
        trace, _ = examiner.examine(message, inbox.newest.of(message))
        decisions[message] = trace.decision
    rows = [_forecast(visit, one, decision, held.get(one, "")).to_dict() for one, decision in decisions.items()]
    requests = sum(message.kind is Kind.REQUEST for message in would_be_offered)
    unsent = find_unsent_answers(visit.box, visit.mailbox)
    counts = {"found": len(inbox.messages), "requests": requests, "unreadable": inbox.unreadable}
    counts |= count_unsent(len(unsent.ours), len(unsent.unclear))
    visit.lanes.run_results(visit.run).report(visit.mailbox.name, rows, counts)
    return Outcome("dry-run", f"found {len(inbox.messages)}, would offer {requests} requests")


def _held_back(visit: Visit, messages: Collection[MeetingMessage]) -> dict[MeetingMessage, str]:
    """Return the messages that a scan would not offer: with their state in the ledger, or ``cap``."""
    ids = {message: message.identity(visit.mailbox) for message in messages}
    items, now_us = visit.lanes.snapshot.known_items(ids.values()), visit.lanes.time_us()
    again = {item for item, known in items.items() if known.is_offered_again(visit.fingerprint, now_us)}
    now = {message: items[item].state for message, item in ids.items() if item in items and item not in again}
    known = {**known_earlier(visit, messages), **now}
    requests = [message for message in messages if message.kind is Kind.REQUEST and message not in known]
    over_the_cap = order_of_offer(visit, requests)[visit.caps.per_scan :]
    return {**known, **dict.fromkeys(over_the_cap, "cap")}


class Examiner:
    """Decides as a worker does, on all facts that matter, and records nothing."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._recollection = Recollection(visit.lanes, visit.policy.max_age)
        self._tolerance = Tolerance()
        #: The earlier answers that the mailbox shows; None until they are read.
        self._sent: dict[str, Settled] | None = None

    def examine(self, message: MeetingMessage, newest: Edition | None) -> tuple[Trace, Facts]:
        """Decide on one message; return the decision with every step, and the facts.

        :raises ExchangeError: the server is busy, or failed several times in a row.
        :raises Paused, LeaseLost: the scan must not go on.
        """
        return self._explained(self._visit.policy, message, self._known(message, newest))

    def compare(
        self, message: MeetingMessage, newest: Edition | None, other: Policy, newest_by_other: Edition | None
    ) -> tuple[Decision, Decision]:
        """Decide on one message by the policy of the visit and by another one, on the same facts.

        What the first reads of the calendar is used by the second. Same errors as :meth:`examine`.
        """
        known = self._known(message, newest)
        before, facts = self._explained(self._visit.policy, message, known)
        again = replace(facts, newest=newest_by_other, last_look=False)
        return before.decision, self._explained(other, message, again)[0].decision

    def _known(self, message: MeetingMessage, newest: Edition | None) -> Facts:
        """Return what is known about a message without reading its calendar."""
        visit, topic = self._visit, MeetingKey.of(message).topic
        visit.journal.intend("search", message.ref.key)  # obeys a pause, and renews the lease
        facts = visit.facts(message, newest)
        text, vouched_s = visit.lanes.topics.recall(visit.mailbox.name, topic)
        if text or self._recollection.vouched(vouched_s):
            settled = Settled.parse(text)
        else:  # the ledger may have forgotten some answers
            if self._sent is None:
                self._sent = self._recollection.in_mailbox(visit.box, visit.journal, visit.mailbox)
            settled = self._sent.get(topic)
        return replace(facts, settled=without_item(settled, facts.identity))

    def _explained(self, policy: Policy, message: MeetingMessage, facts: Facts) -> tuple[Trace, Facts]:
        try:
            examined = explain_knowing(policy, message, self._visit.box, facts)
        except ExchangeError as error:
            return held_for(self._tolerance.excuse(error)), facts
        self._tolerance.forget()
        return examined


class Tolerance:
    """Lets an examination fail for one message without failing the whole mailbox."""

    def __init__(self) -> None:
        self._in_a_row = 0

    def excuse(self, error: ExchangeError) -> str:
        """Return the reason why a message could not be examined.

        :raises ExchangeError: the message is not to blame: the server is busy, or failed several times in a row.
        """
        if isinstance(error, Busy):
            raise error
        self._in_a_row = 0 if isinstance(error, Gone | Refused) else self._in_a_row + 1
        if self._in_a_row == MOST_IN_A_ROW:
            raise error
        logger.warning("event=not-looked-at error=%s", type(error).__name__)
        return f"it could not be examined ({type(error).__name__}: {error})"

    def forget(self) -> None:
        """Reset the count of failures, because an examination succeeded."""
        self._in_a_row = 0


def _forecast(visit: Visit, message: MeetingMessage, decision: Decision, held: str) -> Forecast:
    """Return the row that is shown for a message."""
    verdict = decision.action.verdict
    return Forecast(
        mailbox=visit.mailbox.name,
        kind=str(message.kind),
        decision=str(decision.action),
        rule=decision.rule,
        reason=str(decision.reason),
        answer=str(verdict) if verdict and message.response_requested and not held else "",
        held=held,
        needs=" ".join(sorted(decision.needs)),
        **visit.shown(message),
    )
