"""Many workers at the same lanes in real time: threads, and processes of threads."""

import os
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from itertools import combinations
from multiprocessing import get_context
from threading import Barrier

import pytest
from redis import Redis

from rsvpq.lanes import Item, Lane, Lanes
from rsvpq.lanes.limits import Limits, Rate
from testbed.processes import WAIT_S
from testbed.queue_server import QueueServer
from tests.support.fake_workers import Stint, most_at_once, work_together
from tests.support.installation import Installation

pytestmark = pytest.mark.slow

MAILBOX = Limits(Rate(50), burst=10, concurrency=2)
SERVER = Limits(Rate(400), burst=50, concurrency=3)
MAILBOXES = [Lane(f"user-{number}", f"mail{number % 2 + 1}") for number in range(10)]
EACH = 30


def offer_everything(redis: Redis) -> int:
    """Fill all lanes; how many items there are."""
    lanes = Lanes(redis)
    lanes.controls.configure(
        servers={"mail1": SERVER, "mail2": SERVER},
        mailbox=MAILBOX,
        pools={"mail": 5},
        release_lease_s=60,
        run_lease_s=60,
        attempts=3,
    )
    for mailbox in MAILBOXES:
        lanes.ledger.offer(mailbox, [Item(f"{mailbox.name}-{number}", "answer", "mail", {}) for number in range(EACH)])
    return EACH * len(MAILBOXES)


def by(field: str, stints: list[Stint]) -> dict[str, list[Stint]]:
    """The stints of each mailbox or server, in the order of their charges."""
    found = defaultdict(list)
    for stint in sorted(stints, key=lambda stint: stint.charged):
        found[getattr(stint, field)].append(stint)
    return found


def assert_pace(stints: list[Stint], limits: Limits) -> None:
    """Over every window no more charges than its length allows; the window is taken as long as it may have been."""
    for (first, one), (last, other) in combinations(enumerate(stints), 2):
        longest_us = (other.charged - one.started) / 1000
        assert (last - first + 1 - limits.burst) * limits.rate.interval_us <= longest_us


def assert_right(redis: Redis, stints: list[Stint], items: int) -> None:
    """Everything was done exactly once, within the limits, and no slot is left behind."""
    assert len(stints) == len({stint.item for stint in stints}) == items
    assert {stint.state for stint in stints} == {"done"}
    assert 1 < most_at_once(stints) <= 5
    for server_stints in by("server", stints).values():
        assert most_at_once(server_stints) <= SERVER.concurrency
        assert_pace(server_stints, SERVER)
    for mailbox_stints in by("mailbox", stints).values():
        assert most_at_once(mailbox_stints) <= MAILBOX.concurrency
        assert_pace(mailbox_stints, MAILBOX)
    for party in [f"mailbox:{mailbox.name}" for mailbox in MAILBOXES] + ["server:mail1", "server:mail2"]:
        assert redis.hmget(f"{{rsvpq}}:{party}", ["n", "reserved"]) == ["0", "0"]


def test_eight_threads_finish_each_item_once_within_all_limits(redis: Redis, shared_queue_server: QueueServer) -> None:
    items = offer_everything(redis)
    assert_right(redis, work_together(shared_queue_server.url, items, 8), items)


def test_two_processes_finish_each_item_once_within_all_limits(redis: Redis, shared_queue_server: QueueServer) -> None:
    items = offer_everything(redis)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        crews = [pool.submit(work_together, shared_queue_server.url, items, 4) for _ in range(2)]
        stints = [stint for crew in crews for stint in crew.result()]
    assert_right(redis, stints, items)


def test_each_thread_of_a_process_may_call_at_once(installation: Installation) -> None:
    """More than redis-py's pools hold by themselves."""
    lanes, threads = installation.lanes(), 150
    together = Barrier(threads)

    def call(number: int) -> str:
        together.wait(WAIT_S)
        result = lanes.ledger.start(f"item-{number}", 1, "worker").result
        lanes.snapshot.counts()
        together.wait(WAIT_S)  # so that none of them ends before the last has called
        return result

    with ThreadPoolExecutor(threads) as pool:
        assert set(pool.map(call, range(threads))) == {"unknown"}


def test_a_fork_does_not_share_its_parents_connection(installation: Installation) -> None:
    """Two processes on one connection would get each other's answers."""
    lanes = installation.lanes()
    lanes.ledger.offer(MAILBOXES[0], [Item("waiting", "answer", "mail", {})])

    def verdicts(item: str) -> set[str]:
        return {lanes.ledger.start(item, 0, "worker").result for _ in range(300)}

    verdicts("waiting")
    child = get_context("fork").Process(target=lambda: os._exit(verdicts("nowhere") != {"unknown"}))
    child.start()
    assert verdicts("waiting") == {"stale"}
    child.join(WAIT_S)
    assert child.exitcode == 0
