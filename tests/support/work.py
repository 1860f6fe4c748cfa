"""A message at work, as a task would have it."""

from collections.abc import Callable
from typing import Any, Literal

from rsvpq.mail.lease import Lease, NoLease
from rsvpq.mail.messages import MeetingMessage
from rsvpq.mail.ports import AnswersByDraft
from rsvpq.policy import Decision
from rsvpq.tasks.journal import Decided, Journal
from workers.work import DraftWork

Decide = Callable[[MeetingMessage], Decision]


def journal(reply: Literal["ok", "held", "lost", "taken"] = "ok", **steps: Any) -> Journal:
    """Return a journal that is not stored."""
    return Journal(steps, lambda *_: reply)


def work_on(
    message: MeetingMessage,
    box: AnswersByDraft,
    decide: Decide,
    kept: Journal | None = None,
    item: str = "",
    settle_s: float = 120.0,
    *,
    address: str = "adele@example.com",
    lease: Lease | None = None,
) -> DraftWork:
    """Return the work of a task on this message, with an endless lease unless one is given."""
    return DraftWork(
        item=item or message.ref.key,
        message=message,
        address=address,
        box=box,
        journal=kept or journal(),
        lease=lease or NoLease(),
        decide=lambda now: Decided(decide(now)),
        settle_s=settle_s,
    )
