"""The units of systemd agree with docker-compose.yml, keep secrets to themselves, and are what systemd understands."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from rsvpq.settings.environment import read_variables
from rsvpq.settings.model import HealthSettings
from testbed.processes import WAIT_S

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "deploy" / "systemd"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
DOCUMENTATION = (ROOT / "docs" / "deployment.md").read_text()
#: The unit of each service.
UNIT_OF = {
    "dispatcher": "rsvpq-dispatcher.service",
    "scan": "rsvpq-scan@.service",
    "answer": "rsvpq-answer@.service",
    "ops": "rsvpq-ops.service",
    "flower": "rsvpq-flower.service",
    "console": "rsvpq-console.service",
    "metrics": "rsvpq-metrics.service",
}
#: Those with a watchdog.
WATCHED = ("dispatcher", "scan", "answer", "ops", "console")

every_unit = pytest.mark.parametrize("name", UNIT_OF)


def directives(unit: str) -> dict[str, list[str]]:
    """What a unit says, whatever the section; a directive may be given several times."""
    found: dict[str, list[str]] = {}
    for line in (UNITS / unit).read_text().splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


def variables(unit: str) -> dict[str, str]:
    words = [word for line in directives(unit)["Environment"] for word in shlex.split(line)]
    return dict(word.split("=", 1) for word in words)


def test_there_is_a_unit_for_each_process_and_the_target_starts_them_as_often_as_compose() -> None:
    assert {path.name for path in UNITS.iterdir()} == {*UNIT_OF.values(), "rsvpq.target"}
    wanted = " ".join(directives("rsvpq.target")["Wants"]).split()
    counts = {name: len([unit for unit in wanted if unit.startswith(f"rsvpq-{name}")]) for name in UNIT_OF}
    # One dispatcher is enough, as it is restarted; a second one is for a host that fails.
    assert counts == {
        "dispatcher": 1,
        "scan": 1,
        "answer": SERVICES["answer"]["deploy"]["replicas"],
        "ops": 1,
        "flower": 1,
        "console": 1,
        "metrics": 1,
    }


@every_unit
def test_a_unit_runs_what_compose_runs(name: str) -> None:
    command = SERVICES[name]["command"]
    words = shlex.split(command) if isinstance(command, str) else list(command)
    (line,) = directives(UNIT_OF[name])["ExecStart"]
    unit = shlex.split(line.replace("%%", "%"))
    assert unit[0] == f"/opt/rsvpq/bin/{words[0]}"
    there = [word.replace(f"{name}-%i@", f"{name}@").replace("127.0.0.1", "0.0.0.0") for word in unit[1:]]  # noqa: S104
    assert there == words[1:]


@every_unit
def test_a_unit_comes_back_and_has_time_to_finish(name: str) -> None:
    says = directives(UNIT_OF[name])
    assert says["Restart"] == ["always"]
    assert says["StartLimitIntervalSec"] == ["0"]
    assert (says["KillSignal"], says["KillMode"]) == (["SIGTERM"], ["mixed"])
    assert says["PartOf"] == says["WantedBy"] == ["rsvpq.target"]
    if name in ("scan", "answer", "ops"):
        assert says["TimeoutStopSec"] == [SERVICES[name]["stop_grace_period"].removesuffix("s")]


@pytest.mark.parametrize("name", WATCHED)
def test_systemd_watches_for_longer_than_a_process_watches_itself(name: str) -> None:
    says = directives(UNIT_OF[name])
    assert (says["Type"], says["NotifyAccess"]) == (["notify"], ["main"])
    assert int(says["WatchdogSec"][0]) > HealthSettings().stalled_after.seconds
    if name != "console":
        assert says["TimeoutStartSec"] == ["infinity"]  # a worker is ready when Redis is there


@every_unit
def test_secrets_are_credentials_and_nothing_else(name: str) -> None:
    given = variables(UNIT_OF[name])
    ours = {key: value for key, value in given.items() if key.startswith("RSVPQ_")}
    assert read_variables(ours, ["hq1"]).problems == ()
    credentials = dict(line.split(":") for line in directives(UNIT_OF[name])["LoadCredential"])
    secret = {key: value for key, value in given.items() if re.search("PASSWORD|LOGIN", key)}
    assert {value.removeprefix("%d/") for value in secret.values()} == set(credentials)
    assert all(value.startswith("%d/") for value in secret.values())
    assert all(path.startswith("/etc/rsvpq/secrets/") for path in credentials.values())
    assert all(path.removeprefix("/etc/rsvpq/") in DOCUMENTATION for path in credentials.values())


@every_unit
def test_a_unit_is_confined(name: str) -> None:
    says = directives(UNIT_OF[name])
    assert says["User"] == ["rsvpq"]
    assert says["CapabilityBoundingSet"] == [""]
    assert says["NoNewPrivileges"] == says["ProtectHome"] == says["PrivateTmp"] == ["yes"]
    assert says["ProtectSystem"] == ["strict"]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not here (Debian: systemd)")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    for folder in ("etc/systemd/system", "opt/rsvpq/bin"):
        (tmp_path / folder).mkdir(parents=True)
    for program in ("celery", "python"):
        path = tmp_path / "opt/rsvpq/bin" / program
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    units = [Path(shutil.copy(path, tmp_path / "etc/systemd/system")) for path in UNITS.iterdir()]
    command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", f"--root={tmp_path}", *map(str, units)]
    verified = subprocess.run(command, capture_output=True, text=True, check=False, timeout=WAIT_S)
    # There is no system in this root, so what the units are ordered after is not there.
    complaints = [line for line in verified.stderr.splitlines() if "Unit sysinit.target not found" not in line]
    assert complaints == []
