"""Hours and days of a report, where the clock on the wall jumps."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice, pairwise
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsvpq.report.calendar import Calendar, Unit

HOUR, DAY = 3_600_000, 86_400_000
#: Jumps by an hour, by half an hour, and at midnight in both directions; quarters of an hour; no jumps at all.
ZONES = (
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "America/Havana",
    "America/Sao_Paulo",
    "Asia/Kathmandu",
    "Africa/Cairo",
    "UTC",
)


def ms(text: str) -> int:
    """A moment that says its offset."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.fixture
def machine_in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine that is set to Berlin's time."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-10-26", 24)])
def test_a_day_has_the_hours_that_it_has(day: str, hours: int) -> None:
    berlin = Calendar(ZoneInfo("Europe/Berlin"))
    first = berlin.start(ms(f"{day}T12:00+01:00"), "day")
    second = berlin.start(ms(f"{day}T12:00+01:00") + DAY, "day")
    starts = list(berlin.starts(first, second, "hour"))
    assert len(starts) == (second - first) / HOUR == hours
    assert berlin.text(first) == f"{day} 00:00"


def test_an_hour_that_comes_twice_is_two_hours() -> None:
    berlin = Calendar(ZoneInfo("Europe/Berlin"))
    first, second = ms("2026-10-25T02:30+02:00"), ms("2026-10-25T02:30+01:00")
    starts = [berlin.start(moment, "hour") for moment in (first, second)]
    assert [berlin.iso(start) for start in starts] == [
        "2026-10-25T02:00:00.000+02:00",
        "2026-10-25T02:00:00.000+01:00",
    ]


@pytest.mark.parametrize(
    ("zone", "moment", "midnight"),
    [
        ("America/Havana", "2026-11-01T00:30-05:00", "2026-11-01T00:00:00.000-04:00"),  # the second half past midnight
        ("America/Havana", "2026-03-08T01:30-04:00", "2026-03-08T01:00:00.000-04:00"),  # there was no midnight
    ],
)
def test_a_day_has_one_beginning_however_many_midnights(zone: str, moment: str, midnight: str) -> None:
    calendar = Calendar(ZoneInfo(zone))
    start = calendar.start(ms(moment), "day")
    assert calendar.iso(start) == midnight
    assert list(calendar.starts(ms(moment) - DAY, ms(moment), "day"))[1:] == [start]


def test_where_the_clock_is_set_by_half_an_hour_an_hour_has_ninety_minutes() -> None:
    island = Calendar(ZoneInfo("Australia/Lord_Howe"))
    first = ms("2026-04-05T00:00+11:00")
    starts = list(islice(island.starts(first, first + 4 * HOUR, "hour"), 10))
    assert [island.text(start)[-5:] for start in starts] == ["00:00", "01:00", "02:00", "03:00"]
    assert starts[2] - starts[1] == 1.5 * HOUR


@pytest.mark.usefixtures("machine_in_berlin")
def test_without_a_zone_the_machine_s_own_has_its_jumps_too() -> None:
    own, berlin = Calendar(), Calendar(ZoneInfo("Europe/Berlin"))
    since, until = ms("2026-10-23T05:17Z"), ms("2026-10-28T09:00Z")
    for unit in get_args(Unit):
        assert list(own.starts(since, until, unit)) == list(berlin.starts(since, until, unit))
    for moment in (ms("2026-10-25T00:30Z"), ms("2026-10-25T01:30Z"), ms("2026-03-29T01:30Z")):
        assert own.iso(moment) == berlin.iso(moment)
    assert (own.name(since), berlin.name(since)) == ("CEST", "Europe/Berlin")


@given(
    zone=st.sampled_from(ZONES),
    since=st.datetimes(datetime(2010, 1, 1), datetime(2027, 1, 1)),
    length_h=st.integers(1, 24 * 5),
    unit=st.sampled_from(get_args(Unit)),
    part=st.floats(0, 0.999),
)
def test_every_moment_is_in_the_bar_that_is_listed_for_it(
    zone: str, since: datetime, length_h: int, unit: Unit, part: float
) -> None:
    calendar = Calendar(ZoneInfo(zone))
    since_ms = round(since.replace(tzinfo=UTC).timestamp() * 1000)
    until_ms = since_ms + length_h * HOUR
    starts = list(calendar.starts(since_ms, until_ms, unit))
    assert all(earlier < later for earlier, later in pairwise(starts))
    moment = since_ms + int(part * (until_ms - since_ms))
    start = calendar.start(moment, unit)
    assert start == max(one for one in starts if one <= moment)
    assert calendar.start(start, unit) == start
    wall = calendar.at(start)
    assert (wall.minute % (10 if unit == "10 minutes" else 60), wall.second) == (0, 0) or zone == "Australia/Lord_Howe"
