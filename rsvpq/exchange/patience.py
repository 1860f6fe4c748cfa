"""Sockets that wait for an answer as a whole, and not only for its next bytes.

A timeout of a socket begins anew with every byte, so a server that sends one of them a minute never meets it: neither
within the lines of a header nor in what urllib3 reads ahead of us. So each read has what is left of the whole. No
thread is needed for that, as nobody reads an answer but the thread that waits for it.
"""

import socket
import ssl
from math import inf
from time import monotonic
from typing import Any

from urllib3 import HTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection


class _Patient:
    """What the two kinds of sockets share."""

    _pause_s = inf
    _end = inf

    def allow(self, pause_s: float, total_s: float) -> None:
        """From now on no read waits longer than ``pause_s``, and all of them together no longer than ``total_s``."""
        self._pause_s, self._end = pause_s, monotonic() + total_s
        self.settimeout(pause_s)  # type: ignore[attr-defined]  # of the socket that this is

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        """As a socket's; all that reads an answer comes by here.

        :raises TimeoutError: the pause or the whole was too long.
        """
        left = self._end - monotonic()
        if left <= 0:
            raise TimeoutError("the answer takes too long")
        if left < self._pause_s:
            self.settimeout(left)  # type: ignore[attr-defined]
        received: int = super().recv_into(*args, **kwargs)  # type: ignore[misc]
        return received


class PlainSocket(_Patient, socket.socket):
    """For http."""


class TlsSocket(_Patient, ssl.SSLSocket):
    """For https; a context makes it that has it as ``sslsocket_class``."""


class _Bounded:
    """A connection of urllib3 over such a socket.

    The head of an answer must be there within the read timeout, and its body within ``answer_s`` (seconds) after that.
    """

    sock: Any
    timeout: Any

    def __init__(self, *args: Any, answer_s: float = inf, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._answer_s = answer_s

    def getresponse(self) -> HTTPResponse:
        """As urllib3's."""
        patient = self.sock  # urllib3 lets go of it where the server closes
        patient.allow(self.timeout, self.timeout)
        response: HTTPResponse = super().getresponse()  # type: ignore[misc]
        patient.allow(self.timeout, self._answer_s)
        return response


class PlainConnection(_Bounded, HTTPConnection):  # type: ignore[misc]  # its getresponse() is less narrow
    """For http."""

    def _new_conn(self) -> socket.socket:
        made = super()._new_conn()
        timeout = made.gettimeout()
        patient = PlainSocket(made.family, made.type, made.proto, fileno=made.detach())
        patient.settimeout(timeout)
        return patient


class TlsConnection(_Bounded, HTTPSConnection):  # type: ignore[misc]  # its getresponse() is less narrow
    """For https, with a context that makes :class:`TlsSocket`."""
