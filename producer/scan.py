"""Scan one mailbox: find its meeting messages, decide on each, and offer those to be acted on to the mailbox's lane."""

from collections import Counter
from collections.abc import Iterable

from producer.offer import offer_within_caps
from producer.reconcile import reconcile
from producer.visit import DecidedMessage, Visit
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
    offered, held_back = offer_within_caps(visit, [message for message, decision in decided if decision.acts])
    skipped = _skipped(decided) + Counter({"unreadable": inbox.unreadable, "over-the-cap": held_back})
    scanned = _scanned(len(inbox.messages), offered, skipped)
    reconciled = reconcile(visit)
    note = "; ".join(filter(None, (scanned.note, reconciled.note)))
    return Outcome(scanned.result, note, {**scanned.counts, **reconciled.counts})


def _skipped(decided: Iterable[DecidedMessage]) -> Counter[str]:
    """Count the messages that are left alone, by reason."""
    decisions = (decision for _, decision in decided if not decision.acts)
    return Counter(f"would-{one.action}" if one.observed else one.label for one in decisions)


def _scanned(found: int, offered: int, skipped: Counter[str]) -> Outcome:
    """Return the outcome of the scan, with its counts for the ledger."""
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(skipped.items()))
    note = f"found {found}, offered {offered}" + (f", skipped {reasons}" if reasons else "")
    counts = {
        **{f"scan:{word}": count for word, count in (("found", found), ("offered", offered)) if count},
        **{f"skipped:{reason}": count for reason, count in skipped.items()},
    }
    return Outcome("scanned", note, counts)
