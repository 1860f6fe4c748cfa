"""The checks of a server from the outside in, up to the login: what the diagnoses of all protocols begin with.

The configured credential is tried once, and never again: directories lock accounts after a few failures. Servers that
share a user name take turns (:mod:`rsvpq.http.credential`).
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Generic, TypeVar

from rsvpq.http import probe, tls_handshake
from rsvpq.http.credential import Account
from rsvpq.http.deadlines import Timeouts
from rsvpq.http.endpoint import Endpoint
from rsvpq.http.message import LOGIN_TIMEOUT, HttpResponse
from rsvpq.http.probe import ProbeResult
from rsvpq.http.server import Server
from rsvpq.mail.checks import Checks, Stopwatch
from rsvpq.mail.errors import ExchangeError, LoginRefused

_NO_LOGIN = {HTTPStatus.UNAUTHORIZED, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED, LOGIN_TIMEOUT}
#: All statuses of errors that do not mean that the login is missing or was refused.
_ANYTHING = frozenset(range(HTTPStatus.BAD_REQUEST, 600)) - _NO_LOGIN


_Server = TypeVar("_Server", bound=Server)


@dataclass(frozen=True, slots=True)
class Subject(Generic[_Server]):
    """The server to diagnose.

    :param name: its name in the settings. :param server: the same server, with the account.
    """

    name: str
    endpoint: Endpoint
    timeouts: Timeouts
    server: _Server
    account: Account


def reach(subject: Subject[_Server], checks: Checks) -> ProbeResult | None:
    """Connect, and return the response to a probe without a login; None, with the reason in ``checks``, on failure."""
    connection = tls_handshake.connect(subject.endpoint, subject.timeouts, checks)
    if connection is None:
        return None
    probed = probe.send_probe(connection, subject.endpoint, subject.server.application, checks)
    if probed is not None:
        checks.clock(probe.clock_ahead_s(probed))
    return probed


class LoginCheck:
    """The one login of a diagnosis, which a request for a mailbox may have to settle.

    To be used while the account's turn lasts: see :meth:`Account.turn`.
    """

    def __init__(self, subject: Subject[Any], checks: Checks) -> None:
        self._subject = subject
        self._checks = checks
        #: Whether the server has certainly accepted the credential.
        self.let_in = False

    def attempt(self, path: str, mailbox: str) -> HttpResponse | None:
        """Log in once, never twice; return the response, or None, with the reason in ``checks``, on failure.

        :param path: of the application's probe. :param mailbox: that is requested next; '' for none.
        """
        account, checks = self._subject.account, self._checks
        server: Server = self._subject.server
        if account.refused_by:
            text = f"not tried: {account.refused_by} refused this user name, and another failure may lock the account"
            checks.fail("login", text, f"repair the login at {account.refused_by} first")
            return None
        watch = Stopwatch()
        request = server.application.probe
        try:
            response = server.send(request.method, path, headers=request.headers, body=request.body, known=_ANYTHING)
        except LoginRefused as refusal:
            self.refused(str(refusal), watch)
            return None
        except ExchangeError as error:
            checks.fail("login", str(error), "check the server, then run this again", ms=watch.ms)
            return None
        if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR and response.status not in request.passed:
            checks.fail("login", f"unknown, because {response.what} returned {response.status}", "check the server")
            return None
        # A proxy in front of Exchange may return a redirect or a 404 without a login, but does not sign it.
        signed = server.application.signed(response.headers)
        if response.status < HTTPStatus.MULTIPLE_CHOICES or response.status in request.passed or signed:
            self.accepted(watch)
        elif not mailbox:
            checks.skip("login", f"unknown: {response.what} returned {response.status}, and no mailbox is listed")
        return response

    def accepted(self, watch: Stopwatch) -> None:
        """Record that a request succeeded, which needs the login."""
        self._subject.account.accepted()
        if not self.let_in:
            self._checks.ok("login", "the credential is accepted", ms=watch.ms)
        self.let_in = True

    def refused(self, reason: str, watch: Stopwatch) -> None:
        """Record that the credential was refused."""
        self._subject.account.refused_by = self._subject.name
        text = f"refused ({reason}); this was the one attempt"
        remedy = "correct username and password before the next run: each costs one failed logon, and accounts lock"
        self._checks.fail("login", text, remedy, ms=watch.ms)
