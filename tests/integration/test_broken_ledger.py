"""Whatever one record of the ledger becomes, and whenever: the work goes on, and nothing is lost without a word."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import Phase, given
from hypothesis import strategies as st
from redis import Redis

from rsvpq.lanes import Item
from testbed.queue_server import QueueServer
from tests.support.breakable_lanes import MAILBOXES, BreakableLanes, fate, settled
from tests.support.examples import examples

GARBAGE = ("", "x", "nan", "-1", "1e999", "{", "9223372036854775807", "-inf", "zzz:zzz", '{"a": "b"}')


def test_a_filled_ledger_has_something_of_everything(redis: Redis) -> None:
    """Else the faults below would meet nothing."""
    breakable = BreakableLanes(redis)
    breakable.fill(3)
    kinds = {key.removeprefix(f"{breakable.lanes.namespace.prefix}:").split(":")[0] for key in keys(redis)}
    assert kinds >= {
        *("item", "lane", "mailbox", "server", "ready", "inflight", "later", "dead", "wait", "unfinished", "audit"),
        *("decided", "onhold", "topic", "pools", "cfg", "counts", "clock", "gates", "mailboxes", "servers"),
    }
    states = {fate(breakable, item.id) for box in MAILBOXES for item in breakable.messages(box)}
    assert states >= {"pending", "released", "running", "later", "dead", "left", "done"}


def test_an_untouched_ledger_is_worked_off_and_nothing_is_found_broken(redis: Redis) -> None:
    breakable = BreakableLanes(redis)
    breakable.fill(3)
    breakable.run_on()
    assert settled(breakable) == {}
    assert breakable.lanes.repair.broken_records() == []
    assert breakable.lanes.repair.summary().check.wrong == 0


#: Shrinking takes longer than reading the draws.
@pytest.mark.slow
@examples(60, derandomize=True, phases=[Phase.generate])
@given(data=st.data(), steps=st.integers(0, 6))
def test_any_one_record_may_be_broken_at_any_moment(
    shared_queue_server: QueueServer, data: st.DataObject, steps: int
) -> None:
    with shared_queue_server.client() as redis:
        redis.flushdb()
        break_one_record(redis, data, steps)


def break_one_record(redis: Redis, data: st.DataObject, steps: int) -> None:
    """Break any record, go on, and see that nothing is lost without a word."""
    breakable = BreakableLanes(redis)
    breakable.fill(steps)
    [died] = redis.zrange(f"{breakable.lanes.namespace.prefix}:dead", 0, -1)
    key = data.draw(st.sampled_from(keys(redis)), label="key")
    fault = data.draw(st.sampled_from((_delete, _retype, _garble, _garble)), label="fault")
    fault(redis, key, data)
    breakable.lanes.snapshot.status()
    breakable.run_on()
    broken = "\n".join(f"{one.name}: {one.why}" for one in breakable.lanes.repair.broken_records())
    assert settled(breakable) == {}, broken
    hit = key.partition(":item:")[2]
    for box in MAILBOXES:
        for item in breakable.messages(box):
            # What is done may be forgotten: its message is not in the Inbox any more.
            state = "done" if item.id in breakable.ended else fate(breakable, item.id)
            assert state in ({"done", "dead", "dropped"} if item.id in (hit, died) else {"done"}), (
                f"{item.id}\n{broken}"
            )
    assert all(answer == "offered" for answer in last_scans(breakable).values()), broken
    breakable.lanes.snapshot.status()
    list(breakable.lanes.dead_items.all())
    breakable.lanes.snapshot.known_items([item.id for box in MAILBOXES for item in breakable.messages(box)])


def keys(redis: Any) -> list[str]:
    """All there are, in an order that a replay finds again."""
    return sorted(redis.keys("*"))


def last_scans(breakable: BreakableLanes) -> dict[str, str]:
    """What a scan that is offered now is answered: nobody's mailbox is shut for ever."""
    return breakable.lanes.ledger.offer_scans(
        (box, Item(f"scan-last-{box.name}", "scan", "scan", {})) for box in MAILBOXES
    )


def _delete(redis: Any, key: str, _: st.DataObject) -> None:
    redis.delete(key)


_OTHERS: dict[str, Callable[[Any, str], Any]] = {
    "string": lambda redis, key: redis.set(key, "garbage"),
    "list": lambda redis, key: redis.rpush(key, "garbage"),
    "hash": lambda redis, key: redis.hset(key, "garbage", "garbage"),
    "set": lambda redis, key: redis.sadd(key, "garbage"),
    "zset": lambda redis, key: redis.zadd(key, {"garbage": 1}),
}


def _retype(redis: Any, key: str, data: st.DataObject) -> None:
    kind = redis.type(key)
    other = data.draw(st.sampled_from(sorted(set(_OTHERS) - {kind})), label="type")
    redis.delete(key)
    _OTHERS[other](redis, key)


def _garble(redis: Any, key: str, data: st.DataObject) -> None:
    value = data.draw(st.sampled_from(GARBAGE), label="value")
    match redis.type(key):
        case "hash":
            field = data.draw(st.sampled_from(sorted(redis.hkeys(key))), label="field")
            if data.draw(st.booleans(), label="remove"):
                redis.hdel(key, field)
            else:
                redis.hset(key, field, value)
        case "list":
            at_head = data.draw(st.booleans(), label="at head")
            entry = data.draw(st.sampled_from((value, "bruno-0", "adele-0", *redis.lrange(key, 0, 0))), label="entry")
            redis.lpush(key, entry) if at_head else redis.rpush(key, entry)
        case "zset":
            members = redis.zrange(key, 0, -1)
            member = data.draw(st.sampled_from(("nobody", "bruno", "bruno-0", *members)), label="member")
            if member in members and data.draw(st.booleans(), label="remove"):
                redis.zrem(key, member)
            else:
                redis.zadd(key, {member: data.draw(st.sampled_from((float("inf"), 1e17, 4e15)), label="score")})
        case "set":
            redis.sadd(key, value)
        case "stream":
            redis.xadd(key, {"garbage": "x"}, id="18446744073709551615-18446744073709551615")
        case _:
            redis.set(key, value)
