"""The client of Redis that the settings name: all processes make theirs here."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from redis import Redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.retry import Retry

from rsvpq import redis_tls
from rsvpq.lanes import LENIENT
from rsvpq.sentinels import PrimaryConnection, PrimaryTlsConnection, Sentinels
from rsvpq.settings.redis_settings import RedisSettings
from rsvpq.settings.usable_redis import connect_if_usable

#: How often a command to Redis is repeated: over about four seconds where the connection is refused.
RETRIES = 6
#: How many times as often with sentinels: over about half a minute, in which most failovers end.
_WITH_SENTINELS = 3
#: Seconds after which a command of an operator repeats nothing any more, and that one of its calls may take.
COMMAND_S = 5.0
#: More than one process has threads: each keeps a connection (redis-py's default of 100 would end the others' calls).
_CONNECTIONS = 5000
#: Seconds that one sentinel may take: then the next one is asked.
_SENTINEL_S = 1.0

_T = TypeVar("_T")


class _RetryForAWhile(Retry):
    """Repeats what Redis did not answer until :data:`COMMAND_S` are over, however often that is."""

    def call_with_retry(self, do: Callable[[], _T], fail: Callable[..., Any], *args: Any, **options: Any) -> _T:
        """Call ``do`` until it succeeds or the time is over; the arguments are redis-py's."""
        ends = time.monotonic() + COMMAND_S

        def failed(error: Exception, *count: int) -> None:
            fail(error, *count)
            if time.monotonic() >= ends:
                raise error

        return super().call_with_retry(do, failed, *args, **options)


def make_redis(
    settings: RedisSettings, *, retries: int = RETRIES, timeout_s: float = 10, connect_timeout_s: float = 5
) -> Redis:
    """Make a client; it connects at the first call, and refuses what :func:`connect_if_usable` refuses.

    With sentinels each connection leads to the primary of that moment.

    :param retries: how often a command is repeated that Redis did not answer; with sentinels :data:`_WITH_SENTINELS`
        times as often, so that a failover costs no lease.
    """
    retries *= _WITH_SENTINELS if settings.sentinels else 1
    return _make(settings, _options(settings, retries, timeout_s, connect_timeout_s))


def make_command_redis(settings: RedisSettings) -> Redis:
    """Make a client as :func:`make_redis` does, for a command that somebody waits for: what is lost is only time.

    A call ends :data:`COMMAND_S` after it began, or when the attempt ends that is under way then.
    """
    options = _options(settings, 0, COMMAND_S, COMMAND_S)
    retry = _RetryForAWhile(ExponentialWithJitterBackoff(base=0.1, cap=1), -1)
    return _make(settings, options | {"retry": retry})


def _make(settings: RedisSettings, options: dict[str, Any]) -> Redis:
    if not settings.sentinels:
        return Redis.from_url(settings.url, **options)
    sentinels: Any = make_sentinels(settings)
    primary: Redis = sentinels.master_for(
        settings.service,
        username=_user(settings),
        db=settings.database,
        connection_class=PrimaryTlsConnection if settings.tls else PrimaryConnection,
        **options,
    )
    return primary


def make_redis_at(settings: RedisSettings, address: tuple[str, int], *, timeout_s: float) -> Redis:
    """Make a client of one server of those that sentinels watch, whatever its role; a call is not repeated."""
    host, port = address
    options = _options(settings, 0, timeout_s, timeout_s) | ({"ssl": True} if settings.tls else {})
    del options["redis_connect_func"]
    return Redis(host=host, port=port, db=settings.database, username=_user(settings), **options)


def _options(settings: RedisSettings, retries: int, timeout_s: float, connect_timeout_s: float) -> dict[str, Any]:
    return {
        "password": settings.password.get_secret_value() if settings.password else None,
        "decode_responses": True,
        "encoding_errors": LENIENT,
        "socket_timeout": timeout_s,
        "socket_connect_timeout": connect_timeout_s,
        # A command whose reply was lost is repeated, which every script of the lanes allows for: a Redis that restarts
        # within seconds costs no lease. Said here, because from_url() alone repeats nothing.
        "retry": Retry(ExponentialWithJitterBackoff(base=0.1, cap=2), retries),
        "max_connections": _CONNECTIONS,
        "redis_connect_func": partial(connect_if_usable, settings.place, settings.namespace),
        **_tls(settings),
    }


def _tls(settings: RedisSettings) -> dict[str, Any]:
    if settings.tls:
        redis_tls.patch_redis_py()
    return settings.tls


def _user(settings: RedisSettings) -> str | None:
    user = urlsplit(settings.url).username
    return unquote(user) if user else None


def make_sentinels(settings: RedisSettings) -> Sentinels:
    """Make the client of the sentinels; it connects at the first call."""
    return Sentinels(  # type: ignore[no-untyped-call]  # redis-py's has no types
        settings.sentinel_addresses, sentinel_kwargs=sentinel_options(settings)
    )


def sentinel_options(settings: RedisSettings) -> dict[str, Any]:
    """Return the options of a client of one sentinel: of redis-py's, and of that which kombu makes."""
    password = settings.sentinel_password
    return {
        "username": settings.sentinel_username,
        "password": password.get_secret_value() if password else None,
        "socket_timeout": _SENTINEL_S,
        "socket_connect_timeout": _SENTINEL_S,
        "retry": None,  # the next one is asked instead; and Celery shows its options as JSON
        **({"ssl": True, **_tls(settings)} if settings.tls else {}),
    }
