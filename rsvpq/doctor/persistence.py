"""Whether Redis keeps what it is given: on disk, in memory, and for a Flower that is slow to fetch it.

Reads CONFIG GET beside what INFO has told; what an access list forbids is skipped.
"""

from collections.abc import Mapping
from typing import Any

from redis.exceptions import ResponseError

from rsvpq.doctor.results import Notes

#: The part of maxmemory that may be in use.
_FULL = 0.8
#: Bytes; Redis' own hard limit for subscribers is 32 MiB.
_SMALL_BUFFER = 64 * 1024 * 1024
_MIB = 1024 * 1024


def examine(redis: Any, info: Mapping[str, Any], notes: Notes) -> None:
    """Look at what may be lost.

    :param info: the answer to INFO.
    :raises RedisError: Redis went away.
    """
    _durability(redis, info, notes)
    _eviction(info, notes)
    _memory(info, notes)
    _subscribers(redis, notes)


def _durability(redis: Any, info: Mapping[str, Any], notes: Notes) -> None:
    if not info.get("aof_enabled"):
        text = "no AOF: a restart forgets what was done, and the journal of answers under way"
        notes.warn("durability", text, "appendonly yes in redis.conf; see deploy/redis.conf")
        return
    if info.get("aof_last_write_status", "ok") != "ok":
        notes.fail("durability", "the last write to the AOF failed", "make room on its disk, and look at its log")
        return
    fsync = _configured(redis, "appendfsync")
    if fsync == "no":
        text = "AOF, but the system decides when it reaches the disk: a power failure costs half a minute"
        notes.warn("durability", text, "appendfsync everysec")
    else:
        cost = {"always": "nothing is lost", "everysec": "a power failure costs a second"}.get(fsync, "")
        notes.ok("durability", f"AOF, appendfsync {fsync or '(may not be asked)'}" + (f": {cost}" if cost else ""))


def _eviction(info: Mapping[str, Any], notes: Notes) -> None:
    policy = str(info.get("maxmemory_policy", ""))
    if policy == "noeviction":
        notes.ok("eviction", "maxmemory-policy noeviction")
    else:
        text = f"maxmemory-policy {policy or 'unknown'}: when it is full it would throw away what was promised"
        notes.fail("eviction", text, "maxmemory-policy noeviction")
    evicted = int(info.get("evicted_keys", 0))
    if evicted:
        text = f"{evicted} keys were thrown away since its start; some may be ours"
        remedy = "maxmemory-policy noeviction and more memory; then restart Redis and scan --all"
        notes.fail("evicted", text, remedy)


def _memory(info: Mapping[str, Any], notes: Notes) -> None:
    used, most = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    if not most:
        text = f"{used // _MIB} MiB in use, and no limit: the system may kill it instead of a write being refused"
        notes.warn("memory", text, "maxmemory, such as 1gb; docs/deployment.md says how much")
    elif used > most * _FULL:
        text = f"{used // _MIB} of {most // _MIB} MiB in use; when it is full, everything waits"
        notes.warn("memory", text, "raise maxmemory, or shorten [lanes] remember")
    else:
        notes.ok("memory", f"{used // _MIB} of {most // _MIB} MiB in use")


def _subscribers(redis: Any, notes: Notes) -> None:
    words = _configured(redis, "client-output-buffer-limit").split()
    if "pubsub" not in words[:-3]:
        notes.skip("flower", "client-output-buffer-limit may not be asked")
        return
    hard = int(words[words.index("pubsub") + 1])
    remedy = "client-output-buffer-limit pubsub 128mb 64mb 60"
    if not hard:
        notes.warn("flower", "a Flower that hangs may fill the memory: subscribers have no limit", remedy)
    elif hard < _SMALL_BUFFER:
        text = f"a Flower that lags is cut off at {hard // _MIB} MiB, and shows tasks as unfinished for ever"
        notes.warn("flower", text, remedy)
    else:
        notes.ok("flower", f"a subscriber that lags is cut off at {hard // _MIB} MiB")


def _configured(redis: Any, name: str) -> str:
    """A setting of Redis; '' where it may not be asked."""
    try:
        return str(redis.config_get(name).get(name, ""))
    except ResponseError:
        return ""
