"""What a message comes to that is not there any more, or with which nothing is done after all."""

from dataclasses import replace

from rsvpq.policy import Action, Decision, Left, Reason
from rsvpq.tasks.journal import Decided
from rsvpq.tasks.outcome import Outcome
from workers.evidence import answers_sent
from workers.work import Work

#: Of a message that is not in the Inbox any more. A server may say so for a moment only, so it is not done with: a scan
#: that finds it there again offers it again.
GONE = Outcome("gone", "somebody else dealt with it first", left=Left("gone", passing=True))
#: What a person has to look at, for reasons that no rule knows of.
_BY_HAND = Decision(Action.HOLD, Reason.BY_HAND)
_NO_OWA = Decision(Action.SKIP, Reason.NO_OWA)


def gone(work: Work, *, undone: bool = False) -> Outcome:
    """Make that of a request that was gone before anything was done: with whose answer, if one shows.

    :param undone: whether the ledger was told that its answer is begun: who took one copy away has not answered the
        others.
    """
    theirs = answers_sent(work)
    if theirs:
        return Outcome(GONE.result, f"somebody else answered it first ({theirs[0].reply})")
    return replace(GONE, undone=undone)


def left_alone(decided: Decided) -> Outcome:
    """Make that of a message that the policy leaves alone."""
    return Outcome("left", str(decided.decision), left=decided.decision.left, attached=decided.attached)


def left_to_a_person(reason: str, decided: Decided) -> Outcome:
    """Make that of a message for which what was decided cannot be carried out."""
    return Outcome("left", reason, left=_BY_HAND.left, attached=decided.attached)


def left_to_the_server() -> Outcome:
    """Make that of a response that the server enters by itself."""
    reason = "this server has no OWA commands and enters responses by itself"
    return Outcome("left", reason, left=_NO_OWA.left)
