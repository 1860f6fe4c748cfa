"""One client connection: bytes in, requests out in order, answers written after the latency that was asked for.

Requests on one connection are served one after the other, pipelined or not: the next one "arrives" when the answer to
the one before has been written.  Other connections never wait.  Knows HTTP framing; knows no verb and no mailbox.
"""

import asyncio
from collections.abc import Callable, Generator
from functools import partial
from ipaddress import ip_address
from typing import Protocol, cast

from simulator.serving.breaking import Dripping, Endless, broken
from simulator.serving.http import Ending, HttpError, Request, Response, encode, error_page, split_origin
from simulator.world.clock import Alarm, after, now

#: Bytes of request line and headers; http.sys refuses at 16 KiB with 400.
MAX_HEAD_BYTES = 16 * 1024
#: Bytes of request body; far above any query or message a test sends.
MAX_BODY_BYTES = 16 * 1024 * 1024
#: Bytes read ahead while an answer is pending; more stays in the kernel.
_READ_AHEAD_BYTES = 256 * 1024
#: Bytes of a chunk-size line, extensions included.
_MAX_CHUNK_LINE_BYTES = 256


class Handler(Protocol):
    """Whoever answers: it is told when the answer has been written, to count what is in flight."""

    def invites(self) -> bool:
        """Whether a client that waits with its body is asked for it."""

    def answer(self, request: Request) -> tuple[Response, Callable[[], None]]:
        """The answer, and what to call once it has been written."""


class RequestReader:
    """Cuts requests out of a stream of bytes that arrives in any pieces."""

    def __init__(self, invites: Callable[[], bool], *, from_loopback: bool, secure: bool = False) -> None:
        self._invites = invites
        self._from_loopback = from_loopback
        self._secure = secure
        self._connection: dict[str, object] = {}
        self._buffer = bytearray()
        self._requests = self._read_requests()
        self.awaits_continue = False

    def feed(self, octets: bytes) -> None:
        """Take what came off the wire."""
        self._buffer += octets

    @property
    def buffered(self) -> int:
        """Bytes that no request has consumed yet."""
        return len(self._buffer)

    def next_request(self) -> Request | None:
        """The next complete request, or None until more bytes come; HttpError ends the connection."""
        return next(self._requests, None)

    def _read_requests(self) -> Generator[Request | None]:
        while True:
            head = yield from self._until(b"\r\n\r\n", MAX_HEAD_BYTES)
            method, target, version, headers = _parse_head(head)
            self.awaits_continue = headers.get("expect", "").casefold() == "100-continue"
            if self.awaits_continue and not self._invites():
                raise HttpError(400)
            body = yield from self._body(headers)
            path, _, query = split_origin(target)[1].partition("?")
            came = now(), self._from_loopback, self._secure, self._connection
            yield Request(method, path, query, headers, body, version, *came)

    def _body(self, headers: dict[str, str]) -> Generator[None, None, bytes]:
        if "chunked" in headers.get("transfer-encoding", "").casefold():
            return (yield from self._chunked_body())
        length = headers.get("content-length", "0").strip()
        if not (length.isascii() and length.isdigit()):
            raise HttpError(400)
        return (yield from self._exactly(int(length)))

    def _chunked_body(self) -> Generator[None, None, bytes]:
        body = bytearray()
        while size := _chunk_size((yield from self._until(b"\r\n", _MAX_CHUNK_LINE_BYTES))):
            body += yield from self._exactly(size, already=len(body))
            if (yield from self._exactly(2)) != b"\r\n":
                raise HttpError(400)
        while (yield from self._until(b"\r\n", MAX_HEAD_BYTES)).strip():
            continue
        return bytes(body)

    def _until(self, mark: bytes, limit: int) -> Generator[None, None, bytes]:
        searched = 0
        while (end := self._buffer.find(mark, searched)) < 0:
            if len(self._buffer) > limit:
                raise HttpError(400)
            searched = max(0, len(self._buffer) - len(mark) + 1)
            yield
        if end > limit:
            raise HttpError(400)
        part = bytes(self._buffer[:end])
        del self._buffer[: end + len(mark)]
        return part

    def _exactly(self, length: int, already: int = 0) -> Generator[None, None, bytes]:
        if already + length > MAX_BODY_BYTES:
            raise HttpError(413)
        while len(self._buffer) < length:
            yield
        part = bytes(self._buffer[:length])
        del self._buffer[:length]
        return part


class Connection(asyncio.Protocol):
    """A keep-alive connection that answers one request at a time."""

    def __init__(self, handler: Handler, latency_s: float) -> None:
        self._handler = handler
        self._latency_s = latency_s
        self._busy = False
        self._endless: Endless | None = None
        #: What ends an injured answer that is still to come.
        self._given_up: Callable[[], None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back to the client."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        secure = transport.get_extra_info("sslcontext") is not None
        near = bool(peer) and ip_address(peer[0]).is_loopback
        self._reader = RequestReader(self._handler.invites, from_loopback=near, secure=secure)

    def connection_lost(self, _error: Exception | None) -> None:
        """The client is gone: what it waited for in vain is over."""
        if self._endless is not None:
            self._endless.given_up()
        if self._given_up is not None:
            self._given_up()

    def pause_writing(self) -> None:
        """The client does not read."""
        if self._endless is not None:
            self._endless.paused = True

    def resume_writing(self) -> None:
        """The client reads again."""
        if self._endless is not None:
            self._endless.paused = False
            self._endless.pump()

    def data_received(self, data: bytes) -> None:
        """Take bytes; serve what they complete."""
        self._reader.feed(data)
        if self._busy:
            if self._reader.buffered > _READ_AHEAD_BYTES:
                self._transport.pause_reading()
            return
        self._serve()

    def _serve(self) -> None:
        while not self._busy and not self._transport.is_closing():
            try:
                request = self._reader.next_request()
            except HttpError as error:
                self._transport.write(encode(error_page(error.status), None, keep_alive=False))
                self._transport.close()
                return
            if request is None:
                self._invite_body()
                return
            self._begin(request)

    def _invite_body(self) -> None:
        if self._reader.awaits_continue:
            self._reader.awaits_continue = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _begin(self, request: Request) -> None:
        response, written = self._handler.answer(request)
        delay_s = self._latency_s + (response.damage.delay_s if response.damage else 0)
        if response.at_once or not delay_s:
            self._write(request, response, written)
            return
        self._busy = True
        alarm = after(delay_s, partial(self._resume, request, response, written))
        if response.damage:
            self._given_up = partial(_give_up, alarm, written)

    def _resume(self, request: Request, response: Response, written: Callable[[], None]) -> None:
        self._given_up = None
        self._busy = False
        self._write(request, response, written)
        if not self._transport.is_closing():
            self._transport.resume_reading()
            self._serve()

    def _write(self, request: Request, response: Response, written: Callable[[], None]) -> None:
        # The effect took place when the request arrived: a client that hung up meanwhile has caused it all the same.
        keep_alive = request.keep_alive and response.wire.keep_alive and not response.close
        ending = response.damage.ending if response.damage else Ending.WHOLE
        if not self._transport.is_closing():
            if ending is Ending.ENDLESS:
                self._busy = True
                self._endless = Endless(self._transport, response.status, written)
                self._endless.start()
                return
            octets = encode(response, request, keep_alive=keep_alive)
            if response.damage and ending is Ending.DRIPPING:
                self._drip(octets, response.damage.over_s, written, keep_alive=keep_alive)
                return
            if ending is not Ending.WHOLE:
                broken(self._transport, octets, ending)
            else:
                self._transport.write(octets)
                if not keep_alive:
                    self._transport.close()
        written()

    def _drip(self, octets: bytes, over_s: float, written: Callable[[], None], *, keep_alive: bool) -> None:
        def done() -> None:
            self._given_up = None
            self._busy = False
            written()
            if not keep_alive:
                self._transport.close()
            elif not self._transport.is_closing():
                self._transport.resume_reading()
                self._serve()

        self._busy = True
        dripping = Dripping(self._transport, octets, over_s, done)
        self._given_up = dripping.given_up
        dripping.start()


def _give_up(alarm: Alarm, written: Callable[[], None]) -> None:
    alarm.cancel()
    written()


def _parse_head(head: bytes) -> tuple[str, str, str, dict[str, str]]:
    first, *lines = head.decode("latin-1").lstrip("\r\n").split("\r\n")
    method, _, rest = first.partition(" ")
    target, _, version = rest.rpartition(" ")
    if not (method and target and version.startswith("HTTP/1.")):
        raise HttpError(400)
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise HttpError(400)
        headers[name.lower()] = value.strip()
    return method.upper(), target, version, headers


def _chunk_size(line: bytes) -> int:
    try:
        size = int(line.partition(b";")[0], 16)
    except ValueError:
        raise HttpError(400) from None
    if size < 0:
        raise HttpError(400)
    return size
