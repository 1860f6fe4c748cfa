"""A pool whose workers are all gone keeps no slot of a server beyond its leases: the other pools have them."""

import pytest
from redis import Redis

from rsvpq.lanes import Item, Lane
from rsvpq.lanes.limits import Limits, Rate
from tests.support.lane_client import AMPLE, ClockedLanes, S

SLOTS = 4
SCANNED = [Lane(f"scanned-{number}", "mail1") for number in range(10)]
ANSWERED = [Lane(f"answered-{number}", "mail1") for number in range(10)]
RELEASE_LEASE_S, RUN_LEASE_S = 60, 180


@pytest.fixture
def lanes(redis: Redis) -> ClockedLanes:
    """One server with a few slots, scans and answers for it, and a worker for each."""
    lanes = ClockedLanes(redis)
    lanes.controls.configure(
        servers={"mail1": Limits(Rate(1_000_000), burst=100_000, concurrency=SLOTS)},
        mailbox=AMPLE,
        pools={"scan": 100, "answer": 100},
        release_lease_s=RELEASE_LEASE_S,
        run_lease_s=RUN_LEASE_S,
        attempts=3,
    )
    report(lanes, "scan", "answer")
    return lanes


def report(lanes: ClockedLanes, *pools: str) -> None:
    """The workers of these pools are there."""
    for pool in pools:
        lanes.ledger.report_threads(f"host of {pool}:1", 8, [pool], 15)


def scans_take_every_slot(lanes: ClockedLanes) -> None:
    """Half of them are started by the scan worker; the others are with Celery."""
    lanes.ledger.offer_scans((lane, Item(f"scan of {lane.name}", "scan", "scan", {})) for lane in SCANNED)
    releases = lanes.ledger.release()
    assert [release.id.startswith("scan") for release in releases] == [True] * SLOTS
    for release in releases[: SLOTS // 2]:
        lanes.ledger.start(release.id, release.generation, "the scan worker")


def pools_of_releases(lanes: ClockedLanes, *, until_s: int) -> list[str]:
    """What is released in this time, by pool, while only the answer worker is there and finishes what it gets."""
    found = []
    for _ in range(until_s // 10):
        lanes.now += 10 * S
        report(lanes, "answer")
        lanes.ledger.sweep()
        for release in lanes.ledger.release():
            found.append("scan" if release.id.startswith("scan") else "answer")
            if found[-1] == "answer":
                lanes.answer(release)
    return found


def test_the_slots_of_a_dead_pool_are_free_within_its_leases_and_stay_free(lanes: ClockedLanes) -> None:
    scans_take_every_slot(lanes)
    for lane in ANSWERED:
        lanes.fill(lane, 1, pool="answer")
    assert lanes.ledger.release() == ()
    assert pools_of_releases(lanes, until_s=RUN_LEASE_S + 10) == ["answer"] * len(ANSWERED)
    server = lanes.snapshot.status().servers["mail1"]
    assert (server.in_flight, server.pending) == (0, len(SCANNED))
    assert lanes.namespace.redis.hget(lanes.namespace.server("mail1"), "n") == "0"
    assert {reason: (one.mailboxes, one.items) for reason, one in server.waiting.items()} == {"no worker": (10, 10)}


def test_a_worker_that_is_there_again_gets_what_waited(lanes: ClockedLanes) -> None:
    scans_take_every_slot(lanes)
    pools_of_releases(lanes, until_s=RUN_LEASE_S + 10)
    report(lanes, "scan")
    assert len(lanes.ledger.release()) == SLOTS


def test_one_living_worker_of_a_pool_is_enough(lanes: ClockedLanes) -> None:
    lanes.ledger.report_threads("another host:7", 1, ["scan"], 1000)
    lanes.now += 60 * S
    scans_take_every_slot(lanes)


def test_a_pool_whose_workers_have_never_reported_is_served(redis: Redis) -> None:
    lanes = ClockedLanes(redis)
    lanes.fill(SCANNED[0], 1, pool="mail")
    assert len(lanes.ledger.release()) == 1
