"""Sockets with a deadline for the whole response, and fewer hand-offs of the interpreter's lock.

A socket's timeout starts again with every byte, so a server that sends one byte a minute never meets it, neither in
the lines of a header nor in a body. So each read gets what is left of the whole. That needs no thread, as nobody but
the thread that waits for a response reads it. The same holds for sending and for connecting.

With each call that may wait, Python hands its lock to another thread and queues for it again. In a worker of thirty
threads that took more time than the requests themselves, so a request costs one such call to send and one to read.
"""

import socket
import ssl
import struct
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import Any

if socket.socket.__module__ != "socket":
    # Sockets of greenlets never block, so the kernel would not end their waiting, and nobody else would.
    raise ImportError("rsvpq waits in threads: start workers with -P threads, not with gevent or eventlet")

#: Seconds that a read may wait beyond the deadline: so the first one has no timeout to change.
_SLACK_S = 0.05


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait for a connection, for the head of a response or its next bytes, and for the whole body."""

    connect_s: float = 10.0
    read_s: float = 60.0
    body_s: float = 300.0

    @property
    def whole_s(self) -> float:
        """Seconds that one request may take."""
        return self.connect_s + self.read_s + self.body_s


def within(seconds: float, until: float) -> float:
    """Return so many seconds, or fewer if the deadline is earlier.

    :param until: the deadline, on the monotonic clock.
    :raises TimeoutError: it has passed.
    """
    left = min(seconds, until - monotonic())
    if left <= 0:
        raise TimeoutError("no time left")
    return left


class _DeadlineSocket(socket.socket):
    """A socket whose reads and writes together end by a deadline."""

    _pause_s = inf
    _end = inf

    def allow(self, pause_s: float, total_s: float) -> None:
        """Let each read or write wait for ``pause_s`` from now on, and all of them together for ``total_s``."""
        self._pause_s, self._end = pause_s, monotonic() + total_s
        self.settimeout(pause_s)

    def settimeout(self, seconds: float | None) -> None:
        """Set the timeout, unless it is set already."""
        if seconds != self.gettimeout():
            super().settimeout(seconds)

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        """Receive into a buffer; every read of a response ends up here.

        :raises TimeoutError: the pause or the whole was too long.
        """
        self._limit_wait()
        return super().recv_into(*args, **kwargs)

    def sendall(self, data: Any, *args: Any) -> None:
        """Send all of it; Python's own would wait anew for each part that is taken.

        :raises TimeoutError: the pause or the whole was too long.
        """
        rest = memoryview(data)
        while rest:
            self._limit_wait()
            rest = rest[super().send(rest, *args) :]

    def _limit_wait(self) -> None:
        left = self._end - monotonic()
        if left <= 0:
            raise TimeoutError("deadline exceeded")
        if left < self._pause_s - _SLACK_S:
            self.settimeout(left)


class _KernelTimedSocket(socket.socket):
    """A blocking socket whose waiting the kernel ends: Python would poll before each call."""

    _timeout_s: float | None = None

    def gettimeout(self) -> float | None:
        """Return the timeout in seconds."""
        return self._timeout_s

    def settimeout(self, seconds: float | None) -> None:
        """Have the kernel end each read and write after so many seconds."""
        # To the kernel 0 is for ever.
        microseconds = 0 if seconds is None else max(1, round(seconds * 1_000_000))
        timeval = struct.pack("@ll", *divmod(microseconds, 1_000_000))
        self.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)
        self.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval)
        self._timeout_s = seconds

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        """Receive into a buffer."""
        try:
            return super().recv_into(*args, **kwargs)
        except BlockingIOError:
            raise TimeoutError("timed out reading") from None

    def send(self, *args: Any) -> int:
        """Send what the kernel takes."""
        try:
            return super().send(*args)
        except BlockingIOError:
            raise TimeoutError("timed out sending") from None


class PlainSocket(_DeadlineSocket, _KernelTimedSocket):
    """For http."""

    @classmethod
    def of(cls, connected: socket.socket) -> "PlainSocket":
        """Take over a connected socket."""
        connected.setblocking(True)
        return cls(connected.family, connected.type, connected.proto, fileno=connected.detach())


class TlsSocket(_DeadlineSocket, ssl.SSLSocket):
    """For https; made by a context that has it as ``sslsocket_class``.

    Python keeps the time here, as a read of OpenSSL's may have to be repeated.
    """
