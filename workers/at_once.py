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
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Self

from rsvpq.mail.errors import Busy, Gone, NotAnswerable, Transient, Unknown, Unsettled
from rsvpq.mail.messages import Intent, MeetingMessage, Verdict
from rsvpq.mail.ports import AnswerState, Clear
from rsvpq.tasks.journal import Decided, Outcome
from workers import marks
from workers.evidence import answers_sent
from workers.outcomes import gone, left_alone, not_answerable
from workers.steps import Step, next_step_at_once
from workers.work import AtOnceWork


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """An answer as the journal has it.

    :param begun_s: when it was first given, by the ledger's clock, in seconds since the epoch. :param at_s: when it was
        last given; 0 if the server certainly did not carry it out. :param times: how often it was given, or may have
        been. :param token: the token of the mark that was written on the request with it. :param text: its body, which
        stays the same if it is given again.
    """

    begun_s: float
    at_s: float
    times: int = 1
    token: str = ""
    text: str = ""

    def to_fact(self) -> dict[str, Any]:
        """Return the fact that the journal stores."""
        times = {"begun": round(self.begun_s, 3), "at": round(self.at_s, 3), "times": self.times}
        return {**times, "token": self.token, **({"text": self.text} if self.text else {})}

    @classmethod
    def parse(cls, fact: Mapping[str, Any] | list[str]) -> Self:
        """Read what :meth:`to_fact` returned, or the fact of a command, if the mailbox had another protocol then."""
        if isinstance(fact, list):
            return cls(0, 0)
        begun_s, token, text = fact.get("begun", fact["at"]), fact.get("token", ""), fact.get("text", "")
        return cls(begun_s, fact["at"], fact["times"], token, text)

    @property
    def begun(self) -> datetime:
        """When it was first given."""
        return datetime.fromtimestamp(self.begun_s, UTC)

    def mark(self, item: str, verdict: Verdict) -> Intent:
        """Return the mark for the request, with the time at which it was last given."""
        return Intent(item, verdict, datetime.fromtimestamp(int(self.at_s), UTC), token=self.token)


def answer_at_once(work: AtOnceWork) -> Outcome:
    """Answer the request as the policy decides, or finish the answer that an earlier attempt began.

    :raises Unsettled: the effect of an earlier attempt may not show yet.
    :raises Unknown: it cannot be determined whether the answer was sent.
    """
    if "sent" in work.journal or "send" in work.journal:
        return _finish_sent(work)
    verdict = marks.begun(work.journal)
    if verdict:
        return _finish_begun(work, verdict)
    request = work.box.refresh(work.message)
    if request is None:
        return gone(work)
    return _begin(work.with_message(request), request)


def _begin(work: AtOnceWork, request: MeetingMessage) -> Outcome:
    """Answer a request of which the journal knows nothing, unless its mark shows that an answer was begun."""
    earlier = marks.unfinished(work, request)
    if earlier and not _is_free(work, earlier):
        return _finish_begun(work, earlier.verdict)
    decided = work.decide(request)
    if decided.verdict is None:
        return left_alone(decided)
    now_s = work.journal.now_s()
    first = GivenAnswer(now_s, now_s, 2 if earlier else 1, marks.token(), decided.decision.text)
    return _give(work, decided.verdict, first, decided)


def _is_free(work: AtOnceWork, earlier: Intent) -> bool:
    """Return whether nothing was done of an answer that only its mark shows; otherwise enter it in the journal.

    The journal was lost, or somebody else wrote the mark: it only counts if the mailbox shows more than the mark.

    :raises Unsettled: its effect may not show yet.
    """
    begun = min(earlier.begun, datetime.fromtimestamp(work.journal.now_s(), UTC))
    # No scan offers a request that shows an answer, unless we began it.
    unanswered = replace(work.message, answered=None)
    evidence = work.box.evidence(unanswered, earlier.verdict, begun)
    if evidence.state is AnswerState.NOT_DONE:
        _require_settled(work, _first_seen_s(work, earlier), evidence.note)
        return True
    begun_s = begun.timestamp()
    work.journal.note(earlier.verdict, GivenAnswer(begun_s, begun_s, token=earlier.token).to_fact())
    return False


def _finish_sent(work: AtOnceWork) -> Outcome:
    """Finish an answer that was sent, or whose draft was about to be sent when the mailbox had another protocol.

    :raises Unknown: Sent Items does not have that.
    """
    if "sent" in work.journal or answers_sent(work):
        return _tidy_up(work)
    raise Unknown("the draft of an answer was about to be sent by another protocol, and Sent Items does not have it")


def _finish_begun(work: AtOnceWork, verdict: Verdict) -> Outcome:
    """Finish the answer that was begun, whatever the policy says by now."""
    last, now_s = GivenAnswer.parse(work.journal[verdict]), work.journal.now_s()
    if last.at_s > now_s:  # the clock was set back: count from now on, not from a time that is yet to come
        last = replace(last, begun_s=min(last.begun_s, now_s), at_s=now_s)
        work.journal.note(verdict, last.to_fact())
    evidence = work.box.evidence(work.message, verdict, last.begun)
    match next_step_at_once(evidence.state, settled=now_s - last.at_s >= work.settle_s):
        case Step.FINISH:
            return _tidy_up(work, evidence.note)
        case Step.WAIT:
            _require_settled(work, last.at_s, evidence.note)
        case Step.COMMAND:
            return _give_again(work, verdict, last)
    raise Unknown(f"{verdict} was begun, and it is not known whether it was sent: {evidence.note}")


def _give_again(work: AtOnceWork, verdict: Verdict, last: GivenAnswer) -> Outcome:
    """Give the answer again, because it was certainly not carried out, unless somebody else has begun one meanwhile.

    :raises Unsettled: the effect of that one may not show yet.
    """
    request = work.box.refresh(work.message)
    if request is None:
        raise Transient("the request left the Inbox while it was being looked at")
    other = request.intent
    if other is not None and not other.finished and other.token != last.token:
        if other.identity != work.item:
            raise Unknown(f"another installation, or another name of this mailbox, answers the request: {other}")
        _require_settled(work, _first_seen_s(work, other), "another installation has marked the request")
    token = last.token or marks.token()
    again = replace(last, at_s=work.journal.now_s(), times=last.times + 1, token=token)
    return _give(work.with_message(request), verdict, again)


def _give(work: AtOnceWork, verdict: Verdict, answer: GivenAnswer, decided: Decided | None = None) -> Outcome:
    """Give the answer: the only effect, between its intent and its outcome in the journal."""
    journal = work.journal
    journal.intend(verdict, answer.to_fact(), decided.attached if decided else None)
    try:
        request = _marked(work, answer.mark(work.item, verdict))
        may_be_left = work.box.respond(request, verdict, text=answer.text, silent=_is_silent(work))
    except Gone:
        if answer.times > 1:
            raise Transient("the request left the Inbox: an earlier attempt may have had its effect late") from None
        return gone(work, undone=True)
    except NotAnswerable as refusal:
        return not_answerable(refusal)
    except Unsettled:
        _notice_another(work)
        raise
    except (Busy, Transient):  # certainly not done, so the next attempt need not wait for it
        journal.note(verdict, replace(answer, at_s=0).to_fact())
        raise
    journal.note("sent")
    if may_be_left:
        _move_away(work, work.box.left(request))
    return _answered(work)


def _marked(work: AtOnceWork, mark: Intent) -> MeetingMessage:
    """Write the mark, and return the request as it was marked.

    :raises Transient: nobody knows whether it was written; but the answer was not given, because that comes after it.
    :raises ExchangeError: see :func:`workers.marks.write`.
    """
    try:
        return marks.write(work, mark)
    except Unsettled:
        raise
    except Unknown as error:
        raise Transient(f"the request may have been marked, and was not answered: {error}") from None


def _notice_another(work: AtOnceWork) -> None:
    """Note when the mark was seen that somebody else has written on the request since it was read."""
    there = work.box.refresh(work.message)
    if there is not None and there.intent is not None:
        _first_seen_s(work, there.intent)


def _is_silent(work: AtOnceWork) -> bool:
    return not work.message.response_requested


def _answered(work: AtOnceWork, note: str = "") -> Outcome:
    if _is_silent(work):
        return Outcome("accepted", "no response was requested, so none was sent")
    return Outcome("answered", note)


def _tidy_up(work: AtOnceWork, note: str = "") -> Outcome:
    """Put away a request that may have been answered by an earlier attempt, or by somebody else."""
    _move_away(work, work.box.refresh(work.message))
    return _answered(work, note)


def _move_away(work: AtOnceWork, left: MeetingMessage | None) -> None:
    """Move a request that the server has left in the Inbox to Deleted Items, where Exchange moves it by itself."""
    if left is not None:
        with suppress(Gone):  # somebody was quicker
            work.box.clear(left, Clear.TRASH)


def _first_seen_s(work: AtOnceWork, mark: Intent) -> float:
    """Return when the mark was first seen by an attempt of this item: the clock of its writer may be another one."""
    journal, now_s = work.journal, work.journal.now_s()
    if "seen" not in journal or journal["seen"]["token"] != mark.token or journal["seen"]["at"] > now_s:
        journal.note("seen", {"token": mark.token, "at": round(now_s, 3)})
    at_s: float = journal["seen"]["at"]
    return at_s


def _require_settled(work: AtOnceWork, at_s: float, note: str) -> None:
    """Check that an effect would show by now.

    :raises Unsettled: it may not.
    """
    left_s = work.settle_s - (work.journal.now_s() - at_s)
    if left_s > 0:
        raise Unsettled(f"an answer was begun, and may not show yet: {note}", min(left_s, work.settle_s))
