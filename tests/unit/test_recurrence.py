"""The instances of a series from its rule and its VTIMEZONE, and what is said where they cannot be known."""

from datetime import UTC, datetime, timedelta

import pytest

from rsvpq.agenda import Particulars
from rsvpq.recurrence import MOST_INSTANCES, instances

#: As Exchange shows Berlin: rules since 1601, and a name that is none.
BERLIN = """BEGIN:VTIMEZONE
TZID:GMT +0100 (Standard) / GMT +0200 (Daylight)
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;WKST=MO;INTERVAL=1;BYMONTH=10;BYDAY=-1SU
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;WKST=MO;INTERVAL=1;BYMONTH=3;BYDAY=-1SU
END:DAYLIGHT
END:VTIMEZONE
"""
START, END = datetime(2026, 3, 28, 8, tzinfo=UTC), datetime(2026, 3, 28, 9, tzinfo=UTC)
ONLY = ((START, END),)


def series(rule: str, zone: str = BERLIN, *deleted: datetime) -> Particulars:
    return Particulars(rule=rule, zone=zone, deleted=deleted)


def starts(particulars: Particulars, days: float = 3650) -> list[str]:
    found = instances(START, END, particulars, START + timedelta(days=days))
    assert found.complete
    return [f"{start:%m-%dT%H}" for start, _ in found.times]


def test_a_single_meeting_is_its_only_instance() -> None:
    found = instances(START, END, None, START + timedelta(days=99))
    assert (found.times, found.complete) == (ONLY, True)


def test_instances_keep_the_clock_on_the_wall() -> None:
    assert starts(series("FREQ=DAILY;COUNT=3")) == ["03-28T08", "03-29T07", "03-30T07"]


def test_an_all_day_instance_ends_with_its_day() -> None:
    first = datetime(2026, 3, 27, 23, tzinfo=UTC)
    found = instances(first, first + timedelta(days=1), series("FREQ=DAILY;COUNT=3"), first + timedelta(days=9))
    assert [end - start for start, end in found.times] == [timedelta(hours=hours) for hours in (24, 23, 24)]


@pytest.mark.parametrize(
    ("until", "count"),
    [("20260330", 3), ("20260330T090000", 3), ("20260330T085959", 2), ("20260330T070000Z", 3), ("20260330T065959Z", 2)],
)
def test_until_is_a_day_or_a_time_here_or_in_utc(until: str, count: int) -> None:
    assert len(starts(series(f"FREQ=DAILY;UNTIL={until}"))) == count


def test_what_was_deleted_is_left_out() -> None:
    deleted = START + timedelta(hours=23)
    assert starts(series("FREQ=DAILY;COUNT=3", BERLIN, deleted)) == ["03-28T08", "03-30T07"]


def test_the_horizon_is_not_an_instance() -> None:
    assert starts(series("FREQ=DAILY"), 47 / 24) == ["03-28T08", "03-29T07"]


def test_a_series_without_end_is_cut_and_said_to_be_cut() -> None:
    found = instances(START, END, series("FREQ=DAILY"), START + timedelta(days=36500))
    assert (len(found.times), found.complete) == (MOST_INSTANCES, False)


@pytest.mark.parametrize(
    ("rule", "zone"),
    [
        ("FREQ=DAILY", ""),
        ("FREQ=DAILY", "BEGIN:VTIMEZONE"),
        ("FREQ=DAILY", "Berlin"),
        ("", BERLIN),
        ("EVERY DAY", BERLIN),
        ("FREQ=SOMETIMES", BERLIN),
        ("FREQ=DAILY;UNTIL=99999999", BERLIN),
        ("FREQ=WEEKLY;BYDAY=MO", BERLIN),
        ("FREQ=DAILY;COUNT=-1", BERLIN),
        ("FREQ=DAILY;UNTIL=20200101", BERLIN),
        ("FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30", BERLIN),
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", BERLIN),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", BERLIN),
        ("FREQ=DAILY\nRRULE:FREQ=SECONDLY", BERLIN),
        ("FREQ=DAILY", BERLIN.replace("YEARLY", "SECONDLY")),
        ("FREQ=DAILY", BERLIN.replace("BYMONTH=3;", "BYMONTH=3;BYSECOND=1,2,3;")),
        ("FREQ=DAILY", BERLIN + " " * 9000),
    ],
)
def test_of_what_cannot_be_reckoned_only_the_first_instance_is_known(rule: str, zone: str) -> None:
    found = instances(START, END, series(rule, zone), START + timedelta(days=99))
    assert (found.times, found.complete) == (ONLY, False)
