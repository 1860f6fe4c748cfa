"""Find out which unsent answers in Drafts are ours. Any other draft may be a person's and must not be sent.

This is needed if the ledger was lost between the command and the sending of an answer. A mark on a request is not
enough evidence, because anybody who may write into the mailbox may have written it: what the server did on a command
must show that an answer was begun.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from rsvpq.mail.calendar import same_meeting_key
from rsvpq.mail.editions import answers_another
from rsvpq.mail.messages import Intent, Kind, Mailbox, MeetingMessage
from rsvpq.mail.ports import OpenMailbox, Place

#: Where servers leave the requests that were answered, if they keep them.
HANDLED = (Place.TRASH, Place.INBOX)
#: The longest time between the last change of a request (by our mark, then by the command) and the creation of the
#: draft of its answer. Both times are by the server's clock, which may differ from ours.
APART = timedelta(minutes=15)
#: The longest that a server takes to write a draft, from its creation to its last change.
WRITTEN_WITHIN = timedelta(minutes=1)


def unsent_answers(box: OpenMailbox) -> list[MeetingMessage]:
    """Read the unsent answers in Drafts: ours, and those that a person has not sent yet."""
    return list(_of_kind(Kind.ANSWER, box, Place.DRAFTS))


def sent_answers(box: OpenMailbox, uid: str) -> Iterator[MeetingMessage]:
    """Read the answers to one meeting in Sent Items, newest first and page by page; none without a uid."""
    return _of_kind(Kind.ANSWER, box, Place.SENT, uid) if uid else iter(())


def handled_requests(box: OpenMailbox, uid: str) -> list[MeetingMessage]:
    """Read the requests of one meeting in the folders where a server leaves answered requests."""
    return [request for place in HANDLED for request in _of_kind(Kind.REQUEST, box, place, uid)]


def _of_kind(kind: Kind, box: OpenMailbox, place: Place, uid: str = "") -> Iterator[MeetingMessage]:
    return (message for page in box.messages_in(place, uid) for message in page.messages if message.kind is kind)


@dataclass(frozen=True, slots=True)
class Traces:
    """What a mailbox shows of the answer that was begun according to the mark on a request.

    :param begun: whether anything but the mark shows that it was begun.
    :param strange: the keys of drafts that look like the answer but are not known to be ours, so may be a person's.
    """

    begun: bool = False
    strange: tuple[str, ...] = ()


def traces_of(request: MeetingMessage, box: OpenMailbox) -> Traces:
    """Look for the answer in Drafts and in Sent Items, and whether the server shows the request as processed."""
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
    shown = request.processed or request.answered is intent.verdict
    return Traces(bool(ours) or shown or any(answers), strange)


def may_answer(draft: MeetingMessage, request: MeetingMessage) -> bool:
    """Return whether a draft may answer the request, which is so if nothing that it shows contradicts it.

    A mark is not considered: it alone proves nothing.
    """
    of_it = not draft.uid or same_meeting_key(draft.uid) == same_meeting_key(request.uid)
    return of_it and not answers_another(draft, request)


def answered_request(draft: MeetingMessage, box: OpenMailbox, mailbox: Mailbox | None = None) -> str:
    """Return the identity of the request that we answer with this draft; '' if it may be a person's own answer.

    A draft with our mark is ours. So is one whose request is in Deleted Items or the Inbox, with a mark of an answer
    with the same verdict that is not finished and was begun before the draft existed.

    :param mailbox: the owner of the drafts; if given, a mark on a request in the Inbox must belong to that request.
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
    """Return whether a draft without a mark was changed after the server wrote it, which means by a person."""
    created, changed = draft.created, draft.modified
    return created is not None and changed is not None and changed - created > WRITTEN_WITHIN


def _is_of(draft: MeetingMessage, request: MeetingMessage, intent: Intent) -> bool:
    if intent.finished or draft.reply is not intent.verdict or draft.ref.key in intent.before or was_edited(draft):
        return False
    created, changed = draft.created, request.modified
    return created is not None and changed is not None and abs(created - changed) <= APART


def can_be_of(intent: Intent, request: MeetingMessage, mailbox: Mailbox, box: OpenMailbox) -> bool:
    """Return whether a mark can belong to the request that has it. A request that was moved has another identity."""
    own = {request.identity(mailbox), request.earlier_identity(mailbox)}
    return intent.identity in own or not box.is_in_inbox(request)
