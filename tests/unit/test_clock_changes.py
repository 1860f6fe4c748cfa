"""Schedules and quiet hours on days with a gap, a fold or neither, against clocks that are looked at each minute."""

from datetime import UTC, datetime, timedelta
from itertools import takewhile

from hypothesis import example, given
from hypothesis import strategies as st

from rsvpq.timetable import QuietHours, Timetable, rest
from tests.support.wall_clock import wall_clock

#: Days on which clocks change: by an hour, half an hour, two hours or a day; at midnight, over it, and at night.
CHANGES = (
    ("Europe/Vienna", "2026-03-29"),
    ("Europe/Vienna", "2026-10-25"),
    ("Australia/Lord_Howe", "2026-10-04"),
    ("Australia/Lord_Howe", "2026-04-05"),
    ("Asia/Pyongyang", "2018-05-05"),  # 23:30 was 00:00 of the next day
    ("America/Sao_Paulo", "2018-11-04"),  # 00:00 was 01:00
    ("America/Sao_Paulo", "2018-02-18"),  # 00:00 was 23:00 of the day before
    ("America/Nuuk", "2026-03-28"),  # 23:00 is 00:00 of the next day
    ("Antarctica/Troll", "2026-03-29"),
    ("Antarctica/Troll", "2026-10-25"),
    ("Pacific/Apia", "2011-12-30"),  # there was no such day
    ("Pacific/Kwajalein", "1969-10-01"),  # which began again after 23 hours
    ("Asia/Kathmandu", "2026-03-29"),  # no change, and a quarter of an hour beside all others
    ("UTC", "2026-03-29"),
)
MINUTES = ("*", "*/7", "*/30", "0", "1", "15", "30", "45", "59", "0,30", "10-50/20")
HOURS = ("*", "*/2", "*/3", "0", "1", "2", "3", "7", "23", "0,2", "1-3", "0-23/2")
DAYS = ("*", "*/2", "1-15", "4", "5", "25", "29", "30")
WEEKDAYS = ("*", "fri", "sat", "sun", "mon-fri", "*/3")
CRONS = st.tuples(*map(st.sampled_from, (MINUTES, HOURS, DAYS, ("*",), WEEKDAYS))).map(" ".join)
#: Half an hour apart, for on them clocks change; and some beside.
TIMES = st.sampled_from([f"{hour:02}:{minute:02}" for hour in (0, 1, 2, 3, 4, 6, 12, 22, 23) for minute in (0, 10, 30)])
QUIET = st.tuples(TIMES, TIMES).filter(lambda times: times[0] != times[1])
#: Hours from the beginning of the date in UTC.
AWAY = st.floats(-40, 40)
DAY = timedelta(days=1)


def beside(date: str, away_h: float) -> datetime:
    return datetime.fromisoformat(date).replace(tzinfo=UTC) + timedelta(hours=away_h)


@given(change=st.sampled_from(CHANGES), cron=CRONS, away_h=AWAY)
@example(("Australia/Lord_Howe", "2026-04-05"), "0 */2 * * *", -11)
@example(("Pacific/Apia", "2011-12-30"), "0 7 * * *", 0)
def test_runs_are_when_the_clocks_show_them_wherever_one_begins(
    change: tuple[str, str], cron: str, away_h: float
) -> None:
    zone, date = change
    now, timetable = beside(date, away_h), Timetable(cron=cron, zone=zone)
    first, last = beside(date, 0) - 2 * DAY, beside(date, 0) + 3 * DAY
    expected = [run for run in wall_clock(zone, date).runs(cron) if first <= run < last]
    coming = takewhile(lambda run: run < last, timetable.upcoming(now))
    assert list(coming) == [run for run in expected if run > now]
    gone = takewhile(lambda run: run >= first, timetable.past(now))
    assert list(gone) == [run for run in reversed(expected) if run <= now]


@given(change=st.sampled_from(CHANGES), times=QUIET, away_h=AWAY)
@example(("Europe/Vienna", "2026-03-29"), ("02:00", "03:00"), 12)
@example(("Pacific/Apia", "2011-12-30"), ("22:00", "06:00"), 9)
def test_quiet_hours_last_from_one_time_to_the_other_as_the_clocks_show_them(
    change: tuple[str, str], times: tuple[str, str], away_h: float
) -> None:
    zone, date = change
    now, resting = beside(date, away_h), wall_clock(zone, date).resting(*times)
    window = rest([QuietHours.parse("-".join(times), zone)], now)
    assert window is not None
    rests = [moment for moment, quiet in resting.items() if quiet]
    minute = now.replace(second=0, microsecond=0)
    begin = minute if resting[minute] else min(moment for moment in rests if moment > now)
    end = next(moment for moment, quiet in resting.items() if moment > begin and not quiet)
    assert (window[0] <= now, window[1]) == (resting[minute], end)
    assert all(resting[moment] for moment in resting if window[0] <= moment < window[1])
    assert resting[minute] or window[0] == begin


@given(change=st.sampled_from(CHANGES), cron=CRONS, times=QUIET, away_h=AWAY)
def test_a_run_is_left_out_if_the_clocks_show_it_in_quiet_hours(
    change: tuple[str, str], cron: str, times: tuple[str, str], away_h: float
) -> None:
    zone, date = change
    now, last, clock = beside(date, away_h), beside(date, 0) + 3 * DAY, wall_clock(zone, date)
    timetable = Timetable(cron=cron, zone=zone, quiet=(QuietHours.parse("-".join(times), zone),))
    resting = clock.resting(*times)
    expected = [run for run in clock.runs(cron) if now < run < last and not resting[run]]
    assert list(takewhile(lambda run: run < last, timetable.upcoming(now))) == expected
