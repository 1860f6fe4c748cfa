"""Reading a period of the audit into a report."""

from collections.abc import Callable

from rsvpq.audit.log import AuditLog, AuditRecord, Filter
from rsvpq.report.calendar import Calendar, Unit
from rsvpq.report.model import Period, Report
from rsvpq.report.summary import Summary

#: After how many records the caller is told how far the reading is, and again after as many.
STEP = 100_000
#: Up to so many days the bars are hours, if nobody says.
_HOURLY_DAYS = 3
_DAY_MS = 86_400_000

OnProgress = Callable[[int, AuditRecord], None]


def read_report(
    log: AuditLog, since_ms: int, until_ms: int, calendar: Calendar, unit: Unit | None, progress: OnProgress
) -> Report:
    """Count the records from ``since_ms`` to before ``until_ms``.

    :param unit: of the bars; None for what suits the period. :param progress: told the number and the last of the
        records, each time that :data:`STEP` more were read.
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
