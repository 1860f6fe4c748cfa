"""Login methods. The credential never leaves this module: it is not logged, shown or put into a task.

Basic sends the password with every request. NTLM and Negotiate authenticate a TCP connection, in two or three messages,
when the server requires it with a 401; after a connection was lost, the next one is authenticated. Login forms are in
:mod:`rsvpq.http.forms`.
"""

import base64
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPResponse
from importlib import import_module
from typing import Any, Literal

from rsvpq.mail.errors import Busy, LoginRefused

Scheme = Literal["basic", "ntlm", "negotiate", "forms"]

#: The modules that a scheme needs beyond our own requirements; the extra rsvpq[SCHEME] installs them.
_NEEDS: dict[Scheme, tuple[str, ...]] = {"ntlm": ("spnego",), "negotiate": ("spnego", "gssapi", "krb5")}
#: The most messages of one login. NTLM takes two, Kerberos one, and Kerberos that falls back to NTLM three.
_MOST_MESSAGES = 5


@dataclass(frozen=True, slots=True)
class Forms:
    """The account for a server with a login form; see :mod:`rsvpq.http.forms`."""

    username: str
    password: str = field(repr=False)
    #: Whether the password and the session's cookies may cross the network unencrypted.
    allow_http: bool = False


@dataclass(frozen=True, slots=True)
class Basic:
    """HTTP Basic: the password is sent with every request."""

    authorization: str = field(repr=False)


def basic(username: str, password: str) -> Basic:
    r"""Return HTTP Basic for a ``username``: ``DOMAIN\user``, a UPN, or a bare name in the server's default domain."""
    # IIS accepts UTF-8.
    return Basic(f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}")


def missing_extra(scheme: Scheme) -> str:
    """Return why this installation cannot use the scheme, and the remedy; '' if it can."""
    for module in _NEEDS.get(scheme, ()):
        try:
            import_module(module)
        except ImportError:
            return f"{scheme} needs the module {module}; in a checkout of rsvpq: pip install '.[{scheme}]'"
    return ""


#: Reads a 401 response to its end, and sends the request again with an Authorization header. The third argument: the
#: request must go over the same connection, or not at all.
Repeat = Callable[[HTTPResponse, str, bool], HTTPResponse]


class ConnectionAuth:
    """NTLM or Negotiate: authenticates the connection on which a 401 came, and repeats the request on it.

    A request that was refused with a 401 was not executed, so any request may be repeated.
    """

    def __init__(self, scheme: Literal["ntlm", "negotiate"], username: str, password: str) -> None:
        # An optional requirement, so it is imported only if it is used.
        self._spnego: Any = import_module("spnego")
        errors = self._spnego.exceptions
        # The last three are what the library raises when it parses an invalid message.
        self._errors = (errors.SpnegoError, errors.NativeError, ValueError, LookupError, struct.error)
        self._scheme = scheme
        self._word = {"ntlm": "NTLM", "negotiate": "Negotiate"}[scheme]
        self._username = username
        self._password = password

    def log_in(self, what: str, host: str, refusal: HTTPResponse, repeat: Repeat) -> HTTPResponse:
        """Respond to the challenges of a server, and return its response to the request.

        :param what: verb and path, for errors. :param host: the configured host: a ticket must never be requested for
            another one.
        :raises Busy: the server does not offer the scheme. :raises LoginRefused: the login failed.
        :raises Exception: any error of ``repeat``.
        """
        if _challenge(refusal, self._word) is None:
            raise Busy(f"{what}: the server does not offer {self._word}; correct auth in the settings")
        response, received = refusal, None
        try:
            context = self._spnego.client(
                self._username, self._password, hostname=host, service="HTTP", protocol=self._scheme
            )
            for _ in range(_MOST_MESSAGES):
                token = context.step(received)
                if token is None:
                    break
                authorization = f"{self._word} {base64.b64encode(token).decode()}"
                response = repeat(response, authorization, received is not None)
                challenge = _challenge(response, self._word)
                if response.status != HTTPStatus.UNAUTHORIZED or not challenge:
                    break
                received = base64.b64decode(challenge)
        except self._errors as error:
            reason = f"{what}: {self._word} login failed ({type(error).__name__})"
        else:
            return response
        raise LoginRefused(reason)


def _challenge(response: HTTPResponse, word: str) -> str | None:
    """Return the text after the scheme's name in WWW-Authenticate; None if the scheme is not offered."""
    for line in response.headers.get_all("WWW-Authenticate", ()):
        for offer in line.split(","):
            name, _, token = offer.strip().partition(" ")
            if name.lower() == word.lower():
                return str(token.strip())
    return None
