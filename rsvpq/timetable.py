"""When scheduled scans are due, and when mailboxes rest: intervals, cron expressions, quiet hours.

Plain values and pure functions; times are aware. Everything about local time, also when the clocks change, is computed
by cronsim, which does as Debian's cron does: what has a fixed time runs once a day, also on the day on which that time
comes twice or not at all; what has ``*`` for its minutes or hours goes on at an even pace.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

#: A stretch of time: its first moment, and the first one after it.
Window = tuple[datetime, datetime]

#: For how long a run is made up for that nobody was there to trigger.
MADE_UP_WITHIN = timedelta(hours=1)
_QUIET = re.compile(r"\s*(\d\d):(\d\d)\s*-\s*(\d\d):(\d\d)\s*", re.ASCII)
_DAY = timedelta(days=1)
_TICK = timedelta(microseconds=1)
#: No clock is put forward or back by more.
_CLOCK_CHANGE = timedelta(hours=3)
#: Seconds between two processes that look at the clock at about the same time.
_AT_ONCE_S = 60
#: The most quiet hours that are passed over in search of a run.
_MOST_PASSED = 400


def check_cron(expression: str) -> str:
    """Return a cron expression of five fields.

    :raises ValueError: it is not one, or there is no time that it names.
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


@dataclass(frozen=True, slots=True)
class QuietHours:
    """A part of each day in which nothing is started, by the clocks of a time zone.

    :param first, last: when it begins and ends, as cron expressions.
    """

    first: str
    last: str
    zone: str = "UTC"

    @classmethod
    def parse(cls, text: str, zone: str = "UTC") -> "QuietHours":
        """Parse ``22:00-06:00``.

        :raises ValueError: the text has another form, or both times are the same.
        """
        found = _QUIET.fullmatch(text)
        times = [(int(found[hour]), int(found[hour + 1])) for hour in (1, 3)] if found else []
        if not times or times[0] == times[1] or any(hour > 23 or minute > 59 for hour, minute in times):  # noqa: PLR2004 - of a clock
            raise ValueError(f"{text!r} is not a part of a day; write when it begins and ends, as in 22:00-06:00")
        first, last = (f"{minute} {hour} * * *" for hour, minute in times)
        return cls(first, last, zone)

    def window(self, now: datetime) -> Window:
        """Return the quiet hours that hold ``now``, else the next ones."""
        begun = next(_before(self.first, self.zone, now))
        end = next(_after(self.last, self.zone, begun))
        if now < end:
            return begun, end
        begins = next(_after(self.first, self.zone, now))
        return begins, next(_after(self.last, self.zone, begins))

    def __str__(self) -> str:
        first, last = (cron.split() for cron in (self.first, self.last))
        return f"{int(first[1]):02}:{int(first[0]):02}-{int(last[1]):02}:{int(last[0]):02}"


def rest(quiet: Sequence[QuietHours], now: datetime) -> Window | None:
    """Return when there is rest that holds ``now``, else the next rest; None if there are no quiet hours.

    Quiet hours that overlap or touch each other are one rest.
    """
    if not quiet:
        return None
    first, last = min(one.window(now) for one in quiet)
    while last - first < _DAY:
        following = [one.window(last) for one in quiet]
        longer = max((end for begin, end in following if begin <= last), default=last)
        if longer <= last:
            break
        last = longer
    return first, last


@dataclass(frozen=True, slots=True)
class Timetable:
    """When something recurring runs: every so many seconds, counted from the epoch, or by a cron expression.

    :param every_s: 0 for a cron expression. :param zone: the time zone of the expression. :param offset_s: by how much
        each run is later, also at the end of quiet hours. :param quiet: there is no run in these hours. What would run
        then by ``every_s`` runs once at their end; what would by a cron expression does not.
    """

    every_s: float = 0.0
    cron: str = ""
    zone: str = "UTC"
    offset_s: float = 0.0
    quiet: tuple[QuietHours, ...] = ()

    def __str__(self) -> str:
        return f"cron {self.cron} {self.zone}" if self.cron else f"{self.every_s:g}"

    def resting(self, now: datetime) -> Window | None:
        """Return the rest that holds ``now``; None if there is none."""
        window = rest(self.quiet, now)
        return window if window and window[0] <= now else None

    def upcoming(self, now: datetime) -> Iterator[datetime]:
        """Yield the runs after ``now``, in UTC."""
        at, last = now.astimezone(UTC), None
        for _ in range(_MOST_PASSED):
            for run in self._regular_after(at):
                if window := self._left_out(run):
                    end = window[1] + self._offset
                    if self.every_s and end != last:
                        yield (last := end)
                    at = end - (timedelta() if self.every_s else _TICK)
                    break
                if run != last:
                    yield run
            else:
                return

    def past(self, now: datetime) -> Iterator[datetime]:
        """Yield the runs up to ``now``, in UTC, the latest first."""
        at, last = now.astimezone(UTC), None
        for _ in range(_MOST_PASSED):
            for run in self._regular_before(at):
                if window := self._left_out(run):
                    end = window[1] + self._offset
                    if self.every_s and end != last and end <= now:
                        yield end
                    at = window[0] - _TICK
                    break
                yield (last := run)
            else:
                return

    def due(self, now: datetime) -> int | None:
        """Return the number of the run that is due now, which grows from run to run; None if none is.

        A run is due until the next one, but for at most :data:`MADE_UP_WITHIN` if it is by a cron expression.
        """
        if self._left_out(now):
            return None
        if self.every_s:
            return int((now.timestamp() - self.offset_s) // self.every_s)
        run = next(self.past(now), None)
        return int(run.timestamp()) if run and now - run <= MADE_UP_WITHIN else None

    def latest(self, run: int, now: datetime) -> int:
        """Return the latest run that another process can have found due at about ``now``, when here it was ``run``."""
        return run + 1 if self.every_s else int(now.timestamp()) + _AT_ONCE_S

    def period_s(self, now: datetime) -> float | None:
        """Return the length of a period in seconds; None if there were not yet three runs.

        Where runs are not at even intervals, as with quiet hours, it is half of the time since the last but two: what
        was not done for two periods has missed two runs.
        """
        if self.every_s and not self.quiet:
            return self.every_s
        runs = list(islice(self.past(now), 3))
        return (now - runs[-1]).total_seconds() / 2 if len(runs) == 3 else None  # noqa: PLR2004 - as the line above

    @property
    def _offset(self) -> timedelta:
        return timedelta(seconds=self.offset_s)

    def _left_out(self, run: datetime) -> Window | None:
        """Return the rest because of which there is no run: at that time, or at its own without the offset."""
        return self.resting(run) or (self.resting(run - self._offset) if self.offset_s else None)

    def _regular_after(self, at: datetime) -> Iterator[datetime]:
        """Yield the runs after ``at`` as if there were no quiet hours."""
        offset = self._offset
        if self.cron:
            yield from (run + offset for run in _after(self.cron, self.zone, at - offset))
            return
        period = int((at - offset).timestamp() // self.every_s)
        while True:
            period += 1
            yield datetime.fromtimestamp(period * self.every_s, UTC) + offset

    def _regular_before(self, at: datetime) -> Iterator[datetime]:
        """Yield the runs up to ``at`` as if there were no quiet hours, the latest first."""
        offset = self._offset
        if self.cron:
            yield from (run + offset for run in _before(self.cron, self.zone, at - offset))
            return
        period = int((at - offset).timestamp() // self.every_s)
        while True:
            yield datetime.fromtimestamp(period * self.every_s, UTC) + offset
            period -= 1


def _after(cron: str, zone: str, at: datetime) -> Iterator[datetime]:
    """Yield the times of a cron expression after ``at``, in UTC."""
    at = at.astimezone(UTC)  # two times of one zone are compared by its clocks, which are put back
    start = _beside_a_clock_change(at, zone, -_CLOCK_CHANGE)
    return (run.astimezone(UTC) for run in CronSim(cron, start) if run > at)


def _before(cron: str, zone: str, at: datetime) -> Iterator[datetime]:
    """Yield the times of a cron expression up to ``at``, in UTC, the latest first."""
    at = at.astimezone(UTC)
    start = _beside_a_clock_change(at + _TICK, zone, _CLOCK_CHANGE)  # cronsim yields only what is earlier
    return (run.astimezone(UTC) for run in CronSim(cron, start, reverse=True) if run <= at)


def _beside_a_clock_change(at: datetime, zone: str, away: timedelta) -> datetime:
    """Return where cronsim begins: ``at`` in local time, or further away if the clocks are changed at about that time.

    Of two equal hours cronsim may take the first for the second. Whoever begins elsewhere leaves out what was not asked
    for.
    """
    info = ZoneInfo(zone)
    earlier, later = ((at + shift).astimezone(info) for shift in (-_CLOCK_CHANGE, _CLOCK_CHANGE))
    return (at if earlier.utcoffset() == later.utcoffset() else at + away).astimezone(info)
