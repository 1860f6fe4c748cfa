"""Read once what the metrics and ``rsvpq check`` need."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from redis.exceptions import NoPermissionError, RedisError

from rsvpq.health.register import impatient_redis
from rsvpq.lanes import Lanes
from rsvpq.lanes.status import Status
from rsvpq.settings import Settings
from rsvpq.settings.redis_client import make_sentinels
from rsvpq.wiring import make_list
from rsvpq.wiring.coverage import Coverage, ListSize, read_coverage, read_list_size
from rsvpq.wiring.in_force import InForce, in_force
from rsvpq.wiring.wellness import read_status


@dataclass(frozen=True, slots=True)
class RedisMemory:
    """The memory of Redis in bytes: in use, and ``maxmemory``; 0 for no limit."""

    used: int
    most: int


@dataclass(frozen=True, slots=True)
class RedisScripts:
    """The calls of scripts by all clients of Redis, and the seconds for which they kept it busy, since its start."""

    calls: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Reading:
    """An installation at one moment.

    :param groups: the number of mailboxes in each group of the list in force; None if there is none.
    :param list_readable: whether the list can be read in its present state; if not, an earlier one may be in force.
    :param size: how many it has, and how many have left it; None as ``groups``.
    :param mode: that of the settings. :param queued: by queue, the messages that wait with Celery.
    :param memory, scripts: None if Redis does not permit INFO.
    :param missing_replicas: how many replicas a failover, or ``redis.intent_replicas``, needs and Redis lacks; 0
        without sentinels, None as above.
    :param can_elect: whether the sentinels could name another primary; None without sentinels, or if they do not permit
        the question.
    :param schedule_s: the longest interval of the schedules, in seconds; None if none of them is for all mailboxes, so
        that some mailboxes may rightly never be scanned.
    :param certificate_ends: by server, when its certificate ends, in seconds since the epoch, as workers have seen it.
    """

    status: Status
    force: InForce
    groups: Mapping[str, int] | None
    list_readable: bool
    size: ListSize | None
    mode: str
    queued: Mapping[str, int]
    memory: RedisMemory | None
    scripts: RedisScripts | None
    missing_replicas: int | None
    can_elect: bool | None
    schedule_s: float | None
    certificate_ends: Mapping[str, float] = field(default_factory=dict)


class InstallationReader:
    """Reads one installation, with a client that does not repeat what Redis did not answer; connects at the first call.

    Threads may share it.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._redis: Any = impatient_redis(settings.redis)
        self._lanes = Lanes(self._redis, settings.redis.namespace)
        self._list = make_list(settings)
        self._sentinels = make_sentinels(settings.redis) if settings.redis.sentinels else None

    def renew(self, settings: Settings) -> None:
        """Go on with other settings, on the same Redis."""
        self._settings, self._list = settings, make_list(settings)

    def is_answered(self) -> bool:
        """Return whether Redis answers.

        :raises ClusterRefused: it is a node of a Redis Cluster.
        """
        try:
            return bool(self._redis.ping())
        except RedisError:
            return False

    def close(self) -> None:
        """Close the connections to Redis; a later call opens new ones."""
        self._redis.close()
        for sentinel in self._sentinels.sentinels if self._sentinels else ():
            sentinel.close()

    def read(self) -> Reading:
        """Read everything.

        :raises RedisError: Redis cannot be reached, or refuses a command. :raises ClusterRefused: it is a node of a
            Redis Cluster.
        """
        settings = self._settings
        force = in_force(settings, self._lanes, self._list)
        return Reading(
            status=read_status(settings, self._lanes, self._list.names()),
            force=force,
            groups=(groups := self._list.groups()),
            list_readable=not self._list.problem,
            size=None if groups is None else read_list_size(self._lanes, self._list.names()),
            mode=settings.mode,
            queued=force.queued,
            memory=self._memory(),
            scripts=self._scripts(),
            missing_replicas=self._missing_replicas(),
            can_elect=self._sentinels.can_elect(settings.redis.service) if self._sentinels else None,
            schedule_s=_longest_schedule_s(settings),
            certificate_ends=self._certificate_ends(),
        )

    def coverage(self) -> Coverage:
        """Read how far the scans cover the list; takes about 0.1 s for 10,000 mailboxes.

        Same errors as :meth:`read`.
        """
        return read_coverage(self._settings, self._lanes, self._list.by_name(), self._list.problem)

    def _certificate_ends(self) -> dict[str, float]:
        """Return those of the configured servers: one that was removed is nobody's concern."""
        return {name: end for name, end in self._lanes.certificates.ends().items() if name in self._settings.servers}

    def _memory(self) -> RedisMemory | None:
        try:
            info = self._redis.info("memory")
        except NoPermissionError:
            return None
        return RedisMemory(int(info.get("used_memory", 0)), int(info.get("maxmemory", 0)))

    def _scripts(self) -> RedisScripts | None:
        try:
            info = self._redis.info("commandstats")
        except NoPermissionError:
            return None
        found = [info.get(f"cmdstat_{command}", {}) for command in ("eval", "evalsha")]
        return RedisScripts(sum(one.get("calls", 0) for one in found), sum(one.get("usec", 0) for one in found) / 1e6)

    def _missing_replicas(self) -> int | None:
        redis = self._settings.redis
        if not redis.sentinels:
            return 0
        try:
            info = self._redis.info("replication")
        except NoPermissionError:
            return None
        return max(0, redis.needed_replicas - int(info.get("connected_slaves", 0)))


def _longest_schedule_s(settings: Settings) -> float | None:
    if all(schedule.group is not None for schedule in settings.schedule):
        return None
    now, namespace = datetime.now(UTC), settings.redis.namespace
    periods = (schedule.timetable(namespace).period_s(now) for schedule in settings.schedule)
    return max((period for period in periods if period is not None), default=None)
