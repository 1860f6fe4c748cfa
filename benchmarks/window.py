"""One measurement: what each role used between two points of the stub's counter, so without anybody's start."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from redis import Redis

from benchmarks import processes
from benchmarks.stub_server import Count, Failed
from testbed.processes import Part, PartFailed, until
from testbed.queue_server import QueueServer

#: Longest time for one window, in seconds: a run that takes longer is stuck.
STUCK_S = 600.0
#: How often a window that was missed is measured again.
_REPEATS = 4


class Missed(Failed):
    """Too few messages were answered between the two samples, or all before them: nothing can be said of one."""


class MailServer(Protocol):
    """What answers, and what it counts: the stub, or the simulator."""

    part: Part
    url: str
    #: Seconds between two looks at its counts.
    look_every_s: float

    def count(self) -> Count:
        """Return the counts so far."""

    def require(self, answered: int) -> None:
        """Check that so many messages were answered, each once.

        :raises Failed: some were not, or more than once.
        """


@dataclass(frozen=True, slots=True)
class Sample:
    """One moment."""

    count: Count
    cpu_s: Mapping[str, float]
    redis_commands: int
    redis_bytes: int


@dataclass(frozen=True, slots=True)
class Used:
    """The average cost of one message over a window; ``cpu_s`` by role, for a thousand messages."""

    per_second: float
    cpu_s: Mapping[str, float]
    http_requests: float
    redis_commands: float
    redis_bytes: float
    peak_mb: float = 0.0
    #: HTTP requests by operation, where they are counted so.
    operations: Mapping[str, float] = field(default_factory=dict)

    @property
    def total_cpu_s(self) -> float:
        """CPU seconds for a thousand messages, of all roles but the mail server."""
        return sum(seconds for role, seconds in self.cpu_s.items() if role != "stub")


class Meter:
    """Takes samples of a running installation.

    :param parts: the processes by role; ``redis`` among them, where there is one. The mail server is ``stub``.
    """

    def __init__(self, stub: MailServer, parts: Mapping[str, Part], redis: Redis | None) -> None:
        self._stub = stub
        self._parts = {**parts, "stub": stub.part}
        self._redis: Any = redis

    def sample(self) -> Sample:
        """Take a sample of what was used until now."""
        cpu = {role: processes.cpu_s(part.pid) for role, part in self._parts.items()}
        return Sample(self._stub.count(), cpu, *self._redis_use())

    def sample_when(self, answers: int) -> Sample:
        """Wait until this many messages have been answered, and take a sample.

        :raises PartFailed: a part ended first. :raises TimeoutError: it never came.
        """
        self.wait_for(answers)
        return self.sample()

    def wait_for(self, answers: int) -> None:
        """Wait until so many messages have been answered; as :meth:`sample_when`."""
        self.wait_until(lambda: self._stub.count().answers >= answers, f"{answers} messages are answered")

    def wait_until(self, fact: Callable[[], bool], what: str) -> None:
        """Wait for something while every part is alive.

        :raises PartFailed: a part ended first. :raises TimeoutError: it never came.
        """

        def alive_and() -> bool:
            for part in self._parts.values():
                part.check()
            return fact()

        until(alive_and, what, within_s=STUCK_S, every_s=self._stub.look_every_s)

    def _redis_use(self) -> tuple[int, int]:
        if self._redis is None:
            return 0, 0
        commands = sum(entry["calls"] for entry in self._redis.info("commandstats").values())
        stats = self._redis.info("stats")
        return commands, stats["total_net_input_bytes"] + stats["total_net_output_bytes"]


def used(before: Sample, after: Sample, units: int = 0, peak_mb: float = 0.0) -> Used:
    """Return the cost of one message between two samples.

    :param units: what was done between them, where it is not messages answered.
    """
    done = units or after.count.answers - before.count.answers
    return Used(
        per_second=done / (after.count.at - before.count.at),
        cpu_s={role: (after.cpu_s[role] - before.cpu_s[role]) / done * 1000 for role in after.cpu_s},
        http_requests=(after.count.requests - before.count.requests) / done,
        redis_commands=(after.redis_commands - before.redis_commands) / done,
        redis_bytes=(after.redis_bytes - before.redis_bytes) / done,
        peak_mb=peak_mb,
        operations={
            name: (number - before.count.operations.get(name, 0)) / done
            for name, number in after.count.operations.items()
        },
    )


def measured(
    start: Callable[[], dict[str, Part]],
    server: MailServer,
    redis: QueueServer | None,
    *,
    warm: int,
    messages: int,
    of: int,
) -> Used:
    """Start the parts of an arm, and measure them; end them when everything is answered.

    :param redis: None if the arm does not use it. :param warm: messages before the window.
    :param messages: those in the window. :param of: all that there are.
    :raises Missed: a sample came so late that less than half of the window was left.
    :raises Failed: messages were lost, or answered twice.
    """
    parts: dict[str, Part] = {}
    try:
        parts = start()
        queue = {} if redis is None else {"redis": redis.part}
        meter = Meter(server, {**parts, **queue}, None if redis is None else redis.client())
        try:
            before = meter.sample_when(warm)
            after = meter.sample_when(warm + messages)
            peak_mb = processes.peak_mb(parts["worker"].pid)
        except (PartFailed, OSError) as ended:
            if server.count().answers >= of:
                raise Missed("no message was in the window: the arm had ended") from ended
            raise
        done = f"all {of} messages are answered"
        until(lambda: server.count().answers >= of, done, within_s=STUCK_S, every_s=server.look_every_s)
        server.require(answered=of)
        if 2 * (seen := after.count.answers - before.count.answers) < messages:
            raise Missed(f"{seen} of {messages} messages were in the window")
        return used(before, after, peak_mb=peak_mb)
    finally:
        for part in parts.values():
            part.end()


def in_time(measure: Callable[[], Used], say: Callable[[str], None]) -> Used:
    """Return what was measured; measure again where a busy machine was too late for its window.

    :raises Failed: messages were lost, or answered twice; or every window was missed.
    """
    for _ in range(_REPEATS):
        try:
            return measure()
        except Missed as missed:
            say(f"{missed}; measured again")
    return measure()
