"""Kombu's way to Redis, which an entry of a queue that is no message does not stop.

A queue is a list in Redis, and whoever may write there can put anything into it. Kombu reads an entry without looking
at its shape; an error on the way ends the worker, and with it what runs in its threads.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis

logger = logging.getLogger(__name__)

#: What reading an entry raises that has not the shape of a message, or that is nested without end.
_UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, RecursionError)


def _drop(error: Exception, where: str | None) -> None:
    """The entry has been taken out of its queue, and no other worker could read it either."""
    logger.error("event=no-message queue=%s error=%s: it is dropped", where, type(error).__name__)


class Channel(redis.Channel):
    """Drops what is no message, and goes on with the next."""

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
            # An error of whoever was handed a message is not the entry's.
            if transport.handing_over:
                raise
            _drop(error, "(not JSON)")
            return True


class Transport(redis.Transport):
    """Kombu's, with channels of ours."""

    Channel = Channel
    #: Whether what was read last has been given to its consumer.
    handing_over = False

    def _deliver(self, message: Any, queue: str | None) -> None:
        try:
            _check(message)
            _decode_body(message)
        except _UNREADABLE as error:
            _drop(error, queue)
            return
        self.handing_over = True
        super()._deliver(message, queue)


def _check(message: Any) -> None:
    """Complain of what has not the shape of a message.

    :raises ValueError, TypeError, LookupError: it has not.
    """
    properties = message["properties"]
    parts = (properties["delivery_tag"], message.get("body", ""), properties.get("body_encoding") or "")
    texts = (message.get("content-type") or "", message.get("content-encoding") or "")
    maps = (properties, message.get("headers") or {}, properties.get("delivery_info") or {})
    if not all(isinstance(part, str) for part in (*parts, *texts)) or not all(isinstance(one, dict) for one in maps):
        raise TypeError("not the parts of a message")
    delivery = properties.get("delivery_info") or {}
    if not all(isinstance(delivery.get(name, ""), str) for name in ("exchange", "routing_key")):
        raise TypeError("not the parts of a message")


def _decode_body(message: Any) -> None:
    """Complain of a body that is not encoded as it says.

    :raises ValueError, LookupError, AttributeError: it is none.
    """
    encoding = message["properties"].get("body_encoding")
    if message.get("body") and encoding:
        redis.Channel.codecs[encoding].decode(message["body"])


#: Kombu's keys beside the queues, with the type of each; and those that it has for each exchange.
_BOOKS = {
    "unacked": "hash",
    "unacked_index": "zset",
    "unacked_mutex": "string",
    "_kombu.binding_deadlines": "zset",
}
_BINDINGS = ("_kombu.binding.", "_kombu.binding_permanent.")
#: The exchanges that Celery has for itself.
_OWN_EXCHANGES = ("celery.pidbox", "reply.celery.pidbox", "celeryev")


def key_types(namespace: str, queues: Iterable[str]) -> dict[str, str]:
    """The keys in Redis without which no worker starts or goes on, and the type that each must have, if it is there."""
    names = tuple(queues)
    steps = redis.PRIORITY_STEPS
    lists = [f"{name}{redis.Channel.sep}{step}" if step else name for name in names for step in steps]
    sets = [binding + exchange for exchange in (*names, *_OWN_EXCHANGES) for binding in _BINDINGS]
    types = {**_BOOKS, **dict.fromkeys(lists, "list"), **dict.fromkeys(sets, "set")}
    return {f"{namespace}:{name}": kind for name, kind in types.items()}


def install() -> None:
    """Have every connection to Redis made by kombu go this way."""
    TRANSPORT_ALIASES.update(dict.fromkeys(("redis", "rediss"), f"{__name__}:Transport"))
