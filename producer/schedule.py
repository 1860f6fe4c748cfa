"""Which scheduled scans are due: each is triggered once per period, however many dispatchers ask."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rsvpq.lanes import Lanes
from rsvpq.lanes.reading import json_object
from rsvpq.tasks.contract import SCAN_QUEUE
from rsvpq.tasks.queues import Queues

#: The header of a scheduled trigger, with its group.
SCHEDULED = "rsvpq-scheduled"
#: Messages of the queue that are looked at; there are fewer, unless somebody else fills it.
_LOOKED_AT = 1000


@dataclass(frozen=True, slots=True)
class ScheduledScan:
    """A scan of a group (None: of all mailboxes) every so many seconds."""

    every_s: float
    group: str | None


def due_scans(lanes: Lanes, schedules: Sequence[ScheduledScan]) -> Iterator[ScheduledScan]:
    """The scans whose period has begun and that nobody has claimed yet; asking claims them.

    Periods are counted from the epoch on Redis' clock, so all dispatchers agree on them. A claim that is lost with its
    dispatcher costs one period.
    """
    now_s = lanes.time_us() // 1_000_000
    for scan in schedules:
        period = int(now_s // scan.every_s)
        before = lanes.schedule.claim(scan.group or "", scan.every_s, period)
        # One that is ahead by more than another dispatcher can be is of a clock that has gone back since.
        if before is None or before < period or before > period + 1:
            yield scan


def still_waits(queues: Queues, group: str | None) -> bool:
    """Whether an earlier trigger of such a scan waits in the queue, because no worker takes scans.

    One more would do the same again. They would be thousands after some days, and hold up each scan when it goes on.
    """
    for text in queues.waiting(SCAN_QUEUE, _LOOKED_AT):
        headers = (json_object(text) or {}).get("headers")
        if isinstance(headers, dict) and headers.get(SCHEDULED) == (group or ""):
            return True
    return False
