"""Answer one meeting request: two remote effects, no transaction, and never a second answer.

OWA's accept writes the answer into Drafts and removes the request; only the MOVE to the submission URI sends it. A
worker may die between any two steps, so each attempt starts from the journal: an intent without its outcome means look
first. What cannot be known is not guessed: it is looked at again later, and ends in ``dead`` with its journal as the
evidence.
"""

from rsvpq.exchange.client import MailboxClient
from rsvpq.exchange.errors import Transient, Unknown
from rsvpq.journal import Journal
from rsvpq.messages import MeetingMessage, Outcome, Verdict
from workers.draft import find_draft, wait_for_draft, was_sent


def answer(request: MeetingMessage, box: MailboxClient, journal: Journal, verdict: Verdict = Verdict.ACCEPT) -> Outcome:
    """Accept the request (or what else the verdict is) and send the answer that OWA drafts.

    :raises ExchangeError: as the client says; Unknown where it cannot be told what was done.
    """
    if "accept" not in journal:
        there = box.locate(request)
        if there is None:
            return Outcome("gone", "somebody else dealt with it first")
        request = there
        draft = _command(request, box, journal, verdict)
    else:
        draft = find_draft(request, box, journal["accept"], verdict)
        if draft is None and _may_be_commanded_again(request, box, journal, verdict):
            draft = _command(request, box, journal, verdict)

    if draft is not None:
        journal.intend("send", draft.rid)
        box.submit(draft.href, draft.permanent_url)
        journal.note("sent")
    elif "sent" not in journal:
        _require_none_to_send(request, box, journal, verdict)

    if box.holds(request):
        box.retire(request)
    if "send" not in journal and not request.response_requested:
        return Outcome("accepted", "no response was requested, so none was sent")
    return Outcome("answered")


def _command(request: MeetingMessage, box: MailboxClient, journal: Journal, verdict: Verdict) -> MeetingMessage | None:
    """Give OWA the command, and find the draft of the answer; None where there is none."""
    before = sorted(draft.rid for draft in box.response_drafts())
    journal.intend("accept", before)
    hint = box.accept(request, verdict)
    draft = find_draft(request, box, before, verdict, hint)
    if draft is not None or request.response_requested:
        return draft or (None if box.holds(request) else wait_for_draft(request, box, before, verdict, hint))
    journal.note("commanded")
    return None


def _may_be_commanded_again(request: MeetingMessage, box: MailboxClient, journal: Journal, verdict: Verdict) -> bool:
    """Whether the command was certainly not carried out: the request is untouched, and nobody has sent an answer."""
    started = "send" in journal or "commanded" in journal
    return not started and box.holds(request) and not was_sent(request, box, verdict)


def _require_none_to_send(request: MeetingMessage, box: MailboxClient, journal: Journal, verdict: Verdict) -> None:
    """Let pass only what is known to need no sending (any more).

    :raises Transient: the command did nothing. :raises Unknown: the answer may or may not have been sent.
    """
    if was_sent(request, box, verdict):
        return
    if "send" in journal:
        raise Unknown("the draft was about to be sent, and is neither in Drafts nor in Sent Items")
    booked = not request.response_requested and (verdict is Verdict.DECLINE or box.has_appointment(request.uid))
    if not booked and box.holds(request):
        raise Transient(f"{verdict} changed nothing: the request is still there, and there is no draft")
    if request.response_requested:
        raise Unknown("the request was accepted, but there is no draft of the answer")
