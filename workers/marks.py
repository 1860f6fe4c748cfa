"""Our mark on a request: what it tells of an attempt that the ledger has lost, or that is another installation's."""

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
from workers.work import Work

#: When it is looked at again what another installation has begun, in seconds.
_FIRST_LOOK_S = 1.0
#: How often a request may be changed by others between a look and its mark.
_MOST_CHANGES = 3
#: Between the token of a mark that we have seen, and not written, and when that was written.
_SEEN = "@"


def begun(journal: Journal) -> Verdict | None:
    """Tell which verdict was begun, if one was: whatever is decided by now, that one is finished."""
    return next((verdict for verdict in Verdict if verdict in journal), None)


def was_commanded(work: Work) -> bool:
    """Whether the journal or the mailbox says that a command was begun and not finished; a reply marks no request."""
    return begun(work.journal) is not None or _unfinished(work, work.message) is not None


def recall(work: Work) -> MeetingMessage | None:
    """Read the request as it is now, and write into the journal what the mailbox tells of an attempt that it has lost.

    Only our own mark counts, and only where more than the mark tells of the attempt: else the policy is asked.

    :returns: None where the request is gone, and no answer of ours lies unsent.
    """
    there = work.box.refresh(work.message)
    if there is not None:
        earlier = _unfinished(work, there)
        traces = traces_of(there, work.box) if earlier else Traces()
        if earlier and traces.begun:
            _note_lost(work.journal, there, earlier, traces)
        return there
    for draft in unsent_answers(work.box):
        if draft.reply and answered_request(draft, work.box) == work.item and not was_sent(work, draft.reply):
            work.box.mark_draft(draft, answer_marker(work.item, work.message))
            work.journal.note(draft.reply, Command(at_s=work.journal.now_s()).to_fact())
            return work.message
    return None


def take_up(work: Work, decided: Decided) -> bool:
    """Tell whether the policy says what the request's mark says was commanded: then that command is the first.

    What it did may not show yet, nor what another one did that the mark tells of.

    :raises Unsettled: another answer was commanded, it may be, and what it did would not show yet.
    """
    earlier, journal = _unfinished(work, work.message), work.journal
    if earlier is None:
        return False
    if earlier.verdict is decided.verdict:
        _note_lost(journal, work.message, earlier, traces_of(work.message, work.box), decided.attached)
        return True
    if "marked" not in journal:
        journal.note("marked", round(journal.now_s(), 3))
    left_s = work.settle_s - (journal.now_s() - journal["marked"])
    if left_s > 0:
        raise Unsettled(f"its mark says that {earlier.verdict} was commanded, which may not show yet", left_s)
    return False


def write(work: Work, intent: Intent) -> MeetingMessage:
    """Write the mark, unless somebody has begun to answer the request since it was looked at.

    Of two installations in one mailbox, one writes it and the other waits for what becomes of that.

    :returns: the request as it was marked.
    :raises Unsettled: another one has begun. :raises Gone: the request is not there any more.
    """
    request = work.message
    for _ in range(_MOST_CHANGES):
        try:
            kept = work.box.mark(request, intent)
        except Changed:
            request = _unless_another_has_begun(work, request, intent)
        else:
            if kept and not (request.etag and work.box.conditional):  # else written over anything
                request = _unless_another_has_begun(work, request, intent)
            return request
    raise Transient(f"{intent.verdict}: the request was changed each of {_MOST_CHANGES} times it was to be marked")


def take_back(work: Work) -> None:
    """Take the mark back: nothing was done, and what a person did to the request must not be taken for ours."""
    for request in handled_requests(work.box, work.message.uid) if work.message.uid else ():
        if request.intent is not None and request.intent.identity == work.item:
            with suppress(Gone):
                work.box.mark(request, request.intent.finish())


def notice_another(work: Work, verdict: Verdict, last: Command) -> None:
    """Wait for what another installation has commanded as if we had done it: its mark is not the one we wrote.

    :raises Unknown: it has begun an answer of its own, under another name.
    """
    other = work.message.intent
    if other is None or other.finished or last.token in {other.token, _theirs(other)}:
        return
    if (other.identity, other.verdict) != (work.item, verdict):
        raise Unknown(f"another installation, or another name of the mailbox, answers it: {other.verdict}")
    work.journal.note(verdict, replace(last, at_s=work.journal.now_s(), token=_theirs(other)).to_fact())


def token(last: Command | None = None) -> str:
    """Make what our marks on a request say: the same for all commands of an item, if it was not another's before."""
    return last.token if last and last.token and _SEEN not in last.token else uuid4().hex[:12]


def _unfinished(work: Work, request: MeetingMessage) -> Intent | None:
    """Our own mark on the request, if it does not say that all was done."""
    intent = request.intent
    return intent if intent is not None and intent.identity == work.item and not intent.finished else None


def _unless_another_has_begun(work: Work, request: MeetingMessage, intent: Intent) -> MeetingMessage:
    """Read the request again; a flag that changed is no reason to stop.

    :raises Unsettled: somebody has begun, or done, what we are about to. :raises Gone: it is not there any more.
    """
    there = work.box.refresh(request)
    if there is None:
        raise Gone(f"{intent.verdict}: the request went while it was to be marked")
    if there.intent not in {request.intent, intent} or (there.processed and not request.processed):
        raise Unsettled("somebody else, maybe another installation, has begun to answer it", _FIRST_LOOK_S)
    return there


def _note_lost(
    journal: Journal, there: MeetingMessage, earlier: Intent, traces: Traces, attached: Attached | None = None
) -> None:
    """Write down a command that the journal has lost; when it was given, nobody knows."""
    before = tuple(sorted({*earlier.before, *traces.strange}))
    fact = Command(before, journal.now_s(), 1, there.read, _theirs(earlier)).to_fact()
    journal.note(earlier.verdict, fact, attached)


def _theirs(other: Intent) -> str:
    """By what a mark that we have not written is known again; each command writes it anew."""
    return f"{other.token}{_SEEN}{other.begun:%Y%m%dT%H%M%S}" if other.token else ""
