"""What a server says to a stranger: one GET of the mailboxes' path without a credential, and what its answer tells.

Nothing here knows a password, so nothing can be refused. Which login is offered is settled before one is tried: a
password is never shown to a server that asks for it in another way than was configured.
"""

import re
import socket
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from requests.structures import CaseInsensitiveDict

from rsvpq.http.endpoint import Endpoint
from rsvpq.http.response import Answer
from rsvpq.http.tls_handshake import Address
from rsvpq.mail.checks import Checks, Stopwatch

#: The most of a page that is read, in bytes: a logon page has a few kilobytes.
_LARGEST_PAGE = 256 * 1024
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"')
_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9-]*)(?:\s|$)")
_SUPPORTED = ("negotiate", "ntlm", "basic", "forms")


@dataclass(frozen=True, slots=True)
class Greeting:
    """The answer to a stranger, the schemes that it offers in small letters, and when it came (by our clock)."""

    answer: Answer
    schemes: frozenset[str]
    received_at: float
    ms: float


def knock(connection: socket.socket, settings: Endpoint, notes: Checks) -> Greeting | None:
    """Ask once, and close the connection; None, and why, where there is no answer."""
    address, parts = Address.of(settings.url), urlsplit(settings.url)
    stranger = HTTPConnection(address.host, address.port)
    stranger.sock = connection
    root = parts.path.rstrip("/") + "/"
    watch = Stopwatch()
    try:
        headers = {"Host": parts.netloc, "User-Agent": "rsvpq", "Accept-Language": "en", "Connection": "close"}
        stranger.request("GET", root, headers=headers)
        with stranger.getresponse() as response:
            received_at, ms = time.time(), watch.ms
            body = response.read(_LARGEST_PAGE)
    except (OSError, HTTPException) as error:
        reason = "nobody answers" if isinstance(error, TimeoutError) else type(error).__name__
        notes.fail("http", f"a GET of {root} was not answered ({reason})", "look whether IIS works", ms=watch.ms)
        return None
    finally:
        stranger.close()
    told = CaseInsensitiveDict(response.getheaders())
    answer = Answer(f"GET {root}", response.status, told, body)
    lines = response.headers.get_all("WWW-Authenticate") or []
    schemes = {"forms"} if answer.login else {scheme for line in lines for scheme in schemes_of(line)}
    return Greeting(answer, frozenset(schemes), received_at, ms)


def schemes_of(line: str) -> set[str]:
    """The schemes of one WWW-Authenticate header, in small letters (RFC 9110, 11.6.1)."""
    offers = _QUOTED.sub('""', line).split(",")
    return {match[1].lower() for offer in offers if (match := _SCHEME.match(offer))}


def may_log_in(greeting: Greeting, settings: Endpoint, notes: Checks) -> bool:
    """Whether the login that is configured is one that the server offers."""
    status, offered = greeting.answer.status, ", ".join(sorted(greeting.schemes))
    if greeting.schemes:
        return _is_offered(greeting, settings, offered, notes)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        notes.fail("auth", f"a stranger is answered {status}", "look at the server; it is tried again by itself")
    elif HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        where = greeting.answer.headers.get("Location", "nowhere")
        if settings.auth == "forms":
            notes.ok("auth", f"a stranger is sent to {where}, perhaps a login form", ms=greeting.ms)
            return True
        notes.fail("auth", f"a stranger is sent to {where}", 'correct url; if that is a login page: auth = "forms"')
    else:
        notes.fail(
            "auth", f"a stranger is answered {status} and asked for no login", "correct url, its scheme and its path"
        )
    return False


def _is_offered(greeting: Greeting, settings: Endpoint, offered: str, notes: Checks) -> bool:
    if settings.auth not in greeting.schemes:
        usable = [scheme for scheme in _SUPPORTED if scheme in greeting.schemes]
        choice = " or ".join(f'auth = "{scheme}"' for scheme in usable)
        remedy = choice or "let the server offer Basic or Integrated Windows Authentication"
        notes.fail("auth", f"{settings.auth} is configured, and {offered} is offered", remedy, ms=greeting.ms)
        return False
    if settings.auth == "basic" and settings.url.startswith("http:"):
        text = f"basic over http: the password is sent as it is, with every request (offered: {offered})"
        notes.warn("auth", text, "use https", ms=greeting.ms)
    else:
        notes.ok("auth", f"{settings.auth} (offered: {offered})", ms=greeting.ms)
    return True


def clock_ahead_s(greeting: Greeting) -> float | None:
    """How many seconds the server's clock is ahead of this machine's; None without a Date header that can be read."""
    try:
        date = parsedate_to_datetime(greeting.answer.headers.get("Date", "")).timestamp()
    except (ValueError, OverflowError):
        return None
    # A Date header is cut to whole seconds.
    return date + 0.5 - greeting.received_at
