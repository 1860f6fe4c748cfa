"""Where processes report their progress: one sorted set for each role and host, of process ids.

Each id has the time (of its host) until which it counts as alive; the key goes when nobody reports any more.
"""

import time

from redis.exceptions import ResponseError

from rsvpq.lanes.namespace import Namespace

#: What is believed so many times longer than a report was said before the clock was put back, or by nobody of us.
_MUCH = 10


class Registrations:
    """The processes that report in one namespace."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace
        self._redis = namespace.redis

    def report(self, role: str, host: str, pid: int, lasts_s: float) -> None:
        """Store that a process makes progress, which is believed for so many seconds.

        :raises RedisError: Redis cannot be reached, or writes nothing.
        """
        key = self._key(role, host)
        try:
            self._write(key, pid, lasts_s)
        except ResponseError as error:
            if "WRONGTYPE" not in str(error):
                raise
            self._redis.delete(key)  # it is nothing that a process of ours wrote
            self._write(key, pid, lasts_s)

    def _write(self, key: str, pid: int, lasts_s: float) -> None:
        now = time.time()
        with self._redis.pipeline() as pipe:
            pipe.zremrangebyscore(key, "-inf", now)
            pipe.zremrangebyscore(key, now + _MUCH * lasts_s, "+inf")
            pipe.zadd(key, {str(pid): now + lasts_s})
            pipe.pexpire(key, round(lasts_s * 1000))
            pipe.execute()

    def alive(self, role: str, host: str) -> list[int]:
        """Return the ids of a host's processes whose report is still believed.

        :raises RedisError: Redis cannot be reached.
        """
        found = self._redis.zrangebyscore(self._key(role, host), time.time(), "+inf")
        return [int(pid) for pid in found if pid.isdecimal()]  # anything else, no process of ours has written

    def alive_anywhere(self, role: str) -> list[str]:
        """Return the processes of a role on all hosts that have reported lately, as ``HOST:PID``."""
        prefix = self._key(role, "")
        return sorted(
            f"{key.removeprefix(prefix)}:{pid}"
            for key in self._redis.scan_iter(match=f"{prefix}*", count=1000, _type="zset")
            for pid in self._redis.zrangebyscore(key, time.time(), "+inf")
        )

    def _key(self, role: str, host: str) -> str:
        return self._namespace.key("alive", role, host)
