"""The files of the deployment, as far as they can be checked without a container engine."""

import importlib.util
import logging
import re
import runpy
import shlex
import tomllib
from collections.abc import Iterator
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from redis import Redis

from rsvpq.settings import LaneSettings, WebDavSettings, load_settings
from rsvpq.settings.environment import read_variables
from rsvpq.settings.mailboxes import read_mailboxes
from rsvpq.tasks import celery_app
from rsvpq.wiring.in_force import STARTS
from testbed.processes import Part, free_port
from testbed.queue_server import server_binary

pytestmark = pytest.mark.usefixtures("tornado_headers")

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
WORKERS = {name: service for name, service in SERVICES.items() if " worker " in service["command"]}
DOCUMENTATION = (ROOT / "docs" / "deployment.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
#: What the Compose Specification knows and we use; anything else is a typing error until it is added here.
SERVICE_KEYS = {
    *("image", "build", "command", "user", "group_add", "environment", "secrets", "volumes", "tmpfs", "profiles"),
    *("depends_on", "healthcheck", "restart", "stop_grace_period", "deploy", "networks", "ports"),
    *("read_only", "cap_drop", "security_opt", "logging"),
}

every_service = pytest.mark.parametrize("name", SERVICES)
every_worker = pytest.mark.parametrize("name", WORKERS)


def interpolate(text: str) -> str:
    """What Compose makes of ``${NAME:-default}`` where NAME is not set, and of ``$$``."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text).replace("$$", "$")


def texts(command: str | list[str]) -> list[str]:
    """The arguments of a command or a health check."""
    return shlex.split(command) if isinstance(command, str) else command


def words(command: str | list[str]) -> list[str]:
    """The same, with the words of a shell's text one by one."""
    return list(chain.from_iterable(shlex.split(text) if " " in text else [text] for text in texts(command)))


def option(command: str | list[str], name: str) -> str:
    given = words(command)
    return given[given.index(name) + 1]


def seconds(duration: str) -> int:
    match = re.fullmatch(r"(\d+)(s|m)", duration)
    assert match, f"{duration!r} is not a duration"
    return int(match[1]) * {"s": 1, "m": 60}[match[2]]


def threads(name: str) -> int:
    """Of all its replicas."""
    replicas: int = WORKERS[name].get("deploy", {}).get("replicas", 1)
    return replicas * int(option(WORKERS[name]["command"], "-c"))


def binds() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, service in SERVICES.items():
        for volume in service.get("volumes", []):
            if isinstance(volume, dict):
                yield name, volume


# --- docker-compose.yml: its form


def test_the_file_has_only_keys_that_compose_knows() -> None:
    known = {"name", "services", "networks", "volumes", "secrets"}
    assert {key for key in COMPOSE if not key.startswith("x-")} == known
    assert {name: set(service) - SERVICE_KEYS for name, service in SERVICES.items()} == {
        name: set() for name in SERVICES
    }


@every_service
def test_what_a_service_refers_to_is_declared(name: str) -> None:
    service = SERVICES[name]
    named_volumes = {volume.split(":")[0] for volume in service.get("volumes", []) if isinstance(volume, str)}

    assert set(service["networks"]) <= set(COMPOSE["networks"])
    assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])
    assert named_volumes <= set(COMPOSE["volumes"])
    for other, how in service.get("depends_on", {}).items():
        assert how == {"condition": "service_healthy"}
        assert "healthcheck" in SERVICES[other]


def test_what_is_declared_is_used() -> None:
    for kind in ("networks", "secrets"):
        used = set(chain.from_iterable(service.get(kind, []) for service in SERVICES.values()))
        assert used == set(COMPOSE[kind])
    assert "redis-data:/data" in SERVICES["redis"]["volumes"]


def test_every_file_that_is_mounted_is_here_or_the_documentation_says_how_to_make_it() -> None:
    for name, volume in binds():
        source = interpolate(volume["source"])
        assert (ROOT / source).is_file() or f"{Path(source).name}" in DOCUMENTATION, f"{name}: {source}"
        assert volume["read_only"] is True
        assert volume["bind"] == {"create_host_path": False}
    for secret in COMPOSE["secrets"].values():
        assert f"> {secret['file'].removeprefix('./')}" in DOCUMENTATION


# --- docker-compose.yml: what holds for every container


@every_service
def test_a_service_is_confined_and_comes_back(name: str) -> None:
    service = SERVICES[name]

    assert service["restart"] == "unless-stopped"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["user"] not in ("", "root", "0")
    assert service["logging"] == {"driver": "local"}
    assert not {"container_name", "hostname"} & set(service)  # either would forbid replicas


@every_service
def test_a_service_is_asked_for_its_health(name: str) -> None:
    check = SERVICES[name]["healthcheck"]

    assert set(check) == {"test", "interval", "timeout", "retries", "start_period"}
    assert check["test"][0] in ("CMD", "CMD-SHELL")
    assert seconds(check["timeout"]) < seconds(check["interval"])
    assert len(check["test"]) == 2 or check["test"][0] == "CMD"


def test_only_flower_the_console_and_the_metrics_are_published_and_on_loopback_only() -> None:
    assert {name: service["ports"] for name, service in SERVICES.items() if "ports" in service} == {
        "flower": ["127.0.0.1:5555:5555"],
        "console": ["127.0.0.1:5556:5556"],
        "metrics": ["127.0.0.1:9808:9808"],
    }
    assert SERVICES["redis"]["networks"] == ["queue"]
    assert COMPOSE["networks"]["queue"] == {"internal": True}


def test_there_is_one_image_of_ours_and_its_group_reads_the_secrets() -> None:
    images = {name: (service["image"], service["build"]) for name, service in OURS.items()}
    demo = images.pop("simulator")
    assert demo == ("rsvpq-simulator:${IMAGE_TAG:-local}", {"context": ".", "target": "simulator"})
    assert all(image == ("rsvpq:${IMAGE_TAG:-local}", ".") for image in images.values())
    assert {service["user"] for service in OURS.values()} == {"10001:10001"}
    assert set(SERVICES) - set(OURS) == {"redis"}
    assert SERVICES["redis"]["group_add"] == ["10001"]
    assert re.fullmatch(r"valkey/valkey:\d+\.\d+", SERVICES["redis"]["image"])
    assert "chgrp 10001" in DOCUMENTATION


def test_secrets_are_in_files_only() -> None:
    for name, service in OURS.items():
        variables = service.get("environment", {})
        assert read_variables(variables, ()).problems == (), name
        secret = [key for key in variables if re.search("PASSWORD|SECRET|TOKEN|AUTH", key)]
        assert all(variables[key].startswith("/run/secrets/") for key in secret)
    # Where a command needs one, its shell reads the file, so that the engine never sees more than the path.
    for service in SERVICES.values():
        for text in (*texts(service["command"]), *texts(service["healthcheck"]["test"])):
            given = re.findall(r"(?:pass|password|auth|secret)[= ]\"?(\S+)", text, re.IGNORECASE)
            assert all(value.startswith("$$(cat") for value in given), text
            assert not re.search(r"(^| )(-a|--requirepass|--basic.auth)\b", text)
    assert SERVICES["flower"]["secrets"] == [*SERVICES["scan"]["secrets"], "flower_login"]
    assert SERVICES["console"]["secrets"] == [*SERVICES["scan"]["secrets"], "console_logins"]


def test_only_the_simulator_is_for_the_demo() -> None:
    assert {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service} == {
        "simulator": ["demo"]
    }


# --- docker-compose.yml: the commands


@pytest.mark.parametrize("name", OURS)
def test_every_command_names_modules_that_are_there(name: str) -> None:
    for command in (OURS[name]["command"], OURS[name]["healthcheck"]["test"]):
        given = words(command)
        modules = [word for flag, word in pairwise(given) if flag in ("-A", "-m")]
        assert modules or "-c" in given
        assert all(importlib.util.find_spec(module) for module in modules)


def test_every_queue_has_its_workers_on_the_side_that_has_its_tasks() -> None:
    app = celery_app.make_celery("test", "redis://127.0.0.1:6379/0", namespace="test")
    sides = {(option(worker["command"], "-Q"), option(worker["command"], "-A")) for worker in WORKERS.values()}
    packages = {"producer": "producer", "workers": "workers", "ops": "producer"}  # by the first word of a task's name
    routes = {
        (route["queue"], f"{packages[task.partition('.')[0]]}.app") for task, route in app.conf.task_routes.items()
    }

    assert sides == routes
    assert {served for served, _ in sides} == {known.name for known in app.conf.task_queues}
    assert len(WORKERS) == len(sides)


@every_worker
def test_workers_differ_only_where_they_must(name: str) -> None:
    command = WORKERS[name]["command"]
    app, served = option(command, "-A"), option(command, "-Q")

    assert command == (
        f"celery -A {app} worker -Q {served} -n {served}@%h -P threads -c {option(command, '-c')} -l info "
        "--without-gossip --without-mingle"
    )
    assert command.startswith(f"{STARTS[served]} "), "what the commands tell an operator to start is the same"
    assert WORKERS[name]["healthcheck"]["test"] == ["CMD", "python", "-m", "rsvpq.health", "worker"]


def test_the_lanes_hand_out_twice_what_the_workers_have_threads_for() -> None:
    lanes = LaneSettings()

    assert lanes.scans_released == 2 * threads("scan")
    assert lanes.answers_released == 2 * threads("answer")


@every_worker
def test_a_worker_has_time_to_finish(name: str) -> None:
    app = celery_app.make_celery("test", "redis://127.0.0.1:6379/0", namespace="test")
    slow = WebDavSettings(url="https://mail.example.com", username="x", password="x").longest_wait
    grace = seconds(WORKERS[name]["stop_grace_period"])

    assert grace > slow.seconds
    assert grace > app.conf.worker_soft_shutdown_timeout


# --- deploy/


@pytest.fixture
def demo_settings(tmp_path: Path) -> Path:
    """The settings of the demo, with its secret where a test may write."""
    for file in (ROOT / "deploy" / "demo").iterdir():
        (tmp_path / file.name).write_text(file.read_text().replace("/run/secrets", str(tmp_path)))
    (tmp_path / "exchange_password").write_text("secret\n")
    return tmp_path / "rsvpq.toml"


def test_the_settings_of_the_demo_are_right(demo_settings: Path) -> None:
    settings = load_settings(demo_settings, {})

    assert settings.mode == "respond"
    assert settings.schedule
    assert settings.servers["demo"].url == "http://simulator:8025/exchange/"
    assert len(read_mailboxes(settings.mailboxes, settings)) == 20


def test_redis_accepts_its_configuration_and_keeps_everything(tmp_path: Path) -> None:
    config = tmp_path / "redis.conf"
    text = (ROOT / "deploy" / "redis.conf").read_text()
    config.write_text(text.replace("dir /data", f"dir {tmp_path}"))
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1"]
    server = Part("redis", [server_binary(), str(config), *options], log=tmp_path / "redis.log", env={})
    try:
        server.wait_for(lambda: "Ready to accept connections" in server.tail(), "Redis is ready")
        with Redis(port=port, decode_responses=True) as client:
            found = client.config_get("appendonly", "appendfsync", "maxmemory-policy", "save")
            buffers = client.config_get("client-output-buffer-limit")["client-output-buffer-limit"]
    finally:
        server.end()

    assert found == {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction", "save": ""}
    assert f"pubsub {128 << 20} {64 << 20} 60" in buffers
    assert "requirepass" not in text


def flower_options(tmp_path: Path, logins: str | None) -> dict[str, Any]:
    """What Flower would read, with this text in the secret; None for no file."""
    secret, config = tmp_path / "flower_login", tmp_path / "flowerconfig.py"
    config.write_text((ROOT / "deploy" / "flowerconfig.py").read_text().replace("/run/secrets", str(tmp_path)))
    if logins is not None:
        secret.write_text(logins)
        secret.chmod(0o640)
    return runpy.run_path(str(config))


@pytest.fixture
def in_flower(demo_settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of Flower; and a log of its own, so that Flower's does not change that of the tests."""
    monkeypatch.setenv("RSVPQ_CONFIG", str(demo_settings))
    monkeypatch.setattr(logging, "root", logging.RootLogger(logging.WARNING))


@pytest.mark.usefixtures("in_flower")
def test_flower_reads_one_login_per_line(tmp_path: Path) -> None:
    assert flower_options(tmp_path, "anna:pass word\nbob:x:y\n")["basic_auth"] == ["anna:pass word", "bob:x:y"]


@pytest.mark.parametrize("logins", ["", "\n", "anna", "anna:", ":secret", "anna:secret\n\n"])
def test_flower_does_not_start_without_a_login(tmp_path: Path, logins: str) -> None:
    with pytest.raises(SystemExit, match="write one user:password per line"):
        flower_options(tmp_path, logins)


def test_flower_does_not_start_without_the_file_of_logins(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        flower_options(tmp_path, None)


# --- Dockerfile


def instructions(name: str) -> list[list[str]]:
    lines = [line.split() for line in DOCKERFILE.splitlines() if line and not line.startswith("#")]
    return [words for verb, *words in lines if verb == name]


def stage(name: str) -> str:
    """The instructions of a stage."""
    found = re.search(rf"^FROM \S+ AS {name}\n(.*?)(?=^FROM |\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL)
    assert found, name
    return found[1]


def test_all_stages_have_the_same_python_and_it_is_one_that_we_support() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    base = re.search(r"^ARG PYTHON=python:(\d+\.\d+)-slim-\w+$", DOCKERFILE, re.MULTILINE)

    assert base
    assert base[1] in SpecifierSet(project["requires-python"])
    bases = {name: base for base, _, name in instructions("FROM")}
    assert {base for base in bases.values() if base not in bases} == {"${PYTHON}"}
    assert list(bases)[-1] == "production"  # what is built where nobody says a target


def test_what_is_copied_is_here_and_let_in_and_is_the_whole_wheel() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    copied = {source for *sources, _ in instructions("COPY") for source in sources if not source.startswith(("-", "/"))}
    ignore = (ROOT / ".dockerignore").read_text().splitlines()

    assert all((ROOT / source).exists() for source in copied)
    assert {f"!{source}" for source in copied} == {line for line in ignore if line.startswith("!")}
    assert [line for line in ignore if line and line[0] not in "#!"] == ["*", "**/__pycache__"]
    assert copied >= {*project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"], project["project"]["readme"]}


def test_dependencies_are_those_of_the_lock_and_nothing_is_compiled() -> None:
    assert "install --require-hashes --only-binary=:all: -r locks/run.txt" in stage("dependencies")
    assert "install --no-deps --no-index /wheels/*.whl" in stage("build")
    assert not any(re.search(r"\b(pip|apt-get|gcc)\b", stage(name)) for name in ("base", "simulator", "production"))


def test_nothing_of_the_simulator_is_in_the_image_of_rsvpq_or_in_the_wheel() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    shipped = {"rsvpq", "producer", "workers"}

    assert set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) == shipped
    assert [line.split()[1:] for line in stage("simulator").splitlines() if line.startswith("COPY")] == [
        ["--from=dependencies", "/opt/rsvpq", "/opt/rsvpq"],
        ["simulator", "simulator"],
    ]
    assert not any("simulator" in stage(name) for name in ("dependencies", "build", "base", "production"))


def test_the_image_runs_as_the_user_of_the_compose_file() -> None:
    assert instructions("USER") == [[OURS["scan"]["user"]]]


# --- locks/


def locked(name: str) -> dict[str, str]:
    """The versions in a lock, by the names of distributions."""
    lines = re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "locks" / f"{name}.txt").read_text(), re.MULTILINE)
    return {canonicalize_name(distribution): version for distribution, version in lines}


def test_each_lock_holds_all_of_the_one_before_it() -> None:
    run, demo, dev, bench = map(locked, ("run", "demo", "dev", "bench"))

    assert run.items() < demo.items() < dev.items() < bench.items()


def test_the_lock_of_the_image_holds_what_the_project_needs_and_no_queue_server() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    needed = [Requirement(text) for text in (*project["dependencies"], *extras["ntlm"])]
    embedded = {Requirement(text).name for text in extras["embedded"]}

    assert embedded == locked("demo").keys() - locked("run").keys() - {"valkey"}
    assert all(locked("run")[canonicalize_name(one.name)] in one.specifier for one in needed)


def test_the_programs_of_make_install_the_lock_that_is_theirs() -> None:
    rules = dict(re.findall(r"^\$\(VENV\)/(\w+)\.stamp: locks/(\w+)\.txt ", MAKEFILE, re.MULTILINE))
    written = re.findall(r"-o locks/(\w+)\.txt$", MAKEFILE, re.MULTILINE)

    assert rules == {name: name for name in ("demo", "dev", "bench")}
    assert {f"{name}.txt" for name in written} == {file.name for file in (ROOT / "locks").iterdir()}
    assert "demo: $(VENV)/demo.stamp\n" in MAKEFILE
