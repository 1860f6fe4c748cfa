"""What docker-compose.yml runs, run for real: each command and each health check, with its paths and ports moved here.

No container engine takes part. What only an engine can do (the image, mounts, networks, users) is not tested.
"""

import os
import re
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from redis import Redis
from redis.exceptions import RedisError

from testbed.processes import WAIT_S, Part, free_port, until
from testbed.queue_server import server_binary
from tests.support.running_console import cheap_login

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
#: Seconds between two health checks, of which each is a process.
CHECK_S = 1.0
CLIENT = shutil.which("valkey-cli") or shutil.which("redis-cli")


def interpolate(text: str) -> str:
    """What Compose makes of the text when SETTINGS_FOLDER names the demo."""
    return re.sub(r"\$\{SETTINGS_FOLDER:-[^}]*\}", "./deploy/demo", text).replace("$$", "$")


class Host:
    """This machine in the place of the containers: a directory for their files, and free ports for theirs."""

    def __init__(self, directory: Path) -> None:
        self.parts: dict[str, Part] = {}
        self.secrets = {name: secrets.token_hex(16) for name in COMPOSE["secrets"]}
        self.secrets["flower_login"] = f"operator:{secrets.token_hex(16)}"
        self.secrets["console_logins"] = str(cheap_login("anna", "operator", secrets.token_hex(16)))
        self.ports = {name: free_port() for name in ("redis", "simulator", "flower", "console", "metrics")}
        self._directory = directory
        self._moved = {
            **{path: f"{directory}{path}" for path in ("/run/secrets", "/etc/rsvpq", "/etc/valkey", "/data")},
            "redis:6379": f"127.0.0.1:{self.ports['redis']}",
            "simulator:8025": f"127.0.0.1:{self.ports['simulator']}",
            "8025": str(self.ports["simulator"]),
            "5555": str(self.ports["flower"]),
            "5556": str(self.ports["console"]),
            "9808": str(self.ports["metrics"]),
            "0.0.0.0": "127.0.0.1",  # noqa: S104 - the address to be replaced
            "valkey-cli": f"valkey-cli -p {self.ports['redis']}",
        }
        self._write("/run/secrets", self.secrets)
        self._programs()
        (directory / "data").mkdir()

    def here(self, text: str) -> str:
        """The text after Compose's interpolation, with every path and port where it is on this machine."""
        text = interpolate(text)
        places = "|".join(re.escape(place) for place in sorted(self._moved, key=len, reverse=True))
        return re.sub(places, lambda found: self._moved[found[0]], text)

    def start(self, name: str) -> Part:
        """Start a service by its command, with the files that it would find mounted."""
        service = SERVICES[name]
        for volume in service.get("volumes", []):
            if isinstance(volume, dict):
                self._mount(volume)
        command = service["command"]
        arguments = [self.here(word) for word in (shlex.split(command) if isinstance(command, str) else command)]
        self.parts[name] = Part(name, arguments, log=self._directory / f"{name}.log", env=self._environment(name))
        return self.parts[name]

    def healthy(self, name: str) -> bool:
        """Whether the service's health check succeeds."""
        check = SERVICES[name]["healthcheck"]
        kind, *words = (self.here(word) for word in check["test"])
        run = subprocess.run(
            ["/bin/sh", "-c", *words] if kind == "CMD-SHELL" else words,
            env={**os.environ, **self._environment(name)},
            capture_output=True,
            timeout=WAIT_S,
            check=False,
        )
        return run.returncode == 0

    def stop(self, name: str) -> int:
        """SIGTERM to the first process alone, as an engine does it; its exit code."""
        os.kill(self.parts[name].pid, signal.SIGTERM)
        return self.parts[name].process.wait(WAIT_S)

    def redis(self) -> Redis:
        """A client of its Redis."""
        return Redis(port=self.ports["redis"], password=self.secrets["redis_password"], decode_responses=True)

    def end(self) -> None:
        """End what is still there, the last started first."""
        while self.parts:
            self.parts.popitem()[1].end()

    def _environment(self, name: str) -> dict[str, str]:
        given = {key: self.here(value) for key, value in SERVICES[name].get("environment", {}).items()}
        path = f"{self._directory}/bin{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {**given, "PATH": path, "HOSTNAME": socket.gethostname(), "PYTHONUNBUFFERED": "1"}

    def _mount(self, volume: dict[str, Any]) -> None:
        source = interpolate(volume["source"])
        text = (ROOT / source).read_text(encoding="utf-8")
        if source.endswith("redis.conf"):
            text += f"\nport {self.ports['redis']}\nbind 127.0.0.1\n"
        folder, name = volume["target"].rsplit("/", 1)
        self._write(folder, {name: self.here(text)})

    def _write(self, folder: str, files: dict[str, str]) -> None:
        path = Path(self._moved[folder])
        path.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (path / name).write_text(text + "\n", encoding="utf-8")
            (path / name).chmod(0o640)  # as docs/deployment.md says of the secrets

    def _programs(self) -> None:
        """The programs of the Redis image, under the names that they have there."""
        (self._directory / "bin").mkdir()
        for name, program in (("valkey-server", server_binary()), ("valkey-cli", CLIENT)):
            if program:
                (self._directory / "bin" / name).symlink_to(program)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    machine = Host(tmp_path)
    try:
        yield machine
    finally:
        machine.end()


def start_redis(host: Host) -> None:
    host.start("redis").wait_for(lambda: answers(host.redis()), "Redis answers")


def answers(client: Redis) -> bool:
    with client:
        try:
            return bool(client.ping())
        except RedisError:
            return False


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_becomes_healthy_and_ends_on_a_signal_and_is_no_longer_healthy(host: Host, name: str) -> None:
    if name == "redis":
        if not CLIENT and os.environ.get("CI"):
            pytest.fail("neither valkey-cli nor redis-cli is here; CI must install one (apt-get install redis-tools)")
        if not CLIENT:
            pytest.skip("neither valkey-cli nor redis-cli is here (Debian: apt-get install redis-tools)")
    elif "redis" in SERVICES[name].get("depends_on", {}):
        start_redis(host)
    part = host.start(name)

    part.wait_for(lambda: host.healthy(name), f"{name} is healthy", every_s=CHECK_S)
    assert host.stop(name) == 0
    until(lambda: not host.healthy(name), f"{name} is no longer healthy", every_s=CHECK_S)


def test_no_command_line_shows_a_secret(host: Host) -> None:
    for name in ("redis", "simulator", "flower"):
        part = host.start(name)
        part.wait_for(lambda name=name: listens(host.ports[name]), f"{name} listens")  # type: ignore[misc]
        shown = Path(f"/proc/{part.pid}/cmdline").read_text()
        assert not [secret for secret in host.secrets.values() if secret in shown]


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_redis_lets_nobody_in_without_the_password(host: Host) -> None:
    start_redis(host)

    assert not answers(Redis(port=host.ports["redis"]))


def test_flower_lets_nobody_in_without_the_login(host: Host) -> None:
    start_redis(host)
    part = host.start("flower")
    url = f"http://127.0.0.1:{host.ports['flower']}"
    part.wait_for(lambda: listens(host.ports["flower"]), "Flower listens")

    assert status(f"{url}/workers") == 401
    assert status(f"{url}/workers", host.secrets["flower_login"]) == 200
    assert status(f"{url}/metrics") == 200  # never asks for a login: docs/deployment.md says so


def test_the_console_lets_nobody_in_without_a_login(host: Host) -> None:
    start_redis(host)
    part = host.start("console")
    part.wait_for(lambda: listens(host.ports["console"]), "the console listens")
    reply = requests.get(f"http://127.0.0.1:{host.ports['console']}/", timeout=WAIT_S)

    assert reply.url.endswith("/login?next=%2F")
    assert not [secret for secret in host.secrets.values() if secret in reply.text]


def test_prometheus_gets_metrics_and_no_secret(host: Host) -> None:
    start_redis(host)
    part = host.start("metrics")
    part.wait_for(lambda: listens(host.ports["metrics"]), "the metrics are served")
    metrics = requests.get(f"http://127.0.0.1:{host.ports['metrics']}/metrics", timeout=WAIT_S).text

    assert "rsvpq_redis_up 1.0" in metrics.splitlines()
    assert not [secret for secret in host.secrets.values() if secret in metrics]


def status(url: str, login: str | None = None) -> int:
    """What an HTTP GET answers."""
    user, _, password = (login or "").partition(":")
    return requests.get(url, auth=(user, password) if login else None, timeout=WAIT_S).status_code


def test_the_demo_answers_what_its_simulator_made_up(host: Host) -> None:
    start_redis(host)
    for name in ("simulator", "dispatcher", "scan", "answer"):
        host.start(name)
    oracle = f"http://127.0.0.1:{host.ports['simulator']}/_oracle"
    host.parts["simulator"].wait_for(lambda: listens(host.ports["simulator"]), "the simulator listens")
    mailboxes = (ROOT / "deploy" / "demo" / "mailboxes.csv").read_text(encoding="utf-8").splitlines()[2:]
    assert [box["mailbox"] for box in ask(f"{oracle}/mailboxes")] == mailboxes

    until(lambda: all_answered(ask(f"{oracle}/summary")), "everything is answered", every_s=0.5)


def ask(url: str) -> Any:
    return requests.get(url, timeout=WAIT_S).json()


def all_answered(summary: dict[str, Any]) -> bool:
    seen = summary["requests"]
    return seen["answered_once"] + seen["outdated"] == seen["seeded"] and not summary["responses"]["unopened"]
