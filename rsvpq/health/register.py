"""Where the processes of this host report their progress in Redis, for ``python -m rsvpq.health`` to read."""

import os
import socket
from dataclasses import dataclass
from typing import Literal

from redis import Redis

from rsvpq.lanes import Lanes
from rsvpq.lanes.registrations import Registrations
from rsvpq.settings.model import RedisSettings
from rsvpq.settings.redis_client import make_redis

Role = Literal["dispatcher", "worker"]

#: Seconds that one call of a client of :func:`impatient_redis` may take.
LONGEST_CALL_S = 5


@dataclass(frozen=True, slots=True)
class Register:
    """The processes of one role on this host."""

    registrations: Registrations
    role: Role

    def report(self, lasts_s: float) -> None:
        """Report that this process makes progress, which is believed for so many seconds.

        :raises RedisError: Redis cannot be reached, or writes nothing.
        """
        self.registrations.report(self.role, socket.gethostname(), os.getpid(), lasts_s)

    def alive(self) -> list[int]:
        """The ids of the processes whose report is still believed.

        :raises RedisError: Redis cannot be reached.
        """
        return self.registrations.alive(self.role, socket.gethostname())


def register_of(lanes: Lanes, role: Role) -> Register:
    """The register of this host."""
    return Register(lanes.registrations, role)


def impatient_redis(settings: RedisSettings) -> Redis:
    """A client for whoever must not wait: no call is repeated, and none takes longer than :data:`LONGEST_CALL_S`.

    Its connections are nobody else's, so a look never waits for the work, nor the work for a look.
    """
    return make_redis(settings, retries=0, timeout_s=LONGEST_CALL_S, connect_timeout_s=LONGEST_CALL_S)


def impatient_lanes(settings: RedisSettings) -> Lanes:
    """The lanes for whoever must not wait."""
    return Lanes(impatient_redis(settings), settings.namespace)
