"""The instances of a series that a request invites to: the server expands series in calendars, but not in an Inbox.

What the request shows of its rule and its zone is all there is. Without either nothing but the first instance is known.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import chain, islice

from dateutil.rrule import rrulestr

from rsvpq.agenda import NEVER, Particulars
from rsvpq.ordinary_rules import parts_of, require_ordinary
from rsvpq.zones import read_zone

#: More than any policy looks at: a daily meeting of two years.
MOST_INSTANCES = 750
#: How far a rule is followed, in instances: a daily meeting of half a century.
_MOST_STEPS = 20_000
_BEGINNING = datetime.min.replace(tzinfo=UTC)
_UNTIL = re.compile(r"UNTIL=(?P<day>\d{8})(?:T(?P<time>\d{6}))?(?P<utc>Z?)", re.IGNORECASE)
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
    start: datetime, end: datetime, series: Particulars | None, until: datetime, after: datetime | None = None
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
        require_ordinary(series.rule)
        found, complete = _Clock.of(start, end, series, read_zone(series.zone)).between(after or _BEGINNING, until)
    # dateutil has no list of what a text can make it raise, and the text is a stranger's.
    except Exception as error:
        return Instances(only, complete=False, unread=_sentence(error))
    left = tuple(times for times in found if times[0] not in series.deleted)
    return Instances(left, complete, unread="" if complete else "its rule gives more meetings than are looked at")


def series_end(start: datetime, end: datetime, series: Particulars) -> SeriesEnd:
    """When the series is over; never too early, so where its zone cannot be read, some hours late.

    :param start, end: of the first instance, in UTC.
    """
    try:
        require_ordinary(series.rule)
        zone, margin, unread = _zone_or_utc(series.zone)
        last = _Clock.of(start, end, series, zone).last(series.deleted)
        return SeriesEnd(last + margin if last and last != NEVER else last, unread)
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

    rule: str
    zone: tzinfo
    first: datetime
    length: timedelta
    #: In UTC.
    start: datetime

    @classmethod
    def of(cls, start: datetime, end: datetime, series: Particulars, zone: tzinfo) -> "_Clock":
        """:raises Exception: the times are none in that zone."""
        first, first_end = (moment.astimezone(zone).replace(tzinfo=None) for moment in (start, end))
        rule = _UNTIL.sub(lambda match: _until_here(match, zone), series.rule)
        return cls(rule, zone, first, first_end - first, start)

    def between(self, after: datetime, until: datetime) -> tuple[list[tuple[datetime, datetime]], bool]:
        """The instances that end after the one moment and start before the other, and whether these are all.

        :raises ValueError: the rule does not lead to the first instance.
        """
        rest = self._locals()
        if next(rest, None) != self.first:
            raise ValueError("its rule does not lead to its first meeting")
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

    def last(self, deleted: tuple[datetime, ...]) -> datetime | None:
        """When the last instance ends that was not deleted; :data:`NEVER` without end; None where it is too far."""
        parts = parts_of(self.rule)
        if not parts.keys() & {"COUNT", "UNTIL"}:
            return NEVER
        known = list(self._locals())
        if len(known) > _MOST_STEPS:
            return None
        for local in reversed(known):
            times = self._utc(local)
            if times[0] not in deleted:
                return times[1]
        return self._utc(self.first)[1]

    def _locals(self) -> Iterator[datetime]:
        return islice(rrulestr(self.rule, dtstart=self.first), _MOST_STEPS + 1)

    def _utc(self, local: datetime) -> tuple[datetime, datetime]:
        start, end = (one.replace(tzinfo=self.zone).astimezone(UTC) for one in (local, local + self.length))
        return start, end


def _shifted(moment: datetime, by: timedelta) -> datetime:
    """The moment, without a zone, a day later or earlier; within the calendar."""
    try:
        return moment.replace(tzinfo=None) + by
    except OverflowError:
        return datetime.max if by > timedelta() else datetime.min


def _until_here(match: re.Match[str], zone: tzinfo) -> str:
    """UNTIL by the clock of the series; a date takes its whole day."""
    moment = datetime.strptime(match["day"] + (match["time"] or "235959"), "%Y%m%d%H%M%S")
    local = moment.replace(tzinfo=UTC).astimezone(zone) if match["utc"] else moment
    return f"UNTIL={local:%Y%m%dT%H%M%S}"
