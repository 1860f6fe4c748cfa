"""Moments as an operator writes them: how long ago, or a date with or without a time."""

from contextlib import suppress
from datetime import datetime
from zoneinfo import ZoneInfo

import click

from rsvpq.lanes import Lanes
from rsvpq.settings import Duration


def milliseconds(lanes: Lanes, when: str, option: str, zone: ZoneInfo | None = None) -> int:
    """A moment in milliseconds since the epoch; a duration is so long ago on Redis' clock.

    :param zone: of a moment that does not say it; None for the zone of this machine.
    :raises click.BadParameter: it is neither.
    """
    with suppress(ValueError):
        ago = Duration.parse(when).seconds
        return max(0, round(lanes.time_us() / 1000 - ago * 1000))
    with suppress(ValueError, OverflowError, OSError):
        moment = datetime.fromisoformat(when)
        moment = moment.replace(tzinfo=zone) if moment.tzinfo is None else moment
        return max(0, round(moment.timestamp() * 1000))
    raise click.BadParameter(
        f"{when!r} is no time; write how long ago, such as 90s, 2h or 7d, or a moment such as 2026-11-22T09:00 or "
        "2026-11-22T09:00Z",
        param_hint=option,
    )
