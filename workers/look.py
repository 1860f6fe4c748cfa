"""The look before anything is done to a message: whether it is there, and whether the policy still wants it."""

from dataclasses import replace

from rsvpq.mail.messages import Left, MeetingMessage, Outcome
from rsvpq.policy import Action, Decide, Decision, Reason
from rsvpq.webdav.mailbox import MailboxClient
from workers.draft import sent_answers

#: Of a message that is not in the Inbox any more. A server may say so for a moment only, so it is not done with: a scan
#: that finds it there again offers it again.
GONE = Outcome("gone", "somebody else dealt with it first", left=Left("gone", passing=True))
#: What a person has to look at, for reasons that no rule knows of.
_BY_HAND = Decision(Action.HOLD, Reason.BY_HAND)


def gone(request: MeetingMessage, box: MailboxClient, *, undone: bool = False) -> Outcome:
    """Of a request that was gone before anything was done: with whose answer, if one shows.

    :param undone: whether the ledger was told that its answer is begun: who took one copy away has not answered the
        others.
    """
    theirs = sent_answers(request, box)
    if theirs:
        return Outcome(GONE.result, f"somebody else answered it first ({theirs[0].reply})")
    return replace(GONE, undone=undone)


def left_alone(reason: Decision | str, decision: Decision = _BY_HAND) -> Outcome:
    """Of a message with which nothing is done after all.

    :param reason: the decision, or why it cannot be carried out. :param decision: what is decided then.
    """
    decision = reason if isinstance(reason, Decision) else decision
    return Outcome("left", str(reason), left=decision.left)


def wanted(message: MeetingMessage, box: MailboxClient, decide: Decide, action: Action) -> MeetingMessage | Outcome:
    """The message as it is now, if that action is what is decided on it; else the outcome.

    :raises ExchangeError: as the client says.
    """
    there = box.locate(message)
    if there is None:
        return GONE
    decision = decide(there)
    return left_alone(decision) if decision.observed or decision.action is not action else there
