"""Where processes report their progress in Redis, for ``python -m rsvpq.health`` to read.

One sorted set for each role and host holds process ids, each with the time (of that host) until which it counts as
alive; the whole key goes when nobody reports any more.
"""

import os
import socket
import time
from dataclasses import dataclass
from typing import Any, Literal

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError
from redis.retry import Retry

from rsvpq.lanes import LENIENT, Lanes
from rsvpq.settings.model import RedisSettings
from rsvpq.settings.single_redis import refusing_cluster

Role = Literal["dispatcher", "worker"]

#: Seconds that one call of :func:`impatient_lanes` may take.
LONGEST_CALL_S = 5
#: What is believed so many times longer than a report was said before the clock was put back, or by nobody of us.
_MUCH = 10


@dataclass(frozen=True, slots=True)
class Register:
    """The processes of one role on this host.

    :param redis: a client with ``decode_responses=True``.
    """

    redis: Any
    key: str

    def report(self, lasts_s: float) -> None:
        """Say that this process makes progress, which is believed for so many seconds.

        :raises RedisError: Redis cannot be reached, or writes nothing.
        """
        try:
            self._write(lasts_s)
        except ResponseError as error:
            if "WRONGTYPE" not in str(error):
                raise
            self.redis.delete(self.key)  # it is nothing that a process of ours wrote
            self._write(lasts_s)

    def _write(self, lasts_s: float) -> None:
        now = time.time()
        with self.redis.pipeline() as pipe:
            pipe.zremrangebyscore(self.key, "-inf", now)
            pipe.zremrangebyscore(self.key, now + _MUCH * lasts_s, "+inf")
            pipe.zadd(self.key, {os.getpid(): now + lasts_s})
            pipe.pexpire(self.key, round(lasts_s * 1000))
            pipe.execute()

    def alive(self) -> list[int]:
        """The ids of the processes whose report is still believed.

        :raises RedisError: Redis cannot be reached.
        """
        told = self.redis.zrangebyscore(self.key, time.time(), "+inf")
        return [int(pid) for pid in told if pid.isdecimal()]  # anything else, no process of ours has written


def register_of(lanes: Lanes, role: Role) -> Register:
    """The register of this host."""
    return Register(lanes.redis, f"{lanes.prefix}:alive:{role}:{socket.gethostname()}")


def all_alive(lanes: Lanes, role: Role) -> list[str]:
    """The processes of a role that have reported progress lately, on any host, as ``HOST:PID``."""
    prefix = f"{lanes.prefix}:alive:{role}:"
    return sorted(
        f"{key.removeprefix(prefix)}:{pid}"
        for key in lanes.redis.scan_iter(match=f"{prefix}*", count=1000, _type="zset")
        for pid in lanes.redis.zrangebyscore(key, time.time(), "+inf")
    )


def impatient_lanes(settings: RedisSettings) -> Lanes:
    """The lanes for whoever must not wait: no call is repeated, and none takes longer than :data:`LONGEST_CALL_S`.

    Its connections are nobody else's, so a look never waits for the work, nor the work for a look.
    """
    client = Redis.from_url(
        settings.url,
        password=settings.password.get_secret_value() if settings.password else None,
        decode_responses=True,
        encoding_errors=LENIENT,
        socket_timeout=LONGEST_CALL_S,
        socket_connect_timeout=LONGEST_CALL_S,
        retry=Retry(NoBackoff(), 0),
        redis_connect_func=refusing_cluster(settings.url),
        **settings.tls,
    )
    return Lanes(client, settings.namespace)
