"""Scan one mailbox: find its meeting messages, decide on each, and offer those to be acted on to the mailbox's lane."""

from collections import Counter
from collections.abc import Callable, Iterable

from producer.inbox import one_by_one, read_inbox
from rsvpq.mail.messages import MeetingMessage
from rsvpq.mail.ports import OpenMailbox
from rsvpq.policy import Decision, Newest, Version
from rsvpq.tasks.journal import Journal
from rsvpq.tasks.outcome import Outcome


def scan(
    box: OpenMailbox,
    journal: Journal,
    decide: Callable[[MeetingMessage, Version | None], Decision],
    offer: Callable[[list[MeetingMessage]], tuple[int, int]],
    newest_of: Callable[[Iterable[MeetingMessage]], Newest] = Newest,
) -> Outcome:
    """Search the Inbox, decide on everything in it, and offer what is to be acted on; the rest costs no task.

    The whole Inbox is read before anything is decided: a request may be out of date because of a later message.

    :param decide: on a message, beside the newest version of its meeting in this Inbox.
    :param offer: puts messages into the lane; says how many were new to it, and how many the caps hold back.
    :param newest_of: what is the newest version of each meeting.
    :raises ExchangeError: as the client says; what was offered until then stays offered, and is known to the next scan.
    """
    found, unreadable = read_inbox(box, journal)
    newest = newest_of(found)
    wanted, skipped = [], Counter[str]()
    for message in one_by_one(found, journal):
        decision = decide(message, newest.of(message))
        if decision.acts:
            wanted.append(message)
        else:
            skipped[f"would-{decision.action}" if decision.observed else decision.label] += 1
    offered, held_back = offer(wanted)
    skipped.update({"unreadable": unreadable, "over-the-cap": held_back})
    return _outcome(Counter(found=len(found), offered=offered), +skipped)


def _outcome(tally: Counter[str], skipped: Counter[str]) -> Outcome:
    """With what the scan adds to the counts of the ledger."""
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(skipped.items()))
    sentence = f"found {tally['found']}, offered {tally['offered']}" + (f", skipped {reasons}" if reasons else "")
    counts = {
        **{f"scan:{word}": count for word, count in tally.items() if count},
        **{f"skipped:{reason}": count for reason, count in skipped.items()},
    }
    return Outcome("scanned", sentence, counts)
