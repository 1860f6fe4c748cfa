"""The pace of the lanes against somebody else's GCRA."""

from collections.abc import Iterable
from datetime import timedelta
from itertools import accumulate

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from redis import Redis
from throttled import RateLimiterType, Throttled, rate_limiter, store

from rsvpq.lanes.limits import Lane, Limits, Rate
from tests.support.examples import examples
from tests.support.lane_client import AMPLE, ClockedLanes

#: All times are whole 64ths of a second: exact in the other's floating seconds as well as in our microseconds, so that
#: an arrival at the very moment it becomes allowed is judged alike.
TICKS_PER_S = 64
TICK_US = 1_000_000 // TICKS_PER_S
START_S = 4096

ADELE = Lane("adele", "mail1")


def allowed_by_lanes(lanes: ClockedLanes, arrivals: Iterable[int]) -> list[bool]:
    """Whether each arrival, in ticks, may press the server at once."""
    answers = []
    for arrival in arrivals:
        lanes.now = START_S * 1_000_000 + arrival * TICK_US
        released = lanes.ledger.release(1)
        for release in released:
            lanes.answer(release)
        answers.append(bool(released))
    return answers


def allowed_by_throttled(quota: rate_limiter.Quota, arrivals: Iterable[int]) -> list[bool]:
    """The same from throttled-py, which takes every time from one function of its own."""
    limiter = Throttled(key="adele", using=RateLimiterType.GCRA.value, quota=quota, store=store.MemoryStore())
    answers = []
    for arrival in arrivals:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("throttled.utils.now_mono_f", lambda at=arrival: START_S + at / TICKS_PER_S)
            answers.append(not limiter.limit().limited)
    return answers


@pytest.mark.parametrize("scope", ["mailbox", "server"])
@examples(
    150,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    period_s=st.integers(1, 30),
    halvings=st.integers(0, 6),
    burst=st.integers(1, 5),
    gaps=st.lists(st.tuples(st.integers(0, 3), st.sampled_from((0, 0, -1, 1, 5))), min_size=1, max_size=30),
)
def test_the_same_arrivals_are_allowed_as_by_another_gcra(
    redis: Redis, scope: str, period_s: int, halvings: int, burst: int, gaps: list[tuple[int, int]]
) -> None:
    """Arrivals come about whole intervals apart, since the edges are where two limiters would differ."""
    redis.flushdb()  # the fixture's own server, used for many examples
    per_period = 2**halvings
    interval = period_s * TICKS_PER_S // per_period
    arrivals = list(accumulate(max(0, times * interval + ticks) for times, ticks in gaps))
    paced = Limits(Rate(per_period / period_s), burst=burst, concurrency=100)
    lanes = ClockedLanes(
        redis,
        servers={"mail1": paced if scope == "server" else AMPLE},
        mailbox=paced if scope == "mailbox" else AMPLE,
    )
    lanes.fill(ADELE, len(arrivals))
    quota = rate_limiter.per_duration(timedelta(seconds=period_s), limit=per_period, burst=burst)
    assert allowed_by_lanes(lanes, arrivals) == allowed_by_throttled(quota, arrivals)


def test_released_items_that_all_start_late_keep_the_pace(redis: Redis) -> None:
    """Three wait in the broker for minutes, then press the server at once: nobody else may for an interval."""
    lanes = ClockedLanes(redis, mailbox=Limits(Rate.parse("1/s"), burst=3, concurrency=10))
    waiting = lanes.fill(ADELE, 10, release=10)
    lanes.now += 500 * 1_000_000
    assert (len(waiting), lanes.ledger.release()) == (3, ())
    for release in waiting:
        lanes.answer(release)
    assert lanes.ledger.release() == ()
    lanes.now += 1_000_000
    assert len(lanes.ledger.release()) == 1
