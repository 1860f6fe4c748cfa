"""The client of Redis that the settings name: all processes make theirs here."""

from functools import partial

from redis import Redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.retry import Retry

from rsvpq.lanes import LENIENT
from rsvpq.settings.model import RedisSettings
from rsvpq.settings.usable_redis import connect_if_usable

#: How often a command to Redis is repeated: over about four seconds where the connection is refused.
RETRIES = 6
#: More than one process has threads: each keeps a connection (redis-py's default of 100 would end the others' calls).
_CONNECTIONS = 5000


def make_redis(
    settings: RedisSettings, *, retries: int = RETRIES, timeout_s: float = 10, connect_timeout_s: float = 5
) -> Redis:
    """Make a client; it connects at the first call, and refuses what :func:`connect_if_usable` refuses.

    :param retries: how often a command is repeated that Redis did not answer.
    """
    # A command whose reply was lost is repeated, which every script of the lanes allows for: a Redis that restarts
    # within seconds costs no lease. Said here, because from_url() alone repeats nothing.
    retry = Retry(ExponentialWithJitterBackoff(base=0.1, cap=2), retries)
    return Redis.from_url(
        settings.url,
        password=settings.password.get_secret_value() if settings.password else None,
        decode_responses=True,
        encoding_errors=LENIENT,
        socket_timeout=timeout_s,
        socket_connect_timeout=connect_timeout_s,
        retry=retry,
        max_connections=_CONNECTIONS,
        redis_connect_func=partial(connect_if_usable, settings.url, settings.namespace),
        **settings.tls,
    )
