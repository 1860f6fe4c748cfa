"""A scan of many mailboxes: one scan item for each, offered to its lane."""

from collections import Counter
from collections.abc import Sequence

from rsvpq import queue
from rsvpq.lanes import Lanes
from rsvpq.messages import Mailbox

#: Mailboxes per round trip to Redis: one pipeline of this many short scripts holds Redis for a few milliseconds.
BATCH = 500


def offer_scans(lanes: Lanes, mailboxes: Sequence[Mailbox], run: str) -> Counter[str]:
    """Offer every mailbox a scan under the name of this run; how many were offered, are being scanned, or are full."""
    answers: Counter[str] = Counter()
    for first in range(0, len(mailboxes), BATCH):
        batch = [(mailbox, queue.scan_item(mailbox, run)) for mailbox in mailboxes[first : first + BATCH]]
        answers.update(lanes.offer_scans(batch).values())
    return answers
