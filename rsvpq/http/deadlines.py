"""Sockets with a deadline for the whole response, and fewer hand-offs of the interpreter's lock.

The timeout of a socket starts again with every byte, so a server that sends one byte per minute never exceeds it,
neither in header lines nor in a body. Therefore each read may take no longer than the time that is left for the whole
response. This needs no extra thread, because the thread that waits for a response is the only one that reads it. The
same is done for sending and for connecting.

With each call that may block, Python releases the interpreter's lock and waits for it again. In a worker with thirty
threads that took more time than the requests themselves, so a request makes one such call to send and one to read.
"""

import socket
import ssl
import struct
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import Any

if socket.socket.__module__ != "socket":
    # The sockets of greenlets never block, so the timeouts of the kernel, which end all waiting here, have no effect.
    raise ImportError("rsvpq waits in threads: start workers with -P threads, not with gevent or eventlet")

#: Seconds that a read may wait beyond the deadline, so that the first read need not change the timeout.
_SLACK_S = 0.05


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait for a connection, for the head of a response or for its next bytes, and for the whole body."""

    connect_s: float = 10.0
    read_s: float = 60.0
    body_s: float = 300.0

    @property
    def whole_s(self) -> float:
        """Seconds that one request may take altogether."""
        return self.connect_s + self.read_s + self.body_s


def within(seconds: float, until: float) -> float:
    """Return ``seconds``, or the seconds until the deadline if these are fewer.

    :param until: the deadline, on the monotonic clock.
    :raises TimeoutError: the deadline has passed.
    """
    left = min(seconds, until - monotonic())
    if left <= 0:
        raise TimeoutError("no time left")
    return left


class _DeadlineSocket(socket.socket):
    """A socket with one deadline for all its reads and writes."""

    _pause_s = inf
    _end = inf

    def __del__(self) -> None:
        """Close, with no warning: a connection ends with its thread, and the collector may take its socket first."""
        self.close()

    def allow(self, pause_s: float, total_s: float) -> None:
        """From now on, let each read or write wait ``pause_s``, and all of them together ``total_s``."""
        self._pause_s, self._end = pause_s, monotonic() + total_s
        self.settimeout(pause_s)

    def settimeout(self, seconds: float | None) -> None:
        """Set the timeout, unless it is set already."""
        if seconds != self.gettimeout():
            super().settimeout(seconds)

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        """Receive into a buffer; every read of a response calls this.

        :raises TimeoutError: one read, or all of them together, took too long.
        """
        self._limit_wait()
        return super().recv_into(*args, **kwargs)

    def sendall(self, data: Any, *args: Any) -> None:
        """Send all the data; the standard ``sendall`` of a blocking socket has no deadline for all parts together.

        :raises TimeoutError: one write, or all of them together, took too long.
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
    """A blocking socket whose timeout is enforced by the kernel; Python's own timeout polls before each call."""

    _timeout_s: float | None = None

    def gettimeout(self) -> float | None:
        """Return the timeout in seconds."""
        return self._timeout_s

    def settimeout(self, seconds: float | None) -> None:
        """Set the timeout of the kernel for each read and write, in seconds."""
        # 0 means no timeout to the kernel.
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
        """Send as much as the kernel accepts."""
        try:
            return super().send(*args)
        except BlockingIOError:
            raise TimeoutError("timed out sending") from None


class PlainSocket(_DeadlineSocket, _KernelTimedSocket):
    """A socket for http."""

    @classmethod
    def of(cls, connected: socket.socket) -> "PlainSocket":
        """Replace a connected socket by one of this class."""
        connected.setblocking(True)
        return cls(connected.family, connected.type, connected.proto, fileno=connected.detach())


class TlsSocket(_DeadlineSocket, ssl.SSLSocket):
    """A socket for https; created by a context that has this class as its ``sslsocket_class``.

    Here Python enforces the timeout, because OpenSSL may have to repeat a read.
    """
