"""Check Redis: reachable, recent, writable, durable, protected, and not shared with other installations.

Reads INFO, CONFIG, TIME and a few keys; writes nothing.
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
from rsvpq.redis_tls import what_and_remedy
from rsvpq.settings import ConfigError, RedisSettings, Settings
from rsvpq.settings.usable_redis import REMEDY, ClusterRefused

_OLDEST, _RECOMMENDED = (6, 2), (7, 0)
_SLOW_PING_MS = 20.0
_PINGS = 5
_REMEDY = "start Redis, or correct [redis] url (rediss:// if Redis requires TLS) and password_file"


def examine(redis: Redis, lanes: Lanes, settings: Settings, notes: Notes) -> float | None:
    """Check Redis, with a client that does not retry and has short timeouts.

    :param lanes: the lanes, made with this client.
    :returns: seconds that its clock is ahead of this machine's; None if Redis is unusable.
    """
    try:
        info = _reached(redis, settings.redis, notes)
        if info is None:
            return None
        _version(info, notes)
        if info.get("role", "master") != "master":
            notes.fail("role", "it is a replica, which refuses writes", "set [redis] url to the address of the primary")
        persistence.examine(redis, info, notes)
        _records(lanes, notes)
        _access(settings.redis, notes)
        _neighbors(lanes, settings, notes)
        before = time.time()
        ahead_s = lanes.time_us() / 1e6 - (before + time.time()) / 2
        judge_skew(notes, {"this machine": ahead_s}, "Redis")
    except RedisError as error:
        notes.fail("reachable", f"some commands fail: {error}", "check the log and the access list of Redis")
        return None
    return ahead_s


def _refused(error: ConfigError, settings: RedisSettings, notes: Notes) -> None:
    """Report a Redis with which no process starts."""
    if isinstance(error, ClusterRefused):
        notes.fail("cluster", f"{settings.place} is a node of a Redis Cluster, which is not supported", REMEDY)
    else:
        notes.fail("schema", error.problems[0].text, "docs/migration.md says which versions read which schema")


def _reached(redis: Any, settings: RedisSettings, notes: Notes) -> Mapping[str, Any] | None:
    try:
        redis.ping()
        pings = []
        for _ in range(_PINGS):
            watch = Stopwatch()
            redis.ping()
            pings.append(watch.ms)
        info: Mapping[str, Any] = redis.info()
    except ConfigError as error:
        _refused(error, settings, notes)
    except AuthenticationError as error:
        notes.fail("reachable", f"{settings.place}: {error}", "correct [redis] password_file")
    except NoPermissionError as error:
        notes.fail("reachable", f"{settings.place}: {error}", "allow this user +ping and +info")
    except RedisError as error:
        what, remedy = what_and_remedy(error, _REMEDY)
        notes.fail("reachable", f"{settings.place}: {what}", remedy)
    else:
        ms = statistics.median(pings)
        if ms > _SLOW_PING_MS:
            text = f"{settings.place} is slow, and each message takes dozens of round trips"
            notes.warn("reachable", text, "bring Redis and the workers closer together", ms=ms)
        else:
            notes.ok("reachable", settings.place, ms=ms)
        return info
    return None


def _version(info: Mapping[str, Any], notes: Notes) -> None:
    number = str(info.get("redis_version", ""))
    shown = f"{info.get('server_name', 'redis')} {info.get('valkey_version', number)}, as Redis {number}"
    parts = number.split(".")[:2]
    version = tuple(int(part) for part in parts if part.isdecimal())
    if version < _OLDEST:
        notes.fail("version", f"{shown} is too old", "update to Redis 7 or later; 6.2 is the oldest supported version")
    elif version < _RECOMMENDED:
        notes.warn("version", f"{shown} is no longer maintained", "update to Redis 7 or later")
    else:
        notes.ok("version", shown)


def _records(lanes: Lanes, notes: Notes) -> None:
    summary = lanes.repair.summary()
    if summary.named:
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(summary.counts.items()))
        remedy = "see 'rsvpq repair --list', find out what else writes to Redis, then 'rsvpq repair --forget'"
        text = f"{summary.named} broken records were found, and repaired or set aside; in total: {kinds}"
        notes.warn("records", text, remedy)
    elif summary.check.at_us:
        notes.ok("records", f"in order: {summary.check.in_flight} in flight, {summary.check.slots} slots taken")
    else:
        notes.ok("records", "no broken records known; no dispatcher has checked yet")


def _access(settings: RedisSettings, notes: Notes) -> None:
    parts = urlsplit(settings.url)
    try:
        is_loopback = ip_address(parts.hostname or "").is_loopback
    except ValueError:  # a name
        is_loopback = parts.hostname == "localhost"
    if parts.scheme == "unix" or is_loopback:
        notes.ok("access", "on this machine, " + ("with" if settings.password else "without") + " a password")
        return
    missing = [] if settings.password else ["a password"]
    missing += [] if parts.scheme == "rediss" else ["TLS"]
    if missing:
        text = f"over the network without {' and without '.join(missing)}"
        notes.warn("access", text, "set requirepass and [redis] password_file; use rediss:// in [redis] url")
    else:
        notes.ok("access", "over the network, with a password and TLS")


def _neighbors(lanes: Lanes, settings: Settings, notes: Notes) -> None:
    namespace, unknown = settings.redis.namespace, sorted(lanes.snapshot.servers() - set(settings.servers))
    if unknown:
        text = f"the namespace {namespace} has servers that are not in these settings: {', '.join(unknown)}"
        notes.warn("namespace", text, "if another installation uses it as well, give each its own [redis] namespace")
        return
    others = sorted(lanes.snapshot.neighbors())
    if others:
        text = f"other installations share this database and its memory: {', '.join(others)}"
        notes.warn("namespace", text, "give each installation its own Redis, unless they may fail together")
    else:
        notes.ok("namespace", f"{namespace}; no other installation in this database")
