"""Scheduled scans: trigger each one once per period, however many dispatchers run."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from celery import Celery

from rsvpq.lanes import Lanes
from rsvpq.lanes.reading import json_object
from rsvpq.tasks import contract
from rsvpq.tasks.queues import Queues

logger = logging.getLogger(__name__)

#: The header of a scheduled trigger; its value is the group.
SCHEDULED = "rsvpq-scheduled"
#: How many messages of the queue are searched; normally it has fewer.
_LOOKED_AT = 1000


@dataclass(frozen=True, slots=True)
class ScheduledScan:
    """A scan of a group, or of all mailboxes for None, every ``every_s`` seconds."""

    every_s: float
    group: str | None


def due_scans(lanes: Lanes, schedules: Sequence[ScheduledScan]) -> Iterator[ScheduledScan]:
    """Claim and yield the scans whose period has begun and that nobody has claimed yet.

    Periods are counted from the epoch on Redis' clock, so all dispatchers agree on them. If a dispatcher dies between
    claim and trigger, the scan of that period is lost.
    """
    now_s = lanes.time_us() // 1_000_000
    for scan in schedules:
        period = int(now_s // scan.every_s)
        before = lanes.schedule.claim(scan.group or "", scan.every_s, period)
        # A claim too far ahead for another dispatcher was made before the clock was set back.
        if before is None or before < period or before > period + 1:
            yield scan


def trigger_scan(app: Celery, queues: Queues, group: str | None) -> None:
    """Trigger a scheduled scan of one group, or of all mailboxes for None.

    If an earlier trigger of the same scan still waits, because no worker takes scans, another one would only repeat it.
    After some days there would be thousands, which would delay all other scans.
    """
    for text in queues.waiting(contract.SCAN_QUEUE, _LOOKED_AT):
        headers = (json_object(text) or {}).get("headers")
        if isinstance(headers, dict) and headers.get(SCHEDULED) == (group or ""):
            logger.warning("event=scan-waits group=%s: no worker takes scans", group or "(all)")
            return
    # No result: this process would subscribe to it and never unsubscribe.
    arguments = {"group": group} if group else {}
    app.send_task(contract.SCAN, kwargs=arguments, ignore_result=True, headers={SCHEDULED: group or ""})
