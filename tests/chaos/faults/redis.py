"""A Redis that dies, stops, fills up, forgets, drops its connections, or in which single records are broken."""

import signal
from collections.abc import Generator
from random import Random
from typing import Any

from testbed.sentinel import SentinelGroup
from tests.chaos.faults import pause
from tests.chaos.installation import Installation
from tests.chaos.rsvpq_stack import RsvpqStack


def redis_is_killed(on: Installation, dice: Random) -> Generator[int]:
    """SIGKILL, and a new process on the same files."""
    while True:
        pause(dice, 1, 3)
        on.kill("queue server")
        pause(dice, 0, 1.5)
        on.restart("queue server")
        yield 1


def redis_stops_for_20_s(on: Installation, dice: Random) -> Generator[int]:
    """SIGSTOP for longer than every timeout and lease, and SIGCONT."""
    while True:
        pause(dice, 1, 3)
        part = on.parts["queue server"]
        part.signal(signal.SIGSTOP)
        try:
            pause(dice, 20, 20)
        finally:
            part.signal(signal.SIGCONT)
        yield 1


def redis_is_full(on: Installation, dice: Random) -> Generator[int]:
    """Below ``maxmemory`` no more: what would write is refused for a few seconds."""
    with on.queue_server.client() as client:
        try:
            while True:
                pause(dice, 0.5, 2)
                client.config_set("maxmemory", client.info("memory")["used_memory"] // 2)
                pause(dice, 1, 4)
                client.config_set("maxmemory", 0)
                yield 1
        finally:
            client.config_set("maxmemory", 0)


def redis_loses_the_last_second(on: Installation, dice: Random) -> Generator[int]:
    """SIGKILL, and its append-only file ends where it ended up to a second ago, in the middle of a command."""
    while True:
        pause(dice, 1, 3)
        on_disk = on.queue_server.append_only_file().stat().st_size
        pause(dice, 0.2, 1.0)
        on.kill("queue server")
        on.queue_server.cut_append_only_file(on_disk + dice.randint(0, 40))
        on.restart("queue server")
        yield 1


def redis_fails_over(on: Installation, dice: Random) -> Generator[int]:
    """SIGKILL of the primary, whose replica has not heard of its last writes, and a failover; then it comes back."""
    group = _group(on)
    while True:
        pause(dice, 1, 3)
        group.fail_over(losing_s=dice.uniform(0, 1))
        yield 1
        group.come_back()


def redis_freezes_and_fails_over(on: Installation, dice: Random) -> Generator[int]:
    """SIGSTOP of the primary, a failover, and SIGCONT: two primaries are at work until the sentinels demote one."""
    group = _group(on)
    while True:
        pause(dice, 1, 3)
        with group.frozen():
            pause(dice, 0, 3)
            # Else all might wait for the frozen one, and go on there together.
            _restart_some(on, dice)
        group.wait_until_ready()
        yield 1


def redis_is_cut_off_and_fails_over(on: Installation, dice: Random) -> Generator[int]:
    """All but its replica and the sentinels still reach the primary: two are at work until it is demoted."""
    group = _group(on)
    while True:
        pause(dice, 1, 3)
        with group.cut_off():
            # Nobody who is connected has a reason to go to the other one.
            _restart_some(on, dice)
            pause(dice, 1, 6)
        group.wait_until_ready()
        yield 1


def _restart_some(on: Installation, dice: Random) -> None:
    """Let some processes end what they are doing, and start them anew: they connect to the successor."""
    for name in (dice.choice(on.dispatchers), *dice.sample(on.answerers, 2)):
        on.restart(name)


def _group(on: Installation) -> SentinelGroup:
    if not isinstance(on, RsvpqStack) or on.group is None:
        raise TypeError("only rsvpq with sentinels fails over")
    return on.group


def redis_forgets_everything(on: Installation, dice: Random) -> Generator[int]:
    """FLUSHALL while everything runs."""
    while True:
        pause(dice, 1, 3)
        forget_everything(on)
        yield 1


def forget_everything(on: Installation) -> None:
    """FLUSHALL, now."""
    with on.queue_server.client() as client:
        client.flushall()


def records_are_broken(on: Installation, dice: Random) -> Generator[int]:
    """Keys of the ledger vanish, or are of another type; fields and members are overwritten, taken out or put in."""
    with on.queue_server.client() as client:
        while True:
            pause(dice, 0.1, 0.6)
            keys = sorted(client.scan_iter("{rsvpq}:*", count=1000))
            if keys:
                _break(client, dice, dice.choice(keys))
                yield 1


def _break(client: Any, dice: Random, key: str) -> None:
    match dice.choice(("delete", "retype", "field", "member")):
        case "field" if client.type(key) == "hash" and (fields := sorted(client.hkeys(key))):
            client.hset(key, dice.choice(fields), dice.choice(("", "x", "nan", "{", "-1")))
        case "member" if client.type(key) == "zset":
            client.zadd(key, {f"nobody-{dice.random()}": dice.choice((0, 1e15, 4e15))})
        case "member" if client.type(key) == "list":
            client.lpush(key, f"nobody-{dice.random()}")
        case "retype":
            client.delete(key)
            client.set(key, "a stranger's") if dice.random() < 0.5 else client.sadd(key, "a stranger's")
        case _:
            client.delete(key)


def redis_drops_its_connections(on: Installation, dice: Random) -> Generator[int]:
    """Every connection at once, but the one that asks for it."""
    with on.queue_server.client() as client:
        while True:
            pause(dice, 0.1, 0.8)
            client.client_kill_filter(_type="normal", skipme=True)
            if dice.random() < 0.3:
                client.client_kill_filter(_type="pubsub", skipme=True)
            yield 1
