"""A mail server that costs next to nothing: ``python -m benchmarks.stub``; for measuring clients, not for testing them.

Stateful where a client depends on it (:mod:`benchmarks.store`), and without any of the habits of the simulator. Counts
every answer that is sent, and keeps the requests of one mailbox on demand.
"""

import argparse
import asyncio
import json
import re
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from urllib.parse import unquote

from benchmarks import multistatus
from benchmarks.store import ETAG, MESSAGE, SUBMISSION, Store, folders, matching

CONTROL = "/_stub/"
_BACKLOG = 1024
_OWA_PAGE = b"<html><body>" + b"<p>The meeting request was processed.</p>" * 14 + b"</body></html>"
_ROWS = re.compile(r"rows=(\d+)-(\d+)")
_HEADERS = "Server: Microsoft-IIS/6.0\r\nMS-WebStorage: 6.5.7226\r\n"
#: Status, body, content type, further header lines.
Answer = tuple[str, bytes, str, str]
_DONE: Answer = ("201 Created", b"", "text/html", "")
_CHANGED: Answer = ("412 Precondition Failed", b"", "text/html", "")
_NOT_THERE: Answer = ("404 Resource Not Found", b"<html>not found</html>", "text/html", "")


class Request:
    """One request, its path cut into mailbox, folder and the item's name without ``.EML``."""

    def __init__(self, head: str, body: bytes) -> None:
        line, *rest = head.split("\r\n")
        self.method, self.target, _ = line.split(" ", 2)
        self.headers = {name.lower(): value.strip() for name, _, value in (header.partition(":") for header in rest)}
        self.body = body
        self.path, _, self.query = self.target.partition("?")
        parts = [*self.path.removeprefix("/exchange/").split("/"), "", "", ""]
        self.mailbox, self.folder, name = parts[:3]
        if self.folder == "-FlatUrlSpace-":  # the permanent URL of a request, or of an answer in Drafts
            self.folder, name = ("Drafts", name[1:]) if name.startswith("r") else ("Inbox", name)
        self.name = name.removesuffix(".EML")
        self.origin = f"http://{self.headers['host']}"

    def to_dict(self) -> dict[str, object]:
        """Return the counts as a JSON-ready dict."""
        return {"method": self.method, "path": self.target, "headers": self.headers, "body": self.body.decode()}


class Stub:
    """The server: what it answers to each method."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._requests = 0
        self._watched = ""
        self._recorded: list[dict[str, object]] = []
        self._methods: dict[str, Callable[[Request], Answer]] = {
            "GET": self._get,
            "PROPFIND": self._propfind,
            "SEARCH": self._search,
            "PROPPATCH": self._proppatch,
            "MOVE": self._move,
            "DELETE": self._delete,
        }

    def answer(self, request: Request) -> Answer:
        """Answer one request and count it."""
        if request.path.startswith(CONTROL):
            return self._control(request)
        self._requests += 1
        if request.mailbox == self._watched:
            self._recorded.append(request.to_dict())
        method = self._methods.get(request.method)
        return method(request) if method else ("501 Not Implemented", b"", "text/html", "")

    def _get(self, request: Request) -> Answer:
        if request.query.lower() == "cmd=accept":
            done = self._store.accept(request.mailbox, request.name)
            return ("200 OK", _OWA_PAGE, "text/html", "") if done else _NOT_THERE
        return _NOT_THERE if self._item(request) is None else ("200 OK", _OWA_PAGE, "text/html", "")

    def _propfind(self, request: Request) -> Answer:
        item = self._item(request) if request.name else folders(request.mailbox, request.origin)
        return _NOT_THERE if item is None else _multistatus(multistatus.answer([item], multistatus.asked(request.body)))

    def _search(self, request: Request) -> Answer:
        named = [found[0] for found in MESSAGE.finditer(request.body.decode())]
        # A search that names messages is one of a kind, so its text is not worth keeping.
        asked = multistatus.asked.__wrapped__(request.body) if named else multistatus.asked(request.body)
        rows = matching(self._store.rows(request.mailbox, request.folder, request.origin), named)
        first, last = _range(request.headers.get("range", ""), len(rows))
        if rows and first >= len(rows):
            return ("416 Requested Range Not Satisfiable", b"", "text/html", "")
        header = f"Content-Range: rows {first}-{max(first, min(last, len(rows) - 1))}; total={len(rows)}\r\n"
        return _multistatus(multistatus.answer(rows[first : last + 1], asked), header)

    def _proppatch(self, request: Request) -> Answer:
        item = self._item(request)
        if item is None:
            return _NOT_THERE
        if request.headers.get("if-match", item[ETAG]) != item[ETAG]:
            return _CHANGED
        values = multistatus.values(request.body)
        self._store.patch(request.mailbox, request.folder, request.name, values)
        return _multistatus(multistatus.patched(request.origin + request.path, [*values]))

    def _move(self, request: Request) -> Answer:
        sending = SUBMISSION.strip("#") in request.headers["destination"]
        if sending:
            done = request.folder == "Drafts" and self._store.submit(request.mailbox, request.name)
        else:
            done = self._store.remove(request.mailbox, request.name)
        return _DONE if done else _NOT_THERE

    def _delete(self, request: Request) -> Answer:
        done = self._store.remove(request.mailbox, request.name)
        return ("204 No Content", b"", "text/html", "") if done else _NOT_THERE

    def _item(self, request: Request) -> dict[str, str] | None:
        return self._store.item(request.mailbox, request.folder, request.name, request.origin)

    def _control(self, request: Request) -> Answer:
        what = request.path.removeprefix(CONTROL)
        if what == "watch":
            self._watched, self._recorded = unquote(request.query), []
        said: object = {"answers": self._store.answers, "requests": self._requests, "at": time.monotonic()}
        if what == "recorded":
            said = self._recorded
        elif what == "verdict":
            said = self._verdict()
        return ("200 OK", json.dumps(said).encode(), "application/json", "")

    def _verdict(self) -> dict[str, int]:
        accepted, submitted = self._store.accepted, self._store.submitted
        return {
            "answered": self._store.answers,
            "twice": sum(count > 1 for counts in (accepted, submitted) for count in counts.values()),
            "unsent": len(accepted.keys() - submitted.keys()),
        }


def _multistatus(body: bytes, headers: str = "") -> Answer:
    return ("207 Multi-Status", body, "text/xml", headers)


def _range(header: str, total: int) -> tuple[int, int]:
    found = _ROWS.search(header)
    return (int(found[1]), int(found[2])) if found else (0, max(0, total - 1))


class Connection(asyncio.Protocol):
    """One connection: requests one after the other, each answered after the latency."""

    def __init__(self, stub: Stub, latency_s: float) -> None:
        self._stub = stub
        self._latency_s = latency_s
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Handle an event of the loop."""
        self._transport = transport if isinstance(transport, asyncio.Transport) else None

    def data_received(self, data: bytes) -> None:
        """Handle an event of the loop."""
        self._received += data
        while (request := self._next()) is not None:
            if self._latency_s and not request.path.startswith(CONTROL):
                asyncio.get_running_loop().call_later(self._latency_s, self._answer, request)
            else:
                self._answer(request)

    def _next(self) -> Request | None:
        head, end, rest = self._received.partition(b"\r\n\r\n")
        if not end:
            return None
        length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
        size = int(length[1]) if length else 0
        if len(rest) < size:
            return None
        self._received = rest[size:]
        return Request(head.decode("latin-1"), rest[:size])

    def _answer(self, request: Request) -> None:
        status, body, kind, headers = self._stub.answer(request)
        lines = f"{_HEADERS}Content-Type: {kind}\r\n{headers}Content-Length: {len(body)}"
        if self._transport is not None:
            self._transport.write(f"HTTP/1.1 {status}\r\n{lines}\r\n\r\n".encode() + body)


def main() -> None:
    """Print the address as one line on stdout, and serve until SIGTERM."""
    parser = argparse.ArgumentParser("python -m benchmarks.stub", description=__doc__)
    parser.add_argument("--mailboxes", type=int, default=200, help="mailboxes that have messages")
    parser.add_argument("--depth", type=int, default=15, help="messages in each of them")
    parser.add_argument("--latency-ms", type=float, default=0, help="time before each answer")
    asyncio.run(_serve(parser.parse_args()))


async def _serve(options: argparse.Namespace) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    connection = partial(Connection, Stub(Store(options.mailboxes, options.depth)), options.latency_ms / 1000)
    server = await loop.create_server(connection, "127.0.0.1", 0, backlog=_BACKLOG)
    sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await ended.wait()


if __name__ == "__main__":
    main()
