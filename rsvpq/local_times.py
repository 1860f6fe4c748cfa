"""Which local times a cron expression names, and at which moments the clocks of a time zone show them.

cronsim knows the expressions and the calendar; it is asked for local times without a zone, of which every day has the
same. What is here decides about those that the clocks skip (a gap) or show twice (a fold).
"""

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

#: No clock is put forward or back by more.
_LONGEST_CHANGE = timedelta(days=1)
_SECOND, _TICK = timedelta(seconds=1), timedelta(microseconds=1)


def check_cron(expression: str) -> str:
    """Return a cron expression of five fields.

    :raises ValueError: it is none, or there is no time that it names.
    """
    if len(expression.split()) != len(("minute", "hour", "day", "month", "weekday")):
        raise ValueError(f"{expression!r} has not five fields; write minute, hour, day, month and weekday")
    try:
        next(CronSim(expression, datetime(2024, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        what = str(error).lower().removeprefix("bad ")
        raise ValueError(f"{expression!r} has a wrong {what}; write it as in */15 7-19 * * mon-fri") from None
    except StopIteration:
        raise ValueError(f"{expression!r} names a date that never comes; correct day and month") from None
    return expression


def moments_after(cron: str, zone: ZoneInfo, at: datetime) -> Iterator[datetime]:
    """Yield the moments after ``at`` at which a cron expression runs, in UTC."""
    at = at.astimezone(UTC)
    start = min(_shown(at, at, zone), _shown(at, at + _LONGEST_CHANGE, zone))  # soon the clocks may be put back
    return _each_once(run for run in _moments(cron, zone, start) if run > at)


def moments_before(cron: str, zone: ZoneInfo, at: datetime) -> Iterator[datetime]:
    """Yield the moments up to ``at`` at which a cron expression runs, in UTC, the latest first."""
    at = at.astimezone(UTC)
    start = max(_shown(at, at, zone), _shown(at, at - _LONGEST_CHANGE, zone))
    # cronsim yields only what is earlier than its start.
    return _each_once(run for run in _moments(cron, zone, start + _TICK, backward=True) if run <= at)


def first_moment(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the first moment, in UTC, at which the clocks show a local time or, after a gap, a later one."""
    first, last = _both(local, zone)
    return first if first <= last else _end_of_gap(last, first, zone)


def _shown(at: datetime, offset_at: datetime, zone: ZoneInfo) -> datetime:
    """Return the local time of a moment by the offset from UTC of another one."""
    return at.replace(tzinfo=None) + (offset_at.astimezone(zone).utcoffset() or timedelta())


def _each_once(runs: Iterator[datetime]) -> Iterator[datetime]:
    last = None
    for run in runs:
        if run != last:  # the end of a gap stands for all that is skipped, and for itself
            yield (last := run)


def _moments(cron: str, zone: ZoneInfo, start: datetime, *, backward: bool = False) -> Iterator[datetime]:
    """Yield the moments of the local times that an expression names after ``start`` (or before it), in their order."""
    # As in cron, a job at fixed times is one that has no asterisk there.
    fixed = not any(field.startswith("*") for field in cron.split()[:2])
    again: deque[datetime] = deque()  # times of a fold, shown again when all of it was shown once
    for local in CronSim(cron, start, reverse=backward):
        moments = _of_fixed_time(local, zone) if fixed else _of_any_time(local, zone)
        if backward:
            moments.reverse()
        while again and moments and (again[0] > moments[0]) is backward:
            yield again.popleft()
        yield from moments[:1]
        again.extend(moments[1:])
    yield from again


def _of_any_time(local: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return when a local time is shown: once, twice or never."""
    first, last = _both(local, zone)
    if first == last:
        return [first]
    return [first, last] if first < last else []


def _of_fixed_time(local: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return the one moment for a local time; none if the whole date is skipped."""
    midnight = local.replace(hour=0, minute=0)
    if all(_is_skipped(moment, zone) for moment in (local, midnight, midnight.replace(hour=23, minute=59))):
        return []
    return [first_moment(local, zone)]


def _is_skipped(local: datetime, zone: ZoneInfo) -> bool:
    first, last = _both(local, zone)
    return first > last


def _both(local: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the first and the last moment of a local time; for one in a gap, one after and one before it."""
    first, last = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return first, last


def _end_of_gap(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return when the clocks are put forward, between two moments in UTC."""
    offset = after.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after.replace(microsecond=0)
