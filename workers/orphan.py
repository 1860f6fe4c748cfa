"""Finish an answer that was accepted and drafted, and whose journal was lost: send its draft, if nothing else did.

A MOVE takes the draft away, so however many find it, it is sent once.
"""

from dataclasses import replace

from rsvpq.lanes import Start
from rsvpq.mail.errors import Refused, Unknown
from rsvpq.mail.messages import MeetingMessage, Outcome
from rsvpq.tasks.journal import Journal
from rsvpq.tasks.recollection import Recollection
from rsvpq.tasks.runner import ItemJournal
from rsvpq.webdav.drafts import answered_request
from rsvpq.webdav.mailbox import MailboxClient
from workers.draft import was_sent
from workers.look import GONE

_NOTE = "the draft of an earlier attempt, whose journal was lost"


def send_and_remember(
    start: Start,
    orphan: MeetingMessage,
    box: MailboxClient,
    journal: ItemJournal,
    recollection: Recollection,
    identity: str = "",
) -> Outcome:
    """Send it as the item that was started; from then on its meeting is known to be answered.

    :param identity: as :func:`send_orphan` takes it.
    :raises ExchangeError: as :func:`send_orphan`, and :meth:`Recollection.at_start`.
    """
    if "send" not in journal:
        memory = recollection.at_start(start, box, journal)
        journal.memory = recollection.of_draft(start.id, orphan, memory)
    return send_orphan(orphan, box, journal, identity)


def send_orphan(orphan: MeetingMessage, box: MailboxClient, journal: Journal, identity: str = "") -> Outcome:
    """Send a draft that is known to be ours.

    :param identity: of the request that it answers, as the mailbox has to show; '' where an operator has chosen it.
    :raises ExchangeError: as the client says; Unknown where it cannot be told whether it was sent; Refused where the
        mailbox does not show that it is ours: what the ledger says may be anybody's word.
    """
    there = next((draft for draft in box.response_drafts() if draft.ref.key == orphan.ref.key), None)
    sent = "sent" in journal or (orphan.reply is not None and was_sent(orphan, box, orphan.reply))
    if there is None:
        if "send" in journal and not sent:
            raise Unknown("the draft was about to be sent, and is neither in Drafts nor in Sent Items")
        return Outcome("answered", _NOTE) if sent else replace(GONE, note="somebody else dealt with the draft first")
    if sent:
        return Outcome("left", "a draft whose answer is in Sent Items already")
    if identity and answered_request(there, box) != identity:
        raise Refused("the mailbox does not show (any more) that this draft is ours; see 'rsvpq drafts list'")
    journal.intend("send", there.ref.key)
    box.submit(there)
    journal.note("sent")
    return Outcome("answered", _NOTE)
