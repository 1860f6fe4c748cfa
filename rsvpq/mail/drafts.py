"""Whose a draft is that lies unsent in Drafts: ours, if the mailbox itself says so; else it may be a person's.

Needed where the ledger cannot tell, because it was lost between the command and the sending of an answer. A mark on a
request is not enough for that: whoever may write into the mailbox may have written it. What counts as the mailbox's own
evidence is what the server has made of a command.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from rsvpq.mail.calendar import same_meeting_key
from rsvpq.mail.editions import answers_another
from rsvpq.mail.messages import Intent, Kind, Mailbox, MeetingMessage
from rsvpq.mail.ports import OpenMailbox, Place

#: Where servers leave the requests that were answered, if they do.
HANDLED = (Place.TRASH, Place.INBOX)
#: The most between the last change of a request (our marker, then what the command did to it) and the creation of the
#: draft of its answer. Both by the server's clock: ours may be another.
APART = timedelta(minutes=15)
#: The most that a server takes to write a draft, from its creation to its last change.
WRITTEN_WITHIN = timedelta(minutes=1)


def unsent_answers(box: OpenMailbox) -> list[MeetingMessage]:
    """Read the answers that lie unsent in Drafts, ours and those a person has not sent yet."""
    return list(_of_kind(Kind.ANSWER, box, Place.DRAFTS))


def sent_answers(box: OpenMailbox, uid: str) -> Iterator[MeetingMessage]:
    """Read the answers to one meeting in Sent Items, the newest first, as they are taken; none without a uid."""
    return _of_kind(Kind.ANSWER, box, Place.SENT, uid) if uid else iter(())


def handled_requests(box: OpenMailbox, uid: str) -> list[MeetingMessage]:
    """Read the requests of one meeting where a server leaves those that were answered."""
    return [request for place in HANDLED for request in _of_kind(Kind.REQUEST, box, place, uid)]


def _of_kind(kind: Kind, box: OpenMailbox, place: Place, uid: str = "") -> Iterator[MeetingMessage]:
    return (message for page in box.messages_in(place, uid) for message in page.messages if message.kind is kind)


@dataclass(frozen=True, slots=True)
class Traces:
    """What a mailbox shows of the answer of which the marker on a request tells.

    :param begun: whether anything but the marker says that it was begun. :param strange: the drafts (by key) that look
        like the answer and are not known to be ours: a person's, for all that anybody knows.
    """

    begun: bool = False
    strange: tuple[str, ...] = ()


def traces_of(request: MeetingMessage, box: OpenMailbox) -> Traces:
    """Look for the draft of the answer, for the answer in Sent Items, and whether the server has marked the request.

    :raises ExchangeError: as the mailbox does.
    """
    intent = request.intent
    if intent is None:
        return Traces()
    drafts = [one for one in unsent_answers(box) if may_answer(one, request)]
    ours = [
        one for one in drafts if one.answers == intent.identity or (not one.answers and _is_of(one, request, intent))
    ]
    strange = tuple(sorted(one.ref.key for one in drafts if one not in ours))
    sent = sent_answers(box, request.uid)
    answers = (one.reply is intent.verdict and not answers_another(one, request) for one in sent)
    return Traces(bool(ours) or request.processed or any(answers), strange)


def may_answer(draft: MeetingMessage, request: MeetingMessage) -> bool:
    """Whether nothing that a draft shows speaks against it; a marker alone is no proof."""
    of_it = not draft.uid or same_meeting_key(draft.uid) == same_meeting_key(request.uid)
    return of_it and not answers_another(draft, request)


def answered_request(draft: MeetingMessage, box: OpenMailbox, mailbox: Mailbox | None = None) -> str:
    """The identity of the request that we answer with this draft; '' where it may be a person's own answer.

    Ours is a draft that is marked. So is one whose request the server has left in Deleted Items or in the Inbox, marked
    with an answer like this one, which is not finished, and before which the draft was not there.

    :param mailbox: whose drafts these are: then a marker in the Inbox has to be that of the request that bears it.
    """
    if draft.answers or not draft.uid:
        return draft.answers
    for request in handled_requests(box, draft.uid):
        intent = request.intent
        if intent is None or answers_another(draft, request) or not _is_of(draft, request, intent):
            continue
        if mailbox is None or can_be_of(intent, request, mailbox, box):
            return intent.identity
    return ""


def was_edited(draft: MeetingMessage) -> bool:
    """Whether a draft that is not marked was changed since it was written: then a person has opened it."""
    created, changed = draft.created, draft.modified
    return created is not None and changed is not None and changed - created > WRITTEN_WITHIN


def _is_of(draft: MeetingMessage, request: MeetingMessage, intent: Intent) -> bool:
    if intent.finished or draft.reply is not intent.verdict or draft.ref.key in intent.before or was_edited(draft):
        return False
    created, changed = draft.created, request.modified
    return created is not None and changed is not None and abs(created - changed) <= APART


def can_be_of(intent: Intent, request: MeetingMessage, mailbox: Mailbox, box: OpenMailbox) -> bool:
    """Whether a mark can be that of the request that bears it; one that was moved has another identity by now."""
    own = {request.identity(mailbox), request.earlier_identity(mailbox)}
    return intent.identity in own or not box.is_in_inbox(request)
