"""Send an unauthenticated request, to see which login methods a server offers and what its clock shows.

It is a GET of the base path. Where an application has only one path, not every server answers a GET of it, so the
application's own probe is sent.

This module has no password, so no login can be refused. It must be clear that the configured method is offered before
a login is tried: a password is never sent to a server that asks for another method.
"""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from math import inf
from urllib.parse import urlsplit

from rsvpq.http.application import Application
from rsvpq.http.auth import Scheme
from rsvpq.http.body import TooLarge
from rsvpq.http.connection import Connection, Lost, NotConnected
from rsvpq.http.endpoint import Endpoint
from rsvpq.http.message import HttpRequest, HttpResponse, Target
from rsvpq.mail.checks import Checks, Stopwatch

_HEADERS = {"User-Agent": "rsvpq", "Accept-Language": "en", "Connection": "close"}
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"')
_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9-]*)(?:\s|$)")
_SUPPORTED: tuple[Scheme, ...] = ("negotiate", "ntlm", "basic", "forms")


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The response, the login schemes that it offers in lower case, and when it came by our clock."""

    response: HttpResponse
    schemes: frozenset[str]
    received_at: float
    ms: float


def send_probe(
    connection: Connection, endpoint: Endpoint, application: Application, checks: Checks
) -> ProbeResult | None:
    """Send the request, and close the connection; return None, with the reason in ``checks``, without a response."""
    path = urlsplit(endpoint.url).path
    if application.probe.one_path:
        request = application.probe.at(Target(path), _HEADERS)
    else:
        request = HttpRequest("GET", Target(path.rstrip("/") + "/"), _HEADERS)
    watch = Stopwatch()
    try:
        response = connection.send(request, until=inf)
    except (NotConnected, Lost, TooLarge) as error:
        text = f"no response to a {request.method} of {request.target}: {error}"
        checks.fail("http", text, "check that IIS works", ms=watch.ms)
        return None
    finally:
        connection.close()
    received_at, ms = time.time(), watch.ms
    offered = schemes_of(response.headers.get("WWW-Authenticate", ""))
    schemes = {"forms"} if application.login_pages.login(response) else offered
    return ProbeResult(response, frozenset(schemes), received_at, ms)


def schemes_of(line: str) -> set[str]:
    """Return the schemes of a WWW-Authenticate header in lower case (RFC 9110, 11.6.1)."""
    offers = _QUOTED.sub('""', line).split(",")
    return {match[1].lower() for offer in offers if (match := _SCHEME.match(offer))}


def may_log_in(
    probed: ProbeResult, endpoint: Endpoint, checks: Checks, supported: Sequence[Scheme] = _SUPPORTED
) -> bool:
    """Return whether the server offers the configured login method.

    :param supported: the methods that can be configured for this protocol.
    """
    status, offered = probed.response.status, ", ".join(sorted(probed.schemes))
    if endpoint.auth in probed.schemes:
        if endpoint.auth == "basic" and endpoint.url.startswith("http:"):
            text = f"basic over http: the password is sent unencrypted with every request (offered: {offered})"
            checks.warn("auth", text, "use https", ms=probed.ms)
        else:
            checks.ok("auth", f"{endpoint.auth} (offered: {offered})", ms=probed.ms)
        return True
    if probed.schemes:
        usable = " or ".join(f'auth = "{scheme}"' for scheme in supported if scheme in probed.schemes)
        remedy = usable or "let the server offer Basic or Integrated Windows Authentication"
        checks.fail("auth", f"{endpoint.auth} is configured, but {offered} is offered", remedy, ms=probed.ms)
    elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        checks.fail("auth", f"an unauthenticated request got {status}", "check the server; workers retry automatically")
    elif HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        where = probed.response.headers.get("Location", "nowhere")
        text = f"an unauthenticated request is redirected to {where}"
        if endpoint.auth == "forms":
            checks.ok("auth", f"{text}, perhaps a login form", ms=probed.ms)
            return True
        form = 'set auth = "forms"' if "forms" in supported else "let the server offer a login without one"
        checks.fail("auth", text, f"correct url; if that is a login page, {form}")
    else:
        text = f"an unauthenticated request got {status} and no request to log in"
        checks.fail("auth", text, "correct the scheme and the path of url")
    return False


def clock_ahead_s(probed: ProbeResult) -> float | None:
    """Return how many seconds the server's clock is ahead of this machine's; None without a readable Date header."""
    try:
        date = parsedate_to_datetime(probed.response.headers.get("Date", "")).timestamp()
    except (ValueError, OverflowError):
        return None
    # A Date header has whole seconds, so the clock was half a second later on average.
    return date + 0.5 - probed.received_at
