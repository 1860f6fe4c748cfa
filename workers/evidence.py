"""Find an answer in Drafts and Sent Items by its properties, never by a guessed name."""

from collections.abc import Collection
from dataclasses import dataclass

from rsvpq.mail.calendar import same_meeting_key
from rsvpq.mail.drafts import may_answer, sent_answers, unsent_answers
from rsvpq.mail.editions import answers_another
from rsvpq.mail.errors import Unknown
from rsvpq.mail.messages import MeetingMessage, Verdict
from workers.work import DraftWork, Work


@dataclass(frozen=True, slots=True)
class FoundDrafts:
    """The draft that is to be sent, and surplus drafts of the same command, which must not be."""

    draft: MeetingMessage
    surplus: tuple[MeetingMessage, ...] = ()


def find_drafts(
    work: DraftWork, verdict: Verdict, before: Collection[str], *, commands: int = 1, hint: str = ""
) -> FoundDrafts | None:
    """Find the draft of this answer: one that is marked as ours, or one whose key is not in ``before``.

    Drafts are found by their meeting, not by their name: the name may be taken, localized or truncated, and a person's
    own draft may have it. Among drafts without a uid it is the one whose address the server gave (``hint``), otherwise
    one with the request's subject, otherwise one that has no subject to compare.

    :param before: the keys of the drafts that were there before the command.
    :param commands: how often the command was issued. As many drafts may be ours: a server may have carried out a
        command whose HTTP response was lost, and have shown its draft late.
    :raises Unknown: there are more; one of them may be a person's.
    """
    request = work.message
    drafts = [draft for draft in unsent_answers(work.box) if draft.reply is verdict]
    new = [one for one in drafts if not one.answers and one.ref.key not in before and not answers_another(one, request)]
    marked = [draft for draft in drafts if draft.answers == work.item and may_answer(draft, request)]
    known = [draft for draft in new if draft.uid and same_meeting_key(draft.uid) == same_meeting_key(request.uid)]
    without_uid, subject = [draft for draft in new if not draft.uid], request.subject
    found = (
        known
        or [draft for draft in without_uid if hint and work.box.is_at(draft, hint)]
        or [draft for draft in without_uid if subject and subject in draft.subject]
        or [draft for draft in without_uid if not (draft.subject and subject)]
    )
    if marked:
        return FoundDrafts(marked[0], (*marked[1:], *(known if len(known) < commands else ())))
    if len(found) > commands:
        raise Unknown(f"{len(found)} new drafts answer this meeting; one of them may be a person's")
    return FoundDrafts(found[0], tuple(found[1:])) if found else None


def similar_drafts(work: Work) -> tuple[str, ...]:
    """Return the keys of the drafts that are there already and look like the answer: a person's, not to be sent."""
    own = {"", same_meeting_key(work.message.uid)}
    drafts = unsent_answers(work.box)
    return tuple(sorted(one.ref.key for one in drafts if same_meeting_key(one.uid) in own and not one.answers))


def answers_sent(work: Work) -> list[MeetingMessage]:
    """Return the answers in Sent Items to this edition of this occurrence of the meeting, the newest first.

    No times are compared: received and sent messages are stamped by different machines with clocks of their own. For a
    request without a uid no answer in Sent Items can be recognized.
    """
    request = work.message
    return [one for one in sent_answers(work.box, request.uid) if not answers_another(one, request)]


def was_sent(work: Work, verdict: Verdict | None, before: Collection[str] = ()) -> bool:
    """Return whether Sent Items has this answer.

    :param before: the keys of the answers that were there before this one was begun.
    """
    return any(one.reply is verdict and one.ref.key not in before for one in answers_sent(work))
