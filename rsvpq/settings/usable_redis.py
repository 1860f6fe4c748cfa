"""Refuse a Redis that this version of rsvpq cannot use, with each new connection to it.

A Redis Cluster: the lanes keep related keys under one hash tag, but Celery's queues do not. A namespace that a later
version has marked: this one would misread its keys, see :mod:`rsvpq.lanes.schema`.
"""

from typing import Any

from redis.exceptions import ResponseError

from rsvpq.lanes.schema import problem_with, schema_key
from rsvpq.settings.problems import ConfigError, Problem

REMEDY = "use a separate Redis without cluster-enabled; for failover use Sentinel (redis.sentinels)"


class ClusterRefused(ConfigError):
    """The configured Redis is a node of a Redis Cluster."""

    def __init__(self, url: str) -> None:
        text = f"{url} is a node of a Redis Cluster, which Celery's queues do not support; {REMEDY}"
        super().__init__([Problem("settings", 0, "redis.url", text)])


class SchemaRefused(ConfigError):
    """The namespace has a schema that this version cannot use; ``problem`` is as :func:`problem_with` says it."""

    def __init__(self, url: str, namespace: str, problem: str) -> None:
        text = f"{namespace!r} at {url} {problem} (docs/migration.md)"
        super().__init__([Problem("settings", 0, "redis.namespace", text)])


def connect_if_usable(url: str, namespace: str, connection: Any) -> None:
    """Set up a new connection to ``url``, as the ``redis_connect_func`` of redis-py does.

    :raises ClusterRefused: it leads to a Redis Cluster. :raises SchemaRefused: this version cannot use the namespace.
    :raises RedisError: it cannot be set up.
    """
    connection.on_connect()
    if "cluster_enabled:1" in _asked(connection, "INFO", "cluster"):
        connection.disconnect()
        raise ClusterRefused(url)
    if problem := problem_with(_asked(connection, "GET", schema_key(namespace)) or None):
        connection.disconnect()
        raise SchemaRefused(url, namespace, problem)


def _asked(connection: Any, *command: str) -> str:
    """Return the reply; '' if there is none, or if it is not permitted: `rsvpq doctor` says which is missing."""
    connection.send_command(*command)
    try:
        reply = connection.read_response()
    except ResponseError:
        return ""
    return reply.decode() if isinstance(reply, bytes) else str(reply or "")
