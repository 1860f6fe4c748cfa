"""What is written on a request before it is answered: the journal's copy in the mailbox, for when Redis is lost.

The store takes any property of any namespace (MSDN, "Defining Custom Properties"), so the request itself says that an
answer was begun, and the draft of the answer says which request it answers. Both markers stay in the mailbox; that of a
request which is left in its folder says in the end that all was done.
"""

from datetime import UTC, datetime

from rsvpq.mail.messages import Intent, Verdict

_MOMENT = "%Y-%m-%dT%H:%M:%SZ"
_FINISHED = "finished:"
#: No repl-uid begins so.
_BEGUN_BY = "begun:"


def intent_to_text(intent: Intent) -> str:
    """Write the value of the marker."""
    verdict = f"{_FINISHED * intent.finished}{intent.verdict}"
    token = (_BEGUN_BY + intent.token,) if intent.token else ()
    return " ".join((intent.identity, verdict, intent.begun.strftime(_MOMENT), *token, *intent.before))


def intent_of_text(text: str) -> Intent | None:
    """Read a marker; None for none, or for what is not our marker."""
    try:
        identity, verdict, moment, *before = text.split()
        begun = datetime.strptime(moment, _MOMENT).replace(tzinfo=UTC)
        finished = verdict.startswith(_FINISHED)
        token = before.pop(0).removeprefix(_BEGUN_BY) if before and before[0].startswith(_BEGUN_BY) else ""
        return Intent(identity, Verdict(verdict.removeprefix(_FINISHED)), begun, tuple(before), finished, token)
    except ValueError:
        return None
