"""Refuse a Redis Cluster: the lanes keep related keys under one hash tag, but Celery's queues do not."""

from typing import Any

from redis.exceptions import ResponseError

from rsvpq.settings.problems import ConfigError, Problem

REMEDY = "use a separate Redis without cluster-enabled; for failover use Sentinel (redis.sentinels)"


class ClusterRefused(ConfigError):
    """The configured Redis is a node of a Redis Cluster."""

    def __init__(self, url: str) -> None:
        text = f"{url} is a node of a Redis Cluster, which Celery's queues do not support; {REMEDY}"
        super().__init__([Problem("settings", 0, "redis.url", text)])


def connect_unless_cluster(url: str, connection: Any) -> None:
    """Set up a new connection to ``url``, as the ``redis_connect_func`` of redis-py does.

    :raises ClusterRefused: it leads to a Redis Cluster. :raises RedisError: it cannot be set up.
    """
    connection.on_connect()
    connection.send_command("INFO", "cluster")
    try:
        reply = connection.read_response()
    except ResponseError:  # INFO is not permitted; `rsvpq doctor` reports which permission is missing
        return
    text = reply.decode() if isinstance(reply, bytes) else str(reply)
    if "cluster_enabled:1" in text:
        connection.disconnect()
        raise ClusterRefused(url)
