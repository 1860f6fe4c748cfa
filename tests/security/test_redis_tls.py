"""Redis with TLS and a login: every process goes that way, and none goes to a server that it cannot verify."""

import asyncio
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
from flower.utils.broker import Broker  # type: ignore[import-untyped]
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from rsvpq import wiring
from rsvpq.redis_tls import TlsFailed
from rsvpq.settings import RedisSettings, load_settings
from rsvpq.settings.redis_client import make_redis
from rsvpq.tasks import celery_app
from testbed.fork_server import fork_server, python_part
from testbed.processes import Part, free_port, until
from testbed.queue_server import QueueServer, ServerTls, queue_server
from testbed.sentinel import SERVICE, Sentinel
from testbed.simulated_exchange import World, account_file
from testbed.stack import Plan, Stack
from tests.support.certificates import Authority
from tests.support.forked_command import run_forked
from tests.support.installation import Installation
from tests.support.running_console import write_logins
from tests.support.running_stack import rsvpq, wait_until_answered
from tests.support.scrape import scrape

PASSWORD = "p@ss:word/%1"
DEFAULT_USERS = "not-for-rsvpq"
#: How the password may be written in a URL.
QUOTED = "p%40ss"
FLOWER_CONFIG = Path(__file__).parents[2] / "deploy/flowerconfig.py"


class Secured(Stack):
    """A stack whose Redis is reached by TLS alone, with a certificate, as a user of its own."""

    def __init__(self, directory: Path, plan: Plan, binary: Path) -> None:
        super().__init__(directory, plan)
        self._binary = binary

    def _start_queue_server(self) -> str:
        ours = Authority(self.directory)
        tls = ServerTls(self._binary, ours.certificate("queue.example.com"), ours.file, requires_certificate=True)
        self.queue_server = QueueServer(self.directory, password=DEFAULT_USERS, tls=tls)
        self.parts["queue server"] = self.queue_server.part
        add_user(self.queue_server)
        account_file(self.directory, "redis-password", PASSWORD)
        return lines_of(self.queue_server, ours.file, ours.certificate("rsvpq-host"))


def add_user(server: QueueServer) -> None:
    """An ACL user; the default one has another password."""
    client: Any = server.client()
    client.execute_command("ACL", "SETUSER", "rsvpq", "on", f">{PASSWORD}", "~*", "&*", "+@all")
    client.close()


def lines_of(server: QueueServer, authority: Path | None, certificate: Path | None = None) -> str:
    """The lines of the settings that lead to the server."""
    lines = [f'url = "{server.url.replace("//", "//rsvpq@")}"', 'password_file = "redis-password"']
    lines += [f'ca_bundle = "{authority}"'] if authority else []
    lines += [f'certificate = "{certificate}"'] if certificate else []
    return "\n".join(lines) + "\n"


def test_every_process_connects_with_its_certificate_as_its_user(tmp_path: Path, tls_server_binary: Path) -> None:
    plan = Plan(World(6, requests=3, responses=2, seed=3), flower=True, console=True, dispatchers=1)
    with Secured(tmp_path, plan, tls_server_binary) as stack:
        done = rsvpq(stack, "scan", "--all")
        assert done.returncode == 0, done.stderr
        wait_until_answered(stack)
        until(lambda: len(stack.ask_flower("/api/tasks")) >= 6, "Flower has heard of the scans")
        assert len(stack.ask_flower("/api/queues/length")["active_queues"]) == 3
        for role in ("worker", "dispatcher"):
            until(lambda role=role: healthy(stack, role), f"the {role} is healthy")  # type: ignore[misc]
        assert scrape(load_settings(stack.config)).value("rsvpq_up") == 1
        for command in ("status", "check", "doctor"):
            done = rsvpq(stack, command)
            assert done.returncode == 0, done.stdout + done.stderr

        client: Any = stack.queue_server.client()
        users = {
            connection["user"] for connection in client.client_list() if connection["id"] != str(client.client_id())
        }
        client.close()
        assert users == {"rsvpq"}
        require_no_password(path.read_text(errors="replace") for path in tmp_path.glob("*.log"))


def healthy(stack: Stack, role: str) -> bool:
    done = run_forked(["-m", "rsvpq.health", role], stack.environment)
    require_no_password([done.stdout, done.stderr])
    return done.returncode == 0


def require_no_password(texts: Iterator[str] | Sequence[str]) -> None:
    """Require that nobody can read the password there, in either form."""
    shown = "".join(texts)
    assert PASSWORD not in shown
    assert QUOTED not in shown


# -- a server that is not to be trusted, and one that does not trust us ----------------------------------------------


@dataclass
class SecuredServer:
    """A Redis with TLS alone, whose certificate each test chooses; ``admin`` is connected all the time."""

    server: QueueServer
    tls: ServerTls
    admin: Any
    ours: Authority
    other: Authority
    folder: Path

    def show(self, certificate: Path, *, requires_certificate: bool = False) -> None:
        """Show another certificate to new clients, and require one of them or not."""
        changed = {"tls-cert-file": certificate, "tls-key-file": certificate}
        words = [str(word) for pair in changed.items() for word in pair]
        asked = "yes" if requires_certificate else "no"
        self.admin.execute_command("CONFIG", "SET", *words, "tls-auth-clients", asked)

    def settings(self, trusted: Path | None, certificate: Path | None = None, **more: Any) -> RedisSettings:
        """The settings that lead there."""
        files = {"ca_bundle": trusted, "certificate": certificate}
        given = {name: str(file) for name, file in files.items() if file}
        url = self.server.url.replace("//", "//rsvpq@")
        return RedisSettings.model_validate({"url": url, "password": PASSWORD} | given | more)


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, tls_server_binary: Path) -> Iterator[SecuredServer]:
    """One for this file."""
    folder = tmp_path_factory.mktemp("secured")
    ours, other = Authority(folder), Authority(folder, "other")
    tls = ServerTls(tls_server_binary, ours.certificate("queue.example.com"), ours.file)
    with queue_server(folder, password=DEFAULT_USERS, tls=tls) as server:
        add_user(server)
        with server.client() as admin:
            yield SecuredServer(server, tls, admin, ours, other, folder)


@pytest.fixture
def redis_with_tls(secured: SecuredServer) -> SecuredServer:
    """It, with a certificate that is well."""
    secured.show(secured.tls.certificate)
    return secured


Clients = dict[str, Callable[[], object]]


def clients(settings: RedisSettings) -> Clients:
    """A call of Redis by each library that makes clients of its own."""
    password = settings.password.get_secret_value() if settings.password else ""
    app = celery_app.make_celery(
        "test", settings.url, namespace="tls", password=password, results=True, tls=settings.tls
    )
    url = celery_app.with_password(settings.url, password)
    return {
        "rsvpq": make_redis(settings, retries=0).ping,
        "kombu": app.connection().transport.establish_connection,
        "Celery": app.backend.client.ping,  # type: ignore[attr-defined]  # of the backend for Redis
        "Flower": lambda: asyncio.run(Broker(url, broker_use_ssl=settings.tls).queues(["scan"])),
    }


class Prepared(Protocol):
    """Makes Redis refuse, or be refused, and returns the settings."""

    def __call__(self, redis: SecuredServer) -> RedisSettings: ...


def of_another_authority(redis: SecuredServer) -> RedisSettings:
    return redis.settings(redis.other.file)


def of_no_known_authority(redis: SecuredServer) -> RedisSettings:
    return redis.settings(None)


def for_another_host(redis: SecuredServer) -> RedisSettings:
    redis.show(redis.ours.certificate("elsewhere", "127.0.0.9"))
    return redis.settings(redis.ours.file)


def expired(redis: SecuredServer) -> RedisSettings:
    redis.show(redis.ours.certificate("expired", expired=True))
    return redis.settings(redis.ours.file)


def none_of_ours(redis: SecuredServer) -> RedisSettings:
    redis.show(redis.tls.certificate, requires_certificate=True)
    return redis.settings(redis.ours.file)


def ours_of_another_authority(redis: SecuredServer) -> RedisSettings:
    redis.show(redis.tls.certificate, requires_certificate=True)
    return redis.settings(redis.ours.file, redis.other.certificate("stranger"))


def ours_expired(redis: SecuredServer) -> RedisSettings:
    redis.show(redis.tls.certificate, requires_certificate=True)
    return redis.settings(redis.ours.file, redis.ours.certificate("late", expired=True))


def no_bundle(redis: SecuredServer) -> RedisSettings:
    file = redis.folder / "bundle.pem"
    file.write_text("not a certificate")
    return redis.settings(file)


def no_key(redis: SecuredServer) -> RedisSettings:
    return redis.settings(redis.ours.file, redis.ours.file)


#: What is wrong, and what each client says: the cause, the setting and the remedy.
REFUSED: dict[Prepared, str] = {
    of_another_authority: r"certificate is from an untrusted authority .*; add .* of its authority to redis\.ca_bundle",
    of_no_known_authority: r"certificate is from an u\w+ authority .*; add .* of its authority to redis\.ca_bundle",
    for_another_host: r"certificate is for another address .*; use the name in .* as the host in redis\.url",
    expired: r"certificate has expired .*; renew it on the server",
    none_of_ours: r"(requires a certificate of its clients .*|ends the connection .*); set redis\.certificate",
    ours_of_another_authority: r"(authority of our .*; set|ends the connection .*refuse) redis\.certificate",
    ours_expired: r"(our certificate has expired .*; renew|ends the connection .*refuse) redis\.certificate",
    no_bundle: r"redis\.ca_bundle cannot be used \(.*bundle\.pem: .*\); write the path of a PEM file",
    no_key: r"redis\.certificate cannot be used \(.*authority\.pem: .*\); write the path of a PEM file",
}


@pytest.mark.parametrize("prepared", REFUSED, ids=lambda prepared: prepared.__name__)
def test_who_is_refused_or_refuses_says_why_with_the_setting_and_the_remedy(
    redis_with_tls: SecuredServer, prepared: Prepared
) -> None:
    for name, call in clients(prepared(redis_with_tls)).items():
        # Flower's page of the broker has redis-py's own words; its log has those of kombu.
        error, said = (RedisConnectionError, None) if name == "Flower" else (TlsFailed, REFUSED[prepared])
        with pytest.raises(error, match=said) as raised:
            call()
        require_no_password([str(raised.value)])


def test_a_bundle_is_trusted_instead_of_the_systems_authorities(
    redis_with_tls: SecuredServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(redis_with_tls.ours.file))  # the system's, for OpenSSL
    for call in clients(redis_with_tls.settings(None)).values():
        call()
    for call in clients(redis_with_tls.settings(redis_with_tls.other.file)).values():
        with pytest.raises(RedisConnectionError, match="certificate verify failed"):
            call()


def test_a_certificate_that_was_renewed_is_shown_by_the_next_connection(redis_with_tls: SecuredServer) -> None:
    redis_with_tls.show(redis_with_tls.tls.certificate, requires_certificate=True)
    late = redis_with_tls.ours.certificate("renewed", expired=True)
    redis: Any = make_redis(redis_with_tls.settings(redis_with_tls.ours.file, late), retries=0)
    with pytest.raises(TlsFailed):
        redis.ping()
    redis_with_tls.ours.certificate("renewed")  # in the same file
    assert redis.ping()
    redis.close()


def test_a_port_without_tls_is_not_waited_for_in_silence(tmp_path: Path) -> None:
    with queue_server(tmp_path) as plain:
        settings = RedisSettings(url=plain.url.replace("redis:", "rediss:"))
        with pytest.raises(RedisTimeoutError, match=r"answers no TLS.* not one with TLS; correct redis\.url"):
            make_redis(settings, retries=0, connect_timeout_s=0.3).ping()


def test_a_sentinel_is_verified_as_the_primary_is(tmp_path: Path, redis_with_tls: SecuredServer) -> None:
    redis = redis_with_tls
    redis.admin.execute_command("ACL", "SETUSER", "watcher", "on", f">{DEFAULT_USERS}", "~*", "&*", "+@all")
    sentinel = Sentinel(tmp_path, "sentinel", redis.server, 1, password=PASSWORD, tls=redis.tls)
    by_name: dict[str, Any] = {
        "url": f"rediss://rsvpq@{SERVICE}/0",
        "sentinels": [sentinel.address],
        "sentinel_password": PASSWORD,
    }
    try:
        assert make_redis(redis.settings(redis.ours.file, **by_name), retries=0).ping()
        refused = rf"no sentinel names the primary .*{sentinel.address}: .*untrusted authority.* redis\.ca_bundle"
        with pytest.raises(RedisConnectionError, match=refused) as raised:
            make_redis(redis.settings(redis.other.file, **by_name), retries=0).ping()
        require_no_password([str(raised.value)])
    finally:
        sentinel.part.end()


def test_every_process_says_why_it_has_no_redis_and_goes_on(tmp_path: Path, redis_with_tls: SecuredServer) -> None:
    made = installation(tmp_path, lines_of(redis_with_tls.server, redis_with_tls.other.file))
    parts = [start(made, name, program) for name, program in programs().items()]
    try:
        for command in (["status"], ["check"], ["scan", "--all"], ["pause", "all", "--reason", "a test"], ["doctor"]):
            done = made.rsvpq(*command)
            assert done.returncode in {1, 2}, command
            said = " ".join((done.stdout + done.stderr).split())
            assert re.search(REFUSED[of_another_authority], said.replace("-> ", "; ").replace(" ;", ";")), said
            assert "Traceback" not in said
            require_no_password([said])
        done = run_forked(["-m", "rsvpq.health", "worker"], made.environment)
        assert (done.returncode, "redis.ca_bundle" in done.stderr) == (1, True)
        assert scrape(made.settings).value("rsvpq_redis_up") == 0
        for part in parts:
            part.wait_for(lambda part=part: "redis.ca_bundle" in part.tail(200), f"the {part.name} says why")  # type: ignore[misc]
            require_no_password([part.log.read_text(errors="replace")])
    finally:
        for part in parts:
            part.end()


def installation(directory: Path, lines: str) -> Installation:
    console = f'[console]\nlisten = "127.0.0.1:{free_port()}"\nlogins_file = "logins"\n'
    made = Installation(directory, "redis://127.0.0.1:1/0", f"[health]\nstalled_after = '60s'\n{console}")
    account_file(directory, "redis-password", PASSWORD)
    account_file(directory, "flower-login", "operator:of-flower")
    write_logins(directory / "logins")
    made.config.write_text(made.config.read_text().replace('url = "redis://127.0.0.1:1/0"\n', lines))
    return made


def programs() -> dict[str, list[str]]:
    """The programs that go on for ever."""
    celery = ["-m", "celery", "-A"]
    return {
        "dispatcher": ["-m", "producer.dispatcher"],
        "worker": [*celery, "workers.app", "worker", "-Q", "answer", "-P", "threads", "-c", "1"],
        "flower": [*celery, "producer.app", "flower", f"--port={free_port()}", f"--conf={FLOWER_CONFIG}"],
        "console": ["-m", "rsvpq.console"],
    }


def start(made: Installation, name: str, program: Sequence[str]) -> Part:
    environment = {**made.environment, "FLOWER_LOGIN_FILE": str(made.directory / "flower-login")}
    return python_part(name, program, forks=fork_server(), log=made.directory / f"{name}.log", env=environment)


def test_the_user_of_the_url_is_the_one_who_logs_in(tmp_path: Path) -> None:
    (tmp_path / "queue").mkdir()
    with queue_server(tmp_path / "queue", password=DEFAULT_USERS) as server:
        add_user(server)
        lines = lines_of(server, None)
        assert wiring.make_lanes(installation(tmp_path, lines).settings).namespace.redis.acl_whoami() == "rsvpq"
        done = installation(tmp_path, lines.replace("rsvpq@", "")).rsvpq("status")
        assert done.returncode == 1
        require_no_password([done.stdout, done.stderr])
