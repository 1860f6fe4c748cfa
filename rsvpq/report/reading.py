"""Read a period of the audit into a report."""

from collections.abc import Callable

from rsvpq.audit.log import AuditLog, AuditRecord, Filter
from rsvpq.report.calendar import Calendar, Unit
from rsvpq.report.model import Period, Report
from rsvpq.report.summary import Summary

#: The number of records between two calls of ``progress``.
STEP = 100_000
#: Up to this many days, each bar is an hour unless the caller chooses the unit.
_HOURLY_DAYS = 3
_DAY_MS = 86_400_000

OnProgress = Callable[[int, AuditRecord], None]


def read_report(
    log: AuditLog, since_ms: int, until_ms: int, calendar: Calendar, unit: Unit | None, progress: OnProgress
) -> Report:
    """Count the records from ``since_ms`` to before ``until_ms``.

    :param unit: of the bars; None to choose it by the length of the period. :param progress: called after every
        :data:`STEP` records with the number of records so far and the last of them.
    """
    begins, dropped = log.beginning()
    known_since_ms = max(since_ms, begins or 0)
    hourly = until_ms - known_since_ms <= _HOURLY_DAYS * _DAY_MS
    summary = Summary(calendar, unit or ("hour" if hourly else "day"))
    for record in log.read(Filter(first=str(since_ms), last=str(max(0, until_ms - 1)))):
        summary.add(record)
        if summary.records % STEP == 0:
            progress(summary.records, record)
    return summary.report(
        Period(since_ms, until_ms, summary.records, summary.first_ms, summary.last_ms, begins, dropped)
    )
