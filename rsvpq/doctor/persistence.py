"""Check whether Redis keeps its data: on disk, in memory, and in the output buffer of a slow Flower.

Uses INFO and CONFIG GET; a check whose command is forbidden by an access list is skipped.
"""

from collections.abc import Mapping
from typing import Any

from redis.exceptions import ResponseError

from rsvpq.doctor.results import Notes

#: The part of maxmemory above which Redis counts as almost full.
_FULL = 0.8
#: Bytes; the default hard limit of Redis for subscribers is 32 MiB.
_SMALL_BUFFER = 64 * 1024 * 1024
_MIB = 1024 * 1024


def examine(redis: Any, info: Mapping[str, Any], notes: Notes) -> None:
    """Check durability, eviction, memory and output buffers.

    :param info: the reply to INFO.
    :raises RedisError: Redis became unreachable.
    """
    _durability(redis, info, notes)
    _memory(info, notes)
    _subscribers(redis, notes)


def _durability(redis: Any, info: Mapping[str, Any], notes: Notes) -> None:
    if not info.get("aof_enabled"):
        text = "no AOF: a restart of Redis loses what was done, and the journals of answers in progress"
        notes.warn("durability", text, "set appendonly yes in redis.conf; see deploy/redis.conf")
        return
    if info.get("aof_last_write_status", "ok") != "ok":
        notes.fail("durability", "the last write to the AOF failed", "free disk space, and check the log of Redis")
        return
    fsync = _configured(redis, "appendfsync")
    if fsync == "no":
        text = "AOF with appendfsync no: a power failure loses about the last 30 seconds"
        notes.warn("durability", text, "set appendfsync everysec")
    else:
        cost = {"always": "nothing is lost", "everysec": "a power failure loses the last second"}.get(fsync, "")
        notes.ok(
            "durability",
            f"AOF, appendfsync {fsync or 'unknown (CONFIG GET is not allowed)'}" + (f": {cost}" if cost else ""),
        )


def _memory(info: Mapping[str, Any], notes: Notes) -> None:
    """Check how much memory is left, and that a full Redis refuses writes instead of evicting keys."""
    policy = str(info.get("maxmemory_policy", ""))
    if policy == "noeviction":
        notes.ok("eviction", "maxmemory-policy noeviction")
    else:
        text = f"maxmemory-policy {policy or 'unknown'}: a full Redis would evict items and journals"
        notes.fail("eviction", text, "set maxmemory-policy noeviction")
    evicted = int(info.get("evicted_keys", 0))
    if evicted:
        text = f"{evicted} keys were evicted since Redis started; some may belong to rsvpq"
        remedy = "set maxmemory-policy noeviction, add memory, restart Redis, then run rsvpq scan --all"
        notes.fail("evicted", text, remedy)
    used, most = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    if not most:
        text = f"{used // _MIB} MiB in use, without a limit: the system may kill Redis before it refuses writes"
        notes.warn("memory", text, "set maxmemory, such as 1gb; for the size see docs/deployment.md")
    elif used > most * _FULL:
        text = f"{used // _MIB} of {most // _MIB} MiB in use; when Redis is full, everything waits"
        notes.warn("memory", text, "raise maxmemory, or shorten [lanes] remember")
    else:
        notes.ok("memory", f"{used // _MIB} of {most // _MIB} MiB in use")


def _subscribers(redis: Any, notes: Notes) -> None:
    words = _configured(redis, "client-output-buffer-limit").split()
    if "pubsub" not in words[:-3]:
        notes.skip("flower", "client-output-buffer-limit is unknown: CONFIG GET is not allowed")
        return
    hard = int(words[words.index("pubsub") + 1])
    remedy = "set client-output-buffer-limit pubsub 128mb 64mb 60"
    if not hard:
        notes.warn("flower", "subscribers have no output buffer limit: a Flower that hangs may fill the memory", remedy)
    elif hard < _SMALL_BUFFER:
        text = f"a Flower that lags is disconnected at {hard // _MIB} MiB, and shows tasks as unfinished for ever"
        notes.warn("flower", text, remedy)
    else:
        notes.ok("flower", f"a subscriber that lags is disconnected at {hard // _MIB} MiB")


def _configured(redis: Any, name: str) -> str:
    """Return a setting of Redis; '' if CONFIG GET is not allowed."""
    try:
        return str(redis.config_get(name).get(name, ""))
    except ResponseError:
        return ""
