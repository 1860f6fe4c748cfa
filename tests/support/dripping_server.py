"""A mail server that never ends an answer, but sends it piece by piece, as slowly as asked."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain, repeat

from tests.support.listening import listening

Pieces = Callable[[], Iterator[bytes]]


@dataclass(slots=True)
class DrippingServer:
    """Sends the pieces to everyone who asks for anything.

    :param every_s: seconds between two pieces; 0 for as fast as they are taken.
    """

    pieces: Pieces = lambda: iter(())
    every_s: float = 0.05
    url: str = ""
    #: The heads of the requests.
    asked: list[bytes] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def serve(self, connection: socket.socket) -> None:
        """Answer one request of a connection."""
        with connection, suppress(OSError):
            self.asked.append(connection.recv(65536))
            for piece in self.pieces():
                connection.sendall(piece)
                if self._over.wait(self.every_s):
                    return

    def stop(self) -> None:
        """Stop sending."""
        self._over.set()


@contextmanager
def dripping_server() -> Iterator[DrippingServer]:
    """Start such a server on a free port of 127.0.0.1."""
    server = DrippingServer()
    with listening(server.serve, server.stop) as server.url:
        yield server


def endlessly(head: bytes, piece: bytes) -> Pieces:
    """Send the head at once, and then the piece for ever."""
    return lambda: chain([head], repeat(piece))
