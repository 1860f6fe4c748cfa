"""One thread's line to a mail server: its connection and its cookies, and what goes over it.

Stands on requests' adapter instead of its session. A session merges settings, takes the URL apart, quotes it anew and
asks a cookie jar for every request, and looks for redirects and cookies in every answer; nothing of that is wanted
here, and it took a quarter of the time that a worker spends on a request. What remains of it is done as a session does
it: authentication and its hooks, and cookies where a server sets any.
"""

import ssl
from collections.abc import Mapping
from http.cookiejar import CookieJar
from typing import Any

import requests
from requests.auth import AuthBase
from requests.cookies import RequestsCookieJar, extract_cookies_to_jar
from requests.hooks import default_hooks, dispatch_hook

from rsvpq.http.auth import is_connected
from rsvpq.http.deadlines import Deadline
from rsvpq.http.request_target import Target
from rsvpq.http.sockets import AsGiven

#: Cookies that are kept; a load balancer sets one or two, and each goes out with every request.
_MOST_COOKIES = 20
#: The most characters of a Set-Cookie; browsers keep no more of one, and the standard library takes their square.
_LONGEST_COOKIE = 4096


class Line:
    """A connection that is opened when it is needed, and again when it was lost; for one thread.

    :param origin: scheme, host and port.
    :param context: None for http.
    :param verify: a CA bundle's path, or True for the system's.
    :param timeout: seconds to wait for a connection, and for the next bytes of an answer.
    :param answer_s: seconds for the whole body of an answer.
    :param keep_cookies: whether what a server sets is sent back to it.
    """

    def __init__(
        self,
        origin: str,
        context: ssl.SSLContext | None,
        *,
        verify: str | bool,
        timeout: tuple[float, float],
        answer_s: float,
        keep_cookies: bool,
    ) -> None:
        self._origin = origin
        self._deadline = Deadline()
        self._adapter = _Adapter(origin, context, answer_s, self._deadline)
        self._sending: dict[str, Any] = {
            "stream": True,
            "timeout": timeout,
            "verify": verify,
            "cert": None,
            "proxies": {},  # none from the environment: not what was configured
        }
        self._cookies: CookieJar | None = RequestsCookieJar() if keep_cookies else None

    def send(
        self, method: str, target: Target, headers: Mapping[str, str], body: bytes, auth: AuthBase | None, until: float
    ) -> requests.Response:
        """Send one request; the body of the answer is still to be read, and redirects are not followed.

        :param target: goes into the request line as it is: requests would quote it anew.
        :param until: by when all is over, by the monotonic clock: connecting, a login, and the answer's body too.
        :raises requests.RequestException: as a session's ``send``.
        """
        self._deadline.at = until
        request = self._prepared(method, target, headers, body, auth)
        response = self._adapter.send(request, **self._sending)
        answer: requests.Response = dispatch_hook(  # type: ignore[no-untyped-call]
            "response", request.hooks, response, **self._sending
        )
        if self._cookies is not None and set_cookies(answer.raw):
            extract_cookies_to_jar(self._cookies, request, answer.raw)  # type: ignore[no-untyped-call]
            if len(self._cookies) > _MOST_COOKIES:
                self._cookies.clear()
        return answer

    def _prepared(
        self, method: str, target: Target, headers: Mapping[str, str], body: bytes, auth: AuthBase | None
    ) -> requests.PreparedRequest:
        """As ``PreparedRequest.prepare``, in its order, without parsing the URL."""
        request = requests.PreparedRequest()
        request.method = method
        request.url = self._origin
        request.prepare_headers(headers)
        if self._cookies:
            request.prepare_cookies(self._cookies)  # those of the whole site: a load balancer's, and not a mailbox's
        request.url += target
        request.body = body or None
        request.prepare_content_length(request.body)
        request.hooks = default_hooks()
        return auth(request) if auth is not None else request

    def is_connected(self) -> bool:
        """Whether there is a connection that the server has not closed."""
        request = requests.PreparedRequest()
        request.url = self._origin
        return is_connected(self._adapter.get_connection_with_tls_context(request, self._sending["verify"]))

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        self._adapter.close()


def set_cookies(answer: Any) -> list[str]:
    """The Set-Cookie headers of an answer of urllib3's as they came, but for those that are longer than any cookie."""
    return [line for line in answer.headers.getlist("Set-Cookie") if len(line) <= _LONGEST_COOKIE]


class _Adapter(AsGiven):
    """One connection to one server, with our TLS context."""

    def __init__(self, origin: str, context: ssl.SSLContext | None, answer_s: float, deadline: Deadline) -> None:
        self._context = context
        super().__init__(
            origin, answer_s=answer_s, deadline=deadline, pool_connections=1, pool_maxsize=1, max_retries=0
        )

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Called by the constructor."""
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)

    def build_response(self, request: requests.PreparedRequest, answer: Any) -> requests.Response:
        """As requests', which has the standard library read all cookies; those of another kind for nothing."""
        given = answer._original_response.msg
        kept = set_cookies(answer)
        for name in ("Set-Cookie", "Set-Cookie2"):
            del given[name]
        for line in kept:
            given.add_header("Set-Cookie", line)
        return super().build_response(request, answer)
