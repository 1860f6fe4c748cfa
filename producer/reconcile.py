"""Reconcile one mailbox: find unsent answers in Drafts, and offer our own to be sent.

An answer that was interrupted is resumed from its journal. If Redis was lost, and the journal with it, only the mailbox
shows that the answer was begun. So every scan looks for such answers.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from producer.visit import Visit
from rsvpq.mail.drafts import answered_request, unsent_answers
from rsvpq.mail.messages import Mailbox, MeetingMessage
from rsvpq.mail.ports import OpenMailbox
from rsvpq.tasks import contract
from rsvpq.tasks.journal import Outcome

#: How old a draft must be before it is shown to the operator: an answer is under way for seconds, not minutes.
SETTLED = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class UnsentAnswers:
    """The unsent answers of a mailbox."""

    #: Our own answers, by the identity of the request that each one answers.
    ours: dict[str, MeetingMessage]
    #: Drafts that may be a person's and are older than :data:`SETTLED`.
    unclear: list[MeetingMessage]


def reconcile(visit: Visit) -> Outcome:
    """Offer our unsent answers, and show the operator the drafts that may be a person's.

    A draft is offered under the identity of the request that it answers, so the ledger refuses it if that request is
    being answered, or was.

    :raises ExchangeError: the mailbox could not be read.
    """
    unsent = find_unsent_answers(visit.box, visit.mailbox)
    offered = 0
    if unsent.ours and visit.policy.mode != "observe":
        offered = visit.offer([(contract.draft_item(request, draft), draft) for request, draft in unsent.ours.items()])
    visit.lanes.drafts.replace(visit.mailbox.name, [draft.to_payload() for draft in unsent.unclear])
    counts = count_unsent(offered, len(unsent.unclear))
    words = {"reconcile:orphans": "unsent answers to finish", "reconcile:unclear": "drafts that may be a person's"}
    return Outcome("reconciled", ", ".join(f"{count} {words[label]}" for label, count in counts.items()), counts)


def find_unsent_answers(box: OpenMailbox, mailbox: Mailbox | None = None) -> UnsentAnswers:
    """Search Drafts for unsent answers.

    :param mailbox: as :func:`rsvpq.mail.drafts.answered_request` takes it.
    """
    ours, unclear = {}, []
    for draft in unsent_answers(box):
        identity = answered_request(draft, box, mailbox)
        if identity:
            ours[identity] = draft
        elif draft.created is None or datetime.now(UTC) - draft.created >= SETTLED:
            unclear.append(draft)
    return UnsentAnswers(ours, unclear)


def count_unsent(offered: int, unclear: int) -> dict[str, int]:
    """Return the counts for the ledger, without zeros."""
    counts = {"reconcile:orphans": offered, "reconcile:unclear": unclear}
    return {label: count for label, count in counts.items() if count}
