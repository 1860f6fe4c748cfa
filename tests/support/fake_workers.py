"""Workers without Celery that share lanes in real time, and record what they did so that it can be checked."""

import json
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from typing import NamedTuple
from uuid import uuid4

from redis import Redis

from rsvpq.lanes import Ending, Lanes, StartResult
from testbed.processes import RUN_S

#: Where what is released waits for a worker, as in a broker.
BROKER = "broker"
#: Long before this everything is done, in seconds, whatever else the machine does.
WAIT_S = RUN_S


class Stint(NamedTuple):
    """One item in one worker's hands; times are nanoseconds of the machine's one monotonic clock.

    The pace is charged at some time between ``started`` and ``charged``.
    """

    item: str
    mailbox: str
    server: str
    started: int
    charged: int
    ended: int
    state: str


def publish(redis: Redis, lanes: Lanes, releases: Iterable[tuple[str, int]]) -> None:
    """Put deliveries where the workers look, and some of them twice, as a broker may."""
    for number, (item, generation) in enumerate(releases):
        for _ in range(1 + (generation + number) % 2):
            redis.rpush(f"{lanes.namespace.prefix}:{BROKER}", json.dumps([item, generation]))


def work_alone(url: str, items: int) -> list[Stint]:
    """Release, start, record and finish over a connection of its own, until all workers have done this many items."""
    stints: list[Stint] = []
    deadline = time.monotonic() + WAIT_S
    with Redis.from_url(url, decode_responses=True) as redis:
        lanes = Lanes(redis)
        while (
            int(lanes.namespace.redis.hget(f"{lanes.namespace.prefix}:counts", "done") or 0) < items
            and time.monotonic() < deadline
        ):
            publish(redis, lanes, [(release.id, release.generation) for release in lanes.ledger.release(4)])
            delivery = lanes.namespace.redis.lpop(f"{lanes.namespace.prefix}:{BROKER}")
            if delivery:
                stints += _run(redis, lanes, *json.loads(delivery))
    return stints


def work_together(url: str, items: int, threads: int) -> list[Stint]:
    """Run :func:`work_alone` in this many threads."""
    with ThreadPoolExecutor(threads) as pool:
        return [stint for stints in pool.map(work_alone, [url] * threads, [items] * threads) for stint in stints]


def _run(redis: Redis, lanes: Lanes, item: str, generation: int) -> list[Stint]:
    owner = uuid4().hex
    start = lanes.ledger.start(item, generation, owner)
    if start.result is not StartResult.RUN:
        return []
    started = time.monotonic_ns()
    lanes.ledger.record(item, generation, owner, {"step": 0}, intent=True)
    charged = time.monotonic_ns()
    for step in (1, 2):
        lanes.ledger.record(item, generation, owner, {"step": step}, intent=False)
    ended = time.monotonic_ns()
    finish = lanes.ledger.finish(item, generation, owner, Ending("done", label="done", remember_s=600), release=1)
    publish(redis, lanes, [(release.id, release.generation) for release in finish.released])
    return [Stint(item, start.mailbox, start.server, started, charged, ended, finish.state)]


def most_at_once(stints: Iterable[Stint]) -> int:
    """Return how many stints overlapped at most; one that ends when another starts does not overlap."""
    moments = sorted((at, change) for stint in stints for at, change in ((stint.started, 1), (stint.ended, -1)))
    return max(accumulate(change for _, change in moments), default=0)
