"""The stub as a child process, and what it counts."""

import http.client
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.stub import CONTROL
from testbed.processes import WAIT_S, Part


class Failed(Exception):
    """A run that must not be counted: messages were lost or answered twice, or a part ended."""


@dataclass(frozen=True, slots=True)
class Count:
    """The counts of a mail server at one moment (``at``: seconds, of which only differences mean anything)."""

    answers: int
    requests: int
    at: float
    #: The requests by operation, where they are counted so.
    operations: Mapping[str, int] = field(default_factory=dict)


class StubServer:
    """A stub with messages in so many mailboxes."""

    look_every_s: float = 0.02

    def __init__(self, directory: Path, *, mailboxes: int, depth: int, latency_ms: float = 0) -> None:
        ready = directory / "stub.out"
        world = ["--mailboxes", str(mailboxes), "--depth", str(depth), "--latency-ms", f"{latency_ms:g}"]
        command = [sys.executable, "-m", "benchmarks.stub", *world]
        self.part = Part("stub", command, log=directory / "stub.log", out=ready, env={})
        try:
            self.url: str = self.part.wait_for(lambda: ready.read_text().strip(), "the stub is ready")
        except BaseException:
            self.part.end()
            raise
        self._connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=WAIT_S)

    def end(self) -> None:
        """End it."""
        self._connection.close()
        self.part.end()

    def count(self) -> Count:
        """Return the counts so far."""
        return Count(**self._ask("count"))

    def watch(self, mailbox: str) -> None:
        """Keep the requests to this mailbox, and forget those kept before."""
        self._ask(f"watch?{mailbox}")

    def recorded(self) -> list[dict[str, Any]]:
        """Return the requests to the watched mailbox, in order."""
        kept: list[dict[str, Any]] = self._ask("recorded")
        return kept

    def require(self, answered: int) -> None:
        """Check that so many messages were answered, each once.

        :raises Failed: some were not, or more than once.
        """
        verdict = self._ask("verdict")
        if verdict != {"answered": answered, "twice": 0, "unsent": 0}:
            raise Failed(f"{answered} messages were to be answered once each; the stub saw {verdict}")

    def require_none_twice(self) -> None:
        """Check that nothing was answered twice, where a run ends in the middle.

        :raises Failed: something was.
        """
        verdict = self._ask("verdict")
        if verdict["twice"]:
            raise Failed(f"messages were answered twice; the stub saw {verdict}")

    def _ask(self, what: str) -> Any:
        self._connection.request("GET", CONTROL + what)
        return json.loads(self._connection.getresponse().read())
