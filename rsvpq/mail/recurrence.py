"""Compute the instances of a series, because servers expand series in calendars only, not in an Inbox.

Everything is derived from the rule and the time zone that the request shows. If one of them is missing, only the first
instance is known.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import chain

from dateutil.rrule import rrulestr

from rsvpq.mail.calendar import NEVER, Details
from rsvpq.mail.ordinary_rules import parse_ordinary_rule
from rsvpq.mail.zones import read_zone

#: The most instances that are returned, which is more than any policy uses: a daily meeting of two years.
MOST_INSTANCES = 750
#: The most instances that are computed: a daily meeting of half a century.
_MOST_STEPS = 20_000
#: How many of the last instances of a series are searched for one that was not deleted.
_MOST_DELETED = 1000
#: Nobody arranges meetings after this year, and computing a time zone's offsets there takes long.
_LAST_YEAR = 2200
#: The calendar repeats after this many years, weekdays included.
_CYCLE, _CYCLE_OF_DAYS = 400, timedelta(days=146_097)
#: The first year of the last cycle but one, into which the first meeting is moved for the computation.
_LATE = 9200
_TOO_LATE = f"the series has meetings after the supported year {_LAST_YEAR}"
_TOO_MANY = "the recurrence rule yields too many meetings"
_BEGINNING = datetime.min.replace(tzinfo=UTC)
_UNTIL = re.compile(r"(?P<day>\d{8})(?:T(?P<time>\d{6}))?(?P<utc>Z?)", re.ASCII)
#: Longer than the offset of any time zone from UTC.
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Instances:
    """When a meeting takes place, each (start, end) in UTC, in order."""

    times: tuple[tuple[datetime, datetime], ...]
    #: Whether these are all instances in the requested period; if not, only the first, or the first few, are known.
    complete: bool
    #: Why not all are known, in words.
    unread: str = ""


@dataclass(frozen=True, slots=True)
class SeriesEnd:
    """When the last instance of a series ends, or :data:`NEVER`; None if it is not known."""

    moment: datetime | None
    #: What could not be read, in words.
    unread: str = ""


def instances(
    start: datetime, end: datetime, series: Details | None, until: datetime, after: datetime | None = None
) -> Instances:
    """Return the instances that start before ``until``, computed in the local time of the series.

    :param start, end: of the first instance, in UTC.
    :param series: None for a meeting that does not recur.
    :param after: leave out instances that have ended by then.
    """
    only = ((start, end),)
    if series is None:
        return Instances(only, complete=True)
    try:
        parts = parse_ordinary_rule(series.rule)
        found, complete = _LocalSeries.of(start, end, parts, read_zone(series.zone)).between(after or _BEGINNING, until)
    # dateutil does not document which errors a text can cause, and anybody can send the text.
    except Exception as error:
        return Instances(only, complete=False, unread=_sentence(error))
    deleted = frozenset(series.deleted)
    left = tuple(times for times in found if times[0] not in deleted)
    return Instances(left, complete, unread="" if complete else _TOO_MANY)


def series_end(start: datetime, end: datetime, series: Details) -> SeriesEnd:
    """Return when the series ends, or some hours later if its time zone cannot be read, but never too early a time.

    :param start, end: of the first instance, in UTC.
    """
    try:
        parts = parse_ordinary_rule(series.rule)
        zone: tzinfo
        try:
            zone, margin, unread = read_zone(series.zone), timedelta(), ""
        except ValueError as error:  # UTC instead, and the most that the end can be wrong then
            zone, margin, unread = UTC, _DAY, _sentence(error)
        last = _LocalSeries.of(start, end, parts, zone).last(frozenset(series.deleted), surely_first=not margin)
        return SeriesEnd(last if last == NEVER else last + margin, unread)
    except Exception as error:  # as above
        return SeriesEnd(None, _sentence(error))


def _sentence(error: Exception) -> str:
    return str(error) or type(error).__name__


@dataclass(frozen=True, slots=True)
class _LocalSeries:
    """A rule and its first instance in local time, because Outlook keeps start and end as minutes of the local day."""

    #: In the form for dateutil, without COUNT and UNTIL.
    rule: str
    count: int | None
    #: The last local time of an instance.
    until: datetime | None
    zone: tzinfo
    first: datetime
    length: timedelta

    @classmethod
    def of(cls, start: datetime, end: datetime, parts: Mapping[str, str], zone: tzinfo) -> "_LocalSeries":
        """:raises Exception: the times cannot be expressed in that time zone."""
        if max(start, end).year > _LAST_YEAR:
            raise ValueError(_TOO_LATE)
        count, until = parts.get("COUNT"), parts.get("UNTIL")
        first, first_end = (moment.astimezone(zone).replace(tzinfo=None) for moment in (start, end))
        return cls(
            rule=";".join(f"{name}={value}" for name, value in parts.items() if name not in {"COUNT", "UNTIL"}),
            count=None if count is None else int(count),
            until=None if until is None else _until_here(until, zone),
            zone=zone,
            first=first,
            # A meeting that ends before it starts counts as over at its start.
            length=max(first_end - first, timedelta()),
        )

    def between(self, after: datetime, until: datetime) -> tuple[list[tuple[datetime, datetime]], bool]:
        """Return the instances that end after the first moment and start before the second, and whether these are all.

        :raises ValueError: the rule does not yield the first instance.
        """
        rest = self._after_the_first()
        # Local times are compared first, because computing the offset of a time zone is slow.
        early, late = _shifted(after, -_DAY), _shifted(until, _DAY)
        found: list[tuple[datetime, datetime]] = []
        for step, local in enumerate(chain([self.first], rest)):
            if step == _MOST_STEPS or len(found) > MOST_INSTANCES:
                return found[:MOST_INSTANCES], False
            if local >= late:
                break
            if local + self.length >= early:
                times = self._utc(local)
                found += [times] if times[0] < until and times[1] > after else []
        return found[:MOST_INSTANCES], len(found) <= MOST_INSTANCES

    def last(self, deleted: frozenset[datetime], *, surely_first: bool) -> datetime:
        """Return when the last instance that was not deleted ends, or a later time; :data:`NEVER` without an end.

        :param surely_first: whether the rule must yield the first instance, which it may not do in a wrong time zone.
        :raises ValueError: the end is too far away, or the rule does not yield the first instance.
        """
        if self.count is None and self.until is None:
            return NEVER
        known = [self.first, *(self._after_the_first() if surely_first else self._local_starts())]
        for local in known[: -_MOST_DELETED - 1 : -1]:
            start, end = self._utc(local)
            if start not in deleted:
                break
        return end

    def _after_the_first(self) -> Iterator[datetime]:
        """Return the local starts of all instances but the first.

        :raises ValueError: the rule does not yield the first instance, or yields too many.
        """
        rest = self._local_starts()
        if next(rest, None) != self.first:
            raise ValueError("the recurrence rule does not yield the first meeting")
        return rest

    def _local_starts(self) -> Iterator[datetime]:
        """Yield the local starts of the instances, up to a number of instances and up to a year.

        If a rule yields nothing more, dateutil searches until the year 9999. So the computation is done shortly before
        that year, to keep this search short.

        :raises ValueError: the rule yields more.
        """
        moved = (_LATE + self.first.year % _CYCLE - self.first.year) // _CYCLE * _CYCLE_OF_DAYS
        for step, moved_local in enumerate(rrulestr(self.rule, dtstart=self.first + moved), start=1):
            local = moved_local - moved
            if self.until is not None and local > self.until:
                return
            if step > _MOST_STEPS + 1:
                raise ValueError(_TOO_MANY)
            if local.year > _LAST_YEAR:
                break
            yield local
            if step == self.count:
                return
        if self.until is None or self.until.year > _LAST_YEAR:
            raise ValueError(_TOO_LATE)

    def _utc(self, local: datetime) -> tuple[datetime, datetime]:
        start, end = (one.replace(tzinfo=self.zone).astimezone(UTC) for one in (local, local + self.length))
        return start, end


def _shifted(moment: datetime, by: timedelta) -> datetime:
    """Return the moment without a time zone, shifted by a day, within the range of datetime."""
    try:
        return moment.replace(tzinfo=None) + by
    except OverflowError:
        return datetime.max if by > timedelta() else datetime.min


def _until_here(until: str, zone: tzinfo) -> datetime:
    """Return UNTIL in the local time of the series; a date stands for the end of that day.

    :raises ValueError: it is not a valid time.
    """
    match = _UNTIL.fullmatch(until)
    if match is None:
        raise ValueError(f"invalid time {until[:40]!r}")
    moment = datetime.strptime(match["day"] + (match["time"] or "235959"), "%Y%m%d%H%M%S")
    if not match["utc"] or moment.year > _LAST_YEAR:
        return moment
    return moment.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)
