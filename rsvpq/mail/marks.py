"""The marks of rsvpq on a request as texts: a copy of the journal's intent, in case Redis is lost.

A mark is written on a request before it is answered, so that the request itself shows that an answer was begun. It
stays in the mailbox; the mark of a request that stays in its folder finally shows that everything was done.
"""

from datetime import UTC, datetime

from rsvpq.mail.messages import Intent, Verdict

_MOMENT = "%Y-%m-%dT%H:%M:%SZ"
_FINISHED = "finished:"
#: No key of an item begins with this.
_BEGUN_BY = "begun:"


def intent_to_text(intent: Intent) -> str:
    """Return the value of the mark."""
    verdict = f"{_FINISHED * intent.finished}{intent.verdict}"
    token = (_BEGUN_BY + intent.token,) if intent.token else ()
    return " ".join((intent.identity, verdict, intent.begun.strftime(_MOMENT), *token, *intent.before))


def intent_of_text(text: str) -> Intent | None:
    """Parse a mark; None if there is none, or if it is not ours."""
    try:
        identity, verdict, moment, *before = text.split()
        begun = datetime.strptime(moment, _MOMENT).replace(tzinfo=UTC)
        finished = verdict.startswith(_FINISHED)
        token = before.pop(0).removeprefix(_BEGUN_BY) if before and before[0].startswith(_BEGUN_BY) else ""
        return Intent(identity, Verdict(verdict.removeprefix(_FINISHED)), begun, tuple(before), finished, token)
    except ValueError:
        return None
