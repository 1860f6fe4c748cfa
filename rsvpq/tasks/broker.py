"""A Redis transport for Kombu that survives queue entries which are not messages.

A queue is a list in Redis, and whoever may write to Redis can put anything into it. Kombu reads entries without
validating them; an error while reading ends the worker, and with it the tasks in its threads.
"""

import logging
from collections.abc import Mapping
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis
from redis.exceptions import ConnectionError as RedisConnectionError

from rsvpq.sentinels import PrimaryConnection, PrimaryTlsConnection

logger = logging.getLogger(__name__)

#: What reading an entry raises if it does not have the form of a message, or is nested too deeply.
_UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, RecursionError)


def _drop(error: Exception, where: str | None) -> None:
    """Log that an entry is dropped: it is out of its queue already, and no other worker could read it either."""
    logger.error("event=no-message queue=%s error=%s: the entry is dropped", where, type(error).__name__)


class _Lasting:
    """What a channel adds: neither an entry that is not a message nor a closed connection ends the worker."""

    def _connparams(self, asynchronous: bool = False) -> Any:
        """Return kombu's parameters of a connection.

        :raises RedisConnectionError: the channel's connection is closed. Celery closes one that was lost twice, and
            ignores that error alone.
        """
        transport: Any = self.connection  # type: ignore[attr-defined]  # of kombu's channel, the next base
        if transport.client is None:
            raise RedisConnectionError("the connection to the broker is closed")
        return super()._connparams(asynchronous)  # type: ignore[misc]  # as above

    def _brpop_read(self, **options: Any) -> Any:
        return self._read(super()._brpop_read, options)  # type: ignore[misc]  # of kombu's channel, the next base

    def _receive_one(self, c: Any) -> Any:
        return self._read(super()._receive_one, {"c": c})  # type: ignore[misc]  # the same

    def _read(self, read: Any, options: Mapping[str, Any]) -> Any:
        transport: Any = self.connection  # type: ignore[attr-defined]  # as above
        transport.handing_over = False
        try:
            return read(**options)
        except _UNREADABLE as error:
            # An error of the consumer that was handed the message is not an error of the entry.
            if transport.handing_over:
                raise
            _drop(error, "(not JSON)")
            return True


class Channel(_Lasting, redis.Channel):
    """Kombu's channel to one Redis."""


class SentinelChannel(_Lasting, redis.SentinelChannel):
    """Kombu's channel to the primary that sentinels name."""

    connection_class = PrimaryConnection
    connection_class_ssl = PrimaryTlsConnection


class _Checking:
    """What a transport adds: it hands only messages to consumers."""

    #: Whether the entry that was read last has been handed to its consumer.
    handing_over = False

    def _deliver(self, message: Any, queue: str | None) -> None:
        try:
            _check(message)
        except _UNREADABLE as error:
            _drop(error, queue)
            return
        self.handing_over = True
        super()._deliver(message, queue)  # type: ignore[misc]  # of kombu's transport, the next base


class Transport(_Checking, redis.Transport):
    """Kombu's transport, with our channels."""

    Channel = Channel


class SentinelTransport(_Checking, redis.SentinelTransport):
    """The same, by sentinels."""

    Channel = SentinelChannel


def _check(message: Any) -> None:
    """Raise an error if an entry does not have the form of a message, or its body not the encoding that it names.

    :raises ValueError, TypeError, LookupError, AttributeError: it does not.
    """
    properties = message["properties"]
    parts = (properties["delivery_tag"], message.get("body", ""), properties.get("body_encoding") or "")
    texts = (message.get("content-type") or "", message.get("content-encoding") or "")
    maps = (properties, message.get("headers") or {}, properties.get("delivery_info") or {})
    if not all(isinstance(part, str) for part in (*parts, *texts)) or not all(isinstance(one, dict) for one in maps):
        raise TypeError("not a message of Kombu")
    delivery = properties.get("delivery_info") or {}
    if not all(isinstance(delivery.get(name, ""), str) for name in ("exchange", "routing_key")):
        raise TypeError("not a message of Kombu")
    encoding = properties.get("body_encoding")
    if message.get("body") and encoding:
        redis.Channel.codecs[encoding].decode(message["body"])


def install() -> None:
    """Register these transports for every connection of Kombu to Redis."""
    TRANSPORT_ALIASES.update(dict.fromkeys(("redis", "rediss"), f"{__name__}:Transport"))
    TRANSPORT_ALIASES["sentinel"] = f"{__name__}:SentinelTransport"
