"""What a fault may do to an installation, and what the report asks it; the same faults run against every kind of one.

Two implement it: rsvpq itself, and the same job done by plain Celery tasks.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from testbed.processes import Part
from testbed.queue_server import QueueServer
from testbed.simulated_exchange import SimulatedExchange

#: What asking an installation may raise while its Redis is away.
AWAY = (RedisError, KombuError, OSError)


class Installation(Protocol):
    """Real processes around a real queue server and the simulator, up inside a ``with`` block.

    Names of parts: ``queue server``, ``simulator``, ``scan`` (the worker that scans), ``answer-0``, ``answer-1``, ...
    (the workers that answer), and ``dispatcher-0``, ... where there are any.
    """

    @property
    def directory(self) -> Path:
        """Where its files are."""

    @property
    def parts(self) -> Mapping[str, Part]:
        """Every part that was started and not killed, by name."""

    @property
    def queue_server(self) -> QueueServer:
        """Its queue server, with an append-only file that is written through every second."""

    @property
    def exchange(self) -> SimulatedExchange:
        """Its mail servers and their oracle."""

    @property
    def answerers(self) -> Sequence[str]:
        """The names of all parts that answer, whether they live at the moment or not."""

    @property
    def dispatchers(self) -> Sequence[str]:
        """The names of all dispatchers, whether they live at the moment or not; empty where there is no such thing."""

    def kill(self, name: str) -> None:
        """End a part by SIGKILL, with all of its threads and children, and wait until it is gone."""

    def restart(self, name: str) -> None:
        """Start a part as it was started first, on the same port and files; end it by SIGTERM before, if it lives.

        Returns when a queue server answers, and at once for all others.
        """

    def trigger(self) -> None:
        """Ask for one scan of all mailboxes; may raise if the queue server is away."""

    def unfinished(self) -> int:
        """How many scans and messages wait, run or are yet to be tried again; dead ones are finished."""

    def absorbed(self) -> Mapping[str, int]:
        """What was turned away or put back so far, by label; empty where nothing counts it."""

    def given_up(self) -> Mapping[str, int]:
        """How many messages were given up for an operator to look at, by reason."""

    def half_answers(self) -> Collection[str]:
        """The uids of meetings of which half an answer was found, and given up for an operator to look at."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
