"""A pause that ends by itself: at its time, once, and only if it is still the same pause."""

import json
from typing import Literal

import pytest

from rsvpq.lanes import Lanes
from testbed.processes import until
from tests.support.installation import Installation
from tests.support.lanes_with_clock import Clock, offer

Scope = Literal["all", "server", "mailbox"]
scopes = pytest.mark.parametrize(("scope", "name"), [("all", ""), ("server", "mail1"), ("mailbox", "adele")])


def end_due(lanes: Lanes) -> list[bool]:
    """End what is due, as a dispatcher does."""
    return [lanes.controls.end_pause(*due) for due in lanes.controls.due_pauses()]


@scopes
def test_a_pause_lasts_until_its_time_and_no_longer(lanes: Lanes, clock: Clock, scope: Scope, name: str) -> None:
    lanes.controls.pause(scope, name, reason="backup", for_s=60)
    offer(lanes, "a1")
    clock.turn(59)
    assert (lanes.controls.due_pauses(), lanes.ledger.release()) == ([], ())
    clock.turn(1)
    assert end_due(lanes) == [True]
    assert [release.id for release in lanes.ledger.release()] == ["a1"]
    assert (lanes.controls.due_pauses(), end_due(lanes)) == ([], [])


def test_what_is_left_of_a_long_pause_is_all_of_it(lanes: Lanes, clock: Clock) -> None:
    lanes.controls.pause("all", reason="holidays", for_s=3 * 86_400)
    clock.turn(86_400)
    pause = lanes.snapshot.pause("all")
    assert pause is not None
    assert pause.left_s == pytest.approx(2 * 86_400)


def test_a_pause_that_nobody_has_lifted_is_said_to_be_past_its_end(installation: Installation) -> None:
    lanes = installation.lanes()
    paused: dict[Literal["all", "server", "group", "mailbox"], str] = {
        "all": "",
        "server": "mail1",
        "group": "sales",
        "mailbox": "adele",
    }
    for scope, name in paused.items():
        lanes.controls.pause(scope, name, reason="backup", for_s=-300)
    offer(lanes, "a1", mailbox="adele")
    over = "(its time ended 5 min ago; the next dispatcher lifts it): backup"
    for command, times in (("status", 3), ("mailboxes", 4)):
        shown = installation.rsvpq(command).stdout
        assert (shown.count(over), "another" in shown) == (times, False), shown


def test_a_pause_with_an_end_warns_if_nobody_is_there_to_lift_it(installation: Installation) -> None:
    lanes = installation.lanes()
    said = installation.rsvpq("pause", "server", "mail1", "--for", "1m").stdout
    assert "or longer: no dispatcher runs, and only one lifts it; start one: python -m producer.dispatcher" in said
    assert "dispatcher" not in installation.rsvpq("pause", "server", "mail1").stdout
    lanes.registrations.report("dispatcher", "host", 1, 60)
    assert "dispatcher" not in installation.rsvpq("pause", "server", "mail1", "--for", "1m").stdout


@scopes
def test_a_pause_without_an_end_is_never_due(lanes: Lanes, clock: Clock, scope: Scope, name: str) -> None:
    lanes.controls.pause(scope, name, reason="fire")
    clock.turn(1e6)
    assert lanes.controls.due_pauses() == []


@scopes
@pytest.mark.parametrize("for_s", [None, 600.0])
def test_what_was_paused_anew_meanwhile_stays_paused(
    lanes: Lanes, clock: Clock, scope: Scope, name: str, for_s: float | None
) -> None:
    lanes.controls.pause(scope, name, reason="backup", for_s=60)
    clock.turn(60)
    (due,) = lanes.controls.due_pauses()
    lanes.controls.pause(scope, name, reason="fire", for_s=for_s)
    assert lanes.controls.end_pause(*due) is False
    offer(lanes, "a1")
    assert lanes.ledger.release() == ()


@scopes
def test_what_was_resumed_before_is_not_due(lanes: Lanes, clock: Clock, scope: Scope, name: str) -> None:
    lanes.controls.pause(scope, name, reason="backup", for_s=60)
    lanes.controls.resume(scope, name)
    clock.turn(60)
    assert lanes.controls.due_pauses() == []


def test_a_hold_outlasts_the_end_of_a_pause(lanes: Lanes, clock: Clock) -> None:
    lanes.namespace.redis.hset(f"{lanes.namespace.prefix}:server:mail1", "hold", clock.us + 3_600_000_000)
    lanes.controls.pause("server", "mail1", reason="backup", for_s=60)
    clock.turn(60)
    assert end_due(lanes) == [True]
    assert lanes.controls.held("server", "mail1")[0] > 0


def test_foreign_data_in_place_of_the_pauses_prevents_no_pause(lanes: Lanes, clock: Clock) -> None:
    lanes.namespace.redis.set(f"{lanes.namespace.prefix}:pauses", "not ours")
    assert lanes.controls.due_pauses() == []
    lanes.controls.pause("all", reason="fire", for_s=60)
    lanes.namespace.redis.zadd(f"{lanes.namespace.prefix}:pauses", {"galaxy far away": 1, "mailbox nobody": 1})
    lanes.namespace.redis.zadd(f"{lanes.namespace.prefix}:pauses", {"server broken": 1})
    lanes.namespace.redis.set(f"{lanes.namespace.prefix}:server:broken", "not ours either")
    clock.turn(60)
    assert end_due(lanes) == [True]
    assert lanes.namespace.redis.zcard(f"{lanes.namespace.prefix}:pauses") == 0


def test_a_dispatcher_ends_it_and_the_audit_says_so(installation: Installation) -> None:
    installation.lanes()
    dispatcher = installation.dispatcher()
    try:
        paused = installation.rsvpq("pause", "server", "mail1", "--for", "2s", "--reason", "backup")
        assert paused.stdout.startswith("paused: server mail1, until ")
        shown = json.loads(installation.rsvpq("status", "--json").stdout)["servers"]["mail1"]["paused"]
        assert (shown["reason"], 0 <= shown["left_s"] <= 2) == ("backup", True)
        until(
            lambda: not json.loads(installation.rsvpq("status", "--json").stdout)["servers"]["mail1"]["paused"],
            "the pause ends",
        )
        lines = installation.rsvpq("audit", "--event", "operator", "--format", "jsonl").stdout.splitlines()
        rows = [json.loads(line) for line in lines]
        assert [(one["step"], one["who"], one.get("reason")) for one in rows][-1] == (
            *("resume", "rsvpq"),
            "the time of its pause was over",
        )
    finally:
        dispatcher.end()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (("--for", "soon"), "'soon' is not a duration"),
        (("--until", "2001-01-01"), "is over already"),
        (("--until", "tonight"), "'tonight' is not a time; write a duration with --for, or a time such as 2026-"),
        (("--until", "2h"), "'2h' is not a time; write a duration with --for"),
        (("--until", "9999-12-30"), "in more than 100 years"),
        (("--for", "99999999d"), "'99999999d' is too short or too long; write a duration from 0.1ms to 36500d"),
        (("--for", "1h", "--until", "2101-01-01"), "give either --for or --until"),
    ],
)
def test_an_end_that_makes_no_sense_pauses_nothing(
    installation: Installation, options: tuple[str, ...], error: str
) -> None:
    lanes = installation.lanes()
    ended = installation.rsvpq("pause", "all", *options)
    assert ended.returncode == 2
    assert error in ended.stderr
    assert lanes.snapshot.status().paused is None
