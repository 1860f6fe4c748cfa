"""A supervisor as in production: it restarts a process that ends, and receives its notices."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from testbed.processes import Part, until


class Supervisor:
    """Starts a process, and starts it again whenever it has ended, as Compose and systemd do."""

    def __init__(self, start: Callable[[], Part]) -> None:
        self._start = start
        self.part = start()

    def next_exit(self, what: str) -> int:
        """Wait for the process to end, start it again, and say with what it ended."""
        code = until(lambda: (self.part.process.poll(),) if not self.part.alive() else None, what)[0]
        self.part = self._start()
        assert code is not None
        return code


@contextmanager
def supervised(start: Callable[[], Part]) -> Iterator[Supervisor]:
    """Run a process and its supervisor for the length of a ``with`` block."""
    supervisor = Supervisor(start)
    try:
        yield supervisor
    finally:
        supervisor.part.end()


class Notices:
    """The end of NOTIFY_SOCKET at which systemd would listen."""

    def __init__(self, directory: Path) -> None:
        self.address = str(directory / "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._socket.setblocking(False)
        self._heard: list[str] = []

    def heard(self) -> list[str]:
        """Return all notices so far."""
        while True:
            try:
                self._heard.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return self._heard

    def hear(self, more: int, part: Part) -> None:
        """Wait for so many more notices that the work goes on, from a process that must not end meanwhile."""
        wanted = self.heard().count("WATCHDOG=1") + more
        part.wait_for(lambda: self.heard().count("WATCHDOG=1") >= wanted, f"{more} more notices that the work goes on")

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()
