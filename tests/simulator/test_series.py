"""The instances that the simulator makes of a series, against dateutil, which it does not use."""

from datetime import UTC, date, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given
from hypothesis import strategies as st

from simulator.mime.vtimezone import vtimezone
from simulator.world.messages import Meeting, Person, SeriesException
from simulator.world.recurrence import occurrences, parse_rule
from simulator.world.series import EXCEPTION, INSTANCE, instances, over_at

SOMEBODY = Person("Nora", "nora@example.com")
ZONES = st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Tokyo", "Australia/Sydney", "UTC"])
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
WEEKDAYS = st.lists(st.sampled_from(DAYS), min_size=1, max_size=4, unique=True)


def meeting(rule: str, start: datetime, zone: str, length: timedelta = timedelta(hours=1)) -> Meeting:
    """A series that starts at a local time."""
    moments = ((start + more).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) for more in (timedelta(), length))
    first, end = moments
    return Meeting("uid", SOMEBODY, first, end, rrule=rule, zone=zone)


@st.composite
def rules(draw: st.DrawFn) -> str:
    """Every sort of rule that Outlook's dialog can make."""
    days = ",".join(draw(WEEKDAYS))
    ordinal = draw(st.sampled_from([1, 2, 3, 4, -1]))
    month = draw(st.integers(1, 12))
    body = draw(
        st.sampled_from(
            [
                "FREQ=DAILY",
                "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR",
                f"FREQ=WEEKLY;BYDAY={days}",
                "FREQ=WEEKLY",
                f"FREQ=WEEKLY;BYDAY={days};WKST=SU",
                f"FREQ=MONTHLY;BYMONTHDAY={draw(st.sampled_from([1, 15, 29, 30, 31, -1]))}",
                f"FREQ=MONTHLY;BYDAY={ordinal}{draw(st.sampled_from(DAYS))}",
                f"FREQ=MONTHLY;BYDAY={days};BYSETPOS={ordinal}",
                f"FREQ=YEARLY;BYMONTH={month};BYMONTHDAY={draw(st.integers(1, 31))}",
                f"FREQ=YEARLY;BYMONTH={month};BYDAY={ordinal}TU",
                "FREQ=MONTHLY",
                "FREQ=YEARLY",
            ]
        )
    )
    interval = draw(st.sampled_from(["", ";INTERVAL=1", ";INTERVAL=2", ";INTERVAL=3"]))
    count = draw(st.sampled_from(["", ";COUNT=1", ";COUNT=7", ";COUNT=40"]))
    return f"{body}{interval}{count}"


STARTS = st.datetimes(datetime(2025, 1, 1), datetime(2026, 12, 31)).map(
    lambda moment: moment.replace(second=0, microsecond=0)
)


@given(rules(), STARTS)
def test_a_rule_falls_on_the_days_that_dateutil_finds(rule: str, start: datetime) -> None:
    last = start.replace(hour=23, minute=59) + timedelta(days=900)
    expected = list(takewhile(lambda moment: moment <= last, rrulestr(rule, dtstart=start)))
    assert list(occurrences(parse_rule(rule), start, last.date())) == expected


@given(rules(), STARTS, ZONES, st.integers(0, 60 * 40), st.sampled_from(["", "Z"]), st.integers(0, 600))
def test_instances_keep_the_clock_on_the_wall(
    rule: str, start: datetime, zone: str, minutes: int, utc: str, days: int
) -> None:
    if "COUNT" not in rule:
        rule += f";UNTIL={start + timedelta(days=days):%Y%m%dT%H%M%S}{utc}"
    length = timedelta(minutes=minutes)
    series = meeting(rule, start, zone, length)
    window = series.start - timedelta(days=2), series.start + timedelta(days=400)
    found = [(one.start, one.end) for one in instances(series, *window)]

    local = series.start.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    wall_length = series.end.astimezone(ZoneInfo(zone)).replace(tzinfo=None) - local
    bare, _, until = rule.partition(";UNTIL=")
    expected = []
    for moment in takewhile(lambda moment: moment < local + timedelta(days=403), rrulestr(bare, dtstart=local)):
        begin, end = (
            (moment + more).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) for more in (timedelta(), wall_length)
        )
        limit = datetime.strptime(until.rstrip("Z"), "%Y%m%dT%H%M%S") if until else datetime.max
        over = begin.replace(tzinfo=None) > limit if utc else moment > limit
        if not over and begin <= window[1]:
            expected.append((begin, end))
    assert found == expected


def test_a_weekly_series_stays_at_nine_over_both_changes_of_clocks() -> None:
    series = meeting("FREQ=WEEKLY;BYDAY=MO", datetime(2026, 3, 16, 9), "Europe/Berlin")
    hours = [one.start.hour for one in instances(series, series.start, datetime(2026, 11, 3, tzinfo=UTC))]
    assert (hours[:3], hours[-3:]) == ([8, 8, 7], [7, 8, 8])
    assert len(hours) == 34


def test_america_changes_its_clocks_on_other_days() -> None:
    series = meeting("FREQ=WEEKLY;BYDAY=MO", datetime(2026, 3, 2, 9), "America/New_York")
    hours = [one.start.hour for one in instances(series, series.start, datetime(2026, 3, 17, tzinfo=UTC))]
    assert hours == [14, 13, 13]


def test_an_all_day_series_has_a_day_of_23_hours() -> None:
    series = meeting("FREQ=DAILY;COUNT=3", datetime(2026, 3, 28), "Europe/Berlin", timedelta(days=1))
    lengths = [one.end - one.start for one in instances(series, series.start, series.start + timedelta(days=9))]
    assert lengths == [timedelta(hours=24), timedelta(hours=23), timedelta(hours=24)]


def test_what_was_moved_or_deleted_is_where_it_is_now() -> None:
    day = timedelta(days=1)
    series = meeting("FREQ=DAILY;COUNT=4", datetime(2026, 5, 1, 9), "UTC")
    moved = SeriesException(series.start + day, series.start + 9 * day, series.end + 9 * day)
    series = Meeting(
        "uid",
        SOMEBODY,
        series.start,
        series.end,
        rrule=series.rrule,
        exceptions=(moved, SeriesException(series.start + 2 * day)),
    )
    found = list(instances(series, series.start, series.start + 30 * day))
    assert [(one.instance_type, (one.start - series.start).days) for one in found] == [
        (EXCEPTION, 9),
        (INSTANCE, 0),
        (INSTANCE, 3),
    ]
    assert [one.recurrence_id for one in found] == [moved.original, series.start, series.start + 3 * day]
    far = series.start + 8 * day
    assert [one.instance_type for one in instances(series, far, far + 5 * day)] == [EXCEPTION]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "FREQ=HOURLY",
        "FREQ=WEEKLY;BYWEEKNO=3",
        "FREQ=WEEKLY;BYDAY=XX",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=YEARLY;BYDAY=2MO",
    ],
)
def test_a_rule_that_no_outlook_makes_is_refused_and_its_series_is_its_first_instance(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_rule(text or "FREQ=")
    series = meeting(text, datetime(2026, 5, 1, 9), "UTC")
    assert [one.start for one in instances(series, series.start, series.start + timedelta(days=99))] == [series.start]


@pytest.mark.parametrize(
    ("zone", "parts"),
    [
        ("Europe/Berlin", ["BYMONTH=3;BYDAY=-1SU", "BYMONTH=10;BYDAY=-1SU", "DTSTART:16010101T020000"]),
        ("America/New_York", ["BYMONTH=3;BYDAY=2SU", "BYMONTH=11;BYDAY=1SU"]),
        ("Asia/Tokyo", ["BEGIN:STANDARD", "TZOFFSETTO:+0900"]),
        ("America/St_Johns", ["TZOFFSETTO:-0330", "TZOFFSETTO:-0230"]),
    ],
)
def test_a_zone_is_shown_by_its_rules(zone: str, parts: list[str]) -> None:
    text = vtimezone(zone, 2026)
    assert [part for part in parts if part not in text] == []
    assert text.startswith("BEGIN:VTIMEZONE\r\nTZID:GMT ")


def test_the_last_day_counts() -> None:
    first = datetime(2026, 5, 1, 9)
    assert list(occurrences(parse_rule("FREQ=DAILY"), first, date(2026, 5, 2))) == [first, first + timedelta(days=1)]


@pytest.mark.parametrize(
    ("rule", "end"),
    [
        ("", "2026-03-02T10:00"),
        ("FREQ=DAILY", None),
        ("FREQ=DAILY;COUNT=5", "2026-03-06T10:00"),
        ("FREQ=WEEKLY;UNTIL=20260317T000000Z", "2026-03-16T10:00"),
    ],
)
def test_the_oracle_knows_when_a_meeting_is_over(rule: str, end: str | None) -> None:
    found = over_at(meeting(rule, datetime(2026, 3, 2, 9), "UTC"))
    assert (f"{found:%Y-%m-%dT%H:%M}" if found else None) == end
