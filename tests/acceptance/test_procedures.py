"""Who follows the documentation gets answers, and none before confirming: each procedure is walked as it stands there.

Commands are run as they are written, with the example files edited as a person would; processes are those of the page,
or of docker-compose.yml where the page says `docker compose`. Redis and the simulated Exchange are there before.
"""

import csv
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from rsvpq import wiring
from rsvpq.settings import load_settings
from testbed.processes import Part, until
from testbed.queue_server import QueueServer
from testbed.simulated_exchange import SimulatedExchange, World, account_file

ROOT = Path(__file__).parents[2]
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
#: The services that a person starts beside Redis and Exchange; Flower is looked at elsewhere.
PROCESSES = ("dispatcher", "scan", "answer", "ops")
PROCEDURES = (
    ("README.md", "## Use it"),
    ("docs/run-book.md", "## Before the first run"),
    ("docs/deployment.md", "## First start"),
)
#: What a page says around a command of ours where containers run it.
_IN_CONTAINER = re.compile(r"docker compose (?:exec scan|run --rm --no-deps scan) (?=rsvpq )")
#: What has no place here: secrets are made by the test, images by nobody.
_NOT_HERE = re.compile(r"mkdir |openssl |echo |read |sudo |make |docker compose (?:build|ps)\b|chcon |sysctl ")
_COPY = re.compile(r"(?:cp|install -m 644) \S+\.example\.")
_STEP = re.compile(r"```sh\n(.*?)```|`([^`\n]+)`", re.DOTALL)
PASSWORD = "pass-word"


def steps(page: str, heading: str) -> list[str]:
    """The commands and settings of a section, in the order of reading."""
    section = (ROOT / page).read_text().split(f"\n{heading}\n")[1]
    section = re.split(r"\n#{1,3} ", section)[0]
    found: list[str] = []
    for block, word in _STEP.findall(section):
        lines = [re.split(r"\s+# ", line)[0].strip() for line in block.splitlines()]
        found += [line for line in lines if line] if block else [word]
    return found


class Walk:
    """A person with a terminal, a Redis and an Exchange, who does what a page says."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._parts: dict[str, Part] = {}
        self.redis = QueueServer(directory)
        self.exchange = SimulatedExchange(directory, World(mailboxes=12, requests=6, responses=2, seed=4), PASSWORD)
        self.confirmed = False
        for example in ("rsvpq.example.toml", "mailboxes.example.csv"):
            (directory / example).write_text((ROOT / example).read_text())
        (directory / "secrets").mkdir()
        account_file(directory / "secrets", "hq1", PASSWORD)

    def go(self, step: str) -> None:
        """Do one step."""
        step = _IN_CONTAINER.sub("", step)
        if _COPY.match(step):
            subprocess.run(["/bin/sh", "-c", step], cwd=self._directory, check=True)
            self._edit(step)
        elif step.startswith("rsvpq "):
            self._run(step)
        elif step.startswith(("celery ", "python -m ")):
            self._start(f"process {len(self._parts)}", step)
        elif step.startswith("docker compose up"):
            for name in PROCESSES:
                self._start(name, SERVICES[name]["command"])
        elif step.startswith('mode = "'):
            self._set(step)
        else:
            assert _NOT_HERE.match(step) or not re.match(r"\w+ (?:-|\w)", step), (
                f"nobody knows what to do with {step!r}"
            )

    def end(self) -> None:
        """End everything."""
        for part in (*self._parts.values(), self.exchange.part, self.redis.part):
            part.end()

    def answered(self) -> int:
        """How many requests Exchange saw answered."""
        summary: dict[str, Any] = self.exchange.ask("summary")
        return int(summary["requests"]["answered_once"])

    def wait_for_answers(self) -> None:
        """Wait until one is."""
        until(self.answered, "a request is answered", within_s=60)

    def _run(self, command: str) -> None:
        words = shlex.split(command.replace("MAILBOX", "adele0"))
        words[0] = str(Path(sys.executable).with_name("rsvpq"))
        before = self._scanned()
        ran = until(lambda: self._ran(words), f"{command} need not be asked again", within_s=120)
        assert ran.returncode == 0, f"{command}: {ran.stdout}{ran.stderr}"
        self.confirmed = self.confirmed or words[1] == "confirm"
        if words[1] == "scan" and "--dry-run" not in words:
            until(lambda: self._scanned() > before, f"{command} is done", within_s=60)
        if not self.confirmed:
            assert self.exchange.ask("summary")["mutating"] == 0

    def _ran(self, words: list[str]) -> subprocess.CompletedProcess[str] | None:
        """What came of a command; None where it says to ask again, or that a process has not reported yet.

        The schedule was a moment earlier, or the process was started a moment ago.
        """
        ran = subprocess.run(
            words,
            input="y\n",
            env=self._environment(),
            cwd=self._directory,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        said, soon = ran.stdout + ran.stderr, ("try again when", "> start one: ")
        return None if ran.returncode and any(words in said for words in soon) else ran

    def _scanned(self) -> int:
        settings = load_settings(self._directory / "rsvpq.toml")
        return wiring.make_lanes(settings).snapshot.counts().get("done:scanned", 0)

    def _start(self, name: str, command: str | list[str]) -> None:
        words = shlex.split(command) if isinstance(command, str) else [str(word) for word in command]
        program = sys.executable if words[0] == "python" else str(Path(sys.executable).with_name(words[0]))
        log = self._directory / f"{name}.log"
        self._parts[name] = Part(name, [program, *words[1:]], log=log, env=self._environment())
        if "info" in words:
            # Without it a worker does not say so; then whoever asks for something waits for the answer.
            part = self._parts[name]
            part.wait_for(lambda: part.tail(200).count(" ready.") > 0, f"{name} is ready", within_s=60)

    def _set(self, line: str) -> None:
        config = self._directory / "rsvpq.toml"
        text = config.read_text()
        if line in text.splitlines():
            return
        config.write_text(re.sub(r'(?m)^mode = ".*"$', line, text))

    def _edit(self, copied: str) -> None:
        """What an operator changes in the example files: the addresses, the account, the mailboxes."""
        config, mailboxes = self._directory / "rsvpq.toml", self._directory / "mailboxes.csv"
        if copied.count(config.name):
            for example, own in {
                'url = "https://mail1.example.com"': f'url = "{self.exchange.urls[0]}"',
                'url = "redis://127.0.0.1:6379/0"': f'url = "{self.redis.url}"',
                "username = 'EXAMPLE\\svc-rsvpq'": f"username = '{self.exchange.username}'",
                "allow_http = false": "allow_http = true",
            }.items():
                text = config.read_text()
                assert f"\n{example}\n" in text
                config.write_text(text.replace(f"\n{example}\n", f"\n{own}\n"))
        if copied.count(mailboxes.name):
            with mailboxes.open("w", newline="", encoding="utf-8") as file:
                rows = csv.writer(file)
                rows.writerow(["mailbox", "server", "group"])
                rows.writerows([box["mailbox"], "hq1", "pilot"] for box in self.exchange.ask("mailboxes"))

    def _environment(self) -> dict[str, str]:
        config = {"RSVPQ_CONFIG": str(self._directory / "rsvpq.toml")}
        return {**os.environ, **config, "HOSTNAME": "host", "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Walk]:
    walker = Walk(tmp_path)
    try:
        yield walker
    finally:
        walker.end()


@pytest.mark.parametrize(("page", "heading"), PROCEDURES, ids=[page for page, _ in PROCEDURES])
def test_who_does_what_the_page_says_gets_answers_and_none_before_confirming(
    walk: Walk, page: str, heading: str
) -> None:
    todo = steps(page, heading)
    if not any(map(_COPY.match, todo)):
        # The run-book begins where the files are written and the processes run.
        todo = [*steps(*PROCEDURES[2])[: _index(steps(*PROCEDURES[2]), "docker compose up")], *todo]
    for step in todo:
        walk.go(step)
    walk.wait_for_answers()


def _index(found: list[str], start: str) -> int:
    return next(number for number, step in enumerate(found, start=1) if step.startswith(start))
