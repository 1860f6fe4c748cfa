"""When scheduled scans are due, and when mailboxes rest: intervals, cron expressions, quiet hours.

Plain values and pure functions; times are aware. What local times mean, also when the clocks change, is in
:mod:`rsvpq.local_times`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import count, islice
from zoneinfo import ZoneInfo

from rsvpq.local_times import first_moment, moments_after, moments_before

#: A stretch of time: its first moment, and the first one after it.
Window = tuple[datetime, datetime]

#: For how long a run is made up for that nobody was there to trigger.
MADE_UP_WITHIN = timedelta(hours=1)
_QUIET = re.compile(r"\s*(\d\d:\d\d)\s*-\s*(\d\d:\d\d)\s*", re.ASCII)
_DAY = timedelta(days=1)
_TICK = timedelta(microseconds=1)
#: Seconds between two processes that look at the clock at about the same time.
_AT_ONCE_S = 60
#: The most quiet hours that are passed over in search of a run.
_MOST_PASSED = 400


@dataclass(frozen=True, slots=True)
class QuietHours:
    """A part of each day in which nothing is started, by the clocks of a time zone.

    It begins and ends at the first moment at which the clocks show that time or, after a gap, a later one.
    """

    first: time
    last: time
    zone: str = "UTC"

    @classmethod
    def parse(cls, text: str, zone: str = "UTC") -> "QuietHours":
        """Parse ``22:00-06:00``.

        :raises ValueError: the text has another form, or both times are the same.
        """
        found = _QUIET.fullmatch(text)
        first, last = map(_time_of_day, found.groups()) if found else (None, None)
        if first is None or last is None or first == last:
            raise ValueError(f"{text!r} is not a part of a day; write when it begins and ends, as in 22:00-06:00")
        return cls(first, last, zone)

    def window(self, now: datetime) -> Window:
        """Return the quiet hours that hold ``now``, else the next ones."""
        today = now.astimezone(ZoneInfo(self.zone)).date()
        # They may have begun yesterday; and the clocks may have been put back over midnight since.
        windows = (self._window_of(today + timedelta(days=away)) for away in count(-2))
        # One that begins and ends in the same gap has no length.
        return next((first, last) for first, last in windows if first < last and now < last)

    def _window_of(self, day: date) -> Window:
        """Return the quiet hours that begin on a day."""
        end_day = day if self.first < self.last else day + _DAY
        first, last = datetime.combine(day, self.first), datetime.combine(end_day, self.last)
        return first_moment(first, ZoneInfo(self.zone)), first_moment(last, ZoneInfo(self.zone))

    def __str__(self) -> str:
        return f"{self.first:%H:%M}-{self.last:%H:%M}"


def _time_of_day(text: str) -> time | None:
    try:
        return time.fromisoformat(text)
    except ValueError:
        return None


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
        """Return the rest that holds ``now``; None if it is none."""
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
            yield from (run + offset for run in moments_after(self.cron, ZoneInfo(self.zone), at - offset))
            return
        period = int((at - offset).timestamp() // self.every_s)
        while True:
            period += 1
            yield datetime.fromtimestamp(period * self.every_s, UTC) + offset

    def _regular_before(self, at: datetime) -> Iterator[datetime]:
        """Yield the runs up to ``at`` as if there were no quiet hours, the latest first."""
        offset = self._offset
        if self.cron:
            yield from (run + offset for run in moments_before(self.cron, ZoneInfo(self.zone), at - offset))
            return
        period = int((at - offset).timestamp() // self.every_s)
        while True:
            yield datetime.fromtimestamp(period * self.every_s, UTC) + offset
            period -= 1
