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
    offered = _offer(visit, unsent.ours) if unsent.ours and visit.policy.mode != "observe" else 0
    visit.lanes.drafts.replace(visit.mailbox.name, [draft.to_payload() for draft in unsent.unclear])
    counts = count_unsent(offered, len(unsent.unclear))
    return Outcome("reconciled", _sentence(counts), counts)


def find_unsent_answers(box: OpenMailbox, mailbox: Mailbox | None = None) -> UnsentAnswers:
    """Search Drafts for unsent answers.

    :param mailbox: as :func:`rsvpq.mail.drafts.answered_request` takes it.
    """
    ours, unclear = {}, []
    for draft in unsent_answers(box):
        identity = answered_request(draft, box, mailbox)
        if identity:
            ours[identity] = draft
        elif _is_settled(draft):
            unclear.append(draft)
    return UnsentAnswers(ours, unclear)


def count_unsent(offered: int, unclear: int) -> dict[str, int]:
    """Return the counts for the ledger, without zeros."""
    counts = {"reconcile:orphans": offered, "reconcile:unclear": unclear}
    return {label: count for label, count in counts.items() if count}


def _offer(visit: Visit, drafts: dict[str, MeetingMessage]) -> int:
    return visit.offer([(contract.draft_item(identity, draft), draft) for identity, draft in drafts.items()])


def _is_settled(draft: MeetingMessage) -> bool:
    return draft.created is None or datetime.now(UTC) - draft.created >= SETTLED


def _sentence(counts: dict[str, int]) -> str:
    words = {"reconcile:orphans": "unsent answers to finish", "reconcile:unclear": "drafts that may be a person's"}
    return ", ".join(f"{count} {words[label]}" for label, count in counts.items())
