"""One HTTP request and one HTTP response as values, and the bytes of a response.

Knows the dialect of IIS 6 with Exchange 2003 SP1 behind it (headers, reason phrases, chunking); knows no verb.
"""

from dataclasses import dataclass, field
from enum import Enum, auto

from simulator.serving.behavior import ServerBehavior
from simulator.serving.wire import Wire, compressed, wire_of

REASONS = {
    200: "OK",
    201: "Created",
    204: "No Content",
    207: "Multi-Status",
    302: "Moved Temporarily",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Resource Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    412: "Precondition Failed",
    413: "Request Entity Too Large",
    416: "Requested Range Not Satisfiable",
    422: "Unprocessable Entity",
    423: "Locked",
    425: "Unordered Collection",
    429: "Too Many Requests",
    440: "Login Timeout",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    507: "Insufficient Space to Store Resource",
}


_NO_CONTENT = 204
_DEFAULT_WIRE = wire_of(ServerBehavior())


class HttpError(Exception):
    """A request that is answered with nothing but this status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(slots=True)
class Request:
    """A complete request; header names are lower-case, `path` and `query` are as they came."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    version: str
    arrived: float
    from_loopback: bool
    secure: bool = False
    #: What a login remembers about the connection; it ends with it.
    connection: dict[str, object] = field(default_factory=dict)
    #: Scheme and host of every URL in the answer, where they are not those that the client used.
    written_origin: str | None = None

    @property
    def keep_alive(self) -> bool:
        """Whether the connection serves another request after this one."""
        wish = self.headers.get("connection", "").casefold()
        return "keep-alive" in wish if self.version == "HTTP/1.0" else "close" not in wish

    @property
    def host(self) -> str:
        """Host and port as the client addressed us; Exchange builds every href from it."""
        return self.headers.get("host", "localhost")

    @property
    def origin(self) -> str:
        """Scheme, host and port of every href in the answer."""
        if self.written_origin is not None:
            return self.written_origin
        return ("https://" if self.secure else "http://") + self.host

    def says(self, header: str, letter: str) -> bool:
        """Return whether a t/f header such as `Translate` or `Brief` is present and begins with `letter`."""
        return self.headers.get(header, "").strip()[:1].casefold() == letter


class Ending(Enum):
    """How much of an answer is sent before its connection breaks."""

    WHOLE = auto()
    TRUNCATED = auto()
    ENDLESS = auto()
    #: All of it, the body byte by byte.
    DRIPPING = auto()
    #: Not a byte, and an orderly end.
    CLOSE = auto()
    #: Not a byte, and a RST.
    RESET = auto()


@dataclass(frozen=True, slots=True)
class Damage:
    """The damage to an answer on its way."""

    ending: Ending
    delay_s: float = 0
    #: How long the body takes that drips.
    over_s: float = 0


@dataclass(slots=True)
class Response:
    """A response; `chunked` is how Exchange sends what it generates while it reads the store."""

    status: int
    body: bytes = b""
    content_type: str = "text/html"
    headers: tuple[tuple[str, str], ...] = ()
    chunked: bool = False
    #: Whether the connection ends with this answer, whatever the client wished.
    close: bool = False
    #: False for what IIS answers before Exchange sees the request.
    seen_by_exchange: bool = True
    wire: Wire = _DEFAULT_WIRE
    damage: Damage | None = None
    #: Whether no latency delays it.
    at_once: bool = False


def split_origin(url: str) -> tuple[str | None, str]:
    """Return the host of an absolute URL (None if there is none), and the rest, which is not split further."""
    scheme, mark, rest = url.partition("://")
    if not mark or "/" in scheme or "?" in scheme:
        return None, url
    host, _, path = rest.partition("/")
    return host, "/" + path


def error_page(status: int) -> Response:
    """Return an IIS error page: HTML, never XML."""
    text = f"{status} {REASONS[status]}"
    # As http.sys has it, unclosed: clients that take any well-formed document for XML stumble over another.
    meta = '<META HTTP-EQUIV="Content-Type" Content="text/html; charset=us-ascii">'
    body = f"<html><head><title>Error</title>{meta}</head><body><h1>{text}</h1></body></html>".encode()
    return Response(status, body)


def encode(response: Response, request: Request | None, *, keep_alive: bool) -> bytes:
    """Return the bytes of a response to `request` (None if it could not be read)."""
    wire = response.wire
    body, headers = _body(response, request)
    chunked = response.chunked and (request is None or request.version != "HTTP/1.0")
    chunked = chunked and wire.framing != "content-length"
    head = [f"HTTP/1.1 {response.status} {REASONS[response.status]}\r\n", headers]
    if chunked:
        head.append("Transfer-Encoding: chunked\r\n")
    elif response.status != _NO_CONTENT:
        head.append(f"Content-Length: {len(body)}\r\n")
    if body:
        head.append(f"Content-Type: {response.content_type}\r\n")
    head.extend(f"{name}: {value}\r\n" for name, value in response.headers)
    if not keep_alive:
        head.append("Connection: close\r\n")
    head.append(wire.common_headers(seen_by_exchange=response.seen_by_exchange) + "\r\n")
    octets = "".join(head).encode("latin-1", "replace")
    if request is not None and request.method == "HEAD":
        return octets
    return octets + (wire.chunks(body) if chunked else body)


def _body(response: Response, request: Request | None) -> tuple[bytes, str]:
    """Return the encoded body, and the headers that describe its encoding."""
    if not response.chunked:
        return response.body, ""
    if response.wire.compresses and request is not None and "gzip" in request.headers.get("accept-encoding", ""):
        return compressed(response.body), "Cache-Control: no-cache\r\nContent-Encoding: gzip\r\n"
    return response.body, "Cache-Control: no-cache\r\n"
