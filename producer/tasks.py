"""The producer's tasks: thin shells around :mod:`producer.scan`."""

from collections.abc import Sequence
from typing import Any

from celery import Task

from producer.app import app, carrier, exchange, lanes, settings
from producer.scan import scan
from producer.trigger import offer_scans
from rsvpq import queue
from rsvpq.exchange.errors import ExchangeError
from rsvpq.journal import Journal
from rsvpq.lanes import Start
from rsvpq.mailboxes import read_mailboxes, select
from rsvpq.messages import Mailbox, MeetingMessage, Outcome
from rsvpq.policy import decide

#: How many items the offer of one page may release in the same breath.
RELEASED_PER_PAGE = 16


@app.task(name=queue.SCAN, bind=True, acks_late=True)
def scan_mailboxes(self: Task[Any, Any], mailboxes: Sequence[str] | str = (), group: str | None = None) -> str:
    """Offer a scan to the lane of each mailbox named, of each in the group, or of all.

    :raises ConfigError: the list of mailboxes is wrong, or has no such mailbox or group.
    """
    names = [mailboxes] if isinstance(mailboxes, str) else mailboxes
    chosen = select(read_mailboxes(settings.mailboxes, settings), names=names, group=group)
    answers = offer_scans(lanes, chosen, run=str(self.request.id)[:8])
    carrier.publish(lanes.release())
    return ", ".join(f"{answer} {count}" for answer, count in sorted(answers.items())) or "no mailboxes"


@app.task(name=queue.SCAN_MAILBOX, bind=True, throws=(ExchangeError,))
def scan_mailbox(self: Task[Any, Any], /, *, generation: int, **_: Any) -> str:
    """Scan one mailbox and offer its messages; what else is passed is there to be read in Flower."""
    return carrier.carry(str(self.request.id), generation, _scan)


def _scan(start: Start, journal: Journal) -> Outcome:
    mailbox = Mailbox(start.mailbox, start.server)

    def offer(messages: list[MeetingMessage]) -> int:
        if not messages:
            return 0
        items = [queue.message_item(mailbox, message) for message in messages]
        offered = lanes.offer(mailbox, items, release=RELEASED_PER_PAGE)
        carrier.publish(offered.released)
        return offered.new

    with exchange.mailbox(start.server, start.mailbox) as box:
        return scan(box, journal, lambda message: decide(message, settings.mode), offer)
