"""The instances of a recurring meeting: the rule in the series' own zone, and what was moved or deleted by hand.

The clock on the wall counts, for the end as well as for the start (MS-OXOCAL 2.2.1.44.2: both are minutes of the day),
so an instance keeps its local times when summer time begins, and an all-day one is a day of 23 hours then.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from simulator.world.messages import Meeting
from simulator.world.recurrence import Rule, occurrences, parse_rule

#: urn:schemas:calendar:instancetype.
SINGLE, MASTER, INSTANCE, EXCEPTION = range(4)


def instances(meeting: Meeting, begin: datetime, end: datetime) -> Iterator[Meeting]:
    """Yield the instances between two moments, each with its own times; a broken rule gives the first instance."""
    for exception in meeting.exceptions:
        if exception.start is not None and exception.end is not None:
            about = exception.own or meeting
            moved = _instance(about, exception.original, exception.start, exception.end, EXCEPTION)
            if moved.start <= end and moved.end >= begin:
                yield moved
    altered = {exception.original for exception in meeting.exceptions}
    for start, until in _by_rule(meeting, end):
        if until >= begin and start not in altered:
            yield _instance(meeting, start, start, until, INSTANCE)


def over_at(meeting: Meeting) -> datetime | None:
    """Return when the meeting, or the last instance of a series, is over; None for a series without end."""
    if not meeting.rrule:
        return meeting.end
    rule = parse_rule(meeting.rrule)
    if rule.count is None and not rule.until:
        return None
    end = _moment(rule.until) if rule.until else None
    # Of a count, ten years: no rule made up here takes longer.
    *_, last = instances(meeting, meeting.start, end or meeting.start + timedelta(days=3653))
    return last.end


def _by_rule(meeting: Meeting, latest: datetime) -> Iterator[tuple[datetime, datetime]]:
    try:
        rule = parse_rule(meeting.rrule or "")
    except (ValueError, KeyError):
        yield meeting.start, meeting.end
        return
    zone = ZoneInfo(meeting.zone)
    first, first_end = (moment.astimezone(zone).replace(tzinfo=None) for moment in (meeting.start, meeting.end))
    limit = _moment(rule.until) if rule.until else None
    # A day more: where the zone is behind UTC, the local day of `latest` is an earlier one, or a later one ahead of it.
    for local in occurrences(rule, first, latest.date() + timedelta(days=1)):
        start = local.replace(tzinfo=zone).astimezone(UTC)
        if start > latest or (limit is not None and _is_over(rule, limit, local, start)):
            return
        yield start, (local + (first_end - first)).replace(tzinfo=zone).astimezone(UTC)


def _moment(until: str) -> datetime | None:
    """Return the moment of UNTIL (without a zone in UTC); None if it cannot be read."""
    try:
        moment = datetime.fromisoformat(until)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _is_over(rule: Rule, limit: datetime, local: datetime, start: datetime) -> bool:
    """Return whether this instance is after UNTIL: a date covers its whole day, a time without `Z` is local."""
    if "T" not in rule.until:
        return local.date() > limit.date()
    return start > limit if rule.until.endswith("Z") else local > limit.replace(tzinfo=None)


def _instance(meeting: Meeting, original: datetime, start: datetime, end: datetime, kind: int) -> Meeting:
    return replace(meeting, start=start, end=end, rrule=None, exceptions=(), instance_type=kind, recurrence_id=original)
