"""How a client proves who it is. The credential stays in here: it is never logged, shown or put into a task.

Basic sends the password with every request. NTLM and Negotiate authenticate a TCP connection, in two or three messages,
when the server asks for it with 401; a connection that was lost is authenticated again. The login form is in ``forms``.
"""

import base64
import struct
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase, HTTPBasicAuth
from urllib3 import HTTPConnectionPool
from urllib3.connectionpool import ConnectionPool
from urllib3.exceptions import HTTPError

from rsvpq.mail.errors import Busy, LoginRefused, Transient

Scheme = Literal["basic", "ntlm", "negotiate", "forms"]

#: The modules that a scheme needs beyond our own requirements; rsvpq[SCHEME] brings them.
_NEEDS: dict[Scheme, tuple[str, ...]] = {"ntlm": ("spnego",), "negotiate": ("spnego", "gssapi", "krb5")}
#: The most messages of one login; NTLM takes two, Kerberos one, Kerberos that falls back to NTLM three.
_MOST_MESSAGES = 5
#: The most of a 401's page that is read to keep its connection, in bytes.
_LARGEST_PAGE = 256 * 1024


@dataclass(frozen=True, slots=True)
class Forms:
    """The account for a server with a login form: Exchange 2003, 2007 or ISA; see ``forms``."""

    username: str
    password: str = field(repr=False)
    #: Whether the password and the session's cookies may cross the network unencrypted.
    allow_http: bool = False


def basic(username: str, password: str) -> AuthBase:
    r"""HTTP Basic; ``username`` as ``DOMAIN\user``, a UPN, or a bare name where the server has a default domain."""
    # As bytes, because requests would encode text as Latin-1 and IIS takes UTF-8 as well as ASCII.
    return HTTPBasicAuth(username.encode(), password.encode())


def missing_extra(scheme: Scheme) -> str:
    """What is wrong if the scheme cannot be used in this installation, and the remedy; empty if it can."""
    for module in _NEEDS.get(scheme, ()):
        try:
            import_module(module)
        except ImportError:
            return f"{scheme} cannot be used without {module}; in a checkout of rsvpq: pip install '.[{scheme}]'"
    return ""


class ConnectionAuth(AuthBase):
    """NTLM or Negotiate: authenticates the connection that a 401 came over, and repeats the request on it.

    What is refused with 401 was not carried out, so any request may be repeated.
    """

    def __init__(self, scheme: Literal["ntlm", "negotiate"], username: str, password: str) -> None:
        # Optional, so it is imported by those who use it.
        self._spnego: Any = import_module("spnego")
        errors = self._spnego.exceptions
        # The last three: what a server's message that is none makes of its reader.
        self._errors = (errors.SpnegoError, errors.NativeError, ValueError, LookupError, struct.error)
        self._scheme = scheme
        self._word = {"ntlm": "NTLM", "negotiate": "Negotiate"}[scheme]
        self._username = username
        self._password = password

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Have the answer looked at."""
        request.register_hook("response", self._look)  # type: ignore[no-untyped-call]
        return request

    def _look(self, response: requests.Response, **sending: Any) -> requests.Response:
        if response.status_code != requests.codes.unauthorized:
            return response
        what = f"{response.request.method} {urlsplit(response.request.url or '').path!s}"
        if _challenge(response, self._word) is None:
            response.close()
            raise Busy(f"{what}: the server does not offer {self._word}; correct auth in the settings")
        try:
            return self._log_in(what, response, sending)
        except self._errors as error:
            response.close()
            reason = f"{what}: no login with {self._word} ({type(error).__name__})"
        raise LoginRefused(reason)

    def _log_in(self, what: str, response: requests.Response, sending: dict[str, Any]) -> requests.Response:
        request = response.request
        # response.connection is the adapter; its pool holds one connection, which all messages must go over.
        adapter: Any = response.connection
        pool = adapter.get_connection_with_tls_context(request, sending.get("verify", True))
        context = self._spnego.client(
            self._username,
            self._password,
            hostname=adapter.host,  # the configured one: a ticket for another must never be asked for
            service="HTTP",
            protocol=self._scheme,
        )
        received: bytes | None = None
        for _ in range(_MOST_MESSAGES):
            token = context.step(received)
            if token is None:
                return response
            _keep_connection(response)
            if received is not None and not is_connected(pool):
                raise Transient(f"{what}: the connection was lost in the middle of a login")
            message = request.copy()
            message.headers["Authorization"] = f"{self._word} {base64.b64encode(token).decode()}"
            response = adapter.send(message, **sending)
            response.request = request
            challenge = _challenge(response, self._word)
            if response.status_code != requests.codes.unauthorized or not challenge:
                return response
            received = base64.b64decode(challenge)
        return response


def is_connected(pool: ConnectionPool) -> bool:
    """Whether the pool of one thread has a connection that the server has not closed."""
    if not isinstance(pool, HTTPConnectionPool) or pool.pool is None or pool.pool.empty():
        return False
    connection = pool.pool.get_nowait()
    pool.pool.put_nowait(connection)
    return connection is not None and connection.is_connected


def _challenge(response: requests.Response, word: str) -> str | None:
    """What follows the scheme's name in WWW-Authenticate; None if the scheme is not offered."""
    for line in response.raw.headers.getlist("WWW-Authenticate"):
        for offer in line.split(","):
            name, _, token = offer.strip().partition(" ")
            if name.lower() == word.lower():
                return str(token.strip())
    return None


def _keep_connection(response: requests.Response) -> None:
    """Read the page, which gives the connection back; one without end costs the connection."""
    try:
        response.raw.read(_LARGEST_PAGE)
        whole = not response.raw.read(1)
    except HTTPError:
        whole = False
    if not whole:
        response.raw.close()
    response.raw.release_conn()
