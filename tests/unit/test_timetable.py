"""When schedules are due and mailboxes rest, also on the days on which the clocks change."""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest

from rsvpq.local_times import check_cron
from rsvpq.timetable import QuietHours, Timetable, rest

VIENNA = "Europe/Vienna"
NIGHT = QuietHours.parse("22:00-06:00", VIENNA)
#: 2026-03-29 02:00 is 03:00 in Vienna, and 2026-10-25 03:00 is 02:00 again.
SPRING, FALL = "2026-03-29", "2026-10-25"


def at(text: str, zone: str = "UTC") -> datetime:
    """A time in a zone; by default UTC, in which no hour comes twice."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def local(moments: list[datetime]) -> list[str]:
    return [f"{moment.astimezone(ZoneInfo(VIENNA)):%d. %H:%M %Z}" for moment in moments]


def runs(cron: str, start: str, number: int, **more: object) -> list[str]:
    """The next runs after a time in Vienna."""
    timetable = Timetable(cron=cron, zone=VIENNA, **more)  # type: ignore[arg-type]
    return local(list(islice(timetable.upcoming(at(start, VIENNA)), number)))


def triggered(
    timetable: Timetable, first: datetime, last: datetime, step_s: float = 300, besides: list[datetime] | None = None
) -> list[datetime]:
    """When a dispatcher triggers it that looks every so many seconds and at some other times, in UTC."""
    found: list[datetime] = []
    before: int | None = None
    first, last = first.astimezone(UTC), last.astimezone(UTC)  # in one zone, the difference would be that of its clocks
    number = int((last - first).total_seconds() // step_s) + 1
    looks = {first + timedelta(seconds=step_s * step) for step in range(number)}
    for now in sorted(looks | set(besides or ())):
        run = timetable.due(now)
        if run is not None and (before is None or before < run):
            found.append(now)
            before = run
    return found


# -- days on which the clocks change -------------------------------------------------------------------------------


def test_a_fixed_time_in_the_hour_that_is_skipped_runs_at_its_end() -> None:
    assert runs("30 2 * * *", f"{SPRING} 00:00", 2) == ["29. 03:00 CEST", "30. 02:30 CEST"]


def test_a_fixed_time_in_the_hour_that_comes_twice_runs_once() -> None:
    assert runs("30 2 * * *", f"{FALL} 00:00", 2) == ["25. 02:30 CEST", "26. 02:30 CET"]


@pytest.mark.parametrize("minute", range(0, 60, 7))
def test_nor_does_it_run_again_for_whoever_asks_within_that_hour(minute: int) -> None:
    second = datetime(2026, 10, 25, 1, minute, tzinfo=UTC)  # 02:xx CET, the second time
    timetable = Timetable(cron="30 2 * * *", zone=VIENNA)
    assert local([next(timetable.upcoming(second))]) == ["26. 02:30 CET"]
    assert local([next(timetable.past(second))]) == ["25. 02:30 CEST"]


@pytest.mark.parametrize(("day", "count"), [("2026-03-28", 1), (SPRING, 1), (FALL, 1), ("2026-10-26", 1)])
def test_a_dispatcher_triggers_a_daily_run_once_on_each_day(day: str, count: int) -> None:
    first = at(f"{day} 00:00", VIENNA)
    found = triggered(Timetable(cron="30 2 * * *", zone=VIENNA), first, first + timedelta(days=1))
    assert len(found) == count


@pytest.mark.parametrize(("day", "count"), [("2026-03-28", 96), (SPRING, 92), (FALL, 100)])
def test_what_runs_every_quarter_of_an_hour_goes_on_at_that_pace(day: str, count: int) -> None:
    first, end = at(f"{day} 00:00", VIENNA), at(f"{day} 23:59", VIENNA)
    found = triggered(Timetable(cron="*/15 * * * *", zone=VIENNA), first, end)
    assert len(found) == count
    assert {later - earlier for earlier, later in pairwise(found)} == {timedelta(minutes=15)}


@pytest.mark.parametrize(("day", "hours"), [("2026-03-28", 7), ("2026-10-24", 9)])
def test_a_night_is_as_long_as_the_clocks_make_it(day: str, hours: int) -> None:
    first, last = NIGHT.window(at(f"{day} 23:00", VIENNA))
    assert last - first == timedelta(hours=hours)
    assert local([first, last])[0][4:9] == "22:00"
    assert local([first, last])[1][4:9] == "06:00"


def test_quiet_hours_that_begin_in_the_hour_that_comes_twice_hold_from_the_first_time_on() -> None:
    quiet = QuietHours.parse("02:30-06:00", VIENNA)
    for utc in ("00:30", "00:59", "01:10", "01:30", "04:59"):
        assert quiet.window(at(f"{FALL} {utc}")) == (at(f"{FALL} 00:30"), at(f"{FALL} 05:00")), utc


# -- quiet hours ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "resting"),
    [("21:59:59", False), ("22:00:00", True), ("00:00:00", True), ("05:59:59", True), ("06:00:00", False)],
)
def test_a_rest_holds_from_its_first_moment_and_not_at_its_end(now: str, *, resting: bool) -> None:
    timetable = Timetable(900, quiet=(NIGHT,))
    assert (timetable.resting(at(f"2026-06-10 {now}", VIENNA)) is not None) is resting


def test_outside_of_quiet_hours_the_next_rest_is_known() -> None:
    window = rest([NIGHT], at("2026-06-10 12:00", VIENNA))
    assert window == (at("2026-06-10 22:00", VIENNA), at("2026-06-11 06:00", VIENNA))
    assert rest([], at("2026-06-10 12:00")) is None


def test_quiet_hours_that_overlap_or_touch_are_one_rest() -> None:
    quiet = [QuietHours.parse(text) for text in ("21:00-23:00", "23:00-01:00", "00:30-05:00", "12:00-13:00")]
    assert rest(quiet, at("2026-06-10 22:00")) == (at("2026-06-10 21:00"), at("2026-06-11 05:00"))
    assert rest(quiet, at("2026-06-10 09:00")) == (at("2026-06-10 12:00"), at("2026-06-10 13:00"))


def test_what_a_cron_expression_names_within_quiet_hours_does_not_run() -> None:
    assert runs("0 */4 * * *", "2026-06-10 17:00", 4, quiet=(NIGHT,)) == [
        *("10. 20:00 CEST", "11. 08:00 CEST", "11. 12:00 CEST", "11. 16:00 CEST"),
    ]
    assert runs("0 3 * * *", "2026-06-10 17:00", 1, quiet=(NIGHT,)) == []


def test_what_is_due_every_so_often_runs_once_at_the_end_of_quiet_hours() -> None:
    timetable = Timetable(7 * 3600, quiet=(NIGHT,))  # 00:00, 07:00, 14:00, 21:00, 04:00 UTC and so on
    first = at("2026-06-10 00:00", VIENNA)
    expected = list(islice(timetable.upcoming(first), 12))
    found = triggered(timetable, first, expected[-1], 3600, expected)
    assert not any(timetable.resting(run) for run in found)
    assert found[-12:] == expected
    assert list(islice(timetable.past(expected[-1]), 12)) == expected[::-1]


@pytest.mark.parametrize(
    "timetable",
    [
        Timetable(cron="*/20 5-22 * * mon-fri", zone=VIENNA, quiet=(NIGHT,), offset_s=120),
        Timetable(cron="59 * * * mon-fri", zone=VIENNA, quiet=(NIGHT,), offset_s=120),
        Timetable(7200, quiet=(NIGHT,), offset_s=120),
        Timetable(5400, quiet=(NIGHT, QuietHours.parse("12:00-13:00", VIENNA)), offset_s=3600),
    ],
    ids=str,
)
def test_a_dispatcher_triggers_what_is_shown_as_upcoming(timetable: Timetable) -> None:
    first = at("2026-06-12 20:00", VIENNA)  # a Friday
    expected = list(islice(timetable.upcoming(first), 12))
    beside = [run + timedelta(seconds=away) for run in expected for away in (-1, 0, 1)]
    found = triggered(timetable, first, expected[-1], 1800, beside)
    assert [run for run in found if run > first][-12:] == expected
    assert list(islice(timetable.past(expected[-1]), 12)) == expected[::-1]
    assert not any(timetable.resting(run) for run in found)


def test_at_the_end_of_quiet_hours_schedules_begin_one_after_the_other() -> None:
    evening = at("2026-06-10 21:58", VIENNA)
    runs = [next(Timetable(900, quiet=(NIGHT,), offset_s=offset_s).upcoming(evening)) for offset_s in (1, 200)]
    assert [f"{run.astimezone(ZoneInfo(VIENNA)):%H:%M:%S}" for run in runs] == ["06:00:01", "06:03:20"]


# -- what was missed -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("now", "run"), [("07:00", True), ("07:59", True), ("08:01", False), ("06:59", False)])
def test_a_run_that_nobody_was_there_for_is_made_up_for_within_an_hour(now: str, *, run: bool) -> None:
    assert (Timetable(cron="0 7 * * *").due(at(f"2026-06-10 {now}")) is not None) is run


# -- jitter, periods -----------------------------------------------------------------------------------------------


def test_an_offset_delays_each_run() -> None:
    assert runs("0 7 * * *", "2026-06-10 07:01", 2, offset_s=90)[0] == "10. 07:01 CEST"
    timetable = Timetable(900, offset_s=90)
    assert [f"{run:%H:%M:%S}" for run in islice(timetable.upcoming(at("2026-06-10 07:00")), 2)] == [
        *("07:01:30", "07:16:30"),
    ]


@pytest.mark.parametrize(
    ("timetable", "now", "period_s"),
    [
        (Timetable(900), "2026-06-10 12:01", 900),
        (Timetable(cron="*/15 * * * *"), "2026-06-10 12:00", 900),
        (Timetable(cron="*/15 7-19 * * mon-fri"), "2026-06-15 07:15", 59.5 * 1800),  # since Friday, 19:45
        (Timetable(900, quiet=(QuietHours.parse("22:00-06:00"),)), "2026-06-10 05:00", 7.75 * 1800),  # since 21:15
    ],
)
def test_a_period_is_half_of_the_time_since_the_last_run_but_two(
    timetable: Timetable, now: str, period_s: float
) -> None:
    assert timetable.period_s(at(now)) == period_s


@pytest.mark.parametrize("cron", ["0 7 * *", "0 0 7 * * *", "@daily", "60 * * * *", "0 0 31 2 *", ""])
def test_a_wrong_cron_expression_is_refused(cron: str) -> None:
    with pytest.raises(ValueError, match=r"; (write|correct)"):
        check_cron(cron)


@pytest.mark.parametrize("text", ["22-06", "22:00", "24:00-06:00", "22:60-06:00", "06:00-06:00", "", "22:00-06:00 CET"])
def test_wrong_quiet_hours_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="as in 22:00-06:00"):
        QuietHours.parse(text)
