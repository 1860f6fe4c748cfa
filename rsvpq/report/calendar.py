"""Ten minutes, hours and days of local time: a day may have 23 or 25 hours, and an hour may occur twice."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

Unit = Literal["10 minutes", "hour", "day"]

#: The minutes of the units that are shorter than a day.
_MINUTES: Mapping[Unit, int] = {"10 minutes": 10, "hour": 60}


@dataclass(frozen=True, slots=True)
class Calendar:
    """Local time in a zone; by default in the zone of this machine."""

    zone: ZoneInfo | None = None

    def at(self, ms: int) -> datetime:
        """Return the local time of a moment (milliseconds since the epoch), with its UTC offset."""
        moment = datetime.fromtimestamp(ms / 1000, self.zone)
        return moment if self.zone else moment.astimezone()

    def text(self, ms: int) -> str:
        """Format a moment for people, to the minute."""
        return f"{self.at(ms):%Y-%m-%d %H:%M}"

    def iso(self, ms: int) -> str:
        """Format a moment for programs: ISO 8601 with the UTC offset."""
        return self.at(ms).isoformat(timespec="milliseconds")

    def name(self, ms: int) -> str:
        """Return the name of the zone; for that of the machine, its abbreviation at the given moment."""
        return self.zone.key if self.zone else self.at(ms).tzname() or "local time"

    def start(self, ms: int, unit: Unit) -> int:
        """Return when the unit of a moment begins, in milliseconds since the epoch."""
        local = datetime.fromtimestamp(ms / 1000, self.zone)
        minutes = _MINUTES.get(unit, 60)
        local = local.replace(minute=local.minute // minutes * minutes, second=0, microsecond=0)
        # A day with two midnights begins at the first; an hour that occurs twice is counted as two hours.
        local = local.replace(hour=0, fold=0) if unit == "day" else local
        return round(local.timestamp() * 1000)

    def starts(self, since_ms: int, until_ms: int, unit: Unit) -> Iterator[int]:
        """Yield the beginnings of all units that overlap the period."""
        start = self.start(since_ms, unit)
        while start < until_ms:
            yield start
            if unit == "day":
                midnight = datetime.fromtimestamp(start / 1000, self.zone).replace(hour=0, tzinfo=None)
                start = round((midnight + timedelta(days=1)).replace(tzinfo=self.zone).timestamp() * 1000)
            else:
                begun = after = start
                while start <= begun:  # in zones that change their clocks by half an hour, an hour may have 90 minutes
                    after += _MINUTES[unit] * 60_000
                    start = self.start(after, unit)
