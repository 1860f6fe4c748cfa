"""Deliveries that never reach the start: what they cost, what they do not block, and what costs nothing at all.

A revoked task is thrown away by every worker at each delivery (Celery's user guide, "Revoking tasks"), and its lane
used to get it back at the head each time.
"""

from collections.abc import Iterable
from typing import Any

from rsvpq.lanes import Deed, Item, Lane, Lanes, Release
from tests.integration.lane_hands import ClockedLanes, S
from tests.integration.turned_lanes import Clock, ledger, offer

LEASE_S, ATTEMPTS = 60, 3


def names(releases: Iterable[Release]) -> list[str]:
    """What was released, in order."""
    return [release.id for release in releases]


def work_off(lanes: Lanes, item_id: str) -> None:
    """A worker takes it, and is done."""
    lanes.start(item_id, int(ledger(lanes, item_id)["generation"]), "worker")
    lanes.finish(item_id, int(ledger(lanes, item_id)["generation"]), "worker", "done", label="done:answered")


def test_what_is_refused_each_time_is_dead_after_as_many_times_as_there_are_attempts(lanes: Lanes) -> None:
    offer(lanes, "revoked")
    for times in range(ATTEMPTS):
        assert ledger(lanes, "revoked").get("unstarted", "0") == str(times)
        assert names(lanes.release()) == ["revoked"]
        assert lanes.refuse("revoked", "revoked in Flower", at_once=True)
        lanes.sweep()  # no time passes: the worker has said so
    (dead,) = lanes.dead(2)
    assert dead.reason == f"was released {ATTEMPTS} times and never started: revoked in Flower"
    assert lanes.counts() == {"dead": 1, "lease-expired": ATTEMPTS - 1}


def test_it_does_not_stand_before_what_is_behind_it(lanes: Lanes) -> None:
    offer(lanes, "revoked", "second", "third")
    assert names(lanes.release()) == ["revoked"]
    lanes.refuse("revoked", "revoked in Flower", at_once=True)
    lanes.sweep()
    for name in ("second", "third"):
        assert names(lanes.release()) == [name]
        work_off(lanes, name)
    assert names(lanes.release()) == ["revoked"]


def passes_by(lanes: Lanes, clock: Clock, other: str, released: str) -> None:
    """One item is released and its lease ends unstarted, while another one that was released later is worked off."""
    assert names(lanes.release()) == [released]
    clock.turn(1)
    offer(lanes, other, mailbox="bruno")
    assert names(lanes.release()) == [other]
    work_off(lanes, other)
    clock.turn(LEASE_S)


def test_what_the_others_of_its_pool_pass_by_is_dead_although_nobody_says_that_it_was_refused(
    lanes: Lanes, clock: Clock
) -> None:
    offer(lanes, "lost")
    for number in range(ATTEMPTS):
        passes_by(lanes, clock, f"other{number}", "lost")
        lanes.sweep()
    (dead,) = lanes.dead(2)
    assert dead.reason == (
        f"was released {ATTEMPTS} times and never started: "
        "revoked in Flower, or no worker knows the task, or it was lost on its way"
    )


def test_one_release_in_vain_kills_nothing_however_few_attempts_there_are(lanes: Lanes, clock: Clock) -> None:
    """A busy worker may have taken the delivery in advance, and another one what was released after it."""
    lanes.redis.hset(f"{lanes.prefix}:cfg", "attempts", 1)
    offer(lanes, "taken in advance")
    for number in range(2):
        passes_by(lanes, clock, f"other{number}", "taken in advance")
        assert lanes.sweep() == (1, 0)
    assert names(lanes.release()) == ["taken in advance"]
    work_off(lanes, "taken in advance")
    assert lanes.counts()["done:answered"] == 3


def test_while_no_worker_runs_nothing_is_given_up(lanes: Lanes, clock: Clock) -> None:
    for mailbox in ("adele", "bruno"):
        offer(lanes, f"{mailbox}1", f"{mailbox}2", mailbox=mailbox)
    for _ in range(5 * ATTEMPTS):
        assert len(lanes.release()) == 2
        clock.turn(LEASE_S)
        assert lanes.sweep() == (2, 0)
    for _ in range(4):  # and when they are back, all goes on
        for release in lanes.release(1):
            work_off(lanes, release.id)
    assert lanes.counts()["done:answered"] == 4


def test_a_pool_that_works_says_nothing_of_another_one(lanes: Lanes, clock: Clock) -> None:

    offer(lanes, "answer")
    for number in range(2 * ATTEMPTS):
        assert names(lanes.release()) == ["answer"]
        clock.turn(1)
        lanes.offer(Lane("bruno", "mail1"), [Item(f"scan{number}", "producer.scan_mailbox", "scan", {})])
        lanes.release()
        work_off(lanes, f"scan{number}")
        clock.turn(LEASE_S)
        assert lanes.sweep() == (1, 0)


def test_what_was_released_before_it_and_started_late_is_no_sign(lanes: Lanes, clock: Clock) -> None:
    """A long queue at few workers: the lease ends while the delivery still waits behind the others."""
    offer(lanes, "first", mailbox="bruno")
    lanes.release()
    clock.turn(1)
    offer(lanes, "waits")
    lanes.release()
    clock.turn(LEASE_S - 2)
    lanes.start("first", 1, "worker")
    clock.turn(2)
    assert lanes.sweep() == (1, 0)
    assert "unstarted" not in ledger(lanes, "waits")


def test_a_start_in_between_begins_the_count_anew(lanes: Lanes, clock: Clock) -> None:
    offer(lanes, "a")
    for _ in range(3 * ATTEMPTS):
        (release,) = lanes.release()
        lanes.refuse("a", "x", at_once=True)
        assert lanes.sweep() == (1, 0)
        (release,) = lanes.release()
        lanes.start("a", release.generation, "worker")
        lanes.finish("a", release.generation, "worker", "throttled", label="throttled", delay_s=1)
        clock.turn(1)


def test_a_pause_is_no_vain_release(lanes: Lanes) -> None:
    offer(lanes, "a")
    for _ in range(3 * ATTEMPTS):
        (release,) = lanes.release()
        lanes.pause("mailbox", "adele", reason="a test")
        assert lanes.start("a", release.generation, "worker").verdict == "held"
        lanes.resume("mailbox", "adele")
    assert lanes.dead(1) == []


def test_what_runs_or_is_done_is_not_touched_by_a_refusal(lanes: Lanes) -> None:
    offer(lanes, "a")
    (release,) = lanes.release()
    lanes.start("a", release.generation, "worker")
    before = ledger(lanes, "a")
    assert not lanes.refuse("a", "x", at_once=True)
    assert not lanes.refuse("nobody", "x", at_once=True)
    assert ledger(lanes, "a") == before
    assert lanes.sweep() == (0, 0)


def test_a_scan_that_never_starts_makes_room_for_the_next(redis: Any) -> None:

    lanes = ClockedLanes(redis, pools={"scan": 5})
    adele = Lane("adele", "mail1")
    lanes.offer_scans([(adele, Item("scan-1", "scan", "scan", {}))])
    for _ in range(3):
        lanes.release()
        lanes.refuse("scan-1", "x", at_once=True)
        lanes.now += S
        lanes.sweep()
    assert [dead.id for dead in lanes.dead(2)] == ["scan-1"]
    assert lanes.offer_scans([(adele, Item("scan-2", "scan", "scan", {}))]) == {"adele": "offered"}


def test_a_retried_one_has_all_its_releases_again(lanes: Lanes) -> None:

    offer(lanes, "a")
    for _ in range(2):
        for _ in range(ATTEMPTS):
            assert names(lanes.release()) == ["a"]
            lanes.refuse("a", "x", at_once=True)
            lanes.sweep()
        assert [dead.id for dead in lanes.dead(2)] == ["a"]
        lanes.retry(["a"], Deed("a test", "retry"))
