"""Our mark on a request: what it shows of an attempt that the ledger has lost, or of another installation."""

from contextlib import suppress
from dataclasses import replace
from uuid import uuid4

from rsvpq.mail.drafts import Traces, answered_request, handled_requests, traces_of, unsent_answers
from rsvpq.mail.editions import answer_marker
from rsvpq.mail.errors import Changed, Gone, Transient, Unknown, Unsettled
from rsvpq.mail.messages import Intent, MeetingMessage, Verdict
from rsvpq.tasks.journal import Attached, Decided, Journal
from workers.evidence import was_sent
from workers.steps import Command
from workers.work import DraftWork, Work

#: Seconds until the first look at what another installation has begun.
_FIRST_LOOK_S = 1.0
#: How often a mark is tried on a request that others change at the same time.
_MOST_CHANGES = 3
#: Separates the token of a mark that somebody else wrote from the time at which it was written.
_FOREIGN = "@"


def begun(journal: Journal) -> Verdict | None:
    """Return the verdict that was begun, if any: it is finished, whatever the policy would decide now."""
    return next((verdict for verdict in Verdict if verdict in journal), None)


def was_commanded(work: DraftWork) -> bool:
    """Return whether journal or mailbox show a command that was begun and not finished; replies leave no such mark."""
    return begun(work.journal) is not None or unfinished(work, work.message) is not None


def recall(work: DraftWork) -> MeetingMessage | None:
    """Read the request as it is now, and restore what the journal has lost of an earlier attempt.

    Only our own mark counts, and only if the mailbox shows more of the attempt than the mark; otherwise the policy
    decides.

    :returns: None if the request is gone and no answer of ours lies unsent.
    """
    there = work.box.refresh(work.message)
    if there is not None:
        earlier = unfinished(work, there)
        traces = traces_of(there, work.box) if earlier else Traces()
        if earlier and traces.begun:
            _restore(work.journal, there, earlier, traces)
        return there
    for draft in unsent_answers(work.box):
        if draft.reply and answered_request(draft, work.box) == work.item and not was_sent(work, draft.reply):
            work.box.mark_draft(draft, answer_marker(work.item, work.message))
            work.journal.note(draft.reply, Command(at_s=work.journal.now_s()).to_fact())
            return work.message
    return None


def adopt(work: DraftWork, decided: Decided) -> bool:
    """Take the command that the request's mark shows as the first one, if its verdict is the one decided now.

    The effect of that command may not show yet.

    :returns: whether it was taken; then no first command is to be issued.
    :raises Unsettled: the mark shows another verdict, whose command may have been issued and may not show yet.
    """
    earlier, journal = unfinished(work, work.message), work.journal
    if earlier is None:
        return False
    if earlier.verdict is decided.verdict:
        _restore(journal, work.message, earlier, traces_of(work.message, work.box), decided.attached)
        return True
    if "marked" not in journal:
        journal.note("marked", round(journal.now_s(), 3))
    left_s = work.settle_s - (journal.now_s() - journal["marked"])
    if left_s > 0:
        raise Unsettled(
            f"the mark on the request shows the command {earlier.verdict}, whose effect may not show yet", left_s
        )
    return False


def write(work: Work, intent: Intent) -> MeetingMessage:
    """Write the mark, unless somebody has begun to answer the request since it was read.

    If two installations work in one mailbox, one writes the mark, and the other waits for the outcome.

    :returns: the request as it was marked.
    :raises Unsettled: somebody else has begun. :raises Gone: the request is not there any more.
    """
    request = work.message
    for _ in range(_MOST_CHANGES):
        try:
            kept = work.box.mark(request, intent)
        except Changed:
            request = _unless_another_has_begun(work, request, intent)
        else:
            if kept and not (request.etag and work.box.conditional):  # an unconditional write replaces any other mark
                request = _unless_another_has_begun(work, request, intent)
            return request
    raise Transient(
        f"{intent.verdict}: the request was changed by others each of the {_MOST_CHANGES} times it was to be marked"
    )


def close_mark(work: Work) -> None:
    """Mark the attempt as finished: nothing was done, and what a person did to the request must not count as ours."""
    for request in handled_requests(work.box, work.message.uid) if work.message.uid else ():
        if request.intent is not None and request.intent.identity == work.item:
            with suppress(Gone):
                work.box.mark(request, request.intent.finish())


def notice_another(work: Work, verdict: Verdict, last: Command) -> None:
    """Treat the command of another installation as our own, and wait for it; its mark differs from the one we wrote.

    :raises Unknown: its mark is for another item or verdict.
    """
    other = work.message.intent
    if other is None or other.finished or last.token in {other.token, _foreign_token(other)}:
        return
    if (other.identity, other.verdict) != (work.item, verdict):
        raise Unknown(f"another installation, or another name of this mailbox, answers the request: {other.verdict}")
    work.journal.note(verdict, replace(last, at_s=work.journal.now_s(), token=_foreign_token(other)).to_fact())


def token(last: Command | None = None) -> str:
    """Return the token of our marks: the same for all commands of an item, new if the last mark was somebody else's."""
    return last.token if last and last.token and _FOREIGN not in last.token else uuid4().hex[:12]


def unfinished(work: Work, request: MeetingMessage) -> Intent | None:
    """Return our own mark on the request, if it does not show that the answer was finished."""
    intent = request.intent
    return intent if intent is not None and intent.identity == work.item and not intent.finished else None


def _unless_another_has_begun(work: Work, request: MeetingMessage, intent: Intent) -> MeetingMessage:
    """Read the request again and return it, if only its other properties have changed.

    :raises Unsettled: somebody else has begun to answer it, or has answered it. :raises Gone: it is not there any more.
    """
    there = work.box.refresh(request)
    if there is None:
        raise Gone(f"{intent.verdict}: the request disappeared before it could be marked")
    if there.intent not in {request.intent, intent} or (there.processed and not request.processed):
        raise Unsettled("somebody else, possibly another installation, has begun to answer the request", _FIRST_LOOK_S)
    return there


def _restore(
    journal: Journal, there: MeetingMessage, earlier: Intent, traces: Traces, attached: Attached | None = None
) -> None:
    """Enter a command that the journal has lost, with the current time: nobody knows when it was issued."""
    before = tuple(sorted({*earlier.before, *traces.strange}))
    fact = Command(before, journal.now_s(), 1, there.read, _foreign_token(earlier)).to_fact()
    journal.note(earlier.verdict, fact, attached)


def _foreign_token(other: Intent) -> str:
    """Return what identifies a mark that somebody else wrote; each of their commands writes it anew."""
    return f"{other.token}{_FOREIGN}{other.begun:%Y%m%dT%H%M%S}" if other.token else ""
