"""Whose a draft is that lies unsent in Drafts: ours, if the mailbox itself says so; else it may be a person's.

Needed where the ledger cannot tell, because it was lost between the command and the sending of an answer. A marker on a
request is not enough for that: whoever may write into the mailbox may have written it. What counts as the mailbox's own
evidence is what the server has made of a command.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from rsvpq.mail.calendar import same_meeting_key
from rsvpq.mail.editions import answers_another, instant
from rsvpq.mail.messages import Mailbox, MeetingMessage
from rsvpq.webdav.mailbox import MailboxClient
from rsvpq.webdav.markers import Intent

#: The most between the last change of a request (our marker, then what the command did to it) and the creation of the
#: draft of its answer. Both by the server's clock: ours may be another.
APART = timedelta(minutes=15)
#: The most that a server takes to write a draft, from its creation to its last change.
WRITTEN_WITHIN = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Traces:
    """What a mailbox shows of the answer of which the marker on a request tells.

    :param begun: whether anything but the marker says that it was begun. :param strange: the drafts (by rid) that look
        like the answer and are not known to be ours: a person's, for all that anybody knows.
    """

    begun: bool = False
    strange: tuple[str, ...] = ()


def traces_of(request: MeetingMessage, box: MailboxClient) -> Traces:
    """Look for the draft of the answer, for the answer in Sent Items, and whether the server has marked the request.

    :raises ExchangeError: as the client says.
    """
    intent = Intent.parse(request.intent)
    if intent is None:
        return Traces()
    drafts = [one for one in box.response_drafts() if may_answer(one, request)]
    ours = [
        one for one in drafts if one.answers == intent.identity or (not one.answers and _is_of(one, request, intent))
    ]
    strange = tuple(sorted(one.rid for one in drafts if one not in ours))
    sent = box.sent_responses(request.uid) if request.uid else ()
    answers = (one.is_answer(intent.verdict) and not answers_another(one, request) for one in sent)
    return Traces(bool(ours) or request.processed or any(answers), strange)


def may_answer(draft: MeetingMessage, request: MeetingMessage) -> bool:
    """Whether nothing that a draft shows speaks against it; a marker alone is no proof."""
    of_it = not draft.uid or same_meeting_key(draft.uid) == same_meeting_key(request.uid)
    return of_it and not answers_another(draft, request)


def answered_request(draft: MeetingMessage, box: MailboxClient, mailbox: Mailbox | None = None) -> str:
    """The identity of the request that we answer with this draft; '' where it may be a person's own answer.

    Ours is a draft that is marked. So is one whose request the server has left in Deleted Items or in the Inbox, marked
    with an answer like this one, which is not finished, and before which the draft was not there.

    :param mailbox: whose drafts these are: then a marker in the Inbox has to be that of the request that bears it.
    """
    if draft.answers or not draft.uid:
        return draft.answers
    for request in box.handled_requests(draft.uid):
        intent = Intent.parse(request.intent)
        if intent is None or answers_another(draft, request) or not _is_of(draft, request, intent):
            continue
        if mailbox is None or intent.can_be_of(request, mailbox, box.folders.inbox):
            return intent.identity
    return ""


def was_edited(draft: MeetingMessage) -> bool:
    """Whether a draft that is not marked was changed since it was written: then a person has opened it."""
    created, changed = _moment(draft.created), _moment(draft.modified)
    return created is not None and changed is not None and changed - created > WRITTEN_WITHIN


def _is_of(draft: MeetingMessage, request: MeetingMessage, intent: Intent) -> bool:
    if intent.finished or not draft.is_answer(intent.verdict) or draft.rid in intent.before or was_edited(draft):
        return False
    created, changed = _moment(draft.created), _moment(request.modified)
    return created is not None and changed is not None and abs(created - changed) <= APART


def _moment(text: str) -> datetime | None:
    """The time that a server wrote; DAV:getlastmodified may come as an HTTP date (RFC 2518, 13.7)."""
    try:
        return instant(text) or parsedate_to_datetime(text).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):  # the last day of all has no other zones
        return None
