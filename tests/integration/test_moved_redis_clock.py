"""Redis' clock goes forth or back, or a pace changes: nothing waits longer than it is long, nothing runs twice."""

import pytest

from producer.dispatcher import Dispatcher, Plan
from producer.schedule import ScheduledScan, due_scans
from rsvpq.lanes import Ending, Item, Lane, Lanes, Release
from rsvpq.lanes.limits import Limits, Rate
from rsvpq.timetable import Timetable
from tests.support.lanes_with_clock import Clock, hold, offer, released

HOUR = 3600.0


def answer(lanes: Lanes) -> int:
    """Work off whatever may go now; how many that was."""
    done = 0
    while releases := lanes.ledger.release():
        for release in releases:
            lanes.ledger.start(release.id, release.generation, "worker")
            lanes.ledger.finish(release.id, release.generation, "worker", Ending("done", label="done", remember_s=600))
            done += 1
    return done


def keep(lanes: Lanes) -> None:
    """What a dispatcher does every two seconds."""
    lanes.namespace.redis.sadd("{test}:mailboxes", "adele", "bruno")  # as scans do
    lanes.ledger.sweep()
    lanes.repair.check_slots()
    list(lanes.repair.walk())


@pytest.mark.parametrize("scope", ["server", "mailbox"])
def test_a_slow_pace_that_is_taken_back_leaves_nobody_waiting(lanes: Lanes, clock: Clock, scope: str) -> None:
    name = {"server": "mail1", "mailbox": "adele"}[scope]
    lanes.controls.limit(scope, name, rate=Rate.parse("1/h"), burst=10)  # type: ignore[arg-type]
    offer(lanes, *(f"item-{number}" for number in range(12)))
    assert answer(lanes) == 10
    lanes.controls.limit(scope, name)  # type: ignore[arg-type]
    clock.turn(2)
    assert answer(lanes) == 2


def test_configured_paces_that_were_slow_are_left_behind_too(lanes: Lanes, clock: Clock) -> None:
    def configure(rate: str) -> None:
        lanes.controls.configure(
            servers={"mail1": Limits(Rate(1000), 1000, 4)},
            mailbox=Limits(Rate.parse(rate), 2, 4),
            pools={"answer": 4},
            release_lease_s=60,
            run_lease_s=180,
            attempts=3,
        )

    configure("1/h")
    offer(lanes, "a", "b", "c")
    assert answer(lanes) == 2
    configure("1000/s")
    clock.turn(2)
    keep(lanes)
    clock.turn(1)
    assert answer(lanes) == 1


@pytest.mark.parametrize("scope", ["server", "mailbox"])
def test_a_hold_lasts_no_longer_than_it_is_when_the_clock_goes_back(lanes: Lanes, clock: Clock, scope: str) -> None:
    name = {"server": "mail1", "mailbox": "adele"}[scope]
    hold(lanes, scope, 30, "busy")  # type: ignore[arg-type]
    clock.turn(-HOUR)
    keep(lanes)
    assert lanes.controls.held(scope, name) == (30, "busy")  # type: ignore[arg-type]
    if scope == "server":
        assert lanes.snapshot.status().servers[name].held_s == 30
    clock.turn(31)
    assert answer(lanes) == 1


def test_a_pace_does_not_wait_for_the_old_time_when_the_clock_goes_back(lanes: Lanes, clock: Clock) -> None:
    lanes.controls.limit("mailbox", "adele", rate=Rate.parse("1/s"), burst=2)
    offer(lanes, *(f"item-{number}" for number in range(4)))
    assert answer(lanes) == 2
    clock.turn(-HOUR)
    keep(lanes)
    clock.turn(2)
    assert answer(lanes) == 2


def test_a_delay_and_a_lease_end_in_their_time_when_the_clock_goes_back(lanes: Lanes, clock: Clock) -> None:
    release = released(lanes, "a")
    lanes.ledger.start("a", release.generation, "worker")
    lanes.ledger.finish("a", release.generation, "worker", Ending("later", label="later", delay_s=30))
    lost = released(lanes, "b", mailbox="bruno")
    lanes.ledger.start("b", lost.generation, "worker")
    clock.turn(-HOUR)
    keep(lanes)
    clock.turn(31)
    assert [one.id for one in lanes.ledger.release()] == ["a"]
    clock.turn(181)
    assert lanes.ledger.sweep()[0] == 2
    assert {one.id for one in lanes.ledger.release()} == {"a", "b"}


def test_what_was_left_alone_is_looked_at_when_the_clock_has_gone_back(lanes: Lanes, clock: Clock) -> None:
    release = released(lanes, "a")
    lanes.ledger.start("a", release.generation, "worker")
    lanes.ledger.finish(
        "a", release.generation, "worker", Ending("left", label="left", delay_s=60, longest_s=600, policy="p")
    )
    adele, item = Lane("adele", "mail1"), Item("a", "answer", "answer", {"kind": "request"})
    assert lanes.ledger.offer(adele, [item], policy="p").new == 0
    clock.turn(-HOUR)
    assert lanes.ledger.offer(adele, [item], policy="p").new == 1


def test_no_lease_ends_because_the_clock_was_put_forward(lanes: Lanes, clock: Clock) -> None:
    """A worker that is in the middle of a command must not get a companion."""
    steady = [0.0]
    published: list[Release] = []
    dispatcher = Dispatcher(lanes, published.extend, lambda _: None, Plan((), lambda: None), steady=lambda: steady[0])
    release = released(lanes, "a")
    lanes.ledger.start("a", release.generation, "worker")
    dispatcher.sweep()
    clock.turn(HOUR)
    steady[0] += 2
    dispatcher.sweep()
    dispatcher.release()
    assert published == []
    assert lanes.ledger.record("a", release.generation, "worker", {"send": 1}, intent=True) == "ok"
    clock.turn(181)
    steady[0] += 181
    dispatcher.sweep()
    dispatcher.release()
    assert [one.id for one in published] == ["a"]


def test_a_scheduled_scan_comes_again_when_the_clock_has_gone_back(lanes: Lanes) -> None:
    schedule = [ScheduledScan(Timetable(60), None)]
    lanes.namespace.redis.set("{test}:schedule::60", 10**9)  # claimed in the year 3871
    assert list(due_scans(lanes, schedule)) == schedule
    assert list(due_scans(lanes, schedule)) == []
    lanes.namespace.redis.set("{test}:schedule::60", "a stranger's")
    assert list(due_scans(lanes, schedule)) == schedule


def test_many_that_wait_are_all_placed_anew(lanes: Lanes, clock: Clock) -> None:
    """More than one sweep looks at."""
    for number in range(150):
        hold(lanes, "mailbox", 10, "busy", item=f"item-{number}", mailbox=f"box-{number}")
    clock.turn(-HOUR)
    for _ in range(2):
        keep(lanes)
    clock.turn(11)
    assert answer(lanes) == 150
