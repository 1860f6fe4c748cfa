"""A proxy that terminates TLS, in front of a server that does not."""

import selectors
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(slots=True)
class TlsProxy:
    """Terminates TLS on a port of 127.0.0.1 and passes everything on to another one there."""

    port: int
    #: How many have connected.
    connections: int = 0


@contextmanager
def tls_proxy(behind: int, certificate: Path) -> Iterator[TlsProxy]:
    """Start such a proxy in front of the port ``behind``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    sockets: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = TlsProxy(listener.getsockname()[1])

        def accept() -> None:
            with suppress(OSError):
                while True:
                    near, _ = listener.accept()
                    threading.Thread(target=serve, args=(near,), daemon=True).start()

        def serve(raw: socket.socket) -> None:
            with suppress(OSError), context.wrap_socket(raw, server_side=True) as near:
                proxy.connections += 1
                with socket.create_connection(("127.0.0.1", behind)) as far:
                    sockets.extend((near, far))
                    _pass_on(near, far)

        acceptor = threading.Thread(target=accept, daemon=True)
        acceptor.start()
        try:
            yield proxy
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            acceptor.join()
            for end in sockets:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)


def _pass_on(near: ssl.SSLSocket, far: socket.socket) -> None:
    """Forward both ways in one thread, because OpenSSL does not allow two in one connection."""
    with selectors.DefaultSelector() as selector:
        selector.register(near, selectors.EVENT_READ, far)
        selector.register(far, selectors.EVENT_READ, near)
        while True:
            for key, _ in selector.select():
                source, target = key.fileobj, key.data
                octets = source.recv(65536)  # type: ignore[union-attr]
                while source is near and near.pending():
                    octets += near.recv(65536)
                if not octets:
                    return
                target.sendall(octets)
