"""rsvpq as it is installed: from its wheel, with what the lock of production names, and no source tree in sight."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from zipfile import ZipFile

import pytest

import rsvpq as source
from testbed.processes import RUN_S, Part
from testbed.simulated_exchange import World
from testbed.stack import Plan, Stack
from tests.support.running_stack import wait_until_answered

ROOT = Path(__file__).parents[2]
#: Nothing is found by way of the environment.
CLEAN = {"PYTHONPATH": "", "PYTHONHOME": ""}


class Installed:
    """A fresh environment of Python with the wheel in it."""

    def __init__(self, directory: Path, wheel: Path) -> None:
        self.directory = directory
        self.python = directory / "venv" / "bin" / "python"
        run([sys.executable, "-m", "venv", "--without-pip", directory / "venv"])
        site = run([self.python, "-c", "import site; print(site.getsitepackages()[0])"]).strip()
        _link_what_is_locked(Path(site))
        pip: list[str | Path] = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", self.python]
        run([*pip, "install", "--quiet", "--no-index", "--no-deps", wheel])

    def rsvpq(self, *arguments: str | Path) -> str:
        """What the command line prints; it must succeed."""
        return run([self.python.with_name("rsvpq"), *arguments], self.directory)


class InstalledStack(Stack):
    """A stack whose processes are those of the wheel; the simulated Exchange and the queue server are ours."""

    installed: Installed

    def start(self, name: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Part:
        command = [str(self.installed.python), *arguments]
        variables = {**self.environment, **(environment or {}), **CLEAN}
        return self._begin(name, lambda: Part(name, command, log=self.directory / f"{name}.log", env=variables))


def run(command: Sequence[str | Path], directory: Path | None = None) -> str:
    environment = {**os.environ, **CLEAN}
    ran = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, check=False, timeout=RUN_S
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def _link_what_is_locked(site: Path) -> None:
    """Make the packages of the lock of production importable there, without fetching them again, and no others."""
    for name in re.findall(r"^([\w.-]+)==", (ROOT / "locks" / "run.txt").read_text(), re.M):
        try:
            found = files(name) or []
        except PackageNotFoundError:
            continue  # of another platform or version of Python
        for file in found:
            top = file.parts[0]
            if top not in {"..", "__pycache__"} and not (site / top).exists():
                (site / top).symlink_to(Path(str(file.locate())).parents[len(file.parts) - 1] / top)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", directory], ROOT)
    (built,) = directory.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Installed:
    return Installed(tmp_path_factory.mktemp("installed"), wheel)


def test_the_wheel_has_the_two_sides_what_they_share_and_nothing_else(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"rsvpq", "producer", "workers", f"rsvpq-{source.__version__}.dist-info"}


def test_the_wheel_has_every_file_of_its_packages(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
    here = [path for room in ("rsvpq", "producer", "workers") for path in (ROOT / room).rglob("*") if path.is_file()]
    assert {str(path.relative_to(ROOT)) for path in here if path.suffix != ".pyc"} <= names


def test_the_command_line_runs_without_the_sources(installed: Installed) -> None:
    assert installed.rsvpq("--version").split()[-1] == source.__version__
    assert "scan" in installed.rsvpq("--help")
    where = run([installed.python, "-c", "import rsvpq; print(rsvpq.__file__)"], installed.directory)
    assert Path(where).is_relative_to(installed.directory)


def test_an_installation_writes_its_first_files_without_the_sources(tmp_path: Path, installed: Installed) -> None:
    (tmp_path / "password").write_text("secret")
    options = ("--non-interactive", "--no-probe", "--protocol", "ews", "--url", "https://mail.example.com")
    account = ("--username", "svc", "--password-file", tmp_path / "password", "--mailbox", "adele@example.com")
    installed.rsvpq("init", "--directory", tmp_path / "etc", *options, *account)
    assert "mode       observe" in installed.rsvpq("config", "check", "--config", tmp_path / "etc" / "rsvpq.toml")
    unit = (tmp_path / "etc/systemd/rsvpq-answer@.service").read_text()
    assert f"ExecStart={installed.directory}/venv/bin/celery" in unit


def test_the_installed_processes_scan_and_answer(
    tmp_path: Path, installed: Installed, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = InstalledStack(tmp_path, Plan(World(mailboxes=3, requests=2, responses=1), answer_threads=4))
    stack.installed = installed
    monkeypatch.chdir(tmp_path)  # Celery looks for its app where it was started, too
    with stack:
        for command in (["config", "check"], ["scan", "--all"]):
            run([installed.python.with_name("rsvpq"), *command, "--config", stack.config], tmp_path)
        wait_until_answered(stack)
        requests = stack.exchange.ask("summary")["requests"]
    assert requests["answered_once"] > 0
    assert requests["answered_twice"] == 0
