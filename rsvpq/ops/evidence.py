"""What the journal of a dead item proves, in words for whoever has to decide about it."""

from collections.abc import Iterator, Mapping
from typing import Any

from rsvpq.messages import Verdict

_NOTHING = "nothing was done to the mailbox"
_ADVICE = {
    "nothing": "retry or drop it as you like",
    "command": "look into Drafts: an answer that lies there was not sent; a retry looks there first, and sends its own",
    "send": "look into Sent Items, then into Drafts: it may have been sent; a retry looks there first",
    "sent": "the answer is out, only the request was not cleared away; a retry clears it and sends nothing",
    "open": "a retry does no harm: opening a response twice changes nothing",
    "scan": "nothing to do: the next scan takes its place",
}


def proved(journal: Mapping[str, Any]) -> list[str]:
    """One sentence for each step that the journal knows of, in their order."""
    return list(_sentences(journal)) or [_NOTHING]


def advice(journal: Mapping[str, Any], *, scan: bool) -> str:
    """What to look at before a decision."""
    if scan:
        return _ADVICE["scan"]
    for step in ("sent", "send", "open"):
        if step in journal:
            return _ADVICE[step]
    commanded = any(step in journal for step in (*Verdict, "draft"))
    return _ADVICE["command" if commanded else "nothing"]


def _sentences(journal: Mapping[str, Any]) -> Iterator[str]:
    if "search" in journal:
        pages = journal.get("pages", 0)
        yield f"the mailbox was searched; {pages} page{'' if pages == 1 else 's'} of what was found had been dealt with"
    for verdict in (verdict for verdict in Verdict if verdict in journal):
        before = journal[verdict] or []
        others = f"; {len(before)} unsent of somebody else's lay in Drafts then" if before else ""
        yield f"the command to {verdict} was about to be given to the server, or was given{others}"
    if "commanded" in journal:
        yield "the command was carried out; no answer was asked for"
    if "draft" in journal:
        yield f"the answer was about to be written into Drafts, or was, as {journal['draft']}"
    if "send" in journal:
        certain = "" if "sent" in journal else ", and whether it was is not known"
        yield f"the answer was about to be sent (draft {journal['send']}){certain}"
    if "sent" in journal:
        yield "the answer was sent"
    if "open" in journal:
        yield "the response was about to be opened, or was"
