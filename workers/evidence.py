"""What Drafts and Sent Items show of an answer: found by what it is, never by a guessed name."""

from collections.abc import Collection
from dataclasses import dataclass

from rsvpq.mail.calendar import same_meeting_key
from rsvpq.mail.drafts import may_answer, sent_answers, unsent_answers
from rsvpq.mail.editions import answers_another
from rsvpq.mail.errors import Unknown
from rsvpq.mail.messages import MeetingMessage, Verdict
from workers.work import Work


@dataclass(frozen=True, slots=True)
class Ours:
    """The answer that is to be sent, and others of the same command, which must not be."""

    draft: MeetingMessage
    surplus: tuple[MeetingMessage, ...] = ()


def find_drafts(
    work: Work, verdict: Verdict, before: Collection[str], *, commands: int = 1, hint: str = ""
) -> Ours | None:
    """Find the draft of this answer to this meeting: marked as ours, or one that was not in Drafts ``before`` (by key).

    By meeting, not by name: the name may be taken, localized or cut, and a person's own draft may have it. Where drafts
    show no uid, it is the one to which the server has led (``hint``), else one with the request's subject, else the
    only one there is.

    :param commands: how often the command was given; so many drafts may be ours, for a server may have carried out one
        whose response was lost, and shown its draft late.
    :raises Unknown: there are more; one of them may be a person's.
    """
    request = work.message
    drafts = [draft for draft in unsent_answers(work.box) if draft.reply is verdict]
    new = [one for one in drafts if not one.answers and one.ref.key not in before and not answers_another(one, request)]
    marked = [draft for draft in drafts if draft.answers == work.item and may_answer(draft, request)]
    known = [draft for draft in new if draft.uid and same_meeting_key(draft.uid) == same_meeting_key(request.uid)]
    found = known or _nameless(work, new, hint)
    if marked:
        return Ours(marked[0], (*marked[1:], *(known if len(known) < commands else ())))
    if len(found) > commands:
        raise Unknown(f"{len(found)} new drafts answer this meeting; one of them may be a person's")
    return Ours(found[0], tuple(found[1:])) if found else None


def _nameless(work: Work, new: list[MeetingMessage], hint: str) -> list[MeetingMessage]:
    """Those that may be the answer among drafts that do not say which meeting they answer."""
    nameless, subject = [draft for draft in new if not draft.uid], work.message.subject
    return (
        [draft for draft in nameless if hint and work.box.is_at(draft, hint)]
        or [draft for draft in nameless if subject and subject in draft.subject]
        or [draft for draft in nameless if not (draft.subject and subject)]
    )


def may_be_mistaken(work: Work) -> tuple[str, ...]:
    """Find the drafts (by key) that are there already and look like the answer: a person's, which must not be sent."""
    own = {"", same_meeting_key(work.message.uid)}
    drafts = unsent_answers(work.box)
    return tuple(sorted(one.ref.key for one in drafts if same_meeting_key(one.uid) in own and not one.answers))


def answers_sent(work: Work) -> list[MeetingMessage]:
    """Find the answers in Sent Items to this very edition of this occurrence of the meeting, the newest first.

    No times are compared: the machines that stamp what is received and what is sent have clocks of their own. Of a
    request without a uid nothing in Sent Items can be told to be the answer.
    """
    request = work.message
    return [one for one in sent_answers(work.box, request.uid) if not answers_another(one, request)]


def was_sent(work: Work, verdict: Verdict | None, before: Collection[str] = ()) -> bool:
    """Whether Sent Items has this answer.

    :param before: answers (by key) that were there before this one was begun.
    """
    return any(one.reply is verdict and one.ref.key not in before for one in answers_sent(work))
