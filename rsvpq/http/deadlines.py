"""Sockets that wait for an answer as a whole, and not only for its next bytes, and that wait cheaply.

A timeout of a socket begins anew with every byte, so a server that sends one of them a minute never meets it: neither
within the lines of a header nor in what urllib3 reads ahead of us. So each read has what is left of the whole. No
thread is needed for that, as nobody reads an answer but the thread that waits for it. The same holds for what is sent,
and for connecting; and there may be a moment by which all of it has to be over, whatever was allowed for each.

With each call that may wait, Python hands its lock to another thread and queues for it again. In a worker of thirty
threads that took more time than the requests themselves, so there is one such call to send and one to read, where
urllib3 makes about ten.
"""

import socket
import ssl
import struct
from collections.abc import Iterator
from math import inf
from time import monotonic
from typing import Any

from urllib3 import HTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError

if socket.socket.__module__ != "socket":
    # Theirs never block, so the kernel would end no waiting of theirs, and nobody else would.
    raise ImportError("rsvpq waits in threads: start workers with -P threads, not with gevent or eventlet")

#: How far beyond the end of the whole a read may wait, in seconds: so the first one has no timeout to change.
_SLACK_S = 0.05


class _Timed(socket.socket):
    """It blocks, and the kernel ends its waiting: Python would ask before each call whether it has to wait."""

    _timeout_s: float | None = None

    def gettimeout(self) -> float | None:
        """As a socket's."""
        return self._timeout_s

    def settimeout(self, seconds: float | None) -> None:
        """As a socket's."""
        # To the kernel 0 is for ever.
        microseconds = 0 if seconds is None else max(1, round(seconds * 1_000_000))
        timeval = struct.pack("@ll", *divmod(microseconds, 1_000_000))
        self.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)
        self.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval)
        self._timeout_s = seconds

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        """As a socket's."""
        try:
            return super().recv_into(*args, **kwargs)
        except BlockingIOError:
            raise TimeoutError("nothing came in time") from None

    def send(self, *args: Any) -> int:
        """As a socket's."""
        try:
            return super().send(*args)
        except BlockingIOError:
            raise TimeoutError("nobody reads what is sent") from None


class Deadline:
    """By when everything that a thread does over its connection has to be over, on the monotonic clock."""

    def __init__(self) -> None:
        self.at = inf

    def within(self, seconds: float) -> float:
        """So long, or what is left of it.

        :raises TimeoutError: nothing is.
        """
        left = min(seconds, self.at - monotonic())
        if left <= 0:
            raise TimeoutError("there is no time left")
        return left


class _Patient:
    """What the two kinds of sockets share."""

    _pause_s = inf
    _end = inf

    def allow(self, pause_s: float, total_s: float) -> None:
        """From now on nothing waits longer than ``pause_s``, and all that waits together no longer than ``total_s``."""
        self._pause_s, self._end = pause_s, monotonic() + total_s
        self.settimeout(pause_s)

    def _wait_no_longer(self) -> None:
        """Let the next read or write wait for no more than what is left of the whole.

        :raises TimeoutError: nothing is.
        """
        left = self._end - monotonic()
        if left <= 0:
            raise TimeoutError("it takes too long")
        if left < self._pause_s - _SLACK_S:
            self.settimeout(left)

    @property
    def pause_s(self) -> float | None:
        """The longest wait for one read or write, whatever was left of the last answer."""
        return self.gettimeout() if self._pause_s == inf else self._pause_s  # type: ignore[attr-defined]

    def settimeout(self, seconds: float | None) -> None:
        """As a socket's, and nothing where it is so already."""
        if seconds != self.gettimeout():  # type: ignore[attr-defined]  # of the socket that this is
            super().settimeout(seconds)  # type: ignore[misc]

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        """As a socket's; all that reads an answer comes by here.

        :raises TimeoutError: the pause or the whole was too long.
        """
        self._wait_no_longer()
        received: int = super().recv_into(*args, **kwargs)  # type: ignore[misc]
        return received

    def sendall(self, data: Any, *args: Any) -> None:
        """As a socket's, which would begin to wait anew for each part that somebody takes.

        :raises TimeoutError: the pause or the whole was too long.
        """
        rest = memoryview(data)
        while rest:
            self._wait_no_longer()
            rest = rest[super().send(rest, *args) :]  # type: ignore[misc]


class PlainSocket(_Patient, _Timed):
    """For http."""


class TlsSocket(_Patient, ssl.SSLSocket):
    """For https; a context makes it that has it as ``sslsocket_class``."""


class _Bounded:
    """A connection of urllib3 over such a socket.

    The connection must be there within the timeout for it, whatever the number of addresses; the request must be sent
    within the timeout for that; the head of the answer must be there within the read timeout, and its body within
    ``answer_s`` (seconds) after that; and all of it before the ``deadline``.
    """

    sock: Any
    timeout: Any
    port: Any
    _dns_host: str

    def __init__(self, *args: Any, answer_s: float = inf, deadline: Deadline | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._answer_s = answer_s
        self._deadline = deadline or Deadline()
        self._held: list[bytes] | None = None

    def request(self, *args: Any, **kwargs: Any) -> None:
        """As urllib3's, but head and body go out together."""
        if self.sock is not None:
            self.timeout = self.sock.pause_s  # that for connecting is over
        self._held = []
        try:
            super().request(*args, **kwargs)  # type: ignore[misc]
            whole = b"".join(self._held)
        finally:
            self._held = None
        self.send(whole)

    def send(self, data: bytes) -> None:
        """As urllib3's."""
        if self._held is not None:
            self._held.append(data)
            return
        if self.sock is None:
            self.connect()  # type: ignore[attr-defined]
        try:
            self.sock.allow(self.timeout, self._deadline.within(self.timeout))
        except TimeoutError:  # before anything was sent
            raise ConnectTimeoutError(self, "connecting took all the time there was") from None
        super().send(data)  # type: ignore[misc]

    def _new_conn(self) -> socket.socket:
        """Connect to the first address of the host that answers; all together have the timeout for one."""
        name, timeout = self._dns_host, self.timeout
        end = Deadline()
        try:
            end.at = monotonic() + self._deadline.within(timeout)
            for last, address in _addresses(name, self.port):
                self._dns_host, self.timeout = address, end.within(timeout)
                try:
                    made: socket.socket = super()._new_conn()  # type: ignore[misc]
                except HTTPError:
                    if last:
                        raise
                else:
                    return made
        except TimeoutError:
            pass
        finally:
            self._dns_host, self.timeout = name, timeout
        raise ConnectTimeoutError(self, "connecting took all the time there was")

    def getresponse(self) -> HTTPResponse:
        """As urllib3's."""
        patient = self.sock  # urllib3 lets go of it where the server closes
        patient.allow(self.timeout, self._deadline.within(self.timeout))
        response: HTTPResponse = super().getresponse()  # type: ignore[misc]
        patient.allow(self.timeout, self._deadline.within(self._answer_s))
        return response


def _addresses(name: str, port: int) -> Iterator[tuple[bool, str]]:
    """The addresses of a host, each with whether it is the last; the name itself where it has none, which tells why."""
    try:
        found = [str(row[4][0]) for row in socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)]
    except OSError:
        found = [name]
    for number, address in enumerate(found, start=1):
        yield number == len(found), address


class PlainConnection(_Bounded, HTTPConnection):  # type: ignore[misc]  # its getresponse() is less narrow
    """For http."""

    def _new_conn(self) -> socket.socket:
        made = super()._new_conn()
        timeout = made.gettimeout()
        made.setblocking(True)
        patient = PlainSocket(made.family, made.type, made.proto, fileno=made.detach())
        patient.settimeout(timeout)
        return patient


class TlsConnection(_Bounded, HTTPSConnection):  # type: ignore[misc]  # its getresponse() is less narrow
    """For https, with a context that makes :class:`TlsSocket`."""

    @property
    def is_connected(self) -> bool:
        """As urllib3's, and nothing is there already that would be taken for the next answer.

        What came in the same record as the end of the last one is unpacked, and no look at the socket shows it.
        """
        return super().is_connected and not (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending())
