"""Deliveries that never reach the start: what they cost, what they do not block, and what costs nothing at all.

A revoked task is thrown away by every worker at each delivery (Celery's user guide, "Revoking tasks"), and its lane
used to get it back at the head each time.
"""

from collections.abc import Iterable
from typing import Any

from rsvpq.lanes import Ending, Item, Lane, Lanes, OperatorAction, Release
from tests.support.lane_client import ClockedLanes, S
from tests.support.lanes_with_clock import Clock, ledger, offer

LEASE_S, ATTEMPTS = 60, 3


def names(releases: Iterable[Release]) -> list[str]:
    """What was released, in order."""
    return [release.id for release in releases]


def work_off(lanes: Lanes, item_id: str) -> None:
    """A worker takes it, and is done."""
    lanes.ledger.start(item_id, int(ledger(lanes, item_id)["generation"]), "worker")
    lanes.ledger.finish(
        item_id, int(ledger(lanes, item_id)["generation"]), "worker", Ending("done", label="done:answered")
    )


def test_what_is_refused_each_time_is_dead_after_as_many_times_as_there_are_attempts(lanes: Lanes) -> None:
    offer(lanes, "revoked")
    for times in range(ATTEMPTS):
        assert ledger(lanes, "revoked").get("unstarted", "0") == str(times)
        assert names(lanes.ledger.release()) == ["revoked"]
        assert lanes.ledger.refuse("revoked", "revoked in Flower", at_once=True)
        lanes.ledger.sweep()  # no time passes: the worker has said so
    (dead,) = list(lanes.dead_items.all())
    assert dead.reason == f"was released {ATTEMPTS} times and never started: revoked in Flower"
    assert lanes.snapshot.counts() == {"dead": 1, "lease-expired": ATTEMPTS - 1}


def test_it_does_not_stand_before_what_is_behind_it(lanes: Lanes) -> None:
    offer(lanes, "revoked", "second", "third")
    assert names(lanes.ledger.release()) == ["revoked"]
    lanes.ledger.refuse("revoked", "revoked in Flower", at_once=True)
    lanes.ledger.sweep()
    for name in ("second", "third"):
        assert names(lanes.ledger.release()) == [name]
        work_off(lanes, name)
    assert names(lanes.ledger.release()) == ["revoked"]


def passes_by(lanes: Lanes, clock: Clock, other: str, released: str) -> None:
    """One item is released and its lease ends unstarted, while another one that was released later is worked off."""
    assert names(lanes.ledger.release()) == [released]
    clock.turn(1)
    offer(lanes, other, mailbox="bruno")
    assert names(lanes.ledger.release()) == [other]
    work_off(lanes, other)
    clock.turn(LEASE_S)


def test_what_the_others_of_its_pool_pass_by_is_dead_although_nobody_says_that_it_was_refused(
    lanes: Lanes, clock: Clock
) -> None:
    offer(lanes, "lost")
    for number in range(ATTEMPTS):
        passes_by(lanes, clock, f"other{number}", "lost")
        lanes.ledger.sweep()
    (dead,) = list(lanes.dead_items.all())
    assert dead.reason == (
        f"was released {ATTEMPTS} times and never started: "
        "revoked in Flower, or no worker knows the task, or it was lost on its way"
    )


def test_one_release_in_vain_kills_nothing_however_few_attempts_there_are(lanes: Lanes, clock: Clock) -> None:
    """A busy worker may have taken the delivery in advance, and another one what was released after it."""
    lanes.namespace.redis.hset(f"{lanes.namespace.prefix}:cfg", "attempts", 1)
    offer(lanes, "taken in advance")
    for number in range(2):
        passes_by(lanes, clock, f"other{number}", "taken in advance")
        assert lanes.ledger.sweep() == (1, 0)
    assert names(lanes.ledger.release()) == ["taken in advance"]
    work_off(lanes, "taken in advance")
    assert lanes.snapshot.counts()["done:answered"] == 3


def test_while_no_worker_runs_nothing_is_given_up(lanes: Lanes, clock: Clock) -> None:
    for mailbox in ("adele", "bruno"):
        offer(lanes, f"{mailbox}1", f"{mailbox}2", mailbox=mailbox)
    for _ in range(5 * ATTEMPTS):
        assert len(lanes.ledger.release()) == 2
        clock.turn(LEASE_S)
        assert lanes.ledger.sweep() == (2, 0)
    for _ in range(4):  # and when they are back, all goes on
        for release in lanes.ledger.release(1):
            work_off(lanes, release.id)
    assert lanes.snapshot.counts()["done:answered"] == 4


def test_a_pool_that_works_says_nothing_of_another_one(lanes: Lanes, clock: Clock) -> None:

    offer(lanes, "answer")
    for number in range(2 * ATTEMPTS):
        assert names(lanes.ledger.release()) == ["answer"]
        clock.turn(1)
        lanes.ledger.offer(Lane("bruno", "mail1"), [Item(f"scan{number}", "producer.scan_mailbox", "scan", {})])
        lanes.ledger.release()
        work_off(lanes, f"scan{number}")
        clock.turn(LEASE_S)
        assert lanes.ledger.sweep() == (1, 0)


def test_what_was_released_before_it_and_started_late_is_no_sign(lanes: Lanes, clock: Clock) -> None:
    """A long queue at few workers: the lease ends while the delivery still waits behind the others."""
    offer(lanes, "first", mailbox="bruno")
    lanes.ledger.release()
    clock.turn(1)
    offer(lanes, "waits")
    lanes.ledger.release()
    clock.turn(LEASE_S - 2)
    lanes.ledger.start("first", 1, "worker")
    clock.turn(2)
    assert lanes.ledger.sweep() == (1, 0)
    assert "unstarted" not in ledger(lanes, "waits")


def test_a_start_in_between_begins_the_count_anew(lanes: Lanes, clock: Clock) -> None:
    offer(lanes, "a")
    for _ in range(3 * ATTEMPTS):
        (release,) = lanes.ledger.release()
        lanes.ledger.refuse("a", "x", at_once=True)
        assert lanes.ledger.sweep() == (1, 0)
        (release,) = lanes.ledger.release()
        lanes.ledger.start("a", release.generation, "worker")
        lanes.ledger.finish("a", release.generation, "worker", Ending("throttled", label="throttled", delay_s=1))
        clock.turn(1)


def test_a_pause_is_no_vain_release(lanes: Lanes) -> None:
    offer(lanes, "a")
    for _ in range(3 * ATTEMPTS):
        (release,) = lanes.ledger.release()
        lanes.controls.pause("mailbox", "adele", reason="a test")
        assert lanes.ledger.start("a", release.generation, "worker").result == "held"
        lanes.controls.resume("mailbox", "adele")
    assert list(lanes.dead_items.all()) == []


def test_what_runs_or_is_done_is_not_touched_by_a_refusal(lanes: Lanes) -> None:
    offer(lanes, "a")
    (release,) = lanes.ledger.release()
    lanes.ledger.start("a", release.generation, "worker")
    before = ledger(lanes, "a")
    assert not lanes.ledger.refuse("a", "x", at_once=True)
    assert not lanes.ledger.refuse("nobody", "x", at_once=True)
    assert ledger(lanes, "a") == before
    assert lanes.ledger.sweep() == (0, 0)


def test_a_scan_that_never_starts_makes_room_for_the_next(redis: Any) -> None:

    lanes = ClockedLanes(redis, pools={"scan": 5})
    adele = Lane("adele", "mail1")
    lanes.ledger.offer_scans([(adele, Item("scan-1", "scan", "scan", {}))])
    for _ in range(3):
        lanes.ledger.release()
        lanes.ledger.refuse("scan-1", "x", at_once=True)
        lanes.now += S
        lanes.ledger.sweep()
    why = lanes.snapshot.mailboxes(["adele"])["adele"].failed_why
    assert (ledger(lanes, "scan-1")["state"], why) == ("failed", "was released 3 times and never started: x")
    assert list(lanes.dead_items.all()) == []
    assert lanes.ledger.offer_scans([(adele, Item("scan-2", "scan", "scan", {}))]) == {"adele": "offered"}


def test_a_retried_one_has_all_its_releases_again(lanes: Lanes) -> None:

    offer(lanes, "a")
    for _ in range(2):
        for _ in range(ATTEMPTS):
            assert names(lanes.ledger.release()) == ["a"]
            lanes.ledger.refuse("a", "x", at_once=True)
            lanes.ledger.sweep()
        assert [dead.id for dead in list(lanes.dead_items.all())] == ["a"]
        lanes.dead_items.retry(["a"], OperatorAction("a test", "retry"))
