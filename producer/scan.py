"""Scan one mailbox: find its meeting messages, decide on each, and offer those to be acted on to the mailbox's lane."""

from collections import Counter

from producer.offer import offer_within_caps
from producer.reconcile import reconcile
from producer.visit import Visit
from rsvpq.lanes import ScanTotals
from rsvpq.lanes.status import OVER_THE_CAP
from rsvpq.policy import Decision
from rsvpq.tasks.journal import Outcome


def scan(visit: Visit) -> Outcome:
    """Search the Inbox, decide on every message, and offer those to be acted on; then look for unsent answers.

    The whole Inbox is read before anything is decided: a later message may make a request out of date.

    :raises ExchangeError: the mailbox could not be read. What was offered before stays offered.
    :raises Paused, LeaseLost: the scan must not go on.
    """
    inbox = visit.read_inbox()
    decided = visit.decide(inbox)
    visit.record(decided)
    offer = offer_within_caps(visit, [message for message, decision in decided if decision.acts])
    found = len(inbox.messages)
    others = (decision for _, decision in decided if not decision.acts)
    skipped = Counter(map(_why_left, others))
    skipped += Counter({"unreadable": inbox.unreadable, OVER_THE_CAP: offer.held_back})
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(skipped.items()))
    scanned = f"found {found}, offered {offer.new}" + (f", skipped {reasons}" if reasons else "")
    reconciled = reconcile(visit)
    counts = {
        **({"scan:offered": offer.new} if offer.new else {}),
        **reconciled.counts,
    }
    totals = ScanTotals(found, offer.held_back, inbox.unreadable, dict(skipped), offer.cap)
    return Outcome("scanned", "; ".join(filter(None, (scanned, reconciled.note))), counts, totals=totals)


def _why_left(decision: Decision) -> str:
    """Return why a message is left alone: ``would-accept`` and so on if only because nothing is done but observe."""
    acts = not decision.action.leaves_alone or not decision.final
    return f"would-{decision.action}" if decision.observed and acts else decision.label
