"""Finish an answer that was commanded and drafted, and whose journal was lost: send its draft if it is not sent yet.

Sending removes the draft from Drafts, so it is sent once, however many workers find it.
"""

from dataclasses import replace

from rsvpq.mail.drafts import answered_request, unsent_answers
from rsvpq.mail.errors import Refused, Unknown
from rsvpq.tasks.journal import Attached, Outcome
from workers.evidence import was_sent
from workers.outcomes import GONE
from workers.work import DraftWork

_NOTE = "the draft of an earlier attempt, whose journal was lost"


def send_unsent(work: DraftWork, settled: Attached | None, *, by_hand: bool = False) -> Outcome:
    """Send a draft that is known to be ours.

    :param settled: what the ledger is to remember from the moment the draft is about to be sent.
    :param by_hand: whether an operator chose the draft; the mailbox need not show then which request it answers.
    :raises Unknown: nobody can tell whether it was sent.
    :raises Refused: the mailbox does not show that it is ours. The ledger alone does not show it: others may write it.
    """
    draft, box, journal = work.message, work.box, work.journal
    there = next((found for found in unsent_answers(box) if found.ref.key == draft.ref.key), None)
    sent = "sent" in journal or was_sent(work, draft.reply)
    if there is None:
        if "send" in journal and not sent:
            raise Unknown("the draft was about to be sent, and is neither in Drafts nor in Sent Items")
        return Outcome("answered", _NOTE) if sent else replace(GONE, note="somebody else dealt with the draft first")
    if sent:
        return Outcome("left", "the answer in this draft is already in Sent Items")
    if not by_hand and answered_request(there, box) != work.item:
        raise Refused("the mailbox does not show (any more) that this draft is ours; see 'rsvpq drafts list'")
    journal.intend("send", there.ref.key, settled)
    box.send(there)
    journal.note("sent")
    return Outcome("answered", _NOTE)
