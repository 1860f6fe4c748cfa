"""The instances of a series from its rule and its VTIMEZONE, and what is said where they cannot be known."""

from datetime import UTC, datetime, timedelta

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given
from hypothesis import strategies as st

from rsvpq.mail.calendar import NEVER, Details
from rsvpq.mail.ordinary_rules import parse_ordinary_rule
from rsvpq.mail.recurrence import MOST_INSTANCES, instances, series_end
from tests.support.time_zones import BERLIN
from tests.support.work_counts import calls_of

START, END = datetime(2026, 3, 28, 8, tzinfo=UTC), datetime(2026, 3, 28, 9, tzinfo=UTC)
ONLY = ((START, END),)


def series(rule: str, zone: str = BERLIN, *deleted: datetime) -> Details:
    return Details(rule=rule, zone=zone, deleted=deleted)


def starts(details: Details, days: float = 3650) -> list[str]:
    found = instances(START, END, details, START + timedelta(days=days))
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
        # the same moment again and again, so a search in it never ends
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;INTERVAL=0", BERLIN),
        ("FREQ=DAILY;INTERVAL=-1", BERLIN),
        ("FREQ=DAILY", BERLIN.replace("INTERVAL=1", "INTERVAL=0")),
        ("FREQ=DAILY\nRRULE:FREQ=SECONDLY", BERLIN),
        ("FREQ=DAILY", BERLIN.replace("YEARLY", "SECONDLY")),
        ("FREQ=DAILY", BERLIN.replace("BYMONTH=3;", "BYMONTH=3;BYSECOND=1,2,3;")),
        ("FREQ=DAILY", BERLIN + " " * 9000),
    ],
)
def test_of_what_cannot_be_reckoned_only_the_first_instance_is_known(rule: str, zone: str) -> None:
    found = instances(START, END, series(rule, zone), START + timedelta(days=99))
    assert (found.times, found.complete) == (ONLY, False)
    assert found.unread


def test_of_a_series_that_began_long_ago_what_is_ahead_is_known() -> None:
    now = START + timedelta(days=3000)
    found = instances(START, END, series("FREQ=DAILY"), now + timedelta(days=2), now)
    assert found.complete
    assert [f"{start:%Y-%m-%dT%H}" for start, _ in found.times] == ["2034-06-15T07", "2034-06-16T07"]


@pytest.mark.parametrize(
    ("rule", "end"),
    [
        ("FREQ=DAILY", NEVER),
        ("FREQ=DAILY;COUNT=3", "2026-03-30T08:00"),
        ("FREQ=DAILY;UNTIL=20260330", "2026-03-30T08:00"),
        ("FREQ=DAILY;UNTIL=20260330T065959Z", "2026-03-29T08:00"),
        ("FREQ=YEARLY;UNTIL=20280301", "2027-03-28T08:00"),
        ("FREQ=DAILY;UNTIL=20200101", None),
        ("FREQ=WEEKLY;BYDAY=MO;COUNT=3", None),
        ("FREQ=YEARLY;INTERVAL=100;COUNT=3", None),
        ("FREQ=DAILY;UNTIL=99991231T000000Z", None),
        ("FREQ=DAILY;COUNT=3;", "2026-03-30T08:00"),
        ("FREQ=DAILY;COUNT=3;UNTIL=20260329", "2026-03-29T08:00"),
        ("FREQ=DAILY;COUNT=3\nDTSTART:19000101T000000", None),
        ("FREQ=DAILY;COUNT=99999999", None),
        ("FREQ=SOMETIMES", None),
        ("", None),
    ],
)
def test_a_series_is_over_when_its_last_meeting_is(rule: str, end: datetime | str | None) -> None:
    moment = series_end(START, END, series(rule)).moment
    assert (f"{moment:%Y-%m-%dT%H:%M}" if moment and moment != NEVER else moment) == end


def test_what_was_deleted_at_the_end_of_a_series_is_not_its_end() -> None:
    deleted = datetime(2026, 3, 30, 7, tzinfo=UTC)
    assert series_end(START, END, series("FREQ=DAILY;COUNT=3", BERLIN, deleted)).moment == deleted - timedelta(hours=23)


def test_without_a_zone_a_series_is_over_rather_too_late_and_it_is_said_why() -> None:
    found = series_end(START, END, series("FREQ=DAILY;COUNT=3", ""))
    assert found.moment == END + timedelta(days=3)
    assert found.unread == "no time zone is shown"


@pytest.mark.parametrize("change", [timedelta(days=730), timedelta(days=365 * 7900)])
def test_a_series_at_the_end_of_time_is_none_the_less_one_meeting(change: timedelta) -> None:
    start = datetime.max.replace(tzinfo=UTC) - timedelta(hours=2)
    found = instances(start, datetime.max.replace(tzinfo=UTC), series("FREQ=DAILY"), NEVER, start - change)
    assert found.times == ((start, datetime.max.replace(tzinfo=UTC)),)
    assert not found.complete


def test_a_series_of_too_many_meetings_says_so() -> None:
    found = series_end(START, END, series("FREQ=DAILY;COUNT=99999999"))
    assert (found.moment, found.unread) == (None, "the recurrence rule yields too many meetings")


def test_a_meeting_that_ends_before_it_starts_does_not_end_its_series_early() -> None:
    assert series_end(START, START - timedelta(days=3650), series("FREQ=DAILY;COUNT=3")).moment == datetime(
        2026, 3, 30, 7, tzinfo=UTC
    )


class Moment(datetime):
    """A time that counts how often it is compared with another."""

    compared = 0

    def __eq__(self, other: object) -> bool:
        Moment.compared += 1
        return super().__eq__(other)

    __hash__ = datetime.__hash__


def test_deleted_meetings_are_looked_up_and_not_searched_for() -> None:
    first = Moment.fromtimestamp(START.timestamp(), UTC)
    deleted = tuple(first + timedelta(days=number) for number in range(1, 400))
    assert all(isinstance(one, Moment) for one in deleted)
    daily = series("FREQ=DAILY;COUNT=400", "UTC", *deleted)
    assert series_end(START, END, daily).moment == END
    assert instances(START, END, daily, START + timedelta(days=999)).times == ONLY
    assert Moment.compared < 4000


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY",
        "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE;WKST=SU;COUNT=9",
        "FREQ=MONTHLY;BYMONTHDAY=31",
        "FREQ=MONTHLY;BYMONTHDAY=-1",
        "FREQ=MONTHLY;BYDAY=2MO",
        "FREQ=MONTHLY;BYDAY=-1FR",
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29",
        "FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU;UNTIL=20300101T000000Z",
        "freq=yearly;bymonth=03;byday=su;bysetpos=4",
    ],
)
def test_what_outlook_makes_is_ordinary(rule: str) -> None:
    assert parse_ordinary_rule(rule)["FREQ"] in {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}


@pytest.mark.parametrize(
    "rule",
    [
        f"FREQ=YEARLY;BYMONTHDAY={','.join(map(str, range(32, 232)))};COUNT=2",
        "FREQ=DAILY;INTERVAL=7;BYDAY=WE;COUNT=2",
        "FREQ=DAILY;BYDAY=1MO",
        "FREQ=WEEKLY;BYDAY=1MO",
        "FREQ=MONTHLY;BYDAY=6MO",
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR,SA,SU,MO",
        "FREQ=MONTHLY;BYDAY=2MO;BYSETPOS=4",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=5",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=1,2",
        "FREQ=MONTHLY;BYSETPOS=1",
        "FREQ=MONTHLY;BYMONTHDAY=1;BYSETPOS=1",
        "FREQ=MONTHLY;BYMONTHDAY=31;BYDAY=MO",
        "FREQ=MONTHLY;BYMONTHDAY=31;BYDAY=MO;BYSETPOS=2",
        "FREQ=MONTHLY;BYMONTHDAY=1,2",
        "FREQ=MONTHLY;BYMONTHDAY=0",
        "FREQ=MONTHLY;BYMONTHDAY=-31",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=YEARLY;BYMONTH=4;BYMONTHDAY=31",
        "FREQ=YEARLY;BYMONTH=1,2",
        "FREQ=YEARLY;BYMONTH=13",
        "FREQ=DAILY;COUNT=0",
        "FREQ=DAILY;COUNT=99999999999",
        "FREQ=DAILY;UNTIL= 20300101T000000Z",
        "FREQ=DAILY;UNTIL=2026-03-01",
        "FREQ=DAILY;UNTIL=20260101;UNTIL=20300101",
        "FREQ=DAILY;WKST=XX",
        "FREQ=DAILY\nDTSTART:19000101T000000",
        "RRULE:FREQ=DAILY",
        ";",
    ],
)
def test_what_outlook_does_not_make_is_not_followed(rule: str) -> None:
    with pytest.raises(ValueError, match="unsupported recurrence rule"):
        parse_ordinary_rule(rule)


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=MONTHLY;INTERVAL=12;BYMONTHDAY=31;COUNT=3",
        "FREQ=YEARLY;INTERVAL=2;BYMONTH=2;BYMONTHDAY=29;COUNT=3",
        "FREQ=YEARLY;INTERVAL=2;BYMONTH=2;BYDAY=5SA;COUNT=3",
    ],
)
@pytest.mark.parametrize("year", [1, 1601, 2001, 2025, 2199])
def test_a_meeting_that_never_comes_is_not_looked_for_to_the_end_of_time(rule: str, year: int) -> None:
    start = datetime(year, 4, 15, 9, tzinfo=UTC)
    work = calls_of(lambda: series_end(start, start, series(rule, "UTC")))
    assert work < 150_000


@given(
    st.sampled_from(
        [
            "FREQ=DAILY;INTERVAL=3",
            "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR",
            "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR;WKST=SU",
            "FREQ=MONTHLY;BYMONTHDAY=31",
            "FREQ=MONTHLY;BYDAY=-1FR",
            "FREQ=MONTHLY;BYDAY=SA,SU;BYSETPOS=3",
            "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29",
            "FREQ=YEARLY",
        ]
    ),
    st.datetimes(datetime(1601, 1, 1), datetime(2150, 1, 1)),
)
def test_a_series_is_reckoned_as_if_it_were_where_it_is(rule: str, first: datetime) -> None:
    first = rrulestr(rule, dtstart=first.replace(microsecond=0))[0]
    last = rrulestr(f"{rule};COUNT=7", dtstart=first)[-1]
    found = series_end(first.replace(tzinfo=UTC), first.replace(tzinfo=UTC), series(f"{rule};COUNT=7", "UTC"))
    assert found.moment == last.replace(tzinfo=UTC)
