"""The workers' app with a fault of its own: now and then a request fails unexpectedly, with the password at hand.

For ``celery -A tests.support.worker_with_failing_requests worker``.
"""

from base64 import b64decode
from itertools import count

from rsvpq.http.connection import Connection
from rsvpq.http.message import HttpRequest
from workers.app import app

__all__ = ["app"]  # what Celery looks for

_head = Connection._head
_requests = count(1)
#: Every so many requests one fails.
_EVERY = 9


def _fail_now_and_then(self: Connection, request: HttpRequest) -> bytes:
    login = b64decode(self._headers["Authorization"].removeprefix("Basic ")).decode()
    password = login.partition(":")[2]
    if next(_requests) % _EVERY == 0:
        raise RuntimeError(f"planted, with {len(password)} characters at hand")
    return _head(self, request)


Connection._head = _fail_now_and_then  # type: ignore[method-assign]
