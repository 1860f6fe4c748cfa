"""Answer one meeting request in one step: one remote effect, then evidence, and never a second answer.

A server that has no drafts of answers writes the calendar, sends the answer and moves the request in one request. If
its response is lost, nobody knows how far it came; so each later attempt looks first, and
:func:`workers.steps.next_step_at_once` returns what to do. Half an answer is never completed by guess: sending again
could answer twice, and not sending could leave the organizer without an answer. Such an item ends ``dead``, with what
the mailbox shows.

The mark on the request is a copy of the intent, in case Redis is lost; a server may refuse it, and nothing depends on
it alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from rsvpq.mail.errors import Busy, Gone, NotAnswerable, Transient, Unknown, Unsettled
from rsvpq.mail.messages import Intent, Verdict
from rsvpq.mail.ports import AnswerEvidence, AnswerState, Clear
from rsvpq.policy import Left, Reason
from rsvpq.tasks.journal import Decided, Outcome
from workers import marks
from workers.outcomes import gone, left_alone
from workers.steps import Step, next_step_at_once
from workers.work import AtOnceWork


@dataclass(frozen=True, slots=True)
class Response:
    """An answer as the journal has it.

    :param begun_s: when it was first given, by the ledger's clock, in seconds since the epoch. :param at_s: when it was
        last given; 0 if the server certainly did not carry it out. :param times: how often it was given.
    """

    begun_s: float
    at_s: float
    times: int = 1

    def to_fact(self) -> dict[str, Any]:
        """Return the fact that the journal stores."""
        return {"begun": round(self.begun_s, 3), "at": round(self.at_s, 3), "times": self.times}

    @classmethod
    def parse(cls, fact: Mapping[str, Any] | list[str]) -> Self:
        """Read what :meth:`to_fact` returned, or the fact of a command, if the mailbox had another protocol then."""
        if isinstance(fact, list):
            return cls(0, 0)
        return cls(fact.get("begun", fact["at"]), fact["at"], fact["times"])

    @property
    def begun(self) -> datetime:
        """When it was first given."""
        return datetime.fromtimestamp(self.begun_s, UTC)


def answer_at_once(work: AtOnceWork) -> Outcome:
    """Answer the request as the policy decides, or finish the answer that an earlier attempt began.

    :raises Unsettled: the effect of an earlier attempt may not show yet.
    :raises Unknown: it cannot be determined whether the answer was sent.
    """
    verdict = marks.begun(work.journal)
    if verdict:
        return _finish_begun(work, verdict)
    request = work.box.refresh(work.message)
    if request is None:
        return gone(work)
    work = work.with_message(request)
    earlier = marks.unfinished(work, request)
    if earlier and not _is_free(work, earlier):
        return _finish_begun(work, earlier.verdict)
    decided = work.decide(request)
    if decided.verdict is None:
        return left_alone(decided)
    now_s = work.journal.now_s()
    return _respond(work, decided.verdict, Response(now_s, now_s), decided)


def _is_free(work: AtOnceWork, earlier: Intent) -> bool:
    """Return whether nothing was done of an answer that only its mark shows; otherwise enter it in the journal.

    The journal was lost, or somebody else wrote the mark: it only counts if the mailbox shows more than the mark.

    :raises Unsettled: its effect may not show yet.
    """
    evidence = work.box.evidence(work.message, earlier.verdict, earlier.begun)
    begun_s = earlier.begun.timestamp()
    if evidence.state is AnswerState.NOT_DONE:
        _require_settled(work, begun_s, evidence)
        return True
    work.journal.note(earlier.verdict, Response(begun_s, begun_s).to_fact())
    return False


def _finish_begun(work: AtOnceWork, verdict: Verdict) -> Outcome:
    """Finish the answer that was begun, whatever the policy says by now."""
    if "sent" in work.journal:
        return _tidy_up(work, "")
    last = Response.parse(work.journal[verdict])
    evidence = work.box.evidence(work.message, verdict, last.begun)
    settled = not 0 <= work.journal.now_s() - last.at_s < work.settle_s
    match next_step_at_once(evidence.state, settled=settled):
        case Step.FINISH:
            return _tidy_up(work, evidence.note)
        case Step.WAIT:
            _require_settled(work, last.at_s, evidence)
        case Step.COMMAND:
            request = work.box.refresh(work.message)
            if request is None:
                raise Transient("the request left the Inbox while it was being looked at")
            again = Response(last.begun_s, work.journal.now_s(), last.times + 1)
            return _respond(work.with_message(request), verdict, again)
    raise Unknown(f"{verdict} was begun, and it is not known whether it was sent: {evidence.note}")


def _respond(work: AtOnceWork, verdict: Verdict, response: Response, decided: Decided | None = None) -> Outcome:
    """Give the answer: the only effect, between its intent and its outcome in the journal."""
    journal, silent = work.journal, not work.message.response_requested
    journal.intend(verdict, response.to_fact(), decided.attached if decided else None)
    try:
        request = marks.write(work, Intent.now(work.item, verdict, (), marks.token()))
        work.box.respond(request, verdict, silent=silent)
    except Gone:
        if response.times > 1:
            raise Transient("the request left the Inbox: an earlier attempt may have had its effect late") from None
        return gone(work, undone=True)
    except NotAnswerable as refusal:
        return Outcome("left", str(refusal), left=Left(Reason.OUT_OF_DATE), undone=True)
    except (Busy, Transient):  # certainly not done, so the next attempt need not wait for it
        journal.note(verdict, Response(response.begun_s, 0, response.times).to_fact())
        raise
    journal.note("sent")
    return Outcome("accepted", "no response was requested, so none was sent") if silent else Outcome("answered")


def _tidy_up(work: AtOnceWork, note: str) -> Outcome:
    """Move a request that the server has left in the Inbox to Deleted Items, where Exchange moves it by itself."""
    left = work.box.refresh(work.message)
    if left is not None:
        work.box.clear(left, Clear.TRASH)
    return Outcome("answered", note)


def _require_settled(work: AtOnceWork, at_s: float, evidence: AnswerEvidence) -> None:
    """Check that an effect would show by now.

    :raises Unsettled: it may not.
    """
    age_s = work.journal.now_s() - at_s
    if 0 <= age_s < work.settle_s:
        raise Unsettled(f"an answer was begun, and may not show yet: {evidence.note}", work.settle_s - age_s)
