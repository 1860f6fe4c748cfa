"""Check everything about a server that comes before HTTP: its name, the connection, TLS and the certificate.

Certificates are verified as :mod:`rsvpq.http.server` verifies them, and nothing is sent over a connection that failed.
If a certificate is refused because of its dates or names, these are read over a second connection, which verifies
everything else and is closed at once.
"""

import socket
import ssl
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from rsvpq.http import tls
from rsvpq.http.connection import Connection, open_socket, secured
from rsvpq.http.deadlines import PlainSocket, Timeouts, TlsSocket
from rsvpq.http.endpoint import Endpoint
from rsvpq.http.message import DEFAULT_PORTS
from rsvpq.mail.checks import Checks, Stopwatch

#: A certificate that expires in fewer days than this is reported.
_SOON_DAYS = 21
_DAY_S = 86_400
_OLD_TLS = {"SSLv3", "TLSv1", "TLSv1.1"}
#: OpenSSL, include/openssl/x509_vfy.h.in: X509_V_FLAG_NO_CHECK_TIME, and the errors of dates and of names.
_NO_CHECK_TIME = 0x200000
_WRONG_DATES = {9, 10}
_WRONG_NAMES = {62, 64}


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

    scheme: str
    host: str
    port: int


def connect(endpoint: Endpoint, timeouts: Timeouts, checks: Checks) -> Connection | None:
    """Return an open connection for HTTP; None, and the reason in ``checks``, if there is none."""
    parts = urlsplit(endpoint.url)
    address = Address(parts.scheme, parts.hostname or "", parts.port or DEFAULT_PORTS[parts.scheme])
    plain = _connected(address, timeouts.connect_s, checks)
    if plain is None:
        return None
    if address.scheme == "http":
        text = "http: the password and all mail cross the network unencrypted"
        checks.warn("tls", text, "use https, unless TLS ends right before Exchange")
        connection = Connection(endpoint.url, timeouts)
        connection.adopt(PlainSocket.of(plain))
        return connection
    secure = _secured(plain, address, endpoint, timeouts.connect_s, checks)
    if secure is None:
        return None
    connection = Connection(endpoint.url, timeouts, context=secure.context)
    connection.adopt(secure)
    return connection


def _connected(address: Address, timeout_s: float, checks: Checks) -> socket.socket | None:
    watch = Stopwatch()
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # UnicodeError: a label of the host name is too long
        reason = (error.strerror if isinstance(error, OSError) else "") or type(error).__name__
        remedy = "correct url, or the DNS record"
        checks.fail("name", f"{address.host} has no address ({reason})", remedy, ms=watch.ms)
        return None
    checks.ok("name", f"{address.host} is {', '.join(dict.fromkeys(str(one[4][0]) for one in found))}", ms=watch.ms)
    watch = Stopwatch()
    try:
        connection = open_socket(address.host, address.port, time.monotonic() + timeout_s)
    except OSError as error:
        reason = "timed out" if isinstance(error, TimeoutError) else error.strerror or type(error).__name__
        remedy = "check that IIS is running there, the port in url, and firewalls in between"
        checks.fail("connection", f"cannot connect to port {address.port} ({reason})", remedy, ms=watch.ms)
        return None
    checks.ok("connection", f"to port {address.port}", ms=watch.ms)
    return connection


def _secured(
    plain: socket.socket, address: Address, endpoint: Endpoint, timeout_s: float, checks: Checks
) -> TlsSocket | None:
    watch = Stopwatch()
    try:
        context = tls.client_context(endpoint.tls_minimum, str(endpoint.ca_bundle or ""))
        secure = secured(plain, context, address.host, time.monotonic() + timeout_s)
    except OSError as error:
        plain.close()
        shown = _shown_certificate(error, address, endpoint, timeout_s)
        what, _, remedy = tls.handshake_failure(error)[0].partition("; ")
        checks.fail("certificate" if isinstance(error, ssl.SSLCertVerificationError) else "tls", what + shown, remedy)
        return None
    version, cipher = secure.version() or "", (secure.cipher() or ("",))[0]
    if version in _OLD_TLS:
        remedy = "update the server, or put a TLS proxy in front of it"
        checks.warn("tls", f"{version}, {cipher}: insecure", remedy, ms=watch.ms)
    elif endpoint.tls_minimum in tls.LEGACY:
        text = f"{version}, {cipher}, though tls_minimum allows {endpoint.tls_minimum}"
        checks.warn("tls", text, 'set tls_minimum = "1.2"', ms=watch.ms)
    else:
        checks.ok("tls", f"{version}, {cipher}", ms=watch.ms)
    certificate: Any = secure.getpeercert() or {}
    days = (ssl.cert_time_to_seconds(certificate["notAfter"]) - time.time()) / _DAY_S
    if days < _SOON_DAYS:
        checks.warn("certificate", f"expires in {days:.0f} days: {_described(certificate)}", "renew it on the server")
    else:
        checks.ok("certificate", _described(certificate))
    return secure


def _shown_certificate(error: OSError, address: Address, endpoint: Endpoint, timeout_s: float) -> str:
    """Describe a certificate that was refused because of its dates or names; '' for others, or if it cannot be read."""
    code = error.verify_code if isinstance(error, ssl.SSLCertVerificationError) else 0
    if code not in _WRONG_DATES | _WRONG_NAMES:
        return ""
    context = tls.client_context(endpoint.tls_minimum, str(endpoint.ca_bundle or ""))
    if code in _WRONG_DATES:
        context.verify_flags |= _NO_CHECK_TIME
    else:
        context.check_hostname = False
    try:
        with (
            open_socket(address.host, address.port, time.monotonic() + timeout_s) as plain,
            context.wrap_socket(plain, server_hostname=address.host) as secure,
        ):
            return f": {_described(secure.getpeercert() or {})}"
    except OSError:
        return ""


def _described(certificate: Any) -> str:
    """Return names, issuer and dates of a certificate, which is in the form of :meth:`ssl.SSLSocket.getpeercert`."""
    names = [value for _, value in certificate.get("subjectAltName", ())]
    # A name is such as ``((('commonName', 'mail.example.com'),), ...)``; without a common name, all parts are shown.
    parts = [dict(pair for relative in certificate.get(who, ()) for pair in relative) for who in ("subject", "issuer")]
    subject, issuer = (one.get("commonName") or ", ".join(one.values()) or "nobody" for one in parts)
    owner = f"{subject} ({', '.join(names)})" if names and names != [subject] else subject
    dates = (ssl.cert_time_to_seconds(certificate[name]) for name in ("notBefore", "notAfter"))
    first, last = (datetime.fromtimestamp(date, UTC).date().isoformat() for date in dates)
    return f"{owner}, by {issuer}, {first} to {last}"
