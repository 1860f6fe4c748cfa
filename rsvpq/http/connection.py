"""One thread's HTTP/1.1 connection to one server, on the standard library's ``http.client``.

It differs from the connections of ``requests`` and ``urllib3`` in what this product needs:

- The request target is sent byte for byte. Both libraries quote paths again: they change ``{C0FFEE}.EML`` to
  ``%7BC0FFEE%7D.EML``, and ``%c3`` to ``%C3``. Names are opaque to a client, so they must stay as they are.
- It connects only to the configured host, whatever a URL, a redirect or the environment says.
- Head and body are sent in one piece, and every step has a deadline (:mod:`rsvpq.http.deadlines`).
- It follows no redirects, and repeats a request only to log in with it, after a 401 to its first copy. The caller
  decides what a failure means; it only has to know whether the request may have reached the server.
"""

import errno
import select
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse, IncompleteRead
from http.cookiejar import CookieJar
from math import inf
from time import monotonic
from typing import Any, Literal
from urllib.parse import urlsplit
from urllib.request import Request

from requests.structures import CaseInsensitiveDict

from rsvpq.http import tls
from rsvpq.http.auth import ConnectionAuth
from rsvpq.http.body import Undecodable, read_body
from rsvpq.http.deadlines import PlainSocket, Timeouts, TlsSocket, within
from rsvpq.http.message import DEFAULT_PORTS, HttpRequest, HttpResponse, Target
from rsvpq.mail.errors import BUSY_DELAY_S, Malformed, Transient

#: The most cookies that are kept. A load balancer sets one or two, and each is sent with every request.
_MOST_COOKIES = 20
#: The most characters of a Set-Cookie header. Browsers keep no longer ones, and the time that the standard library
#: needs grows with the square of the length.
_LONGEST_COOKIE = 4096
#: The most bytes of the page of a 401 that are read, and dropped, to keep the connection.
_MOST_DROPPED = 256 * 1024


class NotConnected(Exception):
    """There is no connection, and nothing was sent.

    :param delay_s: seconds to send nothing to the server. :param scope: whether that concerns one mailbox or the whole
        server.
    """

    def __init__(
        self, text: str, delay_s: float = BUSY_DELAY_S, scope: Literal["mailbox", "server"] = "server"
    ) -> None:
        super().__init__(text)
        self.delay_s = delay_s
        self.scope: Literal["mailbox", "server"] = scope


class Lost(Exception):
    """The request may have reached the server, and there is no complete response to it."""


@dataclass(slots=True)
class SeenCertificate:
    """The certificate that the last handshake with a server has shown, whichever thread did it.

    :param end_s: when it ends, in seconds since the epoch; 0 if there was no handshake.
    """

    end_s: float = 0.0


class Connection:
    """A connection for one thread; opened on demand, and again after it was lost.

    :param origin: scheme, host and port; it connects to nothing else.
    :param headers: sent with every request. :param context: None for http.
    :param auth: authenticates each new connection when the server requires it.
    :param keep_cookies: whether to send back the cookies that the server sets.
    :param listings: the statuses of responses that may be long listings.
    :param dropped_cookies: the names of cookies that are not sent back, in lower case.
    """

    _socket: PlainSocket | TlsSocket | None = None
    _fresh = False
    _response: HTTPResponse | None = None

    def __init__(
        self,
        origin: str,
        timeouts: Timeouts,
        *,
        headers: Mapping[str, str] | None = None,
        context: ssl.SSLContext | None = None,
        auth: ConnectionAuth | None = None,
        keep_cookies: bool = True,
        listings: frozenset[int] = frozenset(),
        dropped_cookies: frozenset[str] = frozenset(),
    ) -> None:
        parts = urlsplit(origin)
        if (parts.scheme == "https") is (context is None):
            raise ValueError("https needs a TLS context, and http must not have one")
        self._origin = f"{parts.scheme}://{parts.netloc}"
        #: The configured host, for logins that are bound to it.
        self.host = parts.hostname or ""
        self._port = parts.port or DEFAULT_PORTS[parts.scheme]
        self._authority = parts.netloc
        self._timeouts = timeouts
        self._headers = dict(headers or {})
        self._context = context
        self._auth = auth
        self._cookies = CookieJar() if keep_cookies else None
        self._listings = listings
        self._dropped_cookies = dropped_cookies
        #: The certificate of the last handshake. A value that is read, and not a callback: one that led back to the
        #: owner of the connection would be a cycle of references, in which only the collector closes the socket.
        self.certificate = SeenCertificate()

    def send(self, request: HttpRequest, until: float) -> HttpResponse:
        """Send one request and read the whole response, whatever its status.

        :param until: the deadline for everything, a login included, on the monotonic clock.
        :raises NotConnected, Malformed: nothing was sent. :raises Lost: the request may have been sent.
        :raises body.TooLarge: the response is too large.
        :raises Busy, LoginRefused, Transient: see :class:`ConnectionAuth`.
        """
        try:
            response = self._exchange(request, until)
            if self._auth is not None and response.status == HTTPStatus.UNAUTHORIZED:
                response = self._log_in(self._auth, request, response, until)
            return self._whole(request, response, until)
        except BaseException:
            self.close()  # the rest of this response must not be read as the next one
            raise

    def is_connected(self) -> bool:
        """Return whether there is an open connection on which the server has sent nothing unrequested."""
        if self._socket is None or self._fresh:  # TLS 1.3 may send more after the handshake, before any response
            return self._fresh
        if self._poll.poll(0):
            return False
        # Data that came in the same TLS record as the end of a response is already decrypted, so poll misses it.
        return not (isinstance(self._socket, TlsSocket) and self._socket.pending())

    def adopt(self, connected: PlainSocket | TlsSocket) -> PlainSocket | TlsSocket:
        """Use a socket that was just connected to the server."""
        self._socket, self._fresh = connected, True
        self._poll = select.poll()  # instead of unregistering at the end: a socket may be closed before its connection
        self._poll.register(connected, select.POLLIN)
        return connected

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._response is not None:
            self._response.close()
            self._response = None
        if self._socket is not None:
            self._socket.close()
            self._socket, self._fresh = None, False

    def __del__(self) -> None:
        """Close the connection when its thread has ended."""
        self.close()

    def _exchange(self, request: HttpRequest, until: float) -> HTTPResponse:
        """Send a request and read the head of the response."""
        octets = self._head(request) + request.body
        connection = self._connected(until)
        started, failure = monotonic(), "request not sent"
        try:
            # A server may respond, and close, before it has read the whole request.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(octets)
            self._fresh = False
            failure = "no response"
            connection.allow(self._timeouts.read_s, within(self._timeouts.read_s, until))
            self._response = response = HTTPResponse(connection, method=request.method)
            response.begin()
            connection.allow(self._timeouts.read_s, within(self._timeouts.body_s, until))
        except TimeoutError:
            raise Lost(f"{failure} after {monotonic() - started:.0f} s") from None
        except (OSError, HTTPException) as error:
            raise _lost(error) from None
        if response.status < HTTPStatus.OK:
            # The final response may still come, and must not be read as the response to the next request.
            raise Lost(f"no final response after a {response.status}")
        lengths = ",".join(response.headers.get_all("Content-Length", ())).split(",")
        if len(set(map(str.strip, lengths))) > 1:  # the end of the response would be ambiguous
            raise Lost("invalid HTTP response (more than one Content-Length)")
        return response

    def _head(self, request: HttpRequest) -> bytes:
        """Build the request line and the headers, and check that no value adds lines to them.

        :raises Malformed: a header holds a line break, or a character that Latin-1 does not have.
        """
        target = request.target if isinstance(request.target, Target) else Target(request.target)
        lines = [f"{request.method} {target} HTTP/1.1", f"Host: {self._authority}"]
        lines += [f"{name}: {value}" for name, value in {**self._headers, **request.headers}.items()]
        if self._cookies:
            # Only those for the whole site, such as those of a load balancer. The jar's own request is never opened.
            site = Request(f"{self._origin}/")  # noqa: S310 - see above
            self._cookies.add_cookie_header(site)
            if cookies := site.get_header("Cookie"):
                lines.append(f"Cookie: {cookies}")
        if request.body or request.method != "GET":
            lines.append(f"Content-Length: {len(request.body)}")
        head = "\r\n".join(lines)
        try:
            if not head.count("\r") == head.count("\n") == len(lines) - 1:
                raise Malformed(f"{request.what}: not sent, because a header contains a line break")
            return f"{head}\r\n\r\n".encode("latin-1")
        except UnicodeEncodeError:
            raise Malformed(f"{request.what}: not sent, because a header contains non-Latin-1 characters") from None

    def _connected(self, until: float) -> PlainSocket | TlsSocket:
        """Return the open socket, or open one, with its deadline set for sending a request.

        :raises NotConnected: the connection failed, or there is no time left.
        """
        connection = self._socket if self._socket and self.is_connected() else self._reconnected(until)
        try:
            connection.allow(self._timeouts.read_s, within(self._timeouts.read_s, until))
        except TimeoutError:
            raise NotConnected("no time left to send the request") from None
        return connection

    def _reconnected(self, until: float) -> PlainSocket | TlsSocket:
        self.close()
        started = monotonic()
        end = min(until, started + self._timeouts.connect_s)
        try:
            plain = open_socket(self.host, self._port, end)
        except TimeoutError:
            raise NotConnected(f"no connection after {monotonic() - started:.0f} s") from None
        except (OSError, UnicodeError) as error:  # UnicodeError: a label of the host name is too long
            if isinstance(error, OSError) and error.errno in {errno.EMFILE, errno.ENFILE}:
                # The server is not at fault, so only this mailbox waits.
                remedy = "raise its limit (ulimit -n), or give it fewer threads"
                raise NotConnected(f"this process cannot open more connections; {remedy}", scope="mailbox") from None
            reason = (error.strerror if isinstance(error, OSError) else "") or type(error).__name__
            raise NotConnected(f"no connection to the server ({reason})") from None
        if self._context is None:
            return self.adopt(PlainSocket.of(plain))
        try:
            secure = secured(plain, self._context, self.host, end)
        except OSError as error:
            plain.close()
            raise NotConnected(*tls.handshake_failure(error)) from None
        certificate: Any = secure.getpeercert() or {}
        with suppress(KeyError, ValueError):  # a form of the date that the standard library does not read
            self.certificate.end_s = ssl.cert_time_to_seconds(certificate["notAfter"])
        return self.adopt(secure)

    def _log_in(self, auth: ConnectionAuth, request: HttpRequest, refusal: HTTPResponse, until: float) -> HTTPResponse:
        """Authenticate the connection, and repeat the request on it."""

        def repeat(refused: HTTPResponse, authorization: str, same_connection: bool) -> HTTPResponse:
            self._read_to_end(refused)
            if same_connection and not self.is_connected():
                raise Transient(f"{request.what}: the connection was lost in the middle of a login")
            headers = {**request.headers, "Authorization": authorization}
            return self._exchange(replace(request, headers=headers), until)

        return auth.log_in(request.what, self.host, refusal, repeat)

    def _read_to_end(self, response: HTTPResponse) -> None:
        """Read and drop the rest of a response to keep the connection; close it instead if the rest is long."""
        left = _MOST_DROPPED
        try:
            while left and (piece := response.read1(left)):
                left -= len(piece)
        except (OSError, HTTPException):
            left = 0
        if response.will_close or response.length or not left:
            self.close()

    def _whole(self, request: HttpRequest, response: HTTPResponse, until: float) -> HttpResponse:
        """Read the body, and keep the connection open if the server does."""
        started = monotonic()
        end, listing = min(until, started + self._timeouts.body_s), response.status in self._listings
        try:
            body, rest = read_body(response, end, listing=listing)
        except TimeoutError:
            raise Lost(f"response body incomplete after {monotonic() - started:.0f} s") from None
        except Undecodable as error:
            raise Lost(f"response body cannot be decoded: {error}") from None
        except (OSError, HTTPException) as error:
            raise _lost(error) from None
        if response.will_close:
            self.close()
        else:
            response.close()  # this does not close the connection
        cookies = self._keep_cookies(request, response)
        given = response.headers
        joined = CaseInsensitiveDict({name: ", ".join(given.get_all(name, ())) for name in given})
        return HttpResponse(request.what, response.status, joined, body, cookies, rest)

    def _keep_cookies(self, request: HttpRequest, response: HTTPResponse) -> tuple[str, ...]:
        """Keep the cookies that a response sets, except those to drop, and those that are too long or have line breaks.

        :returns: the headers of these cookies, unchanged.
        """
        headers = response.headers
        given = headers.get_all("Set-Cookie")
        if given is None:
            return ()
        kept = [line for line in given if len(line) <= _LONGEST_COOKIE and not {"\r", "\n"} & set(line)]
        kept = [line for line in kept if line.partition("=")[0].strip().lower() not in self._dropped_cookies]
        if self._cookies is not None:
            for name in ("Set-Cookie", "Set-Cookie2"):
                del headers[name]
            for line in kept:
                headers["Set-Cookie"] = line
            # The jar's own request is never opened.
            self._cookies.extract_cookies(response, Request(f"{self._origin}{request.target}"))  # noqa: S310 - see above
            if len(self._cookies) > _MOST_COOKIES:
                self._cookies.clear()
        return tuple(kept)


def open_socket(host: str, port: int, end: float) -> socket.socket:
    """Connect to the first address of a host that accepts.

    :param end: the deadline for all of its addresses together, on the monotonic clock.
    :raises OSError, UnicodeError: no address accepts, or the name has no address.
    """
    failure: OSError = socket.gaierror(socket.EAI_NONAME, "no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        made = socket.socket(family, kind, protocol)
        try:
            made.settimeout(within(inf, end))
            made.connect(address)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            made.close()
            failure = error
        else:
            return made
    raise failure


def secured(plain: socket.socket, context: ssl.SSLContext, host: str, end: float) -> TlsSocket:
    """Do the TLS handshake on a connected socket, which the returned socket replaces.

    :raises OSError: the handshake failed.
    """
    plain.settimeout(within(inf, end))
    made = context.wrap_socket(plain, server_hostname=host)
    if not isinstance(made, TlsSocket):
        raise TypeError("the context must come from tls.client_context, whose sockets have deadlines")
    return made


def _lost(error: Exception) -> Lost:
    if isinstance(error, OSError | IncompleteRead):
        return Lost("connection closed before the response was complete")
    return Lost(f"invalid HTTP response ({type(error).__name__})")
