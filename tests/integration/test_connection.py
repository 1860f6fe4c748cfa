"""The HTTP connection by itself: what goes out, how often the kernel is asked, and how a body is decoded."""

import gc
import gzip
import sys
import weakref
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from math import inf
from time import monotonic
from types import FrameType
from typing import Any

import pytest

from rsvpq.http.auth import Basic, Forms
from rsvpq.http.connection import Connection, Lost, NotConnected, open_socket
from rsvpq.http.deadlines import PlainSocket, Timeouts
from rsvpq.http.message import HttpRequest, HttpResponse, Target
from rsvpq.http.server import Server
from rsvpq.mail.errors import Busy, Malformed
from testbed.processes import WAIT_S
from tests.support.scripted_server import ScriptedServer, play

TEXT = b"some text, and some text again. " * 10_000


@contextmanager
def connected(server: ScriptedServer) -> Iterator[Connection]:
    connection = Connection(server.url, Timeouts(WAIT_S, WAIT_S, WAIT_S), headers={"User-Agent": "rsvpq"})
    try:
        yield connection
    finally:
        connection.close()


def ask(connection: Connection, body: bytes = b"", **headers: str) -> HttpResponse:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return connection.send(HttpRequest("PUT", Target("/x"), given, body), until=inf)


def kernel_calls_of(act: Callable[[], object]) -> Counter[str]:
    """How often each method of a socket is called that may wait."""
    seen: Counter[str] = Counter()

    def note(_frame: FrameType, event: str, called: Any) -> None:
        if event == "c_call" and called.__name__ in {"send", "sendall", "recv", "recv_into"}:
            seen[called.__name__] += 1

    sys.setprofile(note)
    try:
        act()
    finally:
        sys.setprofile(None)
    return seen


def test_a_request_costs_one_call_to_send_and_one_to_read(scripted: ScriptedServer) -> None:
    scripted.script(play(200, b"small"))
    with connected(scripted) as connection:
        ask(connection)
        assert kernel_calls_of(lambda: ask(connection, b"body")) == {"send": 1, "recv_into": 1}
    assert scripted.requests[1].body == b"body"
    assert scripted.connections == 1


def test_what_goes_out_is_what_was_given(scripted: ScriptedServer) -> None:
    scripted.script(play(200))
    with connected(scripted) as connection:
        connection.send(HttpRequest("GET", Target("/{C0FFEE}%c3.EML?Cmd=%7Bx"), {"If-Match": '"é"'}), until=inf)
    (request,) = scripted.requests
    assert (request.method, request.target) == ("GET", "/{C0FFEE}%c3.EML?Cmd=%7Bx")
    host = scripted.url.removeprefix("http://")
    assert request.headers == {"Host": host, "User-Agent": "rsvpq", "If-Match": '"é"'}


@pytest.mark.parametrize("value", ["x\r\nEvil: 1", "x\n y", "x\ry", "\u2028"])
def test_a_header_that_would_be_several_or_none_is_not_sent(scripted: ScriptedServer, value: str) -> None:
    with connected(scripted) as connection, pytest.raises(Malformed, match="not sent"):
        ask(connection, If_Match=value)
    assert scripted.connections == 0


def test_https_is_not_spoken_without_tls() -> None:
    with pytest.raises(ValueError, match="TLS"):
        Connection("https://127.0.0.1/", Timeouts())


def raw_deflate(octets: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(octets) + packer.flush()


BODIES = {
    "no encoding": ("", TEXT, TEXT),
    "identity": ("identity", TEXT, TEXT),
    "gzip": ("gzip", gzip.compress(TEXT), TEXT),
    "gzip by its old name": ("X-GZip", gzip.compress(TEXT), TEXT),
    "two members": ("gzip", gzip.compress(TEXT) + gzip.compress(b"more"), TEXT + b"more"),
    "padding": ("gzip", gzip.compress(TEXT) + bytes(1_000_000), TEXT),
    "nothing": ("gzip", b"", b""),
    "deflate": ("deflate", zlib.compress(TEXT), TEXT),
    "raw deflate": ("deflate", raw_deflate(TEXT), TEXT),
    "two encodings": ("deflate, gzip", gzip.compress(zlib.compress(TEXT)), TEXT),
    "another encoding": ("unheard-of", TEXT, TEXT),
}


@pytest.mark.parametrize(("encoding", "packed", "unpacked"), BODIES.values(), ids=BODIES)
def test_a_body_is_decoded_as_its_header_says(
    scripted: ScriptedServer, encoding: str, packed: bytes, unpacked: bytes
) -> None:
    scripted.script(play(200, packed, Content_Encoding=encoding))
    with connected(scripted) as connection:
        assert [ask(connection).body, ask(connection).body] == [unpacked, unpacked]
    assert scripted.connections == 1


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_body_in_another_encoding_than_its_header_says_is_lost(scripted: ScriptedServer, encoding: str) -> None:
    scripted.script(play(200, b"\xff" * 100, Content_Encoding=encoding))
    with connected(scripted) as connection, pytest.raises(Lost, match="cannot be decoded"):
        ask(connection)


def test_no_time_left_is_no_lost_request(scripted: ScriptedServer) -> None:
    scripted.script(play(200))
    with connected(scripted) as connection:
        ask(connection)
        with pytest.raises(NotConnected, match="no time left"):
            connection.send(HttpRequest("PUT", Target("/x")), until=-inf)
    assert len(scripted.requests) == 1


@pytest.mark.parametrize("auth", [Basic("Basic YTpi"), Forms("anna", "secret", allow_http=True)])
def test_a_server_that_is_replaced_ends_with_its_connections_at_once(
    scripted: ScriptedServer, auth: Basic | Forms
) -> None:
    """And not when the collector comes by: each connection costs the mail server something."""
    scripted.script(play(200), play(401))
    server = Server(scripted.url, auth)
    ended = weakref.ref(server)
    gc.disable()
    try:
        with suppress(Busy):  # there is no login form
            server.send("GET", "/x", headers={})
        assert scripted.connections == 1
        del server
        assert ended() is None
    finally:
        gc.enable()


def test_a_socket_may_be_collected_before_its_connection(
    scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The collector takes first what is older, as a socket is that it has looked at before: here by its making."""
    host, _, port = scripted.url.removeprefix("http://").partition(":")
    complaints: list[Any] = []
    gc.disable()
    try:
        older = PlainSocket.of(open_socket(host, int(port), monotonic() + WAIT_S))
        connection = Connection(scripted.url, Timeouts())
        connection.adopt(older)
        circle: list[object] = [connection]
        circle.append(circle)
        del older, connection, circle
        monkeypatch.setattr(sys, "unraisablehook", lambda found: complaints.append(found.exc_value))
        gc.collect(0)
    finally:
        gc.enable()
    assert complaints == []
