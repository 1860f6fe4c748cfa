"""Explain what the journal of a dead item proves, for the operator who decides about the item."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from rsvpq.audit.record import READING_STEPS
from rsvpq.mail.messages import Verdict
from rsvpq.text import counted

_NOTHING = "nothing was done to the mailbox"
_ADVICE = {
    "nothing": "retry or drop it, as you like",
    "command": "check Drafts: an answer there was not sent; a retry checks Drafts first, and sends the answer of rsvpq",
    "at-once": "check Sent Items, then the calendar: the answer may have been sent; a retry checks both first, and "
    "sends nothing as long as they show part of an answer",
    "send": "check Sent Items, then Drafts: the answer may have been sent; a retry checks both first",
    "sent": "the answer was sent, but the request was not cleared; a retry clears it and sends nothing",
    "open": "a retry is safe: opening a response twice changes nothing",
    "remove": "check Deleted Items for the meeting; a retry is safe: it removes only what is still in the calendar",
    "scan": "nothing to do: the next scan replaces it",
}


def proved(journal: Mapping[str, Any], *, scan: bool) -> list[str]:
    """Return a sentence for each step in the journal, in order; for a message also if nothing was changed."""
    proofs = [sentence(journal) for step, sentence in _SENTENCES.items() if step in journal]
    if "search" in journal:
        pages = journal.get("pages", 0)
        results = f"; {counted(pages, 'page')} of results had been processed"
        proofs.insert(0, "the mailbox was searched" + (results if scan else " for earlier answers"))
    return proofs if (scan and proofs) or journal.keys() - READING_STEPS else [_NOTHING, *proofs]


def advice(journal: Mapping[str, Any], *, scan: bool) -> str:
    """Return what to check before retrying or dropping the item."""
    if scan:
        return _ADVICE["scan"]
    for step in ("sent", "send", "open", "remove"):
        if step in journal:
            return _ADVICE[step]
    if any(_is_at_once(journal[verdict]) for verdict in Verdict if verdict in journal):
        return _ADVICE["at-once"]
    commanded = any(step in journal for step in (*Verdict, "draft"))
    return _ADVICE["command" if commanded else "nothing"]


def _is_at_once(fact: Any) -> bool:
    """Return whether the fact is about an answer in one step, without a draft."""
    return isinstance(fact, Mapping) and "begun" in fact


def _command(verdict: Verdict, journal: Mapping[str, Any]) -> str:
    """Describe a command; earlier versions journaled only the answers before it."""
    fact = journal[verdict]
    fact = fact if isinstance(fact, Mapping) else {"before": fact}
    times, at_s, before = fact.get("times", 1), fact.get("at"), fact.get("before") or []
    again = f", {times} times" if times > 1 else ""
    when = f", last at {datetime.fromtimestamp(at_s, UTC):%Y-%m-%d %H:%M:%S} UTC" if at_s else ""
    if _is_at_once(fact):
        return f"the answer {verdict} was about to be given, or was given{again}{when}"
    others = f"; {len(before)} answers to it by other people were in Drafts or Sent Items before" if before else ""
    return f"the command to {verdict} was about to be sent to the server, or was sent{again}{when}{others}"


def _sending(journal: Mapping[str, Any]) -> str:
    certain = "" if "sent" in journal else "; whether it was sent is unknown"
    return f"the answer was about to be sent (draft {journal['send']}){certain}"


_SENTENCES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    **{verdict: partial(_command, verdict) for verdict in Verdict},
    "commanded": lambda _: "the command was carried out; the organizer asked for no answer",
    "draft": lambda journal: f"the answer was about to be written to Drafts, or was written, as {journal['draft']}",
    "send": _sending,
    "sent": lambda _: "the answer was sent",
    "open": lambda _: "the response was about to be opened, or was opened",
    "remove": lambda _: "the meeting was about to be moved from the calendar to Deleted Items, or was moved",
}
