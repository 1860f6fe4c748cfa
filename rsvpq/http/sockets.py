"""The request line as the server wrote the href: byte for byte, which neither requests nor urllib3 leaves it.

Both of them split a URL, drop what looks like a fragment, and percent-encode a path anew: ``{C0FFEE}.EML`` would go out
as ``%7BC0FFEE%7D.EML`` and ``%c3`` as ``%C3``. Names are opaque to a client of Exchange, so they are left alone.
"""

from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connectionpool import ConnectionPool

from rsvpq.http import deadlines, tls
from rsvpq.http.request_target import Target


class _AsGiven:
    """A pool of one thread that hands the target of a request to the connection as it got it."""

    _target = "/"

    def urlopen(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        self._target = url
        return super().urlopen(method, "/", *args, **kwargs)  # type: ignore[misc]  # else it would take it apart

    def _make_request(self, conn: Any, method: str, url: str, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG002 - quoted
        return super()._make_request(conn, method, self._target, *args, **kwargs)  # type: ignore[misc]


class _Http(_AsGiven, HTTPConnectionPool):
    """For http."""

    ConnectionCls = deadlines.PlainConnection


class _Https(_AsGiven, HTTPSConnectionPool):
    """For https."""

    ConnectionCls = tls.Connection


class AsGiven(HTTPAdapter):
    """Sends the path of a request's URL as it is, to one origin whatever the URL says; for one thread.

    :param origin: scheme, host and port, as they are configured: the only place that is ever connected to.
    :param answer_s: seconds that the body of an answer may take, all in all.
    :param deadline: by when all that goes over it has to be over.
    """

    def __init__(self, origin: str, *, answer_s: float, deadline: deadlines.Deadline, **kwargs: Any) -> None:
        self._origin = origin
        #: The configured host, for logins that are bound to it.
        self.host = urlsplit(origin).hostname or ""
        self._patience = {"answer_s": answer_s, "deadline": deadline}
        self._pools: dict[object, ConnectionPool] = {}
        super().__init__(**kwargs)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make pools of our own kind."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Http, "https": _Https}

    def get_connection_with_tls_context(
        self,
        request: requests.PreparedRequest,  # noqa: ARG002 - its URL says nothing about where to
        verify: Any,
        proxies: Any = None,
        cert: Any = None,
    ) -> ConnectionPool:
        """The pool of the configured origin, looked up once: requests would take every URL apart for it."""
        pool = self._pools.get(verify)
        if pool is None:
            origin = requests.PreparedRequest()
            origin.url = self._origin
            pool = self._pools[verify] = super().get_connection_with_tls_context(origin, verify, proxies, cert)
            pool.conn_kw |= self._patience  # type: ignore[attr-defined]  # both of our kinds have it
        return pool

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        self._pools.clear()
        super().close()

    def request_url(self, request: requests.PreparedRequest, proxies: Any) -> str:  # noqa: ARG002 - there are none
        """The target of the request line.

        :raises Malformed: it is none; the last look before it goes out.
        """
        return Target((request.url or "").removeprefix(self._origin))
