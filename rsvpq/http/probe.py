"""An unauthenticated GET of the server's base path: which logins the server offers, and what its clock says.

Nothing here knows a password, so nothing can be refused. Which login is offered is settled before one is tried: a
password is never shown to a server that asks for it in another way than was configured.
"""

import re
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from math import inf
from urllib.parse import urlsplit

from rsvpq.http.body import TooLarge
from rsvpq.http.connection import Connection, Lost, NotConnected
from rsvpq.http.endpoint import Endpoint
from rsvpq.http.login_form import LoginPages
from rsvpq.http.message import HttpRequest, HttpResponse
from rsvpq.http.request_target import Target
from rsvpq.mail.checks import Checks, Stopwatch

_HEADERS = {"User-Agent": "rsvpq", "Accept-Language": "en", "Connection": "close"}
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"')
_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9-]*)(?:\s|$)")
_SUPPORTED = ("negotiate", "ntlm", "basic", "forms")


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The response, the schemes that it offers in lower case, and when it came (by our clock)."""

    response: HttpResponse
    schemes: frozenset[str]
    received_at: float
    ms: float


def send_probe(
    connection: Connection, endpoint: Endpoint, login_pages: LoginPages, checks: Checks
) -> ProbeResult | None:
    """Send the request, and close the connection; None, and why, if there is no response.

    :param login_pages: what a login form is recognized by.
    """
    root = urlsplit(endpoint.url).path.rstrip("/") + "/"
    watch = Stopwatch()
    try:
        response = connection.send(HttpRequest("GET", Target(root), _HEADERS), until=inf)
    except (NotConnected, Lost, TooLarge) as error:
        checks.fail("http", f"no response to a GET of {root}: {error}", "look whether IIS works", ms=watch.ms)
        return None
    finally:
        connection.close()
    received_at, ms = time.time(), watch.ms
    offered = schemes_of(response.headers.get("WWW-Authenticate", ""))
    schemes = {"forms"} if login_pages.login(response) else offered
    return ProbeResult(response, frozenset(schemes), received_at, ms)


def schemes_of(line: str) -> set[str]:
    """Return the schemes of a WWW-Authenticate header in lower case (RFC 9110, 11.6.1)."""
    offers = _QUOTED.sub('""', line).split(",")
    return {match[1].lower() for offer in offers if (match := _SCHEME.match(offer))}


def may_log_in(probed: ProbeResult, endpoint: Endpoint, checks: Checks) -> bool:
    """Whether the login that is configured is one that the server offers."""
    status, offered = probed.response.status, ", ".join(sorted(probed.schemes))
    if probed.schemes:
        return _is_offered(probed, endpoint, offered, checks)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        checks.fail(
            "auth", f"an unauthenticated request got {status}", "look at the server; it is tried again by itself"
        )
    elif HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        where = probed.response.headers.get("Location", "nowhere")
        text = f"an unauthenticated request is redirected to {where}"
        if endpoint.auth == "forms":
            checks.ok("auth", f"{text}, perhaps a login form", ms=probed.ms)
            return True
        checks.fail("auth", text, 'correct url; if that is a login page: auth = "forms"')
    else:
        text = f"an unauthenticated request got {status} and is asked for no login"
        checks.fail("auth", text, "correct url, its scheme and its path")
    return False


def _is_offered(probed: ProbeResult, endpoint: Endpoint, offered: str, checks: Checks) -> bool:
    if endpoint.auth not in probed.schemes:
        usable = [scheme for scheme in _SUPPORTED if scheme in probed.schemes]
        choice = " or ".join(f'auth = "{scheme}"' for scheme in usable)
        remedy = choice or "let the server offer Basic or Integrated Windows Authentication"
        checks.fail("auth", f"{endpoint.auth} is configured, and {offered} is offered", remedy, ms=probed.ms)
        return False
    if endpoint.auth == "basic" and endpoint.url.startswith("http:"):
        text = f"basic over http: the password is sent as it is, with every request (offered: {offered})"
        checks.warn("auth", text, "use https", ms=probed.ms)
    else:
        checks.ok("auth", f"{endpoint.auth} (offered: {offered})", ms=probed.ms)
    return True


def clock_ahead_s(probed: ProbeResult) -> float | None:
    """Return how many seconds the server's clock is ahead of this machine's; None without a readable Date header."""
    try:
        date = parsedate_to_datetime(probed.response.headers.get("Date", "")).timestamp()
    except (ValueError, OverflowError):
        return None
    # A Date header is cut to whole seconds.
    return date + 0.5 - probed.received_at
