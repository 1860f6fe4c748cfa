"""Celery's queues in Redis, seen from outside: their lengths, and the messages that wait in them."""

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
        """Return how many messages of the default priority wait."""
        length: int = self._redis.llen(f"{self._namespace}:{queue}")
        return length

    def waiting(self, queue: str, most: int) -> list[str]:
        """Return up to ``most`` waiting messages as they are in Redis, the newest first."""
        messages: list[str] = self._redis.lrange(f"{self._namespace}:{queue}", 0, most - 1)
        return messages
