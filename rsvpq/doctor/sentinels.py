"""Check that Redis fails over: the sentinels agree and can elect, and a replica is fit to take over.

Reads only. A sentinel and a replica are asked once, with short timeouts.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from redis.exceptions import RedisError

from rsvpq.doctor.results import Notes
from rsvpq.lanes.reading import number_of
from rsvpq.redis_tls import what_and_remedy
from rsvpq.sentinels import sentinel_name
from rsvpq.settings import RedisSettings
from rsvpq.settings.redis_client import make_redis_at, make_sentinels

#: With fewer sentinels the loss of one host may leave no majority.
_FEWEST = 3
#: Seconds that two clocks of Redis may differ; leases and paces jump by that much at a failover.
_CLOCK_S = 2.0
_TIMEOUT_S = 5.0

#: Host and port of a server.
_Address = tuple[str, int]


def examine(settings: RedisSettings, notes: Notes) -> None:
    """Check the sentinels, and each replica that they know."""
    states: dict[str, Mapping[str, Any]] = {}
    sentinels: Any = make_sentinels(settings)
    for sentinel in sentinels.sentinels:
        name = sentinel_name(sentinel)
        try:
            state = sentinel.sentinel_masters().get(settings.service)
        except RedisError as error:
            what, remedy = what_and_remedy(error, "start it, or correct [redis] sentinels and its password")
            notes.warn("sentinel", f"{name}: {what}", remedy)
            continue
        if state is None:
            notes.fail("sentinel", f"{name} does not know {settings.service}", "correct the host in [redis] url")
        else:
            states[name] = state
    if not states:
        notes.fail("failover", "no sentinel can be asked, so nobody finds the primary", "start the sentinels")
        return
    _agreement(states, notes)
    _majority(sentinels.sentinels, states, settings, notes)
    _replicas(sentinels.sentinels, states, settings, notes)


def _agreement(states: Mapping[str, Mapping[str, Any]], notes: Notes) -> None:
    primaries = {name: f"{state['ip']}:{state['port']}" for name, state in states.items()}
    if len(set(primaries.values())) > 1:
        text = "; ".join(f"{name} names {primary}" for name, primary in primaries.items())
        notes.fail("primary", text, "wait for a failover to end; then reset the sentinel that is wrong")
        return
    (primary,) = set(primaries.values())
    down = [name for name, state in states.items() if state["is_sdown"] or state["is_odown"]]
    if down:
        notes.fail("primary", f"{primary} is down, say {', '.join(down)}", "wait for the failover, or start the server")
    else:
        after_s = next(iter(states.values()))["down-after-milliseconds"] / 1000
        notes.ok("primary", f"{primary}; a failover begins when it was away for {after_s:g} s")


def _majority(
    sentinels: Sequence[Any], states: Mapping[str, Mapping[str, Any]], settings: RedisSettings, notes: Notes
) -> None:
    known = max(state["num-other-sentinels"] + 1 for state in states.values())
    listed = len(settings.sentinels)
    if known != listed:
        text = f"{listed} in these settings, and they know of {known}"
        notes.warn(
            "sentinels", text, "list all of them in [redis] sentinels; SENTINEL RESET forgets those that are gone"
        )
    if known < _FEWEST:
        text = f"{known}: with the loss of a host no majority may be left, which a failover needs"
        notes.warn("sentinels", text, f"run {_FEWEST}, on hosts that do not fail together")
    for sentinel in sentinels:
        if sentinel_name(sentinel) not in states:
            continue
        try:
            sentinel.sentinel_ckquorum(settings.service)
        except RedisError as error:
            notes.fail("quorum", f"{sentinel_name(sentinel)}: {error}", "start the sentinels that are down")
        else:
            quorum = states[sentinel_name(sentinel)]["quorum"]
            notes.ok("quorum", f"{quorum} of {known} sentinels, and they can elect")
        return


def _replicas(
    sentinels: Sequence[Any], states: Mapping[str, Mapping[str, Any]], settings: RedisSettings, notes: Notes
) -> None:
    asked = next(sentinel for sentinel in sentinels if sentinel_name(sentinel) in states)
    state = states[sentinel_name(asked)]
    try:
        found = asked.sentinel_slaves(settings.service)
    except RedisError as error:
        notes.skip("replica", f"{sentinel_name(asked)}: {error}")
        return
    alive = [one for one in found if not (one["is_sdown"] or one["is_odown"] or one["is_disconnected"])]
    for one in found:
        if one not in alive:
            notes.warn("replica", f"{one['ip']}:{one['port']} is down", "start it, or SENTINEL RESET forgets it")
    needed = settings.needed_replicas
    if len(alive) < needed:
        what = "nothing takes over when the primary fails" if needed == 1 else "no answer begins"
        text = f"{len(alive)} of the {needed} that are needed: {what}"
        notes.fail("replicas", text, "start a replica" if needed == 1 else "start them, or lower redis.intent_replicas")
    primary_ahead_s = _ahead_s((state["ip"], state["port"]), settings)
    for one in alive:
        _replica((one["ip"], one["port"]), one["master-link-status"], primary_ahead_s, settings, notes)


def _replica(
    address: _Address, link: str, primary_ahead_s: float | None, settings: RedisSettings, notes: Notes
) -> None:
    """Check whether a replica is fit to be the primary."""
    name = f"{address[0]}:{address[1]}"
    try:
        with make_redis_at(settings, address, timeout_s=_TIMEOUT_S) as redis:
            info: dict[str, Any] = redis.info()
    except RedisError as error:
        what, remedy = what_and_remedy(error, "it must take the password and the TLS of the primary")
        notes.fail("replica", f"{name}: {what}", remedy)
        return
    if link != "ok":
        notes.warn("replica", f"{name} does not follow the primary now", "check its log, masterauth and the network")
        return
    ahead_s = _ahead_s(address, settings)
    wrong = [] if info.get("aof_enabled") else ["keeps no AOF, so a restart after a failover loses everything"]
    if info.get("maxmemory_policy", "noeviction") != "noeviction":
        wrong.append("would evict items and journals")
    if number_of(info.get("slave_priority", 100)) == 0:
        wrong.append("is never promoted (replica-priority 0)")
    if ahead_s is not None and primary_ahead_s is not None and abs(ahead_s - primary_ahead_s) > _CLOCK_S:
        wrong.append(f"has a clock {abs(ahead_s - primary_ahead_s):.0f} s from that of the primary")
    if wrong:
        notes.warn("replica", f"{name} {', and '.join(wrong)}", "give it the redis.conf of the primary, and NTP")
    else:
        notes.ok("replica", f"{name}: follows the primary, keeps an AOF, and has its time")


def _ahead_s(address: _Address, settings: RedisSettings) -> float | None:
    """Return how many seconds the clock of a server is ahead of this machine's; None if it cannot be asked."""
    try:
        with make_redis_at(settings, address, timeout_s=_TIMEOUT_S) as redis:
            redis.ping()
            before = time.time()
            seconds, microseconds = redis.time()
            return int(seconds) + int(microseconds) / 1e6 - (before + time.time()) / 2
    except RedisError:
        return None
