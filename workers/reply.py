"""Answer one meeting request without OWA's commands: write the answer, send it, and never a second one.

For Exchange 2007, and where commands are blocked. The draft has a name that follows from the request and the verdict:
so whoever comes after a worker that died finds it in Drafts or in Sent Items, and overwrites what was half written.
The journal is as in :mod:`workers.answer`; where Redis was lost, the name in Sent Items still says that it was sent.
"""

from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID, uuid5

from rsvpq.mail.editions import answer_marker
from rsvpq.mail.errors import Gone, Refused, Unknown
from rsvpq.mail.messages import Intent, MeetingMessage, Outcome, Verdict
from rsvpq.policy import Decide, answer_to
from rsvpq.tasks.journal import Journal
from rsvpq.webdav.imip import reply_to
from rsvpq.webdav.mailbox import MailboxClient
from workers.draft import was_sent
from workers.look import gone, left_alone

#: Ours alone, so that no other program makes the same names.
_NAMES = UUID("6d3f5b0c-8f4e-4c0e-9a55-6a0f2f6a3b91")


def reply(
    request: MeetingMessage,
    box: MailboxClient,
    journal: Journal,
    identity: str,
    address: str,
    decide: Decide,
) -> Outcome:
    """Send an iCalendar reply, then mark the request: it stays where it is.

    :param identity: the item's, which the draft is marked with.
    :param address: the mailbox's SMTP address, or its alias.
    :raises ExchangeError: as the client says; Unknown where it cannot be told what was done.
    """
    there = request if "send" in journal else box.locate(request)
    begun = _begun(request, journal)
    if there is None:
        _discard_draft(box, journal)
        return gone(request, box, undone="draft" in journal)
    verdict = begun or answer_to(decision := decide(there))
    if verdict is None:
        return left_alone(decision)

    name = draft_name(request, verdict)
    if "sent" not in journal and not box.has_sent(name):
        if "send" not in journal and not request.response_requested:
            box.retire(there)
            return Outcome("processed", "no response was requested, so none was sent")
        _write_and_send(there, box, journal, name, (identity, address, verdict))

    left = box.locate(request)
    if left is not None:
        # A command that was tried first has left its marker, which would have this message taken for unfinished.
        box.retire(left, Intent.now(identity, verdict).finish() if left.intent else None)
    return Outcome("answered", "by an iCalendar reply")


def _begun(request: MeetingMessage, journal: Journal) -> Verdict | None:
    if "draft" not in journal:
        return None
    ours = (verdict for verdict in Verdict if draft_name(request, verdict) == journal["draft"])
    verdict = next(ours, None)
    if verdict is None:
        raise Refused("the journal names a draft that is not of this request")
    return verdict


def _write_and_send(
    request: MeetingMessage, box: MailboxClient, journal: Journal, name: str, content: tuple[str, str, Verdict]
) -> None:
    """Write the draft and send it; once the sending was intended, it is only sent, if it is still there."""
    identity, address, verdict = content
    if "send" not in journal:
        mime = reply_to(box.source(request), address, verdict, datetime.now(UTC), request.organizer)
        journal.intend("draft", name)
        box.create_draft(name, mime, answer_marker(identity, request))
        _send(name, box, journal)
    elif box.has_draft(name):
        _send(name, box, journal)
    elif not was_sent(request, box, verdict):
        raise Unknown("the answer was about to be sent, and is neither in Drafts nor in Sent Items")


def draft_name(request: MeetingMessage, verdict: Verdict) -> str:
    """The name of the draft that answers this item so."""
    return f"{uuid5(_NAMES, f'{request.ref.key}/{verdict}')}.EML"


def _send(name: str, box: MailboxClient, journal: Journal) -> None:
    journal.intend("send", name)
    box.send_draft(name)
    journal.note("sent")


def _discard_draft(box: MailboxClient, journal: Journal) -> None:
    """Leave no answer behind that a person could send by mistake."""
    if "draft" in journal:
        with suppress(Gone):
            box.discard_draft(journal["draft"])
