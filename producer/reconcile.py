"""Reconcile one mailbox: find the answers that lie unsent in Drafts, and finish those that are ours.

An answer is interrupted by whatever kills a worker, and resumed from its journal. If Redis was lost with the journal,
only the mailbox knows of it: so every scan looks.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from rsvpq.mail.drafts import answered_request, unsent_answers
from rsvpq.mail.messages import Mailbox, MeetingMessage
from rsvpq.mail.ports import OpenMailbox
from rsvpq.tasks.outcome import Outcome

#: How old a draft must be before it is somebody's business: an answer is under way for seconds, not minutes.
SETTLED = timedelta(minutes=10)


def reconcile(
    box: OpenMailbox,
    offer: Callable[[dict[str, MeetingMessage]], int],
    hold: Callable[[list[MeetingMessage]], None],
    mailbox: Mailbox | None = None,
) -> Outcome:
    """Offer our unsent answers; have those shown to the operator that may be a person's.

    :param offer: puts drafts into the lane, each under the identity of the request that it answers; says how many were
        new to it: what the ledger knows is being worked on, or was.
    :param hold: takes all the others that have lain there for a while.
    :param mailbox: as :func:`rsvpq.webdav.drafts.answered_request` takes it.
    :raises ExchangeError: as the client says.
    """
    ours, unclear = {}, []
    for draft in unsent_answers(box):
        identity = answered_request(draft, box, mailbox)
        if identity:
            ours[identity] = draft
        elif _is_settled(draft):
            unclear.append(draft)
    counts = {"reconcile:orphans": offer(ours) if ours else 0, "reconcile:unclear": len(unclear)}
    hold(unclear)
    counts = {label: count for label, count in counts.items() if count}
    return Outcome("reconciled", _sentence(counts), counts)


def _is_settled(draft: MeetingMessage) -> bool:
    return draft.created is None or datetime.now(UTC) - draft.created >= SETTLED


def _sentence(counts: dict[str, int]) -> str:
    words = {"reconcile:orphans": "unsent answers to finish", "reconcile:unclear": "drafts that may be a person's"}
    return ", ".join(f"{count} {words[label]}" for label, count in counts.items())
