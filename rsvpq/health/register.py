"""Report the progress of processes on this host to Redis, for ``python -m rsvpq.health`` to read."""

import os
import socket
from dataclasses import dataclass
from typing import Literal

from redis import Redis

from rsvpq.lanes import Lanes
from rsvpq.lanes.registrations import Registrations
from rsvpq.settings.redis_client import make_redis
from rsvpq.settings.redis_settings import RedisSettings

Role = Literal["dispatcher", "worker"]

#: Seconds that one call of a client of :func:`impatient_redis` may take.
LONGEST_CALL_S = 5


@dataclass(frozen=True, slots=True)
class Register:
    """The processes of one role on this host."""

    registrations: Registrations
    role: Role

    def report(self, lasts_s: float) -> None:
        """Report that this process makes progress; the report is valid for ``lasts_s`` seconds.

        :raises RedisError: Redis cannot be reached, or refuses writes.
        """
        self.registrations.report(self.role, socket.gethostname(), os.getpid(), lasts_s)

    def alive(self) -> list[int]:
        """Return the ids of the processes whose report is still valid.

        :raises RedisError: Redis cannot be reached.
        """
        return self.registrations.alive(self.role, socket.gethostname())


def register_of(lanes: Lanes, role: Role) -> Register:
    """Return the register of this host."""
    return Register(lanes.registrations, role)


def impatient_redis(settings: RedisSettings) -> Redis:
    """Return a client for callers that must not wait: a call is not repeated, and takes at most :data:`LONGEST_CALL_S`.

    A connection takes a second more for each sentinel that does not reply.

    It shares no connection with other clients, so a health check never waits for work, nor work for a health check.
    """
    return make_redis(settings, retries=0, timeout_s=LONGEST_CALL_S, connect_timeout_s=LONGEST_CALL_S)
