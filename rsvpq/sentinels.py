"""Connections to the primary that Redis Sentinel names, and what they answer during a failover."""

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MasterDownError, NoPermissionError, RedisError, ResponseError
from redis.sentinel import MasterNotFoundError, Sentinel, SentinelManagedConnection, SentinelManagedSSLConnection

#: Seconds between two questions who the primary is, while all is well.
_ASK_AGAIN_S = 1.0
#: At most one part in so many of a process' time goes into these questions, if no sentinel replies.
_PART_OF_TIME = 10


class Sentinels(Sentinel):
    """The sentinels of a service, for many threads; what they cannot tell is an error that can be read.

    redis-py moves the sentinel that replied to the front of its list, in place: two threads at once could lose another
    one for good. Here the list is replaced.
    """

    def discover_master(self, service_name: str) -> Any:
        """Return host and port of the primary.

        :raises MasterNotFoundError: no sentinel names one.
        """
        known: list[Any] = self.sentinels
        why = []
        for sentinel in known:
            try:
                state: dict[str, Any] | None = sentinel.sentinel_masters().get(service_name)
            except RedisError as error:
                why.append(f"{sentinel_name(sentinel)}: {error}")
                continue
            if state and _is_up(state):
                self._ask_first(sentinel)
                return state["ip"], state["port"]
            why.append(f"{sentinel_name(sentinel)}: {'it is down' if state else 'does not know the service'}")
        raise MasterNotFoundError(f"no sentinel names the primary of {service_name!r}: {'; '.join(why)}")

    def can_elect(self, service_name: str) -> bool | None:
        """Return whether a sentinel knows enough others for a failover; None if no sentinel permits the question.

        All are asked until one does: the first one may be the only one that is cut off from the others.
        """
        refused = False
        for sentinel in self.sentinels:
            try:
                sentinel.sentinel_ckquorum(service_name)
            except NoPermissionError:
                refused = True
            except RedisError:  # it is away, or knows too few
                continue
            else:
                self._ask_first(sentinel)
                return True
        return None if refused else False

    def _ask_first(self, sentinel: Redis) -> None:
        self.sentinels = [sentinel, *(other for other in self.sentinels if other is not sentinel)]


def _is_up(state: Mapping[str, Any]) -> bool:
    return bool(state["is_master"] and not state["is_sdown"] and not state["is_odown"])


def sentinel_name(sentinel: Redis) -> str:
    """Return ``HOST:PORT`` of a client of one sentinel."""
    options = sentinel.connection_pool.connection_kwargs
    return f"{options['host']}:{options['port']}"


class _ToPrimary:
    """What a connection to the primary adds: whenever it connects, it asks the sentinels, and checks what they said.

    redis-py asks them only in ``connect()``. A connection that was lost is connected again without it, to the server
    that was the primary before; if that one is back, and not yet told that it is a replica, what is written there is
    lost. The same is true of a connection that is never lost, because the primary was stopped for a while, or only the
    sentinels and the replicas cannot reach it. So they are asked while it is used, too.
    """

    def connect(self) -> None:
        """Connect, and repeat that as the connection's ``retry`` says.

        :raises RedisConnectionError, RedisTimeoutError: there is no primary, or it does not reply.
        """
        connection: Any = self
        connection.retry.call_with_retry(self.connect_check_health, lambda _error: None)

    def connect_check_health(self, check_health: bool = True, retry_socket_connect: bool = False) -> None:
        """Connect once, to the primary of this moment, if there is no connection; the arguments are redis-py's."""
        connection: Any = self
        if not connection.is_connected:
            connection.host, connection.port = connection.connection_pool.get_master_address()
            super().connect_check_health(check_health, retry_socket_connect)  # type: ignore[misc]  # of the next base

    def on_connect_check_health(self, check_health: bool = True) -> None:
        """Set up a new connection; the argument is redis-py's.

        :raises RedisConnectionError: it leads to a replica, because a sentinel does not know of the failover yet.
        """
        connection: Any = self
        super().on_connect_check_health(check_health)  # type: ignore[misc]  # as above
        connection.send_command("ROLE")
        try:
            role, *_ = connection.read_response()
        except NoPermissionError:  # of the access list; then the sentinels are believed
            return
        if role not in ("master", b"master"):
            where = f"{connection.host}:{connection.port}"
            raise RedisConnectionError(f"{where} is a replica, and a sentinel still names it as the primary")

    def check_health(self) -> None:
        """Leave a server that is not the primary any more; called before each command.

        :raises RedisConnectionError: the sentinels name another one. This is not mended here: kombu waits for replies
            on the socket that it knows.
        """
        connection: Any = self
        super().check_health()  # type: ignore[misc]  # of the next base
        named, used = _named(connection.connection_pool), (connection.host, connection.port)
        if named not in (None, used):
            connection.disconnect()
            raise RedisConnectionError(f"{used[0]}:{used[1]} is not the primary any more, the sentinels say")

    def read_response(self, *args: Any, **options: Any) -> Any:
        """Read a response; a state that passes counts as a lost connection, and the command is repeated.

        Such are a primary that has too few replicas, and a replica that is away from its primary. redis-py itself does
        so for one that has become a replica, and for one that loads its file.

        :raises RedisConnectionError: Redis is not available at the moment.
        """
        try:
            return super().read_response(*args, **options)  # type: ignore[misc]  # as above
        except ResponseError as error:
            if not (isinstance(error, MasterDownError) or str(error).startswith("NOREPLICAS")):
                raise
            self.disconnect()  # type: ignore[attr-defined]  # as above
            raise RedisConnectionError(f"Redis is not available: {error}") from None


def _named(pool: Any) -> Any:
    """Return the address of the primary as the sentinels of a pool named it lately; None if they never did.

    Only the thread that finds it is time asks them.
    """
    began = time.monotonic()
    if began >= getattr(pool, "ask_at", 0.0):
        pool.ask_at = began + _ASK_AGAIN_S
        with suppress(RedisError):  # nobody knows another one
            pool.get_master_address()
        took_s = time.monotonic() - began
        pool.ask_at = began + max(_ASK_AGAIN_S, took_s * _PART_OF_TIME)
    return pool.master_address


class PrimaryConnection(_ToPrimary, SentinelManagedConnection):
    """A connection to the primary."""


class PrimaryTlsConnection(_ToPrimary, SentinelManagedSSLConnection):
    """A connection to the primary by TLS."""
