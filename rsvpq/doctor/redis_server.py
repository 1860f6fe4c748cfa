"""Redis: whether it can be reached, is recent enough, takes writes, is closed to strangers, and is nobody else's.

Reads INFO, TIME and a few keys; writes nothing.
"""

import statistics
import time
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from rsvpq.doctor import persistence
from rsvpq.doctor.clocks import judge_skew
from rsvpq.doctor.results import Notes
from rsvpq.lanes import Lanes
from rsvpq.mail.checks import Stopwatch
from rsvpq.settings import RedisSettings, Settings
from rsvpq.settings.single_redis import REMEDY, ClusterRefused

_OLDEST, _RECOMMENDED = (6, 2), (7, 0)
_SLOW_PING_MS = 20.0
_PINGS = 5


def examine(redis: Redis, lanes: Lanes, settings: Settings, notes: Notes) -> float | None:
    """Look at Redis, by a client that repeats nothing and soon gives up.

    :param lanes: made of this client.
    :returns: how many seconds its clock is ahead of this machine's; None if it cannot be used.
    """
    try:
        info = _reached(redis, settings.redis, notes)
        if info is None:
            return None
        _version(info, notes)
        _duty(info, notes)
        persistence.examine(redis, info, notes)
        _order(lanes, notes)
        _access(settings.redis, notes)
        _neighbors(lanes, settings, notes)
        return _clock(redis, notes)
    except RedisError as error:
        notes.fail("reachable", f"it answers, but not everything: {error}", "look at its log and its access list")
        return None


def _reached(redis: Any, settings: RedisSettings, notes: Notes) -> Mapping[str, Any] | None:
    try:
        redis.ping()
        pings = []
        for _ in range(_PINGS):
            watch = Stopwatch()
            redis.ping()
            pings.append(watch.ms)
        info: Mapping[str, Any] = redis.info()
    except ClusterRefused:
        notes.fail("cluster", f"{settings.url} is a node of a Redis Cluster, which no process works with", REMEDY)
    except AuthenticationError as error:
        notes.fail("reachable", f"{settings.url}: {error}", "correct [redis] password_file")
    except NoPermissionError as error:
        notes.fail("reachable", f"{settings.url}: {error}", "allow this user +ping and +info")
    except RedisError as error:
        notes.fail("reachable", f"{settings.url}: {error}", "start Redis, or correct [redis] url and password_file")
    else:
        ms = statistics.median(pings)
        if ms > _SLOW_PING_MS:
            text = f"{settings.url} answers slowly, and each message takes some dozen round trips"
            notes.warn("reachable", text, "bring Redis and the workers closer together", ms=ms)
        else:
            notes.ok("reachable", settings.url, ms=ms)
        return info
    return None


def _version(info: Mapping[str, Any], notes: Notes) -> None:
    number = str(info.get("redis_version", ""))
    shown = f"{info.get('server_name', 'redis')} {info.get('valkey_version', number)}, as Redis {number}"
    parts = number.split(".")[:2]
    version = tuple(int(part) for part in parts if part.isdecimal())
    if version < _OLDEST:
        notes.fail("version", f"{shown} is too old", "update it to 7 or later; 6.2 is the oldest that will do")
    elif version < _RECOMMENDED:
        notes.warn("version", f"{shown} is no longer maintained", "update it to 7 or later")
    else:
        notes.ok("version", shown)


def _duty(info: Mapping[str, Any], notes: Notes) -> None:
    if info.get("role", "master") != "master":
        notes.fail("role", "it is a replica, which takes no writes", "write the primary's address into [redis] url")


def _order(lanes: Lanes, notes: Notes) -> None:
    told = lanes.repair.summary()
    if told.named:
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(told.counts.items()))
        remedy = "'rsvpq repair --list' names them: find out who writes to Redis, then 'rsvpq repair --forget'"
        notes.warn("records", f"{told.named} were found broken, and mended or set aside; in all: {kinds}", remedy)
    elif told.check.at_us:
        notes.ok("records", f"in order: {told.check.in_flight} in flight, {told.check.slots} slots for them")
    else:
        notes.ok("records", "none were found broken; no dispatcher has looked yet")


def _access(settings: RedisSettings, notes: Notes) -> None:
    parts = urlsplit(settings.url)
    if parts.scheme == "unix" or _is_loopback(parts.hostname or ""):
        notes.ok("access", "on this machine, " + ("with" if settings.password else "without") + " a password")
        return
    missing = [] if settings.password else ["a password"]
    missing += [] if parts.scheme == "rediss" else ["TLS"]
    if missing:
        text = f"over the network without {' and without '.join(missing)}"
        notes.warn("access", text, "requirepass and [redis] password_file; rediss:// in [redis] url")
    else:
        notes.ok("access", "over the network, with a password and TLS")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _neighbors(lanes: Lanes, settings: Settings, notes: Notes) -> None:
    namespace, unknown = settings.redis.namespace, sorted(lanes.snapshot.servers() - set(settings.servers))
    if unknown:
        text = f"the namespace {namespace} knows {', '.join(unknown)}, which these settings do not"
        notes.warn("namespace", text, "if another installation uses it too, give each its own [redis] namespace")
        return
    others = sorted(lanes.snapshot.neighbors())
    if others:
        text = f"other installations share this database: {', '.join(others)}; one memory and one fate"
        notes.warn("namespace", text, "give each its own Redis, if they are not meant to fail together")
    else:
        notes.ok("namespace", f"{namespace}; no other installation in this database")


def _clock(redis: Any, notes: Notes) -> float:
    before = time.time()
    seconds, microseconds = redis.time()
    ahead_s: float = seconds + microseconds / 1e6 - (before + time.time()) / 2
    judge_skew(notes, {"this machine": ahead_s}, "Redis")
    return ahead_s
