"""Which scheduled scans are due: each is triggered once per period, however many dispatchers ask."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rsvpq.lanes import Lanes


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
    now_s, _ = lanes.redis.time()
    for scan in schedules:
        period = int(now_s // scan.every_s)
        claim = f"{lanes.prefix}:schedule:{scan.group or ''}:{scan.every_s:g}"
        # SET ... GET answers the period claimed before, atomically.
        before = lanes.redis.set(claim, period, get=True)
        if before is None or int(before) < period:
            yield scan
