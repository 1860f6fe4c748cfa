"""An unauthenticated GET of the mailboxes' path: which logins the server offers, and what its clock says.

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

from rsvpq.doctor.clocks import judge_skew
from rsvpq.doctor.results import Notes, Stopwatch
from rsvpq.http.body import TooLarge
from rsvpq.http.connection import Connection, Lost, NotConnected
from rsvpq.http.message import HttpRequest, HttpResponse
from rsvpq.http.request_target import Target
from rsvpq.settings import ServerSettings
from rsvpq.webdav.server import LOGIN_PAGES

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


def send_probe(connection: Connection, settings: ServerSettings, notes: Notes) -> ProbeResult | None:
    """Send the request, and close the connection; None, and why, if there is no response."""
    root = urlsplit(settings.url).path.rstrip("/") + "/"
    watch = Stopwatch()
    try:
        response = connection.send(HttpRequest("GET", Target(root), _HEADERS), until=inf)
    except (NotConnected, Lost, TooLarge) as error:
        notes.fail("http", f"no response to a GET of {root}: {error}", "look whether IIS works", ms=watch.ms)
        return None
    finally:
        connection.close()
    received_at, ms = time.time(), watch.ms
    offered = schemes_of(response.headers.get("WWW-Authenticate", ""))
    schemes = {"forms"} if LOGIN_PAGES.login(response) else offered
    return ProbeResult(response, frozenset(schemes), received_at, ms)


def schemes_of(line: str) -> set[str]:
    """Return the schemes of a WWW-Authenticate header in lower case (RFC 9110, 11.6.1)."""
    offers = _QUOTED.sub('""', line).split(",")
    return {match[1].lower() for offer in offers if (match := _SCHEME.match(offer))}


def may_log_in(probed: ProbeResult, settings: ServerSettings, notes: Notes) -> bool:
    """Whether the login that is configured is one that the server offers."""
    status, offered = probed.response.status, ", ".join(sorted(probed.schemes))
    if probed.schemes:
        return _is_offered(probed, settings, offered, notes)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        notes.fail(
            "auth", f"an unauthenticated request got {status}", "look at the server; it is tried again by itself"
        )
    elif HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        where = probed.response.headers.get("Location", "nowhere")
        if settings.auth == "forms":
            notes.ok("auth", f"an unauthenticated request is redirected to {where}, perhaps a login form", ms=probed.ms)
            return True
        text = f"an unauthenticated request is redirected to {where}"
        notes.fail("auth", text, 'correct url; if that is a login page: auth = "forms"')
    else:
        text = f"an unauthenticated request got {status} and is asked for no login"
        notes.fail("auth", text, "correct url, its scheme and its path")
    return False


def _is_offered(probed: ProbeResult, settings: ServerSettings, offered: str, notes: Notes) -> bool:
    if settings.auth not in probed.schemes:
        usable = [scheme for scheme in _SUPPORTED if scheme in probed.schemes]
        choice = " or ".join(f'auth = "{scheme}"' for scheme in usable)
        remedy = choice or "let the server offer Basic or Integrated Windows Authentication"
        notes.fail("auth", f"{settings.auth} is configured, and {offered} is offered", remedy, ms=probed.ms)
        return False
    if settings.auth == "basic" and settings.url.startswith("http:"):
        text = f"basic over http: the password is sent as it is, with every request (offered: {offered})"
        notes.warn("auth", text, "use https", ms=probed.ms)
    else:
        notes.ok("auth", f"{settings.auth} (offered: {offered})", ms=probed.ms)
    return True


def compare_clocks(probed: ProbeResult, redis_ahead_s: float | None, notes: Notes) -> None:
    """Compare the Date header with this machine's clock, and with Redis' where that is known."""
    try:
        date = parsedate_to_datetime(probed.response.headers.get("Date", "")).timestamp()
    except (ValueError, OverflowError):
        notes.skip("clock", "the server does not tell its time")
        return
    # A Date header is cut to whole seconds.
    ahead_s = date + 0.5 - probed.received_at
    against = {"this machine": ahead_s}
    if redis_ahead_s is not None:
        against["Redis"] = ahead_s - redis_ahead_s
    judge_skew(notes, against, "the server")
