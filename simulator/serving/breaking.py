"""How connections break: cut answers, resets, bodies without an end, and bodies that drip.  Knows bytes only."""

import asyncio
import socket
import struct
from collections.abc import Callable

from simulator.serving.http import REASONS, Ending
from simulator.world.clock import after, now

#: Where a body without an end ends after all.
ENDLESS_BYTES = 64 * 1024 * 1024
#: The shortest time between two drops of a body that drips, in seconds.
DROP_S = 0.02
_PIECE = b"<a:response/>    " * 4096
_PIECE_CHUNK = b"%x\r\n%b\r\n" % (len(_PIECE), _PIECE)
_START = b'<?xml version="1.0"?><a:multistatus xmlns:a="DAV:">'
_ENDLESS_HEAD = b"\r\nTransfer-Encoding: chunked\r\nContent-Type: text/xml\r\n\r\n%x\r\n%b\r\n" % (len(_START), _START)
#: SO_LINGER on, for no time: close() then sends RST and throws away what is unsent.
_NO_LINGER = struct.pack("ii", 1, 0)


def truncated(octets: bytes) -> bytes:
    """The first half of the body; of an answer without one, of the head."""
    body = octets.find(b"\r\n\r\n") + 4
    return octets[: body + (len(octets) - body) // 2] if len(octets) > body else octets[: body // 2]


def reset(transport: asyncio.Transport) -> None:
    """End a connection with RST."""
    end = transport.get_extra_info("socket")
    if end is not None:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()


class Endless:
    """Writes an answer for as long as the client reads, up to a bound."""

    def __init__(self, transport: asyncio.Transport, status: int, done: Callable[[], None]) -> None:
        self._transport = transport
        self._status = f"HTTP/1.1 {status} {REASONS[status]}".encode("ascii")
        self._done = done
        self._left = ENDLESS_BYTES
        self.paused = False

    def start(self) -> None:
        """Write the head and the first piece."""
        self._transport.write(self._status + _ENDLESS_HEAD)
        self.pump()

    def pump(self) -> None:
        """Write the next piece, and come again when others had their turn."""
        if self.paused or self._left < 0:
            return
        if self._left == 0 or self._transport.is_closing():
            self._left = -1
            self._transport.close()
            self._done()
            return
        self._transport.write(_PIECE_CHUNK)
        self._left = max(0, self._left - len(_PIECE_CHUNK))
        asyncio.get_running_loop().call_soon(self.pump)

    def given_up(self) -> None:
        """The client is gone."""
        if self._left >= 0:
            self._left = -1
            self._done()


class Dripping:
    """Writes an answer whose head comes at once, and whose body comes byte by byte.

    :param over_s: how long the body takes; what would be more than one byte in :data:`DROP_S` comes together.
    """

    def __init__(self, transport: asyncio.Transport, octets: bytes, over_s: float, done: Callable[[], None]) -> None:
        self._transport = transport
        self._octets = octets
        self._over_s = over_s
        self._done = done
        self._body = self._written = octets.find(b"\r\n\r\n") + 4
        self._began = now()

    def start(self) -> None:
        """Write the head."""
        self._transport.write(self._octets[: self._body])
        self._wait()

    def _wait(self) -> None:
        if self._written == len(self._octets):
            self._done()
            return
        size = len(self._octets) - self._body
        due = self._began + self._over_s * (self._written + 1 - self._body) / size
        self._alarm = after(max(DROP_S, due - now()), self._drop)

    def _drop(self) -> None:
        size = len(self._octets) - self._body
        passed = (now() - self._began) / self._over_s
        due = self._body + min(size, int(size * passed))
        upto = max(due, self._written + 1)
        self._transport.write(self._octets[self._written : upto])
        self._written = upto
        self._wait()

    def given_up(self) -> None:
        """The client is gone."""
        if self._written < len(self._octets):
            self._alarm.cancel()
            self._written = len(self._octets)
            self._done()


def broken(transport: asyncio.Transport, octets: bytes, ending: Ending) -> None:
    """End a connection in the way of a damage, Ending.ENDLESS and Ending.DRIPPING excepted."""
    if ending is Ending.RESET:
        reset(transport)
        return
    if ending is Ending.TRUNCATED:
        transport.write(truncated(octets))
    transport.close()
