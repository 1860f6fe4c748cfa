"""One HTTP request and one HTTP response as values, and the bytes of a response.

Knows the dialect of IIS 6 with Exchange 2003 SP1 behind it (headers, reason phrases, chunking); knows no verb.
"""

import time
from dataclasses import dataclass
from functools import lru_cache
from wsgiref.handlers import format_date_time

#: Exchange 2003 SP1 on Windows Server 2003 (build map in evolution-exchange, docs/service-packs).
_SERVER_HEADERS = "Server: Microsoft-IIS/6.0\r\nMS-WebStorage: 6.5.7226\r\nX-Powered-By: ASP.NET\r\n"

#: Bytes; a long answer leaves in several chunks so that clients do not come to rely on one.
_CHUNK_BYTES = 16 * 1024

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
    409: "Conflict",
    412: "Precondition Failed",
    413: "Request Entity Too Large",
    416: "Requested Range Not Satisfiable",
    422: "Unprocessable Entity",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
}


_NO_CONTENT = 204


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
        return "http://" + self.host

    def says(self, header: str, letter: str) -> bool:
        """Whether a t/f header such as `Translate` or `Brief` is present and begins with `letter`."""
        return self.headers.get(header, "").strip()[:1].casefold() == letter


@dataclass(slots=True)
class Response:
    """What is answered; `chunked` is how Exchange sends what it generates while reading the store."""

    status: int
    body: bytes = b""
    content_type: str = "text/html"
    headers: tuple[tuple[str, str], ...] = ()
    chunked: bool = False


def split_origin(url: str) -> tuple[str | None, str]:
    """The host of an absolute URL, None where there is none, and the rest; nothing else in it is a delimiter here."""
    scheme, mark, rest = url.partition("://")
    if not mark or "/" in scheme or "?" in scheme:
        return None, url
    host, _, path = rest.partition("/")
    return host, "/" + path


def error_page(status: int) -> Response:
    """An IIS error page: HTML, never XML."""
    text = f"{status} {REASONS[status]}"
    body = f"<html><head><title>Error</title></head><body><h1>{text}</h1></body></html>".encode()
    return Response(status, body)


def encode(response: Response, request: Request | None, *, keep_alive: bool) -> bytes:
    """The bytes of a response to `request` (None when it could not be read)."""
    chunked = response.chunked and (request is None or request.version != "HTTP/1.0")
    head = [f"HTTP/1.1 {response.status} {REASONS[response.status]}\r\n"]
    if response.chunked:
        head.append("Cache-Control: no-cache\r\n")
    if chunked:
        head.append("Transfer-Encoding: chunked\r\n")
    elif response.status != _NO_CONTENT:
        head.append(f"Content-Length: {len(response.body)}\r\n")
    if response.body:
        head.append(f"Content-Type: {response.content_type}\r\n")
    head.extend(f"{name}: {value}\r\n" for name, value in response.headers)
    if not keep_alive:
        head.append("Connection: close\r\n")
    head.append(f"{_SERVER_HEADERS}Date: {_date(int(time.time()))}\r\n\r\n")
    octets = "".join(head).encode("latin-1", "replace")
    if request is not None and request.method == "HEAD":
        return octets
    return octets + (_chunks(response.body) if chunked else response.body)


def _chunks(body: bytes) -> bytes:
    parts = []
    for start in range(0, len(body), _CHUNK_BYTES):
        part = body[start : start + _CHUNK_BYTES]
        parts += [b"%x\r\n" % len(part), part, b"\r\n"]
    return b"".join(parts) + b"0\r\n\r\n"


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    return format_date_time(second)
