"""The simulator's Exchange Web Services in place of the stub: where it is, what waits in it, and what it counts."""

import time
from pathlib import Path
from typing import Any

from benchmarks.stub_server import Count, Failed
from testbed.simulated_exchange import SimulatedExchange, World

PATH = "/EWS/Exchange.asmx"
PASSWORD = "bench"  # noqa: S105 - of a server on loopback that lives for one run
USERNAME = SimulatedExchange.username
#: Nothing but requests whose organizers are elsewhere: an answer that comes back would be another message.
_OPTIONS = ("--inside", "0")


class SimulatedServer:
    """The simulator with requests in so many mailboxes, ``depth`` of them in each on average."""

    def __init__(self, directory: Path, *, mailboxes: int, depth: int, latency_ms: float = 0) -> None:
        #: The oracle counts through all messages: the more there are, the less often it is asked.
        self.look_every_s = mailboxes * depth / 5_000
        world = World(mailboxes, depth, responses=0, latency_ms=latency_ms)
        self._exchange = SimulatedExchange(directory, world, PASSWORD, _OPTIONS)
        self.part = self._exchange.part
        self.url = self._exchange.urls[0] + PATH
        self.addresses: list[str] = [box["address"] for box in self._exchange.ask("mailboxes")]

    def end(self) -> None:
        """End it."""
        self.part.end()

    def count(self) -> Count:
        """Return the counts so far."""
        summary = self._exchange.ask("summary")
        return Count(
            _answers(summary), summary["http_requests"], time.monotonic(), operations=summary["requests_by_verb"]
        )

    def require(self, answered: int) -> None:
        """Check that so many messages were answered, each once.

        :raises Failed: some were not, or more than once.
        """
        requests = self._exchange.ask("summary")["requests"]
        verdict = {name: requests[name] for name in ("answered_once", "answered_twice", "accepted_unsent")}
        if verdict != {"answered_once": answered, "answered_twice": 0, "accepted_unsent": 0}:
            raise Failed(f"{answered} messages were to be answered once each; the simulator saw {verdict}")


def _answers(summary: dict[str, Any]) -> int:
    requests: dict[str, int] = summary["requests"]
    return requests["answered_once"] + requests["answered_twice"]
