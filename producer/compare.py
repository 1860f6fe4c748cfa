"""Compare two policies: report the messages of an Inbox on which they decide differently. Nothing is changed.

Both decide on the same reading of the Inbox and, where that does not suffice, on the same facts of the calendar.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from producer.dry_run import Examiner
from producer.visit import Inbox, Visit
from rsvpq.mail.messages import MeetingMessage
from rsvpq.ops.decision_change import DecisionChange
from rsvpq.policy import Decision, Policy, Reason
from rsvpq.policy.gather import decide_at_once
from rsvpq.tasks.journal import Outcome

#: The decision of the policy of the visit, and that of the other one.
Pair = tuple[Decision, Decision]

#: The most messages of a mailbox that are examined: each may cost several HTTP requests.
MOST_EXAMINED = 200


def compare_policies(visit: Visit, other: Policy) -> Outcome:
    """Report what would change if the policy of the visit were replaced by another.

    :raises ExchangeError: the mailbox could not be read. :raises Paused, LeaseLost: the scan must not go on.
    """
    inbox = visit.read_inbox()
    counts, rows = Counter(found=len(inbox.messages), unreadable=inbox.unreadable), []
    for message, pair in _decisions(visit, inbox, other):
        if pair is None or any(one.reason is Reason.NOT_DECIDED for one in pair):
            counts["not_compared"] += 1
        elif _would_differ(visit, message, *pair):
            rows.append(_change(visit, message, *pair).to_dict())
        elif _reason(pair[0]) != _reason(pair[1]):
            counts["other_reason"] += 1
    visit.lanes.run_results(visit.run).report(visit.mailbox.name, rows, counts)
    return Outcome("compared", f"found {counts['found']}, {len(rows)} would be decided differently")


def _decisions(visit: Visit, inbox: Inbox, other: Policy) -> Iterator[tuple[MeetingMessage, Pair | None]]:
    """Yield each message with both decisions on it; None for the pair if it was not examined, as too many were."""
    examiner, examined = Examiner(visit), 0
    by_other = replace(visit, policy=other).newest(inbox.messages)
    for message, before in visit.decide(inbox):
        newest = by_other.of(message)
        after = decide_at_once(other, message, visit.facts(message, newest))
        if before.final and after.final:
            yield message, (before, after)
        elif examined == MOST_EXAMINED:
            yield message, None
        else:
            examined += 1
            yield message, examiner.compare(message, inbox.newest.of(message), other, newest)


def _would_differ(visit: Visit, message: MeetingMessage, before: Decision, after: Decision) -> bool:
    """Return whether something else would be done, or another text be sent."""
    sends_text = visit.box.answering == "at-once" and message.response_requested and before.action.verdict is not None
    return before.action is not after.action or (sends_text and before.text != after.text)


def _reason(decision: Decision) -> str:
    return f"{decision.reason}:{decision.rule}" if decision.rule else str(decision.reason)


def _change(visit: Visit, message: MeetingMessage, before: Decision, after: Decision) -> DecisionChange:
    """Return the row that is shown for a message."""
    return DecisionChange(
        mailbox=visit.mailbox.name,
        kind=str(message.kind),
        before=str(before.action),
        before_reason=_reason(before),
        after=str(after.action),
        after_reason=_reason(after),
        **visit.shown(message),
    )
