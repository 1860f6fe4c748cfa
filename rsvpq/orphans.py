"""Whose a draft is that lies unsent in Drafts: ours, if the mailbox itself says so; else it may be a person's.

Needed where the ledger cannot tell, because it was lost between the command and the sending of an answer.
"""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from rsvpq.editions import answers_another, instant
from rsvpq.exchange.client import MailboxClient
from rsvpq.intent import Intent
from rsvpq.messages import MeetingMessage

#: The most between the last change of a request (our marker, then what the command did to it) and the creation of the
#: draft of its answer. Both by the server's clock: ours may be another.
APART = timedelta(minutes=15)


def answered_request(draft: MeetingMessage, box: MailboxClient) -> str:
    """The identity of the request that we answer with this draft; '' where it may be a person's own answer.

    Ours is a draft that is marked. So is one whose request the server has left in Deleted Items or in the Inbox, marked
    with an answer like this one, which is not finished, and before which the draft was not there.
    """
    if draft.answers or not draft.uid:
        return draft.answers
    for request in box.handled_requests(draft.uid):
        intent = Intent.parse(request.intent)
        if intent is not None and not answers_another(draft, request) and _is_of(draft, request, intent):
            return intent.identity
    return ""


def _is_of(draft: MeetingMessage, request: MeetingMessage, intent: Intent) -> bool:
    if intent.finished or not draft.is_answer(intent.verdict) or draft.rid in intent.before:
        return False
    created, changed = _moment(draft.created), _moment(request.modified)
    return created is not None and changed is not None and abs(created - changed) <= APART


def _moment(text: str) -> datetime | None:
    """The time that a server wrote; DAV:getlastmodified may come as an HTTP date (RFC 2518, 13.7)."""
    try:
        return instant(text) or parsedate_to_datetime(text).astimezone(UTC)
    except (ValueError, TypeError):
        return None
