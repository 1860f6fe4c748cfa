"""What the journal of a dead item proves, in words for whoever has to decide about it."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from rsvpq.audit.record import READING_STEPS
from rsvpq.mail.messages import Verdict

_NOTHING = "nothing was done to the mailbox"
_ADVICE = {
    "nothing": "retry or drop it as you like",
    "command": "look into Drafts: an answer that lies there was not sent; a retry looks there first, and sends its own",
    "send": "look into Sent Items, then into Drafts: it may have been sent; a retry looks there first",
    "sent": "the answer is out, only the request was not cleared away; a retry clears it and sends nothing",
    "open": "a retry does no harm: opening a response twice changes nothing",
    "remove": "look into Deleted Items: the meeting may lie there; a retry does no harm, it takes what is still there",
    "scan": "nothing to do: the next scan takes its place",
}


def proved(journal: Mapping[str, Any], *, scan: bool) -> list[str]:
    """One sentence for each step that the journal knows of, in their order; of a message also that none changed it."""
    proofs = [sentence(journal) for step, sentence in _SENTENCES.items() if step in journal]
    if "search" in journal:
        proofs.insert(0, _searched(journal) if scan else "the mailbox was searched for what was answered before")
    return proofs if (scan and proofs) or journal.keys() - READING_STEPS else [_NOTHING, *proofs]


def advice(journal: Mapping[str, Any], *, scan: bool) -> str:
    """What to look at before a decision."""
    if scan:
        return _ADVICE["scan"]
    for step in ("sent", "send", "open", "remove"):
        if step in journal:
            return _ADVICE[step]
    commanded = any(step in journal for step in (*Verdict, "draft"))
    return _ADVICE["command" if commanded else "nothing"]


def _searched(journal: Mapping[str, Any]) -> str:
    pages = journal.get("pages", 0)
    return f"the mailbox was searched; {pages} page{'' if pages == 1 else 's'} of what was found had been dealt with"


def _command(verdict: Verdict) -> Callable[[Mapping[str, Any]], str]:
    """The sentence about a command; earlier versions kept only what was there before it."""

    def sentence(journal: Mapping[str, Any]) -> str:
        fact = journal[verdict]
        fact = fact if isinstance(fact, Mapping) else {"before": fact}
        times, at_s, before = fact.get("times", 1), fact.get("at"), fact.get("before") or []
        again = f", {times} times" if times > 1 else ""
        when = f", last at {datetime.fromtimestamp(at_s, UTC):%Y-%m-%d %H:%M:%S} UTC" if at_s else ""
        others = f"; {len(before)} of other people's answers to it lay in Drafts or Sent Items before" if before else ""
        return f"the command to {verdict} was about to be given to the server, or was given{again}{when}{others}"

    return sentence


def _sending(journal: Mapping[str, Any]) -> str:
    certain = "" if "sent" in journal else ", and whether it was is not known"
    return f"the answer was about to be sent (draft {journal['send']}){certain}"


_SENTENCES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    **{verdict: _command(verdict) for verdict in Verdict},
    "commanded": lambda _: "the command was carried out; no answer was asked for",
    "draft": lambda journal: f"the answer was about to be written into Drafts, or was, as {journal['draft']}",
    "send": _sending,
    "sent": lambda _: "the answer was sent",
    "open": lambda _: "the response was about to be opened, or was",
    "remove": lambda _: "the meeting was about to be moved from the calendar to Deleted Items, or was",
}
