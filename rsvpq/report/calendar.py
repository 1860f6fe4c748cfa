"""Hours and days as the clock on the wall has them: a day may have 23 or 25 hours, and an hour may come twice."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

Unit = Literal["hour", "day"]

_HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Calendar:
    """The calendar of a zone; without one, of the zone that this machine is set to."""

    zone: ZoneInfo | None = None

    def at(self, ms: int) -> datetime:
        """The moment (milliseconds since the epoch) on the wall, with the offset that holds then."""
        moment = datetime.fromtimestamp(ms / 1000, self.zone)
        return moment if self.zone else moment.astimezone()

    def text(self, ms: int) -> str:
        """The moment for people, to the minute."""
        return f"{self.at(ms):%Y-%m-%d %H:%M}"

    def iso(self, ms: int) -> str:
        """The moment for programs, with its offset."""
        return self.at(ms).isoformat(timespec="milliseconds")

    def name(self, ms: int) -> str:
        """What to call the zone; that of the machine has only the name that it has at the moment."""
        return self.zone.key if self.zone else self.at(ms).tzname() or "local time"

    def start(self, ms: int, unit: Unit) -> int:
        """When the hour or day of a moment begins, in milliseconds since the epoch."""
        wall = datetime.fromtimestamp(ms / 1000, self.zone)
        wall = wall.replace(minute=0, second=0, microsecond=0)
        # Of a day's two midnights the first is meant; an hour that comes twice is two hours.
        wall = wall.replace(hour=0, fold=0) if unit == "day" else wall
        return round(wall.timestamp() * 1000)

    def starts(self, since_ms: int, until_ms: int, unit: Unit) -> Iterator[int]:
        """The beginnings of all hours or days that the period has a part of."""
        start = self.start(since_ms, unit)
        while start < until_ms:
            yield start
            start = self._next(start, unit)

    def _next(self, start_ms: int, unit: Unit) -> int:
        if unit == "day":
            midnight = datetime.fromtimestamp(start_ms / 1000, self.zone).replace(hour=0, tzinfo=None)
            return round((midnight + timedelta(days=1)).replace(tzinfo=self.zone).timestamp() * 1000)
        begun = start_ms
        after = start_ms
        while begun <= start_ms:  # where the clock is set by half an hour, an hour may have 90 minutes
            after += _HOUR_S * 1000
            begun = self.start(after, unit)
        return begun
