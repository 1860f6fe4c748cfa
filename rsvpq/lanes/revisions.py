"""The revision of the configuration that was applied last, and the reports of the processes that run with one.

Both are texts that others make and read; the reports end by themselves.
"""

from typing import Any

from redis.exceptions import ResponseError

from rsvpq.lanes.namespace import Namespace
from rsvpq.lanes.reading import microseconds, number_of

#: A report that is valid for longer than this was written before Redis' clock was set back, or by others.
_LONGEST_S = 600.0


class Revisions:
    """The revisions of one namespace."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace
        self._redis = namespace.redis
        self._applied = namespace.key("revision")
        self._reports = namespace.key("revisions")

    def apply(self, text: str) -> None:
        """Publish what was applied, for all processes."""
        self._redis.set(self._applied, text)

    def applied(self) -> str:
        """Return the last text of :meth:`apply`; '' if there is none."""
        try:
            return self._redis.get(self._applied) or ""
        except ResponseError:  # a key of another type, which the next apply replaces
            return ""

    def report(self, process: str, text: str, lasts_s: float) -> None:
        """Report what a process (``HOST:PID``) runs with; the report is valid for ``lasts_s`` seconds.

        :raises RedisError: Redis cannot be reached, or refuses writes.
        """
        value = f"{self._namespace.time_us() + microseconds(lasts_s)} {text}"
        ended = self._all()[1]
        try:
            self._write(process, value, ended)
        except ResponseError as error:
            if "WRONGTYPE" not in str(error):
                raise
            self._redis.delete(self._reports)  # rsvpq did not write it
            self._write(process, value, [])

    def end_report(self, process: str) -> None:
        """Remove the report of a process that ends."""
        self._redis.hdel(self._reports, process)

    def reports(self) -> dict[str, str]:
        """Return the valid reports by process.

        :raises RedisError: Redis cannot be reached.
        """
        return self._all()[0]

    def _write(self, process: str, value: str, ended: list[str]) -> None:
        with self._redis.pipeline() as pipe:
            if ended:
                pipe.hdel(self._reports, *ended)
            pipe.hset(self._reports, process, value)
            pipe.execute()

    def _all(self) -> tuple[dict[str, str], list[str]]:
        """Return the valid reports, and the processes of the others."""
        try:
            found: dict[str, Any] = self._redis.hgetall(self._reports)
        except ResponseError:  # a key of another type, which the next report replaces
            return {}, []
        now_us = self._namespace.time_us()
        valid: dict[str, str] = {}
        for process, value in sorted(found.items()):
            until, _, text = str(value).partition(" ")
            if 0 < number_of(until) - now_us <= microseconds(_LONGEST_S):
                valid[process] = text
        return valid, [process for process in found if process not in valid]
