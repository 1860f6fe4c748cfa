"""Child processes that are started, watched and ended by their own process id."""

import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol, TypeVar

T = TypeVar("T")

#: Seconds to wait for what a quiet machine does in one: a machine with other work to do takes many times as long, and
#: waiting ends as soon as the fact is there.
WAIT_S = 240.0
#: The same for what a quiet machine does in half a minute: a whole demonstration, or a whole run of something.
RUN_S = 600.0
#: Seconds between two looks whether a fact is there.
LOOK_S = 0.02
#: Below what Linux, macOS and the BSDs give to outgoing connections.
_PORTS = range(12_000, 32_000)
#: How long a part may take to end after SIGTERM before it is killed, in seconds.
GRACE_S = 10.0


class PartFailed(RuntimeError):
    """A part did not start, or ended by itself; the message quotes the end of its log."""


def until(fact: Callable[[], T | None], what: str, *, within_s: float = WAIT_S, every_s: float = LOOK_S) -> T:
    """Wait until ``fact()`` is truthy and return it.

    :raises TimeoutError: it did not become so within ``within_s``.
    """
    deadline = time.monotonic() + within_s
    while True:
        value = fact()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not so after {within_s:g} s")
        time.sleep(every_s)


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 on which nothing listened a moment ago.

    It is outside the range of ephemeral ports: one of those can be taken by an outgoing connection before the server
    listens or while it restarts, and a client of a closed one can be given the same port and connect to itself.
    """
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: old connections do no harm
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port


class Process(Protocol):
    """The interface of a part's process; :class:`subprocess.Popen` is one."""

    @property
    def pid(self) -> int:
        """The process id."""

    @property
    def returncode(self) -> int | None:
        """The exit code; None while the process runs."""

    def poll(self) -> int | None:
        """Return the exit code; None while the process runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end.

        :raises subprocess.TimeoutExpired: it did not end.
        """


class Part:
    """One child process in a process group of its own, its output in a log file (stdout in ``out``, where given)."""

    def __init__(
        self, name: str, command: Sequence[str], *, log: Path, env: Mapping[str, str], out: Path | None = None
    ) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as sink, (out or log).open("ab") as data:
            self.process: Process = subprocess.Popen(  # noqa: S603 - our own commands, no shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=data,
                stderr=sink,
                env={**os.environ, **env},
                start_new_session=True,  # so that Ctrl-C reaches the caller alone, which ends the parts in order
            )

    @property
    def pid(self) -> int:
        """The process id, which is its group's too."""
        return self.process.pid

    def alive(self) -> bool:
        """Return whether the process has not ended yet."""
        return self.process.poll() is None

    def check(self) -> None:
        """Raise an error if the process has ended.

        :raises PartFailed: it has.
        """
        if not self.alive():
            raise PartFailed(f"{self.name} ended with {self.process.returncode}; the end of {self.log}:\n{self.tail()}")

    def tail(self, lines: int = 15) -> str:
        """Return the last lines of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def wait_for(
        self, fact: Callable[[], T | None], what: str, *, within_s: float = WAIT_S, every_s: float = LOOK_S
    ) -> T:
        """Wait as :func:`until`, but fail at once if the process ends.

        :raises PartFailed: it ended first. :raises TimeoutError: the fact did not come.
        """

        def alive_and() -> T | None:
            self.check()
            return fact()

        try:
            return until(alive_and, what, within_s=within_s, every_s=every_s)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; the end of {self.log}:\n{self.tail()}") from None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the whole group, if there is still somebody to hear it."""
        if self.alive():
            os.killpg(self.pid, number)

    def kill(self) -> None:
        """Send SIGKILL to the whole group, and wait until it has ended."""
        self.signal(signal.SIGKILL)
        self.process.wait()

    def end(self, grace_s: float = GRACE_S) -> None:
        """Send SIGTERM, and SIGKILL to what is still running after the grace period."""
        self.signal(signal.SIGTERM)
        try:
            self.process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self.kill()
