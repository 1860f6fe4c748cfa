"""A Redis transport for Kombu that survives queue entries which are not messages.

A queue is a list in Redis, and whoever may write to Redis can put anything into it. Kombu reads entries without
validating them; an error while reading ends the worker, and with it the tasks in its threads.
"""

import logging
from collections.abc import Mapping
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis

logger = logging.getLogger(__name__)

#: What reading an entry raises if it does not have the form of a message, or is nested too deeply.
_UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, RecursionError)


def _drop(error: Exception, where: str | None) -> None:
    """Log that an entry is dropped: it is out of its queue already, and no other worker could read it either."""
    logger.error("event=no-message queue=%s error=%s: the entry is dropped", where, type(error).__name__)


class Channel(redis.Channel):
    """Drops entries that are not messages, and continues with the next."""

    def _brpop_read(self, **options: Any) -> Any:
        return self._read(super()._brpop_read, options)  # type: ignore[misc]  # kombu's; not in the stubs

    def _receive_one(self, c: Any) -> Any:
        return self._read(super()._receive_one, {"c": c})  # type: ignore[misc]  # the same

    def _read(self, read: Any, options: Mapping[str, Any]) -> Any:
        transport: Any = self.connection
        transport.handing_over = False
        try:
            return read(**options)
        except _UNREADABLE as error:
            # An error of the consumer that was handed the message is not an error of the entry.
            if transport.handing_over:
                raise
            _drop(error, "(not JSON)")
            return True


class Transport(redis.Transport):
    """Kombu's transport, with our channels."""

    Channel = Channel
    #: Whether the entry that was read last has been handed to its consumer.
    handing_over = False

    def _deliver(self, message: Any, queue: str | None) -> None:
        try:
            _check(message)
        except _UNREADABLE as error:
            _drop(error, queue)
            return
        self.handing_over = True
        super()._deliver(message, queue)


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
    """Register this transport for every connection of Kombu to Redis."""
    TRANSPORT_ALIASES.update(dict.fromkeys(("redis", "rediss"), f"{__name__}:Transport"))
