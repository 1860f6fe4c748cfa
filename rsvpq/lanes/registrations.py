"""Registrations of processes, and their claims: of the runs of schedules, and of the tasks of operators.

Processes report progress in one sorted set of process ids for each role and host. The score of an id is the time (of
its host) until which the process counts as alive; the key expires after the last report.
Another sorted set has the hosts of each role, so that nobody has to search all keys for them.
"""

import time

from redis.exceptions import ResponseError

from rsvpq.lanes.namespace import Namespace

#: A report that is valid this many times longer than usual was written before the clock was set back, or by others.
_MUCH = 10
#: Seconds after its last report from which a host is forgotten; a container has a new name each time.
_HOST_IS_GONE_S = 86_400
#: Seconds for which the claim of a task is kept: longer than the broker waits before it delivers a message again.
_TASK_CLAIMED_S = 86_400


class Registrations:
    """The reports of the processes of one namespace."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace
        self._redis = namespace.redis

    def report(self, role: str, host: str, pid: int, lasts_s: float) -> None:
        """Report that a process makes progress; the report is valid for ``lasts_s`` seconds.

        :raises RedisError: Redis cannot be reached, or refuses writes.
        """
        try:
            self._write(role, host, pid, lasts_s)
        except ResponseError as error:
            if "WRONGTYPE" not in str(error):
                raise
            self._redis.delete(self._key(role, host), self._hosts(role))  # rsvpq did not write one of them
            self._write(role, host, pid, lasts_s)

    def _write(self, role: str, host: str, pid: int, lasts_s: float) -> None:
        key, now = self._key(role, host), time.time()
        with self._redis.pipeline() as pipe:
            pipe.zadd(self._hosts(role), {host: now})
            pipe.zremrangebyscore(self._hosts(role), "-inf", now - _HOST_IS_GONE_S)
            pipe.zremrangebyscore(key, "-inf", now)
            pipe.zremrangebyscore(key, now + _MUCH * lasts_s, "+inf")
            pipe.zadd(key, {str(pid): now + lasts_s})
            pipe.pexpire(key, round(lasts_s * 1000))
            pipe.execute()

    def alive(self, role: str, host: str) -> list[int]:
        """Return the ids of the processes of a host whose report is still valid.

        :raises RedisError: Redis cannot be reached.
        """
        found = self._redis.zrangebyscore(self._key(role, host), time.time(), "+inf")
        return [int(pid) for pid in found if pid.isdecimal()]  # rsvpq writes nothing else

    def alive_anywhere(self, role: str) -> list[str]:
        """Return the processes of a role, on all hosts, whose report is still valid, as ``HOST:PID``."""
        try:
            hosts = self._redis.zrange(self._hosts(role), 0, -1)
        except ResponseError:  # a key of another type, which the next report replaces
            return []
        return sorted(f"{host}:{pid}" for host in hosts for pid in self.alive(role, host))

    def last_report(self, role: str) -> float | None:
        """Return when a process of a role reported last, by the clock of its host; None if none did for a day."""
        try:
            newest = self._redis.zrange(self._hosts(role), -1, -1, withscores=True)
        except ResponseError:  # a key of another type, which the next report replaces
            return None
        return float(newest[0][1]) if newest else None

    def consumers(self, queue: str) -> dict[str, int]:
        """Return the workers that take from a queue, as ``HOST:PID``, each with the number of its threads.

        Those are left out that have not reported for longer than a report is valid.
        """
        key, now_us = self._namespace.key("crew", queue), self._namespace.time_us()
        try:
            found = self._redis.zrangebyscore(key, now_us, "+inf")
        except ResponseError:  # a key of another type, which the next report replaces
            return {}
        rows = (str(row).rpartition(" ") for row in found)
        return {worker: int(threads) for worker, _, threads in rows if worker and threads.isdecimal()}

    def _hosts(self, role: str) -> str:
        return self._namespace.key("hosts", role)

    def _key(self, role: str, host: str) -> str:
        return self._namespace.key("alive", role, host)


class ScheduleClaims:
    """The claims of one namespace."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace

    def claim(self, group: str, timetable: str, run: int, latest: int) -> bool:
        """Claim a run of a schedule; return whether nobody has claimed it, or a later one, before.

        :param timetable: distinguishes the schedules of a group. :param run: a number that grows from run to run.
        :param latest: the latest run that anybody can have claimed by now.
        """
        return bool(self._namespace.call("claim_run", group, timetable, run, latest))


class TaskClaims:
    """The claims of one namespace on tasks that change something, so that none is carried out twice."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace

    def claim(self, task: str, owner: str) -> bool:
        """Claim a task; return whether nobody has claimed it within the last day.

        :param task: its id and whatever else distinguishes it. :param owner: unique to this call: the claim is still
            this one's if Redis' reply was lost, and the command is repeated.
        """
        redis, key = self._namespace.redis, self._key(task)
        return bool(redis.set(key, owner, nx=True, ex=_TASK_CLAIMED_S)) or redis.get(key) == owner

    def withdraw(self, task: str) -> None:
        """Withdraw the claim of a task that has changed nothing."""
        self._namespace.redis.delete(self._key(task))

    def _key(self, task: str) -> str:
        return self._namespace.key("claimed", task)
