"""The outcomes of messages that are gone, or that are left alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from rsvpq.mail.errors import NotAnswerable, Unanswerable
from rsvpq.mail.messages import MeetingMessage
from rsvpq.policy import Action, Decision, Left, Reason
from rsvpq.tasks.journal import Decided, Outcome
from workers.evidence import answers_sent
from workers.work import Work

#: Outcome for a message that has left the Inbox. It is not final, because a server may show this for a moment only: a
#: scan that finds the message again offers it again.
GONE = Outcome("gone", "somebody else dealt with it first", left=Left("gone", passing=True))
#: For messages that a person has to look at, for a reason that no rule covers.
_BY_HAND = Decision(Action.HOLD, Reason.BY_HAND)
#: The reason for each refusal. What is canceled has a newer message about it, like what is out of date.
_REFUSED: dict[Unanswerable, Reason] = {
    "out-of-date": Reason.OUT_OF_DATE,
    "canceled": Reason.OUT_OF_DATE,
    "own-meeting": Reason.OWN_MEETING,
    "delegated": Reason.DELEGATE_COPY,
    "group": Reason.BY_HAND,
}
_NO_OWA = Decision(Action.SKIP, Reason.NO_OWA)


def gone(work: Work, *, undone: bool = False) -> Outcome:
    """Return the outcome for a request that was gone before anything was done; note an answer of somebody else.

    :param undone: whether the ledger has recorded that an answer was begun. Somebody who removed one copy of the
        request has not answered its other copies, so that record must not count.
    """
    answers = answers_sent(work)
    if answers:
        return Outcome(GONE.result, f"somebody else answered it first ({answers[0].reply})")
    return replace(GONE, undone=undone)


def left_alone(decided: Decided) -> Outcome:
    """Return the outcome for a message that the policy leaves alone."""
    return Outcome("left", str(decided.decision), left=decided.decision.left, attached=decided.attached)


def left_to_a_person(reason: str, decided: Decided) -> Outcome:
    """Return the outcome for a message whose decision cannot be carried out."""
    return Outcome("left", reason, left=_BY_HAND.left, attached=decided.attached)


def not_answerable(refusal: NotAnswerable) -> Outcome:
    """Return the outcome for a request whose answer the server refused for good; nothing was done."""
    reason = _REFUSED[refusal.why]
    return Outcome("left", str(refusal), left=Left(reason, on_hold=reason is Reason.BY_HAND), undone=True)


def left_to_the_server() -> Outcome:
    """Return the outcome for a response that the server enters by itself."""
    reason = "this server has no commands and enters responses by itself"
    return Outcome("left", reason, left=_NO_OWA.left)


def not_absorbed(response: MeetingMessage, within: timedelta, decided: Decided) -> Outcome:
    """Return the outcome for a response that the server has not entered into the calendar (yet).

    :param within: how long after its arrival that is nothing unusual.
    """
    age = datetime.now(UTC) - response.received if response.received else within
    reason = "the server has not entered it into the calendar" + (" yet" if age < within else "")
    left = Left(Reason.NOT_ABSORBED, passing=age < within, on_hold=age >= within)
    return Outcome("left", reason, left=left, attached=decided.attached)
