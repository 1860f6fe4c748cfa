"""A primary with replicas, and the sentinels that watch them: real processes, killed and started again by a test."""

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from testbed.processes import Part, free_port, until
from testbed.queue_server import QueueServer, ServerTls, server_binary

SERVICE = "rsvpq-main"
#: As whom replicas and sentinels log in: so they can be cut off from a server that all others still reach.
_WATCHER = "watcher"
#: Milliseconds after which a sentinel counts a server as down: a test should not wait as long as an operator.
_DOWN_AFTER_MS = 600
#: Milliseconds; a failover that did not succeed is tried again after twice as long.
_FAILOVER_MS = 3000
#: Seconds in which a client of a sentinel gets its answer.
_ANSWER_S = 5.0


class Sentinel:
    """One sentinel process; it writes its own configuration."""

    def __init__(
        self,
        directory: Path,
        name: str,
        primary: QueueServer,
        quorum: int,
        *,
        password: str = "",
        tls: ServerTls | None = None,
    ) -> None:
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._password, self._tls = password, tls
        self._directory, self._name = directory, name
        self._config = directory / f"{name}.conf"
        lines = [
            *(tls.lines(self.port) if tls else [f"port {self.port}"]),
            "bind 127.0.0.1",
            f'dir "{directory}"',
            f"sentinel monitor {SERVICE} 127.0.0.1 {primary.port} {quorum}",
            f"sentinel down-after-milliseconds {SERVICE} {_DOWN_AFTER_MS}",
            f"sentinel failover-timeout {SERVICE} {_FAILOVER_MS}",
            *(
                [f"sentinel auth-user {SERVICE} {_WATCHER}", f"sentinel auth-pass {SERVICE} {primary.password}"]
                if primary.password
                else []
            ),
            *([f"requirepass {password}", f"sentinel sentinel-pass {password}"] if password else []),
        ]
        self._config.touch(mode=0o600)  # it holds the password
        self._config.write_text("\n".join(lines) + "\n")
        self.start()

    def start(self) -> None:
        """Start the process.

        :raises PartFailed: it ended. :raises TimeoutError: it does not answer.
        """
        log = self._directory / f"{self._name}.log"
        binary = str(self._tls.binary) if self._tls else server_binary()
        self.part = Part(self._name, [binary, str(self._config), "--sentinel"], log=log, env={})
        try:
            self.part.wait_for(self._answers, "the sentinel answers")
        except BaseException:
            self.part.end()
            raise

    def client(self) -> Redis:
        """Return a new client of the sentinel; replies are text."""
        tls = {"ssl": True, **self._tls.client_options()} if self._tls else {}
        password = self._password or None
        return Redis("127.0.0.1", self.port, password=password, decode_responses=True, socket_timeout=_ANSWER_S, **tls)

    def state(self) -> dict[str, Any]:
        """Return what it knows of the primary; empty if it cannot be asked."""
        with suppress(RedisError), self.client() as client:
            return dict(client.sentinel_master(SERVICE))
        return {}

    def _answers(self) -> bool:
        return bool(self.state())


class SentinelGroup:
    """One service: a primary, replicas, and sentinels.

    :param servers: how many servers, the primary included. :param sentinels: how many sentinels, most of which must
        agree. :param sentinel_password: what sentinels ask of their clients. :param extra: more lines for each server.
    :param tls: how servers and sentinels are reached; None for plain ports.
    """

    def __init__(
        self,
        directory: Path,
        *,
        servers: int = 2,
        sentinels: int = 3,
        password: str = "",
        sentinel_password: str = "",
        extra: Sequence[str] = (),
        tls: ServerTls | None = None,
    ) -> None:
        self.password, self.sentinel_password = password, sentinel_password
        self._scheme = "rediss" if tls else "redis"
        self.servers: list[QueueServer] = []
        self.sentinels: list[Sentinel] = []
        user = f"user {_WATCHER} on >{password} ~* &* +@all"
        login = [user, f"masteruser {_WATCHER}", f"masterauth {password}"] if password else []
        try:
            for number in range(servers):
                folder = directory / f"redis-{number}"
                folder.mkdir()
                follow = [f"replicaof 127.0.0.1 {self.servers[0].port}"] if number else []
                lines = [*login, *follow, "repl-diskless-sync-delay 0", *extra]
                self.servers.append(QueueServer(folder, password=password, persist=True, extra=lines, tls=tls))
            for number in range(sentinels):
                quorum, name = sentinels // 2 + 1, f"sentinel-{number}"
                self.sentinels.append(
                    Sentinel(directory, name, self.servers[0], quorum, password=sentinel_password, tls=tls)
                )
            self.wait_until_ready()
        except BaseException:
            self.end()
            raise

    @property
    def primary(self) -> QueueServer:
        """The primary, as the sentinels know it."""
        return until(self._primary, "the sentinels know a primary")

    def wait_until_ready(self) -> None:
        """Wait until every server that lives has its role, and all sentinels know of all of them and each other."""
        until(self._ready, "all servers and sentinels know each other")

    def fail_over(self, losing_s: float = 0) -> QueueServer:
        """Kill the primary, and return its successor when the sentinels have made it one; the killed one stays away.

        :param losing_s: for how many seconds before its end no replica hears of what is written.
        """
        killed = self.primary
        replicas = [server for server in self.servers if server is not killed and server.part.alive()]
        try:
            if losing_s:
                for replica in replicas:
                    replica.part.signal(signal.SIGSTOP)  # else it would connect again at once
                with killed.client() as client:
                    client.client_kill_filter(_type="replica")
                time.sleep(losing_s)  # the work goes on meanwhile
            killed.part.kill()
        finally:
            for replica in replicas:
                replica.part.signal(signal.SIGCONT)
        return until(lambda: self._successor_of(killed), "another server is the primary")

    @contextmanager
    def frozen(self) -> Iterator[QueueServer]:
        """Stop the primary by SIGSTOP, and yield its successor.

        Afterwards it takes itself for the primary, and does what its clients ask, until the sentinels have looked at it
        for about ten seconds and demote it.
        """
        stopped = self.primary
        stopped.part.signal(signal.SIGSTOP)
        try:
            yield until(lambda: self._successor_of(stopped), "another server is the primary")
        finally:
            stopped.part.signal(signal.SIGCONT)

    @contextmanager
    def cut_off(self) -> Iterator[QueueServer]:
        """Cut the primary off from replicas and sentinels, and from nobody else; yield its successor.

        Afterwards it is demoted as one that was :meth:`frozen`. Needs a password.
        """
        lonely = self.primary
        with lonely.client() as client:
            client.acl_setuser(_WATCHER, enabled=False)
            client.client_kill_filter(user=_WATCHER)
            try:
                yield until(lambda: self._successor_of(lonely), "another server is the primary")
            finally:
                client.acl_setuser(_WATCHER, enabled=True)

    def come_back(self) -> None:
        """Start the servers that were killed, and wait until they follow the primary."""
        for server in self.servers:
            if not server.part.alive():
                server.start()
        self.wait_until_ready()

    def settings(self) -> str:
        """Return the lines of ``[redis]`` that lead to it, but for the passwords."""
        addresses = ", ".join(f'"{sentinel.address}"' for sentinel in self.sentinels)
        return f'url = "{self._scheme}://{SERVICE}/0"\nsentinels = [{addresses}]\n'

    def end(self) -> None:
        """End all processes."""
        for part in (*(one.part for one in self.sentinels), *(one.part for one in self.servers)):
            part.end()

    def _primary(self) -> QueueServer | None:
        named = {sentinel.state().get("port") for sentinel in self.sentinels if sentinel.part.alive()}
        if len(named) != 1:
            return None
        (port,) = named
        return next((server for server in self.servers if server.port == port), None)

    def _successor_of(self, killed: QueueServer) -> QueueServer | None:
        found = self._primary()
        if found is None or found is killed or not found.part.alive():
            return None
        return found if _role(found) == "master" else None

    def _ready(self) -> bool:
        primary = self._primary()
        living = [server for server in self.servers if server.part.alive()]
        if primary is None or not primary.part.alive():
            return False
        followers = _info(primary).get("connected_slaves")
        online = all(_info(one).get("master_link_status") == "up" for one in living if one is not primary)
        states = [sentinel.state() for sentinel in self.sentinels]
        known = all(
            state.get("num-slaves", 0) >= len(self.servers) - 1
            and state.get("num-other-sentinels") == len(self.sentinels) - 1
            and state.get("flags") == "master"
            for state in states
        )
        return followers == len(living) - 1 and online and known


@contextmanager
def sentinel_group(directory: Path, **options: Any) -> Iterator[SentinelGroup]:
    """Start a :class:`SentinelGroup` for the length of a ``with`` block."""
    with ExitStack() as stack:
        group = SentinelGroup(directory, **options)
        stack.callback(group.end)
        yield group


def _role(server: QueueServer) -> str:
    return str(_info(server).get("role", ""))


def _info(server: QueueServer) -> dict[str, Any]:
    with suppress(RedisError), server.client() as client:
        return dict(client.info("replication"))
    return {}
