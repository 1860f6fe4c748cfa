"""A scan of many mailboxes: one scan item for each, offered to its lane."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from rsvpq import queue
from rsvpq.audit import Audit
from rsvpq.lanes import Item
from rsvpq.messages import Mailbox

#: Mailboxes per round trip to Redis: one pipeline of this many short scripts holds Redis for a few milliseconds.
BATCH = 500


def offer_scans(audit: Audit, mailboxes: Sequence[Mailbox], run: str, kind: queue.ScanKind = "scan") -> Counter[str]:
    """Offer every mailbox a scan under the name of this run; how many were offered, are being scanned, or are full."""
    answers: Counter[str] = Counter()
    for first in range(0, len(mailboxes), BATCH):
        batch = [(mailbox, _scan(audit, mailbox, run, kind)) for mailbox in mailboxes[first : first + BATCH]]
        answers.update(audit.lanes.offer_scans(batch).values())
    return answers


def _scan(audit: Audit, mailbox: Mailbox, run: str, kind: queue.ScanKind) -> Item:
    return replace(queue.scan_item(mailbox, run, kind), facts=audit.scan_facts(mailbox, run, kind))
