"""Answer one meeting request: two remote effects, no transaction, and never a second answer.

OWA's accept writes the answer into Drafts and removes the request; only the MOVE to the submission URI sends it. A
worker may die between any two steps, so each attempt starts from the journal: an intent without its outcome means look
first. What cannot be known is not guessed: it is looked at again later, and ends in ``dead`` with its journal as the
evidence.
"""

from rsvpq.exchange.client import MailboxClient
from rsvpq.exchange.errors import Transient, Unknown
from rsvpq.journal import Journal
from rsvpq.messages import MeetingMessage, Outcome


def answer(request: MeetingMessage, box: MailboxClient, journal: Journal) -> Outcome:
    """Accept the request and send the answer that OWA drafts.

    :raises ExchangeError: as the client says; Unknown where it cannot be told what was done.
    """
    if "accept" not in journal:
        if not box.holds(request):
            return Outcome("gone", "somebody else dealt with it first")
        draft = _accept(request, box, journal)
    else:
        draft = _find_draft(request, box, journal)
        if draft is None and "send" not in journal and box.holds(request):
            draft = _accept(request, box, journal)

    if draft is not None:
        journal.intend("send", draft.rid)
        box.submit(draft.href)
        journal.note("sent")
    elif "sent" not in journal:
        _require_none_to_send(request, box, journal)

    if box.holds(request):
        # Never deleted: Outlook drops the appointment with an accepted request that is not marked (KB883672, KB886688).
        box.mark_processed(request)
    if "send" not in journal:
        return Outcome("accepted", "no response was requested, so none was sent")
    return Outcome("answered")


def _accept(request: MeetingMessage, box: MailboxClient, journal: Journal) -> MeetingMessage | None:
    """Accept, and find the draft of the answer; None where there is none."""
    journal.intend("accept", sorted(draft.rid for draft in box.response_drafts()))
    box.accept(request)
    return _find_draft(request, box, journal)


def _find_draft(request: MeetingMessage, box: MailboxClient, journal: Journal) -> MeetingMessage | None:
    """The draft that accept made: one for this meeting that was not in Drafts when the intent was written.

    By meeting, not by name: the name may be taken, localised or cut, and a person's own draft may have it.
    """
    before = set(journal["accept"])
    new = [draft for draft in box.response_drafts() if draft.rid not in before and draft.uid == request.uid]
    if len(new) > 1:
        raise Unknown(f"{len(new)} new drafts answer this meeting; one of them may be a person's")
    return new[0] if new else None


def _require_none_to_send(request: MeetingMessage, box: MailboxClient, journal: Journal) -> None:
    """Let pass only what is known to need no sending (any more).

    :raises Transient: accept did nothing. :raises Unknown: the answer may or may not have been sent.
    """
    if "send" in journal:
        if not any(sent.uid == request.uid for sent in box.sent_responses()):
            raise Unknown("the draft was about to be sent, and is neither in Drafts nor in Sent Items")
    elif box.holds(request):
        raise Transient("accept changed nothing: the request is still there, and there is no draft")
    elif request.response_requested:
        raise Unknown("the request was accepted, but there is no draft of the answer")
