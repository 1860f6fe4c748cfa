"""Celery's queues in Redis, as they are seen from outside: how long they are, and what waits in them."""

from typing import Any

from redis import Redis


class Queues:
    """The queues of one namespace.

    :param redis: a client with ``decode_responses=True``.
    """

    def __init__(self, redis: Redis, namespace: str) -> None:
        self._redis: Any = redis
        self._namespace = namespace

    def length(self, queue: str) -> int:
        """Return how many messages wait, those of another priority aside."""
        length: int = self._redis.llen(self._key(queue))
        return length

    def waiting(self, queue: str, most: int) -> list[str]:
        """Return messages that wait, the newest first, as they are in Redis."""
        messages: list[str] = self._redis.lrange(self._key(queue), 0, most - 1)
        return messages

    def _key(self, queue: str) -> str:
        return f"{self._namespace}:{queue}"
