"""Record the requests of one answer, so that other programs can repeat them for other messages."""

import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from benchmarks.store import mailbox_name, message_name
from benchmarks.stub_server import StubServer
from testbed.queue_server import queue_server

if TYPE_CHECKING:
    from benchmarks.installation import Installation

_BY_THE_CLIENT = {"host", "content-length", "connection"}


@dataclass(frozen=True, slots=True)
class Step:
    """One HTTP request; ``{mailbox}``, ``{message}`` and ``{origin}`` stand for what differs."""

    method: str
    path: str
    headers: dict[str, str]
    body: str

    @property
    def name(self) -> str:
        """The name for people."""
        _, _, rest = self.path.removeprefix("/exchange/").partition("/")
        folder, _, item = rest.partition("/")
        command = item.partition("?")[2]
        return f"{self.method} {folder}{' ?' + command if command else ''}{' item' if item and not command else ''}"


@dataclass(frozen=True, slots=True)
class Recording:
    """The steps of one answer, in order."""

    steps: tuple[Step, ...]

    def save(self, path: Path) -> None:
        """Write it down for :meth:`load`."""
        path.write_text(json.dumps([asdict(step) for step in self.steps]), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what :meth:`save` wrote."""
        return cls(tuple(Step(**step) for step in json.loads(path.read_text(encoding="utf-8"))))


def record() -> Recording:
    """Have rsvpq answer two messages of one mailbox; the second one's requests (the first has to find the folders)."""
    # Who follows a recording reads this file too, and may be greenlets, in which rsvpq refuses to be.
    from benchmarks.installation import Installation  # noqa: PLC0415 - the same

    with tempfile.TemporaryDirectory(prefix="rsvpq-bench-") as name, queue_server(Path(name)) as redis:
        stub = StubServer(Path(name), mailboxes=1, depth=2)
        try:
            return Recording(_answer_two(Installation(Path(name), redis, stub), stub))
        finally:
            stub.end()


def _answer_two(rsvpq: "Installation", stub: StubServer) -> tuple[Step, ...]:
    messages = rsvpq.find(0)
    try:
        rsvpq.start_dispatcher()
        rsvpq.start_worker("answer", threads=1)
        for number, message in enumerate(messages, start=1):
            stub.watch(mailbox_name(0))
            rsvpq.offer(0, [message])
            rsvpq.wait_for_count("done:answered", number)
    finally:
        rsvpq.end()
    return tuple(_step(request, stub.url) for request in stub.recorded())


def _step(request: dict[str, Any], origin: str) -> Step:
    def general(text: str) -> str:
        for value, name in ((origin, "origin"), (message_name(0, 1), "message"), (mailbox_name(0), "mailbox")):
            text = text.replace(value, f"{{{name}}}")
        return text

    headers = {name: general(value) for name, value in request["headers"].items() if name not in _BY_THE_CLIENT}
    return Step(request["method"], general(request["path"]), headers, general(request["body"]))
