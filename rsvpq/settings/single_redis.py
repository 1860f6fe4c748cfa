"""Redis must be one server: the lanes keep what belongs together under one hash tag, but Celery's queues do not."""

from typing import Any

from redis.exceptions import ResponseError

from rsvpq.settings.problems import ConfigError, Problem

REMEDY = "give it a Redis of its own, without cluster-enabled; a replica or Sentinel is no cluster"


class ClusterRefused(ConfigError):
    """The Redis that the settings name is a node of a Redis Cluster."""

    def __init__(self, url: str) -> None:
        text = f"{url} is a node of a Redis Cluster, on which Celery's queues cannot be kept; {REMEDY}"
        super().__init__([Problem("settings", 0, "redis.url", text)])


def refusing_cluster(url: str) -> Any:
    """For redis-py's ``redis_connect_func``: what each new connection begins with.

    :returns: a function that raises :class:`ClusterRefused`; RedisError as every connection does.
    """

    def connect(connection: Any) -> None:
        connection.on_connect()
        connection.send_command("INFO", "cluster")
        try:
            told = connection.read_response()
        except ResponseError:  # not allowed to ask; `rsvpq doctor` says which right is missing
            return
        text = told.decode() if isinstance(told, bytes) else str(told)
        if "cluster_enabled:1" in text:
            connection.disconnect()
            raise ClusterRefused(url)

    return connect
