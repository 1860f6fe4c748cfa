"""A mail server that plays given answers, for what no well-behaved one does: raw bytes over real sockets."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import BinaryIO, Literal

from rsvpq.mail.messages import ItemRef, Kind, MeetingMessage, Verdict
from rsvpq.webdav.folders import Folders
from testbed.processes import WAIT_S
from tests.support.listening import listening

#: Of the mailbox that such a server has, and a request in it.
FOLDERS = Folders(
    inbox="/exchange/adele/Inbox",
    drafts="/exchange/adele/Drafts",
    sentitems="/exchange/adele/Sent%20Items",
    deleteditems="/exchange/adele/Deleted%20Items",
    sendmsg="/exchange/adele/%23%23DavMailSubmissionURI%23%23",
)
MESSAGE = MeetingMessage(Kind.REQUEST, ItemRef("rid:1", ("/exchange/adele/Inbox/Budget.EML", "")))
DRAFT = MeetingMessage(Kind.ANSWER, ItemRef("rid:2", ("/exchange/adele/Drafts/Budget.EML", "")), reply=Verdict.ACCEPT)

_END_OF_HEAD = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Play:
    """The answer to one request, and what happens to the connection then."""

    octets: bytes = b""
    then: Literal["keep", "close", "reset", "hang", "drip", "repeat"] = "keep"


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


def play(status: int, body: bytes = b"", **headers: str) -> Play:
    """Return a whole answer; `Content_Type` is the header Content-Type."""
    given = {"Content-Length": str(len(body)), **{name.replace("_", "-"): value for name, value in headers.items()}}
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return Play(f"HTTP/1.1 {status} Whatever\r\n{lines}\r\n".encode() + body)


XML = {"Content_Type": "text/xml"}
NO_ROWS = b'<?xml version="1.0"?><a:multistatus xmlns:a="DAV:"></a:multistatus>'


def rows_page(
    *numbers: int, href: str = "/exchange/adele/Inbox/{}.EML", message_class: str = "IPM.Schedule.Meeting.Request"
) -> bytes:
    """Return the answer with these messages."""
    rows = "".join(
        f"<D:response><D:href>{href.format(number)}</D:href><D:propstat><D:prop>"
        f"<e:outlookmessageclass>{message_class}</e:outlookmessageclass><r:repl-uid>rid:{number}</r:repl-uid>"
        "</D:prop></D:propstat></D:response>"
        for number in numbers
    )
    spaces = 'xmlns:e="http://schemas.microsoft.com/exchange/" xmlns:r="http://schemas.microsoft.com/repl/"'
    return f'<D:multistatus xmlns:D="DAV:" {spaces}>{rows}</D:multistatus>'.encode()


RESET = Play(then="reset")
HANG = Play(then="hang")
#: Never ends, and never lets a client's timeout for one read run out either.
DRIP = Play(b"HTTP/1.1 200 OK\r\nX-Slow: ", "drip")
TRUNCATED = Play(b"HTTP/1.1 207 Multi-Status\r\nContent-Type: text/xml\r\nContent-Length: 500\r\n\r\n<?xml", "close")
CUT_CHUNK = Play(b"HTTP/1.1 207 Multi-Status\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n<?xml", "close")
HANGING_BODY = Play(b"HTTP/1.1 207 Multi-Status\r\nContent-Length: 500\r\n\r\n<?xml", "hang")
ENDLESS = Play(b"HTTP/1.1 207 Multi-Status\r\nConnection: close\r\n\r\n", "repeat")
NOT_HTTP = Play(b"220 mail.example.com ESMTP ready\r\n", "close")


@dataclass(slots=True)
class ScriptedServer:
    """Plays one answer per request, the last one again and again; remembers what it was asked."""

    url: str = ""
    requests: list[Received] = field(default_factory=list)
    connections: int = 0
    #: Sent to whoever connects, before anything was asked.
    greeting: bytes = b""
    #: Makes the answers up instead.
    reply: Callable[[Received], Play] | None = None
    _plays: list[Play] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def script(self, *plays: Play) -> None:
        """Set the answers from now on."""
        self._plays = list(plays)
        self.requests.clear()

    def serve(self, connection: socket.socket) -> None:
        """Answer the requests of one connection."""
        self.connections += 1
        with connection, suppress(OSError), connection.makefile("rb") as stream:
            connection.sendall(self.greeting)
            while not self._over.is_set():
                request = _read_request(stream)
                if request is None:
                    return
                self.requests.append(request)
                answer = self.reply(request) if self.reply is not None else self._next()
                connection.sendall(answer.octets)
                if answer.then != "keep":
                    self._end(connection, answer)
                    return

    def _next(self) -> Play:
        return self._plays.pop(0) if len(self._plays) > 1 else self._plays[0]

    def _end(self, connection: socket.socket, answer: Play) -> None:
        if answer.then == "hang":
            self._over.wait(WAIT_S)
        elif answer.then == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        while answer.then == "repeat" and not self._over.is_set():
            connection.sendall(b"x" * 1_000_000)
        while answer.then == "drip" and not self._over.wait(0.5):
            connection.sendall(b"x")

    def stop(self) -> None:
        """Let whoever hangs go."""
        self._over.set()


def _read_request(stream: BinaryIO) -> Received | None:
    head = b""
    while not head.endswith(_END_OF_HEAD):
        line = stream.readline()
        if not line:
            return None
        head += line
    first, *lines = head.removesuffix(_END_OF_HEAD).decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    method, target, _ = first.split(" ")
    length = int(headers.get("Content-Length", "0"))
    return Received(method, target, headers, stream.read(length))


@contextmanager
def scripted_server() -> Iterator[ScriptedServer]:
    """Start a server on a free port of 127.0.0.1, with a thread for each connection."""
    server = ScriptedServer()
    with listening(server.serve, server.stop) as server.url:
        yield server
