"""The draft that a command of OWA leaves in Drafts: found by what it is, never by a guessed name; and what was sent."""

from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import unquote

from rsvpq.mail.calendar import same_meeting_key
from rsvpq.mail.editions import answers_another
from rsvpq.mail.errors import Unknown
from rsvpq.mail.messages import MeetingMessage, Verdict
from rsvpq.webdav.drafts import may_answer
from rsvpq.webdav.mailbox import MailboxClient
from rsvpq.webdav.rows import href_of


@dataclass(frozen=True, slots=True)
class Ours:
    """The answer that is to be sent, and others of the same command, which must not be."""

    draft: MeetingMessage
    surplus: tuple[MeetingMessage, ...] = ()


def find_drafts(
    request: MeetingMessage,
    box: MailboxClient,
    *,
    identity: str,
    verdict: Verdict,
    before: Collection[str],
    commands: int = 1,
    hint: str = "",
) -> Ours | None:
    """The draft of this answer to this meeting: marked as ours, or one that was not in Drafts ``before`` (by rid).

    By meeting, not by name: the name may be taken, localised or cut, and a person's own draft may have it. Where drafts
    show no uid, it is the one that the server redirected to (``hint``), else one with the request's subject, else the
    only one there is.

    :param commands: how often the command was given; so many drafts may be ours, for a server may have carried out one
        whose reply was lost, and shown its draft late.
    :raises Unknown: there are more; one of them may be a person's.
    """
    drafts = [draft for draft in box.response_drafts() if draft.reply is verdict]
    new = [one for one in drafts if not one.answers and one.ref.key not in before and not answers_another(one, request)]
    marked = [draft for draft in drafts if draft.answers == identity and may_answer(draft, request)]
    known = [draft for draft in new if draft.uid and same_meeting_key(draft.uid) == same_meeting_key(request.uid)]
    found = known or _nameless(request, new, hint)
    if marked:
        return Ours(marked[0], (*marked[1:], *(known if len(known) < commands else ())))
    if len(found) > commands:
        raise Unknown(f"{len(found)} new drafts answer this meeting; one of them may be a person's")
    return Ours(found[0], tuple(found[1:])) if found else None


def _nameless(request: MeetingMessage, new: list[MeetingMessage], hint: str) -> list[MeetingMessage]:
    """Those that may be the answer among drafts that do not say which meeting they answer."""
    nameless = [draft for draft in new if not draft.uid]
    return (
        [draft for draft in nameless if hint and _same(draft, hint)]
        or [draft for draft in nameless if request.subject and request.subject in draft.subject]
        or [draft for draft in nameless if not (draft.subject and request.subject)]
    )


def may_be_mistaken(request: MeetingMessage, box: MailboxClient) -> tuple[str, ...]:
    """The drafts (by rid) that are there already and look like the answer: a person's own, which must not be sent."""
    own = {"", same_meeting_key(request.uid)}
    drafts = box.response_drafts()
    return tuple(sorted(one.ref.key for one in drafts if same_meeting_key(one.uid) in own and not one.answers))


def sent_answers(request: MeetingMessage, box: MailboxClient) -> list[MeetingMessage]:
    """The answers in Sent Items to this very edition of this occurrence of the meeting, the newest first.

    No times are compared: the machines that stamp what is received and what is sent have clocks of their own. Of a
    request without a uid nothing in Sent Items can be told to be the answer.
    """
    sent = box.sent_responses(request.uid) if request.uid else ()
    return [one for one in sent if not answers_another(one, request)]


def was_sent(request: MeetingMessage, box: MailboxClient, verdict: Verdict, before: Collection[str] = ()) -> bool:
    """Whether Sent Items has this answer.

    :param before: answers (by rid) that were there before this one was begun.
    """
    return any(one.reply is verdict and one.ref.key not in before for one in sent_answers(request, box))


def _same(draft: MeetingMessage, path: str) -> bool:
    return unquote(href_of(draft)).casefold() == unquote(path).casefold()
