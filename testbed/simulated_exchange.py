"""The simulator as a child process, and its oracle: what really happened to every message."""

import json
import os
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from testbed.fork_server import ForkServer, python_part
from testbed.processes import WAIT_S

_SITUATIONS = ("occurrences", "copies", "updates", "forbidden")


@dataclass(frozen=True, slots=True)
class World:
    """The world to simulate; the counts of messages are averages per mailbox."""

    mailboxes: int = 20
    requests: int = 5
    responses: int = 3
    deep: int = 0
    servers: int = 1
    seed: int = 1
    latency_ms: float = 0
    calendar: int = 0
    #: The percentage of the responses whose meetings are known; a server enters no others by itself.
    organized: int = 0
    #: In each mailbox: see docs/simulator.md.
    occurrences: int = 0
    copies: int = 0
    updates: int = 0
    forbidden: int = 0

    def arguments(self) -> list[str]:
        """Return the command line for this world."""
        given = {
            "mailboxes": self.mailboxes,
            "requests": self.requests,
            "responses": self.responses,
            "servers": self.servers,
            "seed": self.seed,
            "latency-ms": self.latency_ms,
            "calendar": self.calendar,
            "organized": self.organized,
            **{name: number for name in _SITUATIONS if (number := getattr(self, name))},
            **({"deep": self.deep} if self.deep else {}),
        }
        return [part for name, value in given.items() for part in (f"--{name}", str(value))]


class SimulatedExchange:
    """The simulator on free ports, with an account of its own.

    :param options: further arguments of ``python -m simulator``.
    :param forks: what starts it, if it is not started by its command.
    """

    username = r"CORP\svc-rsvpq"

    def __init__(
        self,
        directory: Path,
        world: World,
        password: str,
        options: Sequence[str] = (),
        forks: ForkServer | None = None,
    ) -> None:
        ready = directory / "simulator.json"
        self.part = python_part(
            "simulator",
            ["-m", "simulator", "--port", "0", "--user", self.username, *world.arguments(), *options],
            forks=forks,
            log=directory / "simulator.log",
            out=ready,
            env={"SIMULATOR_PASSWORD": password},
        )
        try:
            line = self.part.wait_for(lambda: first_line(ready), "the simulator is ready")
        except BaseException:
            self.part.end()
            raise
        addresses = json.loads(line)
        self.urls: list[str] = addresses["servers"]
        self._oracle: str = addresses["oracle"]

    def ask(self, what: str) -> Any:
        """Return the oracle's ``summary`` or ``mailboxes``."""
        return json.loads(self._fetch(what))

    def messages(self, mailbox: str = "") -> list[dict[str, Any]]:
        """Return a dict for each seeded message (of a mailbox): what was done to it, how often and when."""
        which = f"?{urlencode({'mailbox': mailbox})}" if mailbox else ""
        return [json.loads(line) for line in self._fetch(f"messages{which}").splitlines()]

    def meetings(self) -> list[dict[str, Any]]:
        """Return a dict for each organized meeting, with the status of each attendee."""
        return [json.loads(line) for line in self._fetch("meetings").splitlines()]

    def promise(self, limits: Mapping[str, Any]) -> None:
        """Give the oracle the promised limits, so that it counts how often they are broken."""
        self._fetch("limits", json.dumps(limits).encode())

    def have_faults(self, faults: Sequence[Mapping[str, Any]]) -> None:
        """Let these faults be in force, and no others; see docs/simulator.md for their fields."""
        self._fetch("faults", json.dumps(faults).encode())

    def faults(self) -> list[dict[str, Any]]:
        """Return the faults in force, each with how often it was injected."""
        found: list[dict[str, Any]] = json.loads(self._fetch("faults"))
        return found

    def set_switches(self, switches: Mapping[str, Any]) -> None:
        """Set switches on all servers, or on one with ``server``; see docs/simulator.md."""
        self._fetch("switches", json.dumps(switches).encode())

    def switches(self) -> dict[str, Any]:
        """Return the switches of the first server."""
        return {name: facts["value"] for name, facts in json.loads(self._fetch("switches")).items()}

    def put_clock_forward(self, seconds: float) -> None:
        """Let so much time have passed there."""
        self._fetch("clock", json.dumps({"forward_s": seconds}).encode())

    def _fetch(self, what: str, body: bytes | None = None) -> bytes:
        request = urllib.request.Request(f"{self._oracle}/_oracle/{what}", data=body)  # noqa: S310 - loopback http
        with urllib.request.urlopen(request, timeout=WAIT_S) as answer:  # noqa: S310 - loopback http
            content: bytes = answer.read()
            return content


def first_line(path: Path) -> str | None:
    """Return the first line of a file that a process has begun to write; None as long as it is not whole."""
    text = path.read_text() if path.exists() else ""
    return text.splitlines()[0] if text.endswith("\n") else None


def account_file(directory: Path, name: str, secret: str) -> Path:
    """Write a secret into a file that only its owner may read."""
    path = directory / name
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(secret + "\n")
    return path
