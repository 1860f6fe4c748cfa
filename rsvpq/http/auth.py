"""Ways to log in. The credential stays in here: it is never logged, shown or put into a task.

Basic sends the password with every request. NTLM and Negotiate authenticate a TCP connection, in two or three messages,
when the server asks for it with 401; a connection that was lost is authenticated again. The login form is in ``forms``.
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

#: The modules that a scheme needs beyond our own requirements; rsvpq[SCHEME] brings them.
_NEEDS: dict[Scheme, tuple[str, ...]] = {"ntlm": ("spnego",), "negotiate": ("spnego", "gssapi", "krb5")}
#: The most messages of one login; NTLM takes two, Kerberos one, Kerberos that falls back to NTLM three.
_MOST_MESSAGES = 5


@dataclass(frozen=True, slots=True)
class Forms:
    """The account for a server with a login form; see ``forms``."""

    username: str
    password: str = field(repr=False)
    #: Whether the password and the session's cookies may cross the network unencrypted.
    allow_http: bool = False


@dataclass(frozen=True, slots=True)
class Basic:
    """HTTP Basic: the password goes out with every request."""

    authorization: str = field(repr=False)


def basic(username: str, password: str) -> Basic:
    r"""Make the header of HTTP Basic; ``username`` as ``DOMAIN\user``, a UPN, or a bare name in a default domain."""
    # In UTF-8, which IIS takes as well as ASCII.
    return Basic(f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}")


def missing_extra(scheme: Scheme) -> str:
    """Say why the scheme cannot be used in this installation, and the remedy; '' if it can."""
    for module in _NEEDS.get(scheme, ()):
        try:
            import_module(module)
        except ImportError:
            return f"{scheme} cannot be used without {module}; in a checkout of rsvpq: pip install '.[{scheme}]'"
    return ""


#: Reads a refusal to its end, and sends the request again with an Authorization header; over the same connection, or
#: not at all, where the third is true.
Repeat = Callable[[HTTPResponse, str, bool], HTTPResponse]


class ConnectionAuth:
    """NTLM or Negotiate: authenticates the connection that a 401 came over, and repeats the request on it.

    A request that was refused with 401 was not carried out, so any request may be repeated.
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

    def log_in(self, what: str, host: str, refusal: HTTPResponse, repeat: Repeat) -> HTTPResponse:
        """Answer the challenges of a server, and return its response to the request.

        :param what: verb and path, for errors. :param host: the configured one: a ticket for another must never be
            asked for.
        :raises Busy: the server does not offer the scheme. :raises LoginRefused: there is no login with it.
        :raises Exception: as ``repeat``.
        """
        if _challenge(refusal, self._word) is None:
            raise Busy(f"{what}: the server does not offer {self._word}; correct auth in the settings")
        try:
            return self._answer(host, refusal, repeat)
        except self._errors as error:
            reason = f"{what}: no login with {self._word} ({type(error).__name__})"
        raise LoginRefused(reason)

    def _answer(self, host: str, response: HTTPResponse, repeat: Repeat) -> HTTPResponse:
        context = self._spnego.client(
            self._username, self._password, hostname=host, service="HTTP", protocol=self._scheme
        )
        received: bytes | None = None
        for _ in range(_MOST_MESSAGES):
            token = context.step(received)
            if token is None:
                return response
            authorization = f"{self._word} {base64.b64encode(token).decode()}"
            response = repeat(response, authorization, received is not None)
            challenge = _challenge(response, self._word)
            if response.status != HTTPStatus.UNAUTHORIZED or not challenge:
                return response
            received = base64.b64decode(challenge)
        return response


def _challenge(response: HTTPResponse, word: str) -> str | None:
    """Return what follows the scheme's name in WWW-Authenticate; None if the scheme is not offered."""
    for line in response.headers.get_all("WWW-Authenticate", ()):
        for offer in line.split(","):
            name, _, token = offer.strip().partition(" ")
            if name.lower() == word.lower():
                return str(token.strip())
    return None
