"""The share of a server: however slow it is, the workers of a pool have threads left for the others."""

import pytest
from redis import Redis

from rsvpq.lanes import Ending, Item, Lane, StartResult
from tests.support.lane_client import AMPLE, ClockedLanes, S

SLOW = [Lane(f"slow-{number}", "slow") for number in range(40)]
WELL = [Lane(f"well-{number}", "well") for number in range(3)]
POOLS = {"scan": 100, "answer": 100}


class SharedLanes(ClockedLanes):
    """Lanes of these servers; a server has at most this part of the threads."""

    def share(self, percent: int = 50, *servers: str) -> None:
        self.controls.configure(
            servers=dict.fromkeys(servers or ("slow", "well"), AMPLE),
            mailbox=AMPLE,
            pools=POOLS,
            release_lease_s=600,
            run_lease_s=120,
            attempts=3,
            server_share=percent,
        )

    def fill_all(self, pool: str = "answer") -> None:
        for mailbox in (*SLOW, *WELL):
            self.fill(mailbox, 1, pool=pool)

    def released(self) -> dict[str, int]:
        """How many items of each server are released now, until no more are."""
        found = {"slow": 0, "well": 0}
        while more := self.ledger.release():
            for release in more:
                found[release.server] += 1
        return found


@pytest.fixture
def lanes(redis: Redis) -> SharedLanes:
    lanes = SharedLanes(redis)
    lanes.share()
    return lanes


@pytest.mark.parametrize(
    ("workers", "percent", "share"),
    [
        ([8], 50, 4),
        ([8], 25, 2),
        ([8], 1, 1),
        ([8], 99, 7),
        ([1], 50, 1),
        ([2], 50, 1),
        ([3, 3, 3], 50, 2),
        ([16, 16, 16, 16], 50, 15),
        ([4, 40], 50, 3),
        ([], 50, 1),
    ],
)
def test_a_server_has_its_part_of_the_threads_and_never_a_whole_worker(
    lanes: SharedLanes, workers: list[int], percent: int, share: int
) -> None:
    lanes.share(percent)
    for number, threads in enumerate(workers):
        lanes.ledger.report_threads(f"host:{number}", threads, ["answer"], 15)
    lanes.fill_all()
    assert lanes.released() == {"slow": share, "well": min(share, len(WELL))}


@pytest.mark.parametrize("servers", [("slow", "well"), ("slow",)])
def test_a_server_that_may_have_all_or_is_the_only_one_has_no_such_bound(
    lanes: SharedLanes, servers: tuple[str, ...]
) -> None:
    lanes.share(100 if len(servers) > 1 else 50, *servers)
    lanes.ledger.report_threads("host:1", 8, ["answer"], 15)
    lanes.fill_all()
    assert lanes.released()["slow"] == len(SLOW)


def test_each_pool_is_shared_by_itself(lanes: SharedLanes) -> None:
    lanes.ledger.report_threads("host:1", 8, ["answer"], 15)
    lanes.ledger.report_threads("host:2", 4, ["scan"], 15)
    lanes.fill_all("answer")
    lanes.fill_all("scan")
    assert lanes.released()["slow"] == 4 + 2


def test_a_worker_that_is_not_heard_of_any_more_does_not_count(lanes: SharedLanes) -> None:
    lanes.ledger.report_threads("host:1", 40, ["answer"], 15)
    lanes.ledger.report_threads("host:2", 8, ["answer"], 100)
    lanes.now += 15 * S
    lanes.ledger.report_threads("host:2", 8, ["answer"], 100)
    lanes.fill_all()
    assert lanes.released()["slow"] == 4


def test_who_was_heard_of_before_the_clock_was_put_back_does_not_count_until_it_is_there_again(
    lanes: SharedLanes,
) -> None:
    lanes.share()
    lanes.ledger.report_threads("one", 4, ["answer"], 15)
    lanes.ledger.report_threads("gone", 1, ["answer"], 15)
    lanes.now -= 3600 * S
    lanes.ledger.report_threads("one", 4, ["answer"], 15)
    lanes.fill_all()
    assert lanes.released() == {"slow": 2, "well": 2}


def test_whatever_becomes_of_an_item_its_place_is_free_again(lanes: SharedLanes, redis: Redis) -> None:
    lanes.ledger.report_threads("host:1", 8, ["answer"], 1e6)
    lanes.fill_all()
    first, second, third, fourth = (one for one in lanes.ledger.release() if one.server == "slow")
    lanes.answer(first)
    lanes.ledger.start(second.id, second.generation, "two")
    lanes.ledger.finish(
        second.id, second.generation, "two", Ending("throttled", label="throttled", hold="mailbox", delay_s=60)
    )
    lanes.controls.pause("mailbox", third.mailbox, reason="a test")
    assert lanes.ledger.start(third.id, third.generation, "three").result is StartResult.HELD
    assert lanes.released()["slow"] == 3
    lanes.ledger.start(fourth.id, fourth.generation, "four")
    lanes.now += 601 * S
    assert sum(lanes.ledger.sweep()) > 0
    assert redis.hget("{rsvpq}:server:slow", "n:answer") == "0"
    assert lanes.released()["slow"] == 4


def test_what_was_in_flight_before_there_were_shares_takes_no_place_and_gives_none_back(
    lanes: SharedLanes, redis: Redis
) -> None:
    lanes.ledger.report_threads("host:1", 8, ["answer"], 1e6)
    lanes.ledger.offer(SLOW[0], [Item("old", "answer", "answer", {})])
    [old] = lanes.ledger.release()
    redis.hdel("{rsvpq}:item:old", "shared")
    redis.hdel("{rsvpq}:server:slow", "n:answer")
    lanes.answer(old)
    lanes.fill_all()
    assert lanes.released()["slow"] == 4


def test_the_status_says_that_a_server_has_its_share(lanes: SharedLanes) -> None:
    lanes.ledger.report_threads("host:1", 8, ["answer"], 15)
    lanes.ledger.offer_scans((mailbox, Item(f"scan-{mailbox.name}", "scan", "answer", {})) for mailbox in SLOW)
    lanes.released()
    waiting = lanes.snapshot.status().servers["slow"].waiting
    assert {reason: reported.items for reason, reported in waiting.items()} == {"server share": len(SLOW) - 4}
