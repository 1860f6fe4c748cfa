"""A mail server that never ends an answer, but sends it piece by piece, as slowly as asked."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain, repeat

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
    server, threads = DrippingServer(), list[threading.Thread]()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server.url = f"http://127.0.0.1:{listener.getsockname()[1]}"

        def accept() -> None:
            with suppress(OSError):
                while True:
                    thread = threading.Thread(target=server.serve, args=(listener.accept()[0],))
                    threads.append(thread)
                    thread.start()

        acceptor = threading.Thread(target=accept)
        acceptor.start()
        try:
            yield server
        finally:
            server.stop()
            listener.shutdown(socket.SHUT_RDWR)
            acceptor.join()
            for thread in threads:
                thread.join()


def endlessly(head: bytes, piece: bytes) -> Pieces:
    """Send the head at once, and then the piece for ever."""
    return lambda: chain([head], repeat(piece))
