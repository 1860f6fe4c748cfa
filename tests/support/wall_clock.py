"""What clocks on a wall show, minute by minute, and what follows for cron expressions and quiet hours.

Slow and plain, to judge what is computed: it knows no offset, no fold and no cronsim, only what is shown when.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
#: The least and the greatest value of each field of a cron expression.
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


class WallClock:
    """The clocks of a zone, from some days before a date until some days after it."""

    def __init__(self, zone: str, date: str, days: int = 4) -> None:
        first = datetime.fromisoformat(date).replace(tzinfo=UTC) - timedelta(days=days)
        moments = [first + step * MINUTE for step in range(2 * days * 24 * 60)]
        #: Each minute in UTC, with the local time that is shown then.
        self.shown = {moment: moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for moment in moments}
        self._dates = {local.date() for local in self.shown.values()}
        self._passed = {moment: list(passed) for moment, passed in zip(moments, self._walk(), strict=True)}

    def _walk(self) -> Iterator[Iterator[datetime]]:
        """Yield for each minute the local times that no clock has shown before and none will show first after it.

        That is the time that is shown, and those that were skipped just before; none in what is shown again.
        """
        latest = next(iter(self.shown.values())) - MINUTE
        for local in self.shown.values():
            number = max(0, (local - latest) // MINUTE)
            yield (latest + step * MINUTE for step in range(1, number + 1))
            latest = max(latest, local)

    def runs(self, cron: str) -> list[datetime]:
        """When a cron expression runs.

        With ``*`` first in its minutes or hours: whenever such a time is shown. Else at the first moment at which the
        time, or after a gap a later one, is shown; but not for a date that is never shown.
        """
        named = _Named(cron)
        if any(field.startswith("*") for field in cron.split()[:2]):
            return [moment for moment, local in self.shown.items() if named.matches(local)]
        return [
            moment
            for moment, passed in self._passed.items()
            if any(named.matches(local) and local.date() in self._dates for local in passed)
        ]

    def resting(self, first: str, last: str) -> dict[datetime, bool]:
        """Whether there are quiet hours at each minute: from the moment at which one time has passed to the other."""
        found, rests = {}, False
        for moment, passed in self._passed.items():
            for local in passed:
                rests = {first: True, last: False}.get(f"{local:%H:%M}", rests)
            found[moment] = rests
        return found


@cache
def wall_clock(zone: str, date: str) -> WallClock:
    """The clocks of a zone around a date; walked through once."""
    return WallClock(zone, date)


class _Named:
    """The local times that a cron expression names."""

    def __init__(self, cron: str) -> None:
        fields = cron.split()
        self._minutes, self._hours, self._days, self._months, self._weekdays = (
            _values(field, *ends) for field, ends in zip(fields, _RANGES, strict=True)
        )
        self._either = not any(field.startswith("*") for field in (fields[2], fields[4]))

    def matches(self, local: datetime) -> bool:
        """Whether this is one of them; with both a day and a weekday, one of the two is enough."""
        if local.minute not in self._minutes or local.hour not in self._hours or local.month not in self._months:
            return False
        day, weekday = local.day in self._days, local.isoweekday() % 7 in self._weekdays
        return (day or weekday) if self._either else (day and weekday)


def _values(field: str, least: int, most: int) -> frozenset[int]:
    found: set[int] = set()
    for part in field.split(","):
        stretch, _, step = part.partition("/")
        ends = [_DAYS.index(end) if end in _DAYS else int(end) for end in stretch.split("-") if end != "*"]
        first, last = (ends[0], ends[-1]) if ends else (least, most)
        found.update(range(first, last + 1, int(step or 1)))
    return frozenset(found)
