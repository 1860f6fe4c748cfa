"""A TCP proxy in front of Redis that a test controls: it forwards, at once or slowly, keeps silent, or refuses."""

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from testbed.processes import free_port

_CHUNK = 65_536


class RedisProxy:
    """A proxy on a port of 127.0.0.1 in front of another port there."""

    def __init__(self, port: int) -> None:
        self._far = port
        self._selector = selectors.DefaultSelector()
        self._listener = self._listen(free_port())
        self.port: int = self._listener.getsockname()[1]  # to which it comes back
        self._silent = threading.Event()
        self._delay_s = 0.0
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._forward, name="redis-proxy")
        self._thread.start()

    @property
    def url(self) -> str:
        """The URL of Redis through this proxy."""
        return f"redis://127.0.0.1:{self.port}/0"

    def keep_silent(self) -> None:
        """Stop forwarding; connections stay open."""
        self._silent.set()

    def speak(self) -> None:
        """Resume forwarding, including what was kept."""
        self._silent.clear()

    def be_slow(self, delay_s: float) -> None:
        """Let each request and each reply take so long."""
        self._delay_s = delay_s

    def close(self) -> None:
        """Close all connections, and refuse new ones."""
        with self._lock:
            for key in list(self._selector.get_map().values()):
                self._drop(key.fileobj)

    def open(self) -> None:
        """Let connections in again."""
        with self._lock:
            self._listener = self._listen(self.port)

    def end(self) -> None:
        """Close for good."""
        self._ended.set()
        self._thread.join()
        self.close()
        self._selector.close()

    def _listen(self, port: int) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", port))
        self._selector.register(listener, selectors.EVENT_READ, None)
        return listener

    def _forward(self) -> None:
        while not self._ended.is_set():
            if self._silent.is_set():
                self._ended.wait(0.01)
                continue
            for key, _ in self._selector.select(0.01):
                with self._lock, suppress(OSError):
                    self._serve(key)

    def _serve(self, key: selectors.SelectorKey) -> None:
        if key.fileobj not in {known.fileobj for known in self._selector.get_map().values()}:
            return  # cut since it was selected
        if key.data is None:
            near, _ = self._listener.accept()
            far = socket.create_connection(("127.0.0.1", self._far))
            self._selector.register(near, selectors.EVENT_READ, far)
            self._selector.register(far, selectors.EVENT_READ, near)
            return
        chunk = b""
        with suppress(OSError):
            chunk = key.fileobj.recv(_CHUNK)  # type: ignore[union-attr]  # only sockets are registered
        if chunk:
            self._ended.wait(self._delay_s)
            key.data.sendall(chunk)
        else:
            self._drop(key.fileobj)
            self._drop(key.data)

    def _drop(self, end: object) -> None:
        if isinstance(end, socket.socket):
            with suppress(KeyError, ValueError):
                self._selector.unregister(end)
            end.close()


@contextmanager
def redis_proxy(port: int) -> Iterator[RedisProxy]:
    """Start a proxy for the length of a ``with`` block."""
    proxy = RedisProxy(port)
    try:
        yield proxy
    finally:
        proxy.end()
