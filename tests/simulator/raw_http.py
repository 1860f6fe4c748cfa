"""What the simulator's tests stand on: its real process, raw bytes over sockets, and no client of ours."""

# ruff: noqa: S608 - the SQL of a SEARCH is what is tested

import base64
import json
import select
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

from lxml import etree

from testbed.fork_server import fork_server, python_part
from testbed.processes import WAIT_S, until
from testbed.simulated_exchange import first_line

ROOT = Path(__file__).parents[2]
#: Seconds and milliseconds of a delay that ends by itself within no test: its end comes when the clock is put forward.
NEVER_S = 600
NEVER_MS = NEVER_S * 1000
AUTHORIZATION = "Basic " + base64.b64encode(b"CORP\\svc-rsvpq:simulator").decode()
DAV, HTTPMAIL, CALENDAR = "{DAV:}", "{urn:schemas:httpmail:}", "{urn:schemas:calendar:}"
EXCHANGE = "{http://schemas.microsoft.com/exchange/}"
Row = dict[str, str]


@dataclass(frozen=True)
class Answer:
    """One HTTP response, body without its chunking."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    raw: bytes


def read_answer(raw: bytes) -> Answer:
    """An answer that was read to the end of its connection."""
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    if headers.get("Transfer-Encoding") == "chunked":
        body = _without_chunks(body)
    return Answer(int(first.split(" ")[1]), headers, body, raw)


def _without_chunks(body: bytes) -> bytes:
    parts: list[bytes] = []
    while True:
        size, _, body = body.partition(b"\r\n")
        if not int(size, 16):
            return b"".join(parts)
        parts.append(body[: int(size, 16)])
        assert body[int(size, 16) :][:2] == b"\r\n"
        body = body[int(size, 16) + 2 :]


class Simulator:
    """A running simulator and the ways to talk to it."""

    def __init__(self, ready: dict[str, Any]) -> None:
        self.ready = ready

    def connect(self, server: int = 0) -> socket.socket:
        """A raw connection to one of the servers."""
        host, port = self.ready["servers"][server].split("//")[1].split(":")
        return socket.create_connection((host, int(port)), timeout=WAIT_S)

    def send(self, octets: bytes, server: int = 0) -> Answer:
        """Send bytes as they are, and read until the server closes."""
        with self.connect(server) as connection:
            connection.sendall(octets)
            return read_answer(read_all(connection))

    def ask(self, method: str, path: str, body: str = "", server: int = 0, **headers: str) -> Answer:
        """Send one request on a connection of its own."""
        return self.send(request(method, path, body, Connection="close", **headers), server)

    def post(self, page: str, document: object) -> Answer:
        """Tell the oracle something."""
        return self.ask("POST", f"/_oracle/{page}", json.dumps(document))

    def turn(self, **switches: object) -> Any:
        """Set switches; which of them stand otherwise now."""
        answer = self.post("switches", switches)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)

    def put_clock_forward(self, seconds: float) -> float:
        """Let time have passed for the simulator; its epoch seconds now."""
        answer = self.post("clock", {"forward_s": seconds})
        assert answer.status == 200, answer.body
        now: float = json.loads(answer.body)["now"]
        return now

    def wait_for(self, page: str, fact: Callable[[Any], bool], what: str) -> None:
        """Wait until what a page of the oracle says is so."""
        until(lambda: fact(self.oracle(page)), what)

    def oracle(self, page: str) -> Any:
        """What the oracle says."""
        answer = self.ask("GET", f"/_oracle/{page}")
        assert answer.status == 200
        if page.partition("?")[0] in {"messages", "meetings"}:
            return [json.loads(line) for line in answer.body.splitlines()]
        return json.loads(answer.body)

    def messages_of(self, mailbox: str) -> list[dict[str, Any]]:
        """What the oracle says of the seeded messages of one mailbox."""
        found: list[dict[str, Any]] = self.oracle(f"messages?mailbox={quote(mailbox)}")
        return found

    def message(self, **facts: object) -> dict[str, Any]:
        """The one seeded message with these facts."""
        (found,) = [m for m in self.oracle("messages") if facts.items() <= m.items()]
        return dict(found)

    def folders(self, path: str, server: int = 0) -> Row:
        """The URLs of the well-known folders of a mailbox, by role."""
        asked = "".join(
            f"<m:{role}/>" for role in ("inbox", "drafts", "sentitems", "deleteditems", "calendar", "sendmsg")
        )
        body = f'<D:propfind xmlns:D="DAV:" xmlns:m="urn:schemas:httpmail:"><D:prop>{asked}</D:prop></D:propfind>'
        (row,) = rows(self.ask("PROPFIND", path, body, server, Depth="0"))
        return {name.removeprefix(HTTPMAIL): url for name, url in row.items()}

    def search(self, folder: str, select: str, condition: str = "", server: int = 0, **headers: str) -> Answer:
        """Search a folder, given by URL or path, for visible messages."""
        where = f'WHERE "DAV:isfolder" = False {condition}'
        return self.ask("SEARCH", path_of(folder), searchrequest(f'SELECT {select} FROM "" {where}'), server, **headers)

    def find(self, folder: str, condition: str = "", server: int = 0) -> list[Row]:
        """Class, uid, subject and href of the messages in a folder, oldest first."""
        select = (
            '"http://schemas.microsoft.com/exchange/outlookmessageclass","urn:schemas:calendar:uid",'
            '"urn:schemas:calendar:responserequested","urn:schemas:httpmail:subject","urn:schemas:httpmail:read"'
        )
        order = ' ORDER BY "urn:schemas:httpmail:datereceived" ASC'
        return rows(self.search(folder, select, condition + order, server))

    def requests(self, folder: str, *, wanted: bool = True) -> list[Row]:
        """The meeting requests in a folder that want a response, or that want none."""
        wants = f'AND "urn:schemas:calendar:responserequested" = {wanted}'
        return self.find(folder, f"{wants} AND {is_class('IPM.Schedule.Meeting.Request')}")


def is_class(name: str) -> str:
    """The condition that a message is of this class."""
    return f"\"http://schemas.microsoft.com/exchange/outlookmessageclass\" = '{name}'"


def request(method: str, path: str, body: str = "", **headers: str) -> bytes:
    """The bytes of a request by the service account; `Content_Type` is the header Content-Type."""
    octets = body.encode()
    all_headers = {
        "Host": "mail.example.com",
        "Authorization": AUTHORIZATION,
        "Content-Length": str(len(octets)),
        **headers,
    }
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in all_headers.items() if value)
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + octets


def searchrequest(sql: str) -> str:
    """SQL in its envelope."""
    escaped = sql.replace("&", "&amp;").replace("<", "&lt;")
    return f'<?xml version="1.0"?><d:searchrequest xmlns:d="DAV:"><d:sql>{escaped}</d:sql></d:searchrequest>'


def path_of(url: str) -> str:
    """A URL without its origin."""
    return "/" + url.split("://", 1)[1].split("/", 1)[1] if "://" in url else url


def rows(answer: Answer) -> list[Row]:
    """The rows of a multistatus: what was found, by qualified name, and the href as `href`."""
    assert answer.status == 207, answer.raw[:300]
    found = []
    for response in etree.fromstring(answer.body).findall(f"{DAV}response"):
        row = {"href": response.findtext(f"{DAV}href") or ""}
        for propstat in response.findall(f"{DAV}propstat"):
            if propstat.findtext(f"{DAV}status") == "HTTP/1.1 200 OK":
                row |= {str(element.tag): element.text or "" for element in propstat.findall(f"{DAV}prop/*")}
        found.append(row)
    return found


def read_all(connection: socket.socket) -> bytes:
    """Everything until the other side closes."""
    parts = []
    while part := connection.recv(1 << 16):
        parts.append(part)
    return b"".join(parts)


def is_silent(connection: socket.socket) -> bool:
    """Whether nothing has come by it, and it has not ended."""
    return not select.select([connection], [], [], 0)[0]


def start(*arguments: str) -> subprocess.Popen[bytes]:
    """Start a simulator on free ports."""
    command = [sys.executable, "-m", "simulator", "--port", "0", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)


@contextmanager
def running(*arguments: str) -> Iterator[Simulator]:
    """A simulator for as long as the block lasts, as a fork."""
    program = ["-m", "simulator", "--port", "0", "--today", "2026-03-02", *arguments]
    with TemporaryDirectory() as directory:
        ready, log = Path(directory, "ready"), Path(directory, "log")
        part = python_part("simulator", program, forks=fork_server(), log=log, env={}, out=ready)
        try:
            yield Simulator(json.loads(part.wait_for(lambda: first_line(ready), "the simulator is ready")))
        finally:
            part.end()
        assert "event=failed" not in (errors := log.read_text()), errors


INBOX = "/exchange/adele0/Inbox"
MARKER = '"http://schemas.microsoft.com/mapi/proptag/x65e8000b"'
