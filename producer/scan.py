"""Scan one mailbox: find its meeting messages, decide on each, and offer those to be acted on to the mailbox's lane."""

from collections import Counter
from collections.abc import Callable

from rsvpq.exchange.client import MailboxClient
from rsvpq.journal import Journal
from rsvpq.messages import MeetingMessage, Outcome
from rsvpq.policy import Action, Decision


def scan(
    box: MailboxClient,
    journal: Journal,
    decide: Callable[[MeetingMessage], Decision],
    offer: Callable[[list[MeetingMessage]], int],
) -> Outcome:
    """Search the Inbox page by page; what is skipped is counted with its reason and costs no task.

    :param offer: puts messages into the lane; says how many were new to it.
    :raises ExchangeError: as the client says; what was offered until then stays offered, and is known to the next scan.
    """
    tally: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    journal.intend("search")
    for number, messages in enumerate(box.meeting_messages(), start=1):
        wanted = []
        for message in messages:
            decision = decide(message)
            if decision.action is Action.SKIP:
                skipped[decision.reason] += 1
            else:
                wanted.append(message)
        tally.update(found=len(messages), offered=offer(wanted))
        journal.note("pages", number)
    if box.unreadable:
        skipped["unreadable"] = box.unreadable
    return Outcome("scanned", _sentence(tally, skipped), _labels(tally, skipped))


def _sentence(tally: Counter[str], skipped: Counter[str]) -> str:
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(skipped.items()))
    return f"found {tally['found']}, offered {tally['offered']}" + (f", skipped {reasons}" if reasons else "")


def _labels(tally: Counter[str], skipped: Counter[str]) -> dict[str, int]:
    """What the scan adds to the counts of the ledger."""
    return {
        **{f"scan:{word}": count for word, count in tally.items() if count},
        **{f"skipped:{reason}": count for reason, count in skipped.items()},
    }
