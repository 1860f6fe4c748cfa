"""The instances of a series that a request invites to: the server expands series in calendars, but not in an Inbox.

What the request shows of its rule and its zone is all there is. Without either nothing but the first instance is known.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import chain

from dateutil.rrule import rrulestr

from rsvpq.mail.calendar import NEVER, Details
from rsvpq.mail.ordinary_rules import ordinary
from rsvpq.mail.zones import read_zone

#: More than any policy looks at: a daily meeting of two years.
MOST_INSTANCES = 750
#: How far a rule is followed, in instances: a daily meeting of half a century.
_MOST_STEPS = 20_000
#: The last instances of a series that are looked at to find one that was not deleted.
_MOST_DELETED = 1000
#: Nobody arranges to meet later, and what a zone does then costs time to find out.
_LAST_YEAR = 2200
#: After these years the calendar is the same again, weekdays included.
_CYCLE, _CYCLE_OF_DAYS = 400, timedelta(days=146_097)
#: When the last cycle but one begins, into which the first meeting is moved to be reckoned with.
_LATE = 9200
_TOO_LATE = f"it has meetings after {_LAST_YEAR}, which are not looked at"
_BEGINNING = datetime.min.replace(tzinfo=UTC)
_UNTIL = re.compile(r"(?P<day>\d{8})(?:T(?P<time>\d{6}))?(?P<utc>Z?)", re.ASCII)
#: More than any zone is away from UTC.
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Instances:
    """When a meeting takes place, each (start, end) in UTC, the first one first."""

    times: tuple[tuple[datetime, datetime], ...]
    #: Whether these are all in the period that was asked for; False: only the first, or the first few, are known.
    complete: bool
    #: Why not all are known, for people.
    unread: str = ""


@dataclass(frozen=True, slots=True)
class SeriesEnd:
    """When the last instance of a series ends, or :data:`NEVER`; None where it is not known."""

    moment: datetime | None
    #: What could not be read, for people.
    unread: str = ""


def instances(
    start: datetime, end: datetime, series: Details | None, until: datetime, after: datetime | None = None
) -> Instances:
    """The instances that start before ``until``, by the clock on the wall in the zone of the series.

    :param start, end: of the first instance, in UTC.
    :param series: None for a meeting that does not recur.
    :param after: those that are over by then are left out.
    """
    only = ((start, end),)
    if series is None:
        return Instances(only, complete=True)
    try:
        parts = ordinary(series.rule)
        found, complete = _Clock.of(start, end, parts, read_zone(series.zone)).between(after or _BEGINNING, until)
    # dateutil has no list of what a text can make it raise, and the text is a stranger's.
    except Exception as error:
        return Instances(only, complete=False, unread=_sentence(error))
    deleted = frozenset(series.deleted)
    left = tuple(times for times in found if times[0] not in deleted)
    return Instances(left, complete, unread="" if complete else "its rule gives more meetings than are looked at")


def series_end(start: datetime, end: datetime, series: Details) -> SeriesEnd:
    """When the series is over; never too early, so where its zone cannot be read, some hours late.

    :param start, end: of the first instance, in UTC.
    """
    try:
        parts = ordinary(series.rule)
        zone, margin, unread = _zone_or_utc(series.zone)
        last = _Clock.of(start, end, parts, zone).last(frozenset(series.deleted), surely_first=not margin)
        return SeriesEnd(last if last == NEVER else last + margin, unread)
    except Exception as error:  # as above
        return SeriesEnd(None, _sentence(error))


def _zone_or_utc(text: str) -> tuple[tzinfo, timedelta, str]:
    """The zone; or else UTC, how far it can be from there, and why."""
    try:
        return read_zone(text), timedelta(), ""
    except ValueError as error:
        return UTC, _DAY, _sentence(error)


def _sentence(error: Exception) -> str:
    return str(error) or type(error).__name__


@dataclass(frozen=True, slots=True)
class _Clock:
    """A rule and the local times of its first instance. Wall clocks: Outlook keeps both as minutes of the day."""

    #: As dateutil takes it, without COUNT and UNTIL.
    rule: str
    count: int | None
    #: The last local time of an instance.
    until: datetime | None
    zone: tzinfo
    first: datetime
    length: timedelta

    @classmethod
    def of(cls, start: datetime, end: datetime, parts: Mapping[str, str], zone: tzinfo) -> "_Clock":
        """:raises Exception: the times are none in that zone."""
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
            # What ends before it starts is over with its start.
            length=max(first_end - first, timedelta()),
        )

    def between(self, after: datetime, until: datetime) -> tuple[list[tuple[datetime, datetime]], bool]:
        """The instances that end after the one moment and start before the other, and whether these are all.

        :raises ValueError: the rule does not lead to the first instance.
        """
        rest = self._from_the_first()
        # Local times are compared first: a zone takes its time to tell an offset.
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
        """When the last instance ends that was not deleted, or later; :data:`NEVER` without end.

        :param surely_first: whether the first instance has to be one of the rule's, as it may not be in another zone.
        :raises ValueError: that is too far, or the rule does not lead to the first instance.
        """
        if self.count is None and self.until is None:
            return NEVER
        known = [self.first, *(self._from_the_first() if surely_first else self._locals())]
        for local in known[: -_MOST_DELETED - 1 : -1]:
            start, end = self._utc(local)
            if start not in deleted:
                break
        return end

    def _from_the_first(self) -> Iterator[datetime]:
        """The local times of all instances but the first.

        :raises ValueError: the rule does not lead to the first, or it leads too far.
        """
        rest = self._locals()
        if next(rest, None) != self.first:
            raise ValueError("its rule does not lead to its first meeting")
        return rest

    def _locals(self) -> Iterator[datetime]:
        """The local times of the instances, up to a number of instances and of centuries.

        dateutil searches up to the year 9999 where it finds nothing, so that is when all of it happens.

        :raises ValueError: there are more.
        """
        moved = (_LATE + self.first.year % _CYCLE - self.first.year) // _CYCLE * _CYCLE_OF_DAYS
        for step, moved_local in enumerate(rrulestr(self.rule, dtstart=self.first + moved), start=1):
            local = moved_local - moved
            if self.until is not None and local > self.until:
                return
            if step > _MOST_STEPS + 1:
                raise ValueError("its rule gives more meetings than are looked at")
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
    """The moment, without a zone, a day later or earlier; within the calendar."""
    try:
        return moment.replace(tzinfo=None) + by
    except OverflowError:
        return datetime.max if by > timedelta() else datetime.min


def _until_here(until: str, zone: tzinfo) -> datetime:
    """UNTIL by the clock of the series; a date takes its whole day.

    :raises ValueError: it is no time.
    """
    match = _UNTIL.fullmatch(until)
    if match is None:
        raise ValueError(f"{until[:40]!r} is no time")
    moment = datetime.strptime(match["day"] + (match["time"] or "235959"), "%Y%m%d%H%M%S")
    if not match["utc"] or moment.year > _LAST_YEAR:
        return moment
    return moment.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)
