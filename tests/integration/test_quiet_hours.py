"""In quiet hours nothing new is started, what was started is finished, and every picture says so."""

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from producer.schedule import ScheduledScan, due_scans, keep_quiet
from rsvpq.cli.schedule import schedule_lines
from rsvpq.lanes import Ending, Lane, Lanes, StartResult
from rsvpq.ops.schedules import upcoming_runs
from rsvpq.timetable import QuietHours, Timetable
from tests.support.installation import Installation, report_processes
from tests.support.lanes_with_clock import Clock, offer
from tests.support.scrape import scrape

HOUR_US = 3_600_000_000


def released(lanes: Lanes, rounds: int = 2) -> set[str]:
    return {release.id for _ in range(rounds) for release in lanes.ledger.release()}


def join(lanes: Lanes, group: str, *mailboxes: str) -> None:
    for mailbox in mailboxes:
        offer(lanes, mailbox, mailbox=mailbox)
    lanes.ledger.assign_groups(dict.fromkeys(mailboxes, group))
    lanes.namespace.redis.sadd(lanes.namespace.mailboxes, *mailboxes)


def rest(lanes: Lanes, clock: Clock, group: str, after_s: float = 0, for_s: float = 3600) -> None:
    first = clock.us + round(after_s * 1e6)
    lanes.controls.rest(group, (first, first + round(for_s * 1e6)))


def test_a_group_rests_and_goes_on_by_itself(lanes: Lanes, clock: Clock) -> None:
    join(lanes, "sales", "adele")
    join(lanes, "legal", "carla")
    rest(lanes, clock, "sales")
    assert released(lanes) == {"carla"}
    waiting = lanes.snapshot.status().servers["mail1"].waiting
    assert {reason: one.items for reason, one in waiting.items()} == {"quiet hours": 1}
    clock.turn(3599)
    assert released(lanes) == set()
    clock.turn(1)
    assert released(lanes) == {"adele"}
    assert lanes.snapshot.status().groups == {}


def test_everything_rests(lanes: Lanes, clock: Clock) -> None:
    join(lanes, "sales", "adele")
    rest(lanes, clock, "")
    assert released(lanes) == set()
    status = lanes.snapshot.status()
    assert (status.quiet_s, list(status.servers["mail1"].waiting)) == (3600, ["quiet hours"])
    clock.turn(3600)
    assert released(lanes) == {"adele"}


def test_a_rest_begins_at_its_time_without_anybody(lanes: Lanes, clock: Clock) -> None:
    join(lanes, "sales", "adele")
    rest(lanes, clock, "sales", after_s=60)
    assert lanes.snapshot.status().groups == {}
    clock.turn(60)
    assert released(lanes) == set()


@pytest.mark.parametrize("group", ["", "sales"])
def test_what_was_released_does_not_start_and_what_has_started_is_finished(
    lanes: Lanes, clock: Clock, group: str
) -> None:
    join(lanes, "sales", "adele", "bruno")
    assert released(lanes) == {"adele", "bruno"}
    assert lanes.ledger.start("adele", 1, "worker").result is StartResult.RUN
    rest(lanes, clock, group)
    assert lanes.ledger.start("bruno", 1, "other").result is StartResult.HELD
    assert lanes.ledger.record("adele", 1, "worker", {"send": 1}, intent=True, step="send") == "ok"
    finish = lanes.ledger.finish("adele", 1, "worker", Ending("done", label="done:answered"), release=4)
    assert (finish.state, finish.released) == ("done", ())


def test_a_rest_that_is_canceled_ends_within_a_few_sweeps(lanes: Lanes, clock: Clock) -> None:
    join(lanes, "sales", "adele")
    rest(lanes, clock, "sales")
    assert released(lanes) == set()
    lanes.controls.rest("sales", None)
    lanes.ledger.sweep()
    assert released(lanes) == {"adele"}
    assert lanes.controls.groups() == []


def test_the_repair_finds_nothing_wrong_with_a_group_that_rests(lanes: Lanes, clock: Clock) -> None:
    join(lanes, "sales", "adele")
    rest(lanes, clock, "sales")
    assert sum(step.repaired for step in lanes.repair.walk()) == 0
    assert lanes.repair.check_slots() == 0


def test_a_mailbox_that_joins_a_resting_group_rests(lanes: Lanes, clock: Clock) -> None:
    rest(lanes, clock, "sales")
    join(lanes, "sales", "adele")
    assert lanes.ledger.assign_groups({"adele": "sales", "carla": "legal"}) == 1
    assert released(lanes) == set()
    assert lanes.snapshot.rests([Lane("adele", "mail1", group="sales"), Lane("carla", "mail1")]) == {"adele": 3600}


# -- the dispatcher ------------------------------------------------------------------------------------------------


def scheduled(quiet: str, group: str | None = "sales", **more: object) -> ScheduledScan:
    return ScheduledScan(Timetable(900, quiet=(QuietHours.parse(quiet),), **more), group)  # type: ignore[arg-type]


def test_a_dispatcher_keeps_the_rest_of_each_schedule(lanes: Lanes, clock: Clock) -> None:
    now = datetime.fromtimestamp(clock.us / 1e6, UTC)  # 22:13
    night, noon = scheduled("22:00-06:00"), scheduled("12:00-13:00", "legal")
    keep_quiet(lanes, [night, noon])
    found = {
        group: tuple(f"{datetime.fromtimestamp(moment / 1e6, UTC):%d. %H:%M}" for moment in window)
        for group, window in lanes.controls.rests().items()
    }
    today, tomorrow = f"{now:%d}.", f"{now + timedelta(days=1):%d}."
    assert found == {
        "sales": (f"{today} 22:00", f"{tomorrow} 06:00"),
        "legal": (f"{tomorrow} 12:00", f"{tomorrow} 13:00"),
    }
    keep_quiet(lanes, [scheduled("22:00-06:00", None)])  # the settings have changed
    assert list(lanes.controls.rests()) == [""]
    keep_quiet(lanes, [])
    assert lanes.controls.rests() == {}


def test_no_scan_is_triggered_in_quiet_hours_and_one_at_their_end(lanes: Lanes, clock: Clock) -> None:
    night = scheduled("22:00-06:00")
    assert list(due_scans(lanes, [night])) == []
    clock.us = round(datetime(2023, 11, 15, 6, tzinfo=UTC).timestamp() * 1e6)
    assert list(due_scans(lanes, [night])) == [night]
    assert list(due_scans(lanes, [night])) == []


def test_a_cron_expression_is_triggered_once_however_many_ask(lanes: Lanes, clock: Clock) -> None:
    scan = ScheduledScan(Timetable(cron="30 22 * * *"), None)
    assert list(due_scans(lanes, [scan])) == []  # 22:13
    clock.turn(17 * 60)
    assert list(due_scans(lanes, [scan])) == [scan]
    clock.turn(1800)
    assert list(due_scans(lanes, [scan])) == []
    clock.turn(86_400 - 1800)
    assert list(due_scans(lanes, [scan])) == [scan]


def test_a_dispatcher_that_is_a_moment_behind_triggers_no_run_again(lanes: Lanes) -> None:
    now = datetime(2026, 6, 10, 7, tzinfo=UTC)
    for timetable in (Timetable(cron="0 7 * * *"), Timetable(3600)):
        behind = timetable.due(now - timedelta(seconds=1)) or 0
        run = timetable.due(now) or 0
        assert lanes.schedule.claim("", str(timetable), run, timetable.latest(run, now))
        assert not lanes.schedule.claim("", str(timetable), behind, timetable.latest(behind, now))
        assert not lanes.schedule.claim("", str(timetable), run, timetable.latest(run, now))


def test_a_run_that_was_claimed_before_the_clock_was_set_back_is_triggered_again(lanes: Lanes) -> None:
    now, timetable = datetime(2026, 6, 10, 7, tzinfo=UTC), Timetable(cron="0 7 * * *")
    run = timetable.due(now) or 0
    assert lanes.schedule.claim("", str(timetable), run + 86_400, run + 2 * 86_400)
    assert lanes.schedule.claim("", str(timetable), run, timetable.latest(run, now))


# -- what is shown -------------------------------------------------------------------------------------------------


def test_every_picture_says_who_rests_and_for_how_long(installation: Installation) -> None:
    lanes = installation.lanes()
    report_processes(lanes, "scan", "answer", "ops")
    now_us = lanes.time_us()
    lanes.controls.rest("sales", (now_us - HOUR_US, now_us + 3 * HOUR_US))
    shown = installation.rsvpq("status").stdout
    assert "GROUP sales HAS QUIET HOURS for another 2 h: nothing new starts there" in shown
    assert "quiet hours of group sales for another 2 h" in installation.rsvpq("doctor").stdout
    lanes.controls.rest("", (now_us - HOUR_US, now_us + 3 * HOUR_US))
    assert installation.rsvpq("status").stdout.startswith("QUIET HOURS for another 2 h: nothing new starts\n")
    found = json.loads(installation.rsvpq("status", "--json").stdout)
    assert 10_700 < found["quiet_s"] <= 10_800
    assert 10_700 < found["groups"]["sales"]["quiet_s"] <= 10_800
    metrics = scrape(installation.settings)
    assert (metrics.value("rsvpq_quiet_seconds", group="") or 0) > 10_000


def test_what_waits_for_the_morning_is_no_alarm_at_night(installation: Installation) -> None:
    lanes = installation.lanes()
    report_processes(lanes, "scan", "answer", "ops")
    offer(lanes, "a1")
    lanes.namespace.redis.zadd("{rsvpq}:unfinished:mail1", {"a1": lanes.time_us() - 4 * HOUR_US})
    assert installation.rsvpq("check").stdout.startswith("RSVPQ CRITICAL - the oldest item has waited")
    lanes.controls.rest("", (lanes.time_us() - HOUR_US, lanes.time_us() + HOUR_US))
    assert installation.rsvpq("check").stdout.startswith("RSVPQ OK")


def test_the_next_runs_are_shown(installation: Installation) -> None:
    installation.write(
        '[[schedule]]\ncron = "*/15 7-19 * * mon-fri"\ntimezone = "Europe/Vienna"\nquiet = ["22:00-06:00"]\n'
        'group = "sales"\n[[schedule]]\nevery = "1h"\njitter = "10m"\n'
    )
    shown = installation.rsvpq("schedule", "--runs", "2").stdout.splitlines()
    assert shown[0] == "group sales: cron */15 7-19 * * mon-fri (Europe/Vienna), quiet 22:00-06:00"
    assert "all mailboxes: every 1h, up to 10m later" in shown
    first, second = json.loads(installation.rsvpq("schedule", "--json", "--runs", "2").stdout)["schedules"]
    runs = [datetime.fromisoformat(run).astimezone(ZoneInfo("Europe/Vienna")) for run in first["runs"]]
    assert all(run.minute % 15 == 0 and 7 <= run.hour <= 19 and run.isoweekday() < 6 for run in runs)
    offsets = {datetime.fromisoformat(run).timestamp() % 3600 for run in second["runs"]}
    assert len(offsets) == 1
    assert 0 < offsets.pop() < 600
    assert "schedule   every 1h, up to 10m later: all mailboxes" in installation.rsvpq("config", "check").stdout


@pytest.mark.parametrize(
    ("zone", "cron", "quiet", "now", "shown"),
    [
        ("Europe/Vienna", "30 2 * * *", "12:00-13:00", "2026-03-29T00:00Z", ["Sun 2026-03-29 03:00:00 CEST"]),
        (
            *("Europe/Vienna", "30 */2 * * *", "12:00-13:00", "2026-10-25T00:00Z"),
            ["Sun 2026-10-25 02:30:00 CEST", "Sun 2026-10-25 02:30:00 CET", "Sun 2026-10-25 04:30:00 CET"],
        ),
        (
            *("Australia/Lord_Howe", "0 */2 * * *", "12:00-13:00", "2026-04-04T14:30Z"),
            ["Sun 2026-04-05 02:00:00 +1030", "Sun 2026-04-05 04:00:00 +1030"],
        ),
        (
            *("Pacific/Apia", "0 7 * * *", "22:00-06:00", "2011-12-30T09:00Z"),
            ["quiet hours now, until Sat 2011-12-31 06:00:00 +14", "Sat 2011-12-31 07:00:00 +14"],
        ),
    ],
)
def test_the_next_runs_are_shown_as_the_clocks_show_them(
    installation: Installation, zone: str, cron: str, quiet: str, now: str, shown: list[str]
) -> None:
    installation.write(f'[[schedule]]\ncron = "{cron}"\ntimezone = "{zone}"\nquiet = ["{quiet}"]\n')
    found = upcoming_runs(installation.settings, len(shown), datetime.fromisoformat(now))
    lines = [line.strip() for line in schedule_lines(found)][1:]
    assert lines[: len(shown)] == shown
    in_utc = found[0].to_dict()["runs"]
    assert in_utc == sorted(set(in_utc))


def test_a_schedule_that_never_runs_is_refused(installation: Installation) -> None:
    installation.write('[[schedule]]\ncron = "0 3 * * *"\ntimezone = "UTC"\nquiet = ["22:00-06:00"]\n')
    checked = installation.rsvpq("config", "check")
    assert (checked.returncode, "schedule[0].cron: never runs" in checked.stderr) == (2, True)
    assert "never: all its times are in quiet hours" in installation.rsvpq("schedule").stdout
    installation.write("")
    assert "there are no schedules" in installation.rsvpq("schedule").stderr
