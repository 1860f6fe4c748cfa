"""Answer one meeting request without a command of its server: write the answer, send it, and never a second one.

This is for Exchange 2007, and for servers whose commands are blocked. The name of the draft is derived from the request
and the verdict: after a worker died, the next attempt finds the draft in Drafts or in Sent Items, and overwrites one
that is half written. The journal is as in :mod:`workers.answer`; if Redis was lost, the name in Sent Items still shows
that the answer was sent.
"""

from contextlib import suppress
from uuid import UUID, uuid5

from rsvpq.mail.editions import answer_marker
from rsvpq.mail.errors import Gone, Refused, Unknown
from rsvpq.mail.messages import Intent, MeetingMessage, Verdict
from rsvpq.mail.ports import AnswersByDraft, Clear
from rsvpq.tasks.journal import Attached, Outcome
from workers.evidence import was_sent
from workers.outcomes import gone, left_alone
from workers.work import DraftWork

#: The namespace of our names, so that no other program makes the same ones.
_NAMES = UUID("6d3f5b0c-8f4e-4c0e-9a55-6a0f2f6a3b91")


def reply(work: DraftWork) -> Outcome:
    """Send an iCalendar reply, then mark the request, which stays in the Inbox.

    :raises Unknown: nobody can tell what was done.
    """
    request, box, journal = work.message, work.box, work.journal
    there = request if "send" in journal else box.refresh(request)
    verdict, attached = _begun(work), None
    if there is None:
        if "draft" in journal:  # a person could send it by mistake
            with suppress(Gone):
                box.discard_draft(journal["draft"])
        return gone(work, undone="draft" in journal)
    if verdict is None:
        decided = work.decide(there)
        if decided.verdict is None:
            return left_alone(decided)
        verdict, attached = decided.verdict, decided.attached

    name = draft_name(box, request, verdict)
    if "sent" not in journal and not box.has_sent(name):
        if "send" not in journal and not request.response_requested:
            box.clear(there, Clear.MARK)
            return Outcome("processed", "no response was requested, so none was sent", attached=attached)
        _write_and_send(work.with_message(there), name, verdict, attached)
        attached = None  # recorded with the first journal entry

    left = box.refresh(request)
    if left is not None:
        # A command that was tried first has left its mark, by which the request would count as unfinished.
        box.clear(left, Clear.MARK, Intent.now(work.item, verdict).finish() if left.intent else None)
    return Outcome("answered", "by an iCalendar reply", attached=attached)


def _begun(work: DraftWork) -> Verdict | None:
    if "draft" not in work.journal:
        return None
    ours = (verdict for verdict in Verdict if draft_name(work.box, work.message, verdict) == work.journal["draft"])
    verdict = next(ours, None)
    if verdict is None:
        raise Refused("the journal names a draft that does not belong to this request")
    return verdict


def _write_and_send(work: DraftWork, name: str, verdict: Verdict, attached: Attached | None) -> None:
    """Write the draft and send it; if an earlier attempt was about to send it, only send it, if it is still there."""
    request, box, journal = work.message, work.box, work.journal
    if "send" not in journal:
        content = box.compose_reply(request, work.address, verdict)
        journal.intend("draft", name, attached)
        box.create_draft(name, content, answer_marker(work.item, request))
    elif not box.has_draft(name):
        if was_sent(work, verdict):
            return
        raise Unknown("the answer was about to be sent, and is neither in Drafts nor in Sent Items")
    journal.intend("send", name)
    box.send_draft(name)
    journal.note("sent")


def draft_name(box: AnswersByDraft, request: MeetingMessage, verdict: Verdict) -> str:
    """Return the name of the draft that answers the request with this verdict: the same in each attempt."""
    return box.draft_name(str(uuid5(_NAMES, f"{request.ref.key}/{verdict}")))
