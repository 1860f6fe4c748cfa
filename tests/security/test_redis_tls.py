"""Redis behind TLS and a login: every process goes that way, and none goes to a server that it cannot verify."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from rsvpq import wiring
from rsvpq.settings import load_settings
from testbed.fork_server import fork_server, python_part
from testbed.processes import Part, until
from testbed.queue_server import QueueServer, queue_server
from testbed.simulated_exchange import World, account_file
from testbed.stack import Plan, Stack
from tests.support.certificates import Authority
from tests.support.forked_command import run_forked
from tests.support.installation import Installation
from tests.support.running_stack import rsvpq, wait_until_answered
from tests.support.tls_proxy import TlsProxy, tls_proxy

PASSWORD = "p@ss:word/%1"
DEFAULT_USERS = "not-for-rsvpq"


class Secured(Stack):
    """A stack whose Redis is reached by TLS alone, with a certificate, as a user of its own."""

    def __init__(self, directory: Path, plan: Plan, proxies: ExitStack) -> None:
        super().__init__(directory, plan)
        self._proxies = proxies

    def _start_queue_server(self) -> str:
        self.queue_server = QueueServer(self.directory, password=DEFAULT_USERS)
        self.parts["queue server"] = self.queue_server.part
        add_user(self.queue_server)
        account_file(self.directory, "redis-password", PASSWORD)
        ours = Authority(self.directory)
        certificate = ours.certificate("queue.example.com")
        self.proxy = self._proxies.enter_context(tls_proxy(self.queue_server.port, certificate, ours.file))
        self.config_lines = secured(self.proxy, ours.file, ours.certificate("rsvpq-host"))
        return self.config_lines


def add_user(server: QueueServer) -> None:
    """An ACL user; the default one has another password."""
    client: Any = server.client()
    client.execute_command("ACL", "SETUSER", "rsvpq", "on", f">{PASSWORD}", "~*", "&*", "+@all")
    client.close()


def secured(proxy: TlsProxy, authority: Path | None, certificate: Path | None = None) -> str:
    """The lines of the settings that lead through the proxy."""
    lines = [f'url = "rediss://rsvpq@127.0.0.1:{proxy.port}/0"', 'password_file = "redis-password"']
    lines += [f'ca_bundle = "{authority}"'] if authority else []
    lines += [f'certificate = "{certificate}"'] if certificate else []
    return "\n".join(lines) + "\n"


def test_every_process_connects_with_its_certificate_as_its_user(tmp_path: Path) -> None:
    plan = Plan(World(6, requests=3, responses=2, seed=3), flower=True, dispatchers=1)
    with ExitStack() as proxies, Secured(tmp_path, plan, proxies) as stack:
        done = rsvpq(stack, "scan", "--all")
        assert done.returncode == 0, done.stderr
        wait_until_answered(stack)
        until(lambda: len(stack.ask_flower("/api/tasks")) >= 6, "Flower has heard of the scans")
        for role in ("worker", "dispatcher"):
            health = until(lambda role=role: _healthy(stack, role), f"the {role} is healthy")  # type: ignore[misc]
            assert PASSWORD not in health
        assert rsvpq(stack, "status").returncode == 0

        client: Any = stack.queue_server.client()
        users = {
            connection["user"] for connection in client.client_list() if connection["id"] != str(client.client_id())
        }
        client.close()
        assert users == {"rsvpq"}
        assert set(stack.proxy.clients) == {"rsvpq-host"}
        logs = "".join(path.read_text(errors="replace") for path in tmp_path.glob("*.log"))
        assert PASSWORD not in logs
        assert "p%40ss" not in logs


def _healthy(stack: Stack, role: str) -> str:
    done = run_forked(["-m", "rsvpq.health", role], stack.environment)
    return done.stdout + done.stderr if done.returncode == 0 else ""


# -- a proxy that cannot be trusted ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueueServer]:
    with queue_server(tmp_path_factory.mktemp("queue-server"), password=DEFAULT_USERS) as started:
        add_user(started)
        yield started


def installation(directory: Path, lines: str) -> Installation:
    made = Installation(directory, "redis://127.0.0.1:1/0", "[health]\nstalled_after = '60s'\n")
    account_file(directory, "redis-password", PASSWORD)
    made.config.write_text(made.config.read_text().replace('url = "redis://127.0.0.1:1/0"\n', lines))
    return made


UNTRUSTED = {
    "of another authority": ("127.0.0.1", "other", "unable to get local issuer certificate|self-signed"),
    "of no known authority": ("127.0.0.1", "", "unable to get local issuer certificate|self-signed"),
    "for another host": ("127.0.0.9", "authority", "IP address mismatch"),
}


@pytest.mark.parametrize(("address", "trusted", "reason"), UNTRUSTED.values(), ids=UNTRUSTED)
def test_a_certificate_that_is_wrong_is_refused_by_all_and_named(
    tmp_path: Path, server: QueueServer, address: str, trusted: str, reason: str
) -> None:
    authorities = {name: Authority(tmp_path, name) for name in ("authority", "other")}
    certificate = authorities["authority"].certificate("queue.example.com", address)
    with tls_proxy(server.port, certificate) as proxy:
        made = installation(tmp_path, secured(proxy, authorities[trusted].file if trusted else None))
        with pytest.raises(RedisConnectionError, match=reason):
            wiring.make_lanes(load_settings(made.config)).namespace.redis.ping()

        done = made.rsvpq("status")
        assert done.returncode == 1
        assert "cannot query Redis" in done.stderr
        assert "certificate verify failed" in done.stderr
        for part in (made.dispatcher(), worker(made)):
            try:
                part.wait_for(lambda part=part: "certificate verify failed" in part.tail(200), "it says why")  # type: ignore[misc]
                assert PASSWORD not in part.tail(1000)
            finally:
                part.end()
        assert proxy.clients == []


def worker(made: Installation) -> Part:
    program = ["-m", "celery", "-A", "workers.app", "worker", "-Q", "answer", "-P", "threads", "-c", "1"]
    log = made.directory / "worker.log"
    return python_part("worker", program, forks=fork_server(), log=log, env=made.environment)


def test_who_has_no_certificate_does_not_come_in_where_one_is_asked_for(tmp_path: Path, server: QueueServer) -> None:
    ours = Authority(tmp_path)
    with tls_proxy(server.port, ours.certificate("queue.example.com"), ours.file) as proxy:
        made = installation(tmp_path, secured(proxy, ours.file))
        done = made.rsvpq("status")
        assert done.returncode == 1
        assert proxy.clients == []
        made = installation(tmp_path, secured(proxy, ours.file, ours.certificate("rsvpq-host")))
        assert made.rsvpq("status").returncode == 0
        assert set(proxy.clients) == {"rsvpq-host"}


def test_the_user_of_the_url_is_the_one_who_logs_in(tmp_path: Path, server: QueueServer) -> None:
    lines = f'url = "redis://rsvpq@127.0.0.1:{server.port}/0"\npassword_file = "redis-password"\n'
    assert wiring.make_lanes(installation(tmp_path, lines).settings).namespace.redis.acl_whoami() == "rsvpq"
    wrong = installation(tmp_path, lines.replace("rsvpq@", ""))
    done = wrong.rsvpq("status")
    assert done.returncode == 1
    assert PASSWORD not in done.stdout + done.stderr
