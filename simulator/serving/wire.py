"""Format answers on the wire: headers, clock, chunks, compression."""

import gzip
import re
from dataclasses import dataclass
from functools import lru_cache
from wsgiref.handlers import format_date_time

from simulator.serving.behavior import Framing, ServerBehavior
from simulator.world.clock import now

_ASP_NET = "X-Powered-By: ASP.NET\r\n"
#: Server and MS-WebStorage by version (build map in evolution-exchange, docs/service-packs).
_VERSIONS = {
    "2000": ("Server: Microsoft-IIS/5.0\r\n", "MS-WebStorage: 6.0.6249\r\n"),
    "2003": ("Server: Microsoft-IIS/6.0\r\n", "MS-WebStorage: 6.5.7226\r\n"),
    "2007": ("Server: Microsoft-IIS/6.0\r\n", "MS-WebStorage: 08.01.10240\r\n"),
}

#: Bytes; a long answer leaves in several chunks so that clients do not come to rely on one.
_CHUNK_BYTES = 16 * 1024
#: Before each byte that continues a letter in UTF-8.
_WITHIN_LETTERS = re.compile(rb"(?=[\x80-\xbf])")


@dataclass(frozen=True, slots=True)
class Wire:
    """The habits of one server."""

    headers: str
    #: What it says before Exchange has seen a request.
    headers_of_iis: str
    skew_s: int
    keep_alive: bool
    framing: Framing
    compresses: bool

    def common_headers(self, *, seen_by_exchange: bool) -> str:
        """Return the headers at the end of every answer."""
        headers = self.headers if seen_by_exchange else self.headers_of_iis
        return f"{headers}Date: {_date(int(now()) + self.skew_s)}\r\n"

    def chunks(self, body: bytes) -> bytes:
        """Return a body in chunks."""
        parts = []
        for part in self._cut(body):
            parts += [b"%x\r\n" % len(part), part, b"\r\n"]
        return b"".join(parts) + b"0\r\n\r\n"

    def _cut(self, body: bytes) -> list[bytes]:
        if self.framing == "byte-chunks":
            return [body[at : at + 1] for at in range(len(body))]
        if self.framing == "torn-characters":
            return [part for part in _WITHIN_LETTERS.split(body) if part]
        return [body[start : start + _CHUNK_BYTES] for start in range(0, len(body), _CHUNK_BYTES)]


@lru_cache(maxsize=64)
def wire_of(behavior: ServerBehavior) -> Wire:
    """Return the wire format for these switches."""
    server, storage = _VERSIONS[behavior.version]
    return Wire(
        server + storage + _ASP_NET,
        server + _ASP_NET,
        behavior.clock_skew_s,
        behavior.keep_alive,
        behavior.framing,
        behavior.gzip,
    )


@lru_cache(maxsize=256)
def _date(second: int) -> str:
    return format_date_time(second)


def compressed(body: bytes) -> bytes:
    """Compress a body; equal bodies give equal bytes."""
    return gzip.compress(body, mtime=0)
