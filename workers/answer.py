"""Answer one meeting request: two remote effects, no transaction, and never a second answer.

OWA's command writes the answer into Drafts and removes the request; only the MOVE to the submission URI sends it. A
worker may die between any two steps, so each attempt starts from the journal: an intent without its outcome means look
first. What cannot be known is not guessed: it is looked at again later, and ends in ``dead`` with its journal as the
evidence.

Redis may be lost as well, journal and all. So the request is marked before the command, and the draft before it is
sent: what was begun is found in the mailbox and finished (see :mod:`rsvpq.orphans` for the moment between the two).
"""

from rsvpq.agenda import Appointment
from rsvpq.exchange.client import MailboxClient
from rsvpq.exchange.errors import Transient, Unknown
from rsvpq.intent import Intent
from rsvpq.journal import Journal
from rsvpq.messages import MeetingMessage, Outcome, Verdict
from rsvpq.orphans import answered_request
from rsvpq.policy import Decide, Version, answer_to
from workers.draft import find_draft, may_be_mistaken, wait_for_draft, was_sent
from workers.look import GONE, left_alone


def answer(
    request: MeetingMessage,
    box: MailboxClient,
    journal: Journal,
    identity: str,
    decide: Decide,
) -> Outcome:
    """Give OWA the command for what is decided, and send the answer that it drafts.

    :param identity: the item's, which the mailbox is marked with. :param decide: asked once, before anything is begun.
    :raises ExchangeError: as the client says; Unknown where it cannot be told what was done.
    """
    there = request if _begun(journal) else _recall(request, box, journal, identity)
    if there is None:
        return GONE
    begun = _begun(journal)
    verdict = begun or answer_to(decision := decide(there))
    if verdict is None:
        return left_alone(decision)
    request = there

    step = _resume if begun else _command
    draft = step(request, box, journal, identity, verdict)
    if draft is not None:
        box.mark_draft(draft, identity)
    stays = box.holds(request)  # asked before it is sent, so that where it is gone nothing is left to do but finish
    if draft is not None:
        _send(draft, box, journal, more_to_do=stays)
    elif "sent" not in journal:
        _require_none_to_send(request, box, journal, verdict)
    if stays and box.holds(request):
        box.retire(request)
    if "send" not in journal and not request.response_requested:
        return Outcome("accepted", "no response was requested, so none was sent")
    return Outcome("answered")


def _send(draft: MeetingMessage, box: MailboxClient, journal: Journal, *, more_to_do: bool) -> None:
    journal.intend("send", draft.rid)
    box.submit(draft.href, draft.permanent_url)
    if more_to_do:  # else the item's end says so
        journal.note("sent")


def _begun(journal: Journal) -> Verdict | None:
    """The verdict that was begun, if one was: whatever is decided by now, that one is finished."""
    return next((verdict for verdict in Verdict if verdict in journal), None)


def _recall(request: MeetingMessage, box: MailboxClient, journal: Journal, identity: str) -> MeetingMessage | None:
    """The request as it is now; an attempt that the journal has lost is written into it as the mailbox tells it.

    :returns: None where the request is gone, and no answer of ours lies unsent.
    """
    there = box.locate(request)
    if there is not None:
        earlier = Intent.parse(there.intent)
        if earlier is not None:
            journal.note(earlier.verdict, earlier.before)
        return there
    for draft in box.response_drafts():
        same_meeting = draft.uid in {"", request.uid}
        if same_meeting and answered_request(draft, box) == identity and not was_sent(request, box, draft.verdict):
            box.mark_draft(draft, identity)
            journal.note(draft.verdict, [])
            return request
    return None


def _command(
    request: MeetingMessage, box: MailboxClient, journal: Journal, identity: str, verdict: Verdict
) -> MeetingMessage | None:
    """Give OWA the command, and find the draft of the answer; None where there is none."""
    before = may_be_mistaken(request, box)
    journal.intend(verdict, before)
    box.mark_intent(request, Intent.now(identity, verdict, before).to_text())
    hint = box.accept(request, verdict)
    draft = find_draft(request, box, identity, before, verdict, hint)
    if draft is not None or request.response_requested:
        return draft or (None if box.holds(request) else wait_for_draft(request, box, identity, before, verdict, hint))
    journal.note("commanded")
    return None


def _resume(
    request: MeetingMessage, box: MailboxClient, journal: Journal, identity: str, verdict: Verdict
) -> MeetingMessage | None:
    """The draft that is still to be sent; the command is given again if it was certainly not carried out."""
    if "sent" in journal or was_sent(request, box, verdict):
        return None
    draft = find_draft(request, box, identity, journal[verdict], verdict)
    started = draft is not None or "send" in journal or "commanded" in journal
    if started or not box.holds(request) or _shows_without_answer(request, box):
        return draft
    return _command(request, box, journal, identity, verdict)


def _shows_without_answer(request: MeetingMessage, box: MailboxClient) -> bool:
    """Whether the calendar shows that a request was accepted whose organiser wants no response, so that no draft tells.

    What the calendar does not show is commanded again: nobody hears of it.
    """
    if request.response_requested:
        return False
    found = box.appointment(request.uid)
    return isinstance(found, Appointment) and not Version(found.sequence).is_older_than(Version(request.sequence))


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
