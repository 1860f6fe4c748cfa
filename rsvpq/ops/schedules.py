"""Show the schedules of the settings: when each is due next, and when its mailboxes rest."""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from rsvpq.settings import Settings


@dataclass(frozen=True, slots=True)
class UpcomingRuns:
    """The next runs of one schedule, in its time zone; none if quiet hours cover all of them.

    :param scope: which mailboxes it is for, in words. :param when: when it is due, in words.
    :param rests_until: when the quiet hours end that hold now; None outside of quiet hours.
    """

    scope: str
    group: str | None
    when: str
    runs: tuple[datetime, ...]
    rests_until: datetime | None

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready copy."""
        return {
            "group": self.group,
            "when": self.when,
            "runs": [_in_utc(run) for run in self.runs],
            "rests_until": _in_utc(self.rests_until) if self.rests_until else None,
        }


def _in_utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def upcoming_runs(settings: Settings, most: int, now: datetime | None = None) -> list[UpcomingRuns]:
    """Return the next runs of each schedule, at most so many, by the clock of this machine.

    Dispatchers go by Redis' clock.
    """
    now, found = now or datetime.now(UTC), []
    for schedule in settings.schedule:
        timetable, zone = schedule.timetable(settings.redis.namespace), ZoneInfo(schedule.timezone or "UTC")
        window = timetable.resting(now)
        found.append(
            UpcomingRuns(
                scope="all mailboxes" if schedule.group is None else f"group {schedule.group}",
                group=schedule.group,
                when=schedule.words,
                runs=tuple(run.astimezone(zone) for run in islice(timetable.upcoming(now), most)),
                rests_until=window[1].astimezone(zone) if window else None,
            )
        )
    return found
