"""Scheduled scans: trigger each run once, however many dispatchers run, and let mailboxes rest in quiet hours."""

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from celery import Celery

from rsvpq.lanes import Lanes
from rsvpq.lanes.reading import json_object
from rsvpq.tasks import contract
from rsvpq.tasks.queues import Queues
from rsvpq.timetable import QuietHours, Timetable, rest

logger = logging.getLogger(__name__)

#: The header of a scheduled trigger; its value is the group.
SCHEDULED = "rsvpq-scheduled"
#: How many messages of the queue are searched; normally it has fewer.
_LOOKED_AT = 1000


@dataclass(frozen=True, slots=True)
class ScheduledScan:
    """A recurring scan of a group, or of all mailboxes for None."""

    timetable: Timetable
    group: str | None


def due_scans(lanes: Lanes, schedules: Sequence[ScheduledScan]) -> Iterator[ScheduledScan]:
    """Claim and yield the scans that are due and that nobody has claimed yet.

    Times are those of Redis' clock, so all dispatchers agree on them. If a dispatcher dies between claim and trigger,
    that scan is lost.
    """
    now = datetime.fromtimestamp(lanes.time_us() / 1e6, UTC)
    for scan in schedules:
        timetable = scan.timetable
        run = timetable.due(now)
        if run is not None and lanes.schedule.claim(scan.group or "", str(timetable), run, timetable.latest(run, now)):
            yield scan


def keep_quiet(lanes: Lanes, schedules: Sequence[ScheduledScan]) -> None:
    """Let the ledger know when the mailboxes of each schedule rest: now, or next.

    So they rest from the right moment on, even if no dispatcher runs then.
    """
    now = datetime.fromtimestamp(lanes.time_us() / 1e6, UTC)
    quiet: defaultdict[str, list[QuietHours]] = defaultdict(list)
    for scan in schedules:
        quiet[scan.group or ""] += scan.timetable.quiet
    known = lanes.controls.rests()
    for group in sorted({*quiet, *known}):
        window = rest(quiet[group], now)
        wanted = (_microseconds(window[0]), _microseconds(window[1])) if window else None
        if wanted != known.get(group):
            lanes.controls.rest(group, wanted)


def _microseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)


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
