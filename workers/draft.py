"""The draft that a command of OWA leaves in Drafts: found by what it is, never by a guessed name; and what was sent."""

import time
from collections.abc import Collection
from urllib.parse import unquote

from rsvpq.exchange.client import MailboxClient
from rsvpq.exchange.errors import Unknown
from rsvpq.messages import MeetingMessage, Verdict

#: How long to wait between looks for a draft that is late, in seconds; a worker's thread waits, so not for long.
LOOKS_S = (0.2, 0.5, 1.0)


def find_draft(
    request: MeetingMessage,
    box: MailboxClient,
    identity: str,
    before: Collection[str],
    verdict: Verdict,
    hint: str = "",
) -> MeetingMessage | None:
    """The draft of this answer to this meeting: marked as ours, or one that was not in Drafts ``before`` (by rid).

    By meeting, not by name: the name may be taken, localised or cut, and a person's own draft may have it. Where drafts
    show no uid, it is the one that the server redirected to (``hint``), or the only one with the request's subject.

    :raises Unknown: there are several; one of them may be a person's.
    """
    drafts = [draft for draft in box.response_drafts() if draft.is_answer(verdict)]
    new = [one for one in drafts if not one.answers and one.rid not in before and not _of_another_update(one, request)]
    found = [draft for draft in drafts if draft.answers == identity]
    found = found or [draft for draft in new if draft.uid == request.uid]
    if not found:
        nameless = [draft for draft in new if not draft.uid]
        found = [draft for draft in nameless if hint and _same(draft.href, hint)]
        found = found or [draft for draft in nameless if request.subject and request.subject in draft.subject]
    if len(found) > 1:
        raise Unknown(f"{len(found)} new drafts answer this meeting; one of them may be a person's")
    return found[0] if found else None


def wait_for_draft(
    request: MeetingMessage, box: MailboxClient, identity: str, before: Collection[str], verdict: Verdict, hint: str
) -> MeetingMessage | None:
    """Look a few times more: the store may show a draft later than the command's answer."""
    for delay_s in LOOKS_S:
        time.sleep(delay_s)
        draft = find_draft(request, box, identity, before, verdict, hint)
        if draft is not None:
            return draft
    return None


def may_be_mistaken(request: MeetingMessage, box: MailboxClient) -> list[str]:
    """The drafts (by rid) that are there already and look like the answer: a person's own, which must not be sent."""
    return sorted(draft.rid for draft in box.response_drafts() if draft.uid in {"", request.uid} and not draft.answers)


def was_sent(request: MeetingMessage, box: MailboxClient, verdict: Verdict) -> bool:
    """Whether Sent Items has an answer to this very request: of its sequence, and no older than the request itself.

    Both times are the server's. The newest come first, so the search ends at the first that is older. Of a request
    without a uid nothing in Sent Items can be told to be the answer.
    """
    for sent in box.sent_responses() if request.uid else ():
        if request.received and sent.received and sent.received < request.received:
            return False
        if sent.uid == request.uid and sent.is_answer(verdict) and not _of_another_update(sent, request):
            return True
    return False


def _of_another_update(answer: MeetingMessage, request: MeetingMessage) -> bool:
    """Whether it certainly answers another edition of the meeting: two requests with one uid have a draft each."""
    return None not in {answer.sequence, request.sequence} and answer.sequence != request.sequence


def _same(path: str, other: str) -> bool:
    return unquote(path).casefold() == unquote(other).casefold()
