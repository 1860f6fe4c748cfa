"""One server and the account used on it: sends requests, and returns responses or raises errors.

Every request goes to the configured origin (:class:`rsvpq.http.message.Target`). Redirects are never followed, except
those that lead to a login form on that origin.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from http import HTTPStatus
from threading import local
from typing import ClassVar, Never
from urllib.parse import urlsplit

from rsvpq.http import tls
from rsvpq.http.application import Application
from rsvpq.http.auth import Basic, ConnectionAuth, Forms
from rsvpq.http.body import TooLarge
from rsvpq.http.connection import Connection, Lost, NotConnected, SeenCertificate
from rsvpq.http.credential import LONGEST_WAIT_S, Credential, LoginAttempt
from rsvpq.http.deadlines import Timeouts
from rsvpq.http.forms import FormsLogin
from rsvpq.http.message import HttpRequest, HttpResponse, Target, error_from, no_rights
from rsvpq.mail.errors import (
    Busy,
    ExchangeError,
    Filtered,
    Gone,
    LoginRefused,
    MailboxRefused,
    Refused,
    Transient,
    Unknown,
    of_server,
)
from rsvpq.mail.lease import Lease, NoLease

__all__ = ["Server", "Timeouts"]

_HEADERS = {
    "User-Agent": "rsvpq",
    "Accept-Encoding": "gzip, deflate",
    "Accept": "*/*",
    "Connection": "keep-alive",
}
_NO_LEASE = NoLease()


class Server:
    """A server and the account used on it.

    A subclass names the application behind it.

    :param url: origin and base path, such as ``https://server.example.com/base/``.
    :param credential: the state of the account's credential, shared with the other servers that use it.
    :param ca_bundle: the path of a file with the trusted authorities; '' for the usual ones.
    :param tls_minimum: the oldest allowed version of TLS.
    """

    application: ClassVar[Application] = Application()

    def __init__(
        self,
        url: str,
        auth: Basic | ConnectionAuth | Forms,
        *,
        credential: Credential | None = None,
        timeouts: Timeouts | None = None,
        ca_bundle: str = "",
        tls_minimum: tls.MinimumVersion = "1.2",
    ) -> None:
        parts = urlsplit(url)
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self.root = parts.path.rstrip("/") + "/"
        self._credential = credential or Credential()
        self._headers = {**_HEADERS, **self.application.headers}
        if isinstance(auth, Basic):
            self._headers["Authorization"] = auth.authorization
        self._auth = auth if isinstance(auth, ConnectionAuth) else None
        self._forms: FormsLogin | None = None
        if isinstance(auth, Forms):
            self._forms = FormsLogin(auth, self.origin, self.root, self.application, self._credential)
        self._timeouts = timeouts or Timeouts()
        self._context = tls.shared_context(tls_minimum, ca_bundle) if parts.scheme == "https" else None
        # A path where the account was accepted, to distinguish a wrong password from a path that it may not open.
        self._accepted_at: Target | None = None
        # Whether this server has signed a response; only then does a 404 without the signature come from a filter.
        self._signs = False
        self._certificate = SeenCertificate()
        self._threads = local()

    @property
    def certificate_end_s(self) -> float:
        """When the certificate ends that the last handshake has shown, in seconds since the epoch; 0 if none was."""
        return self._certificate.end_s

    @contextmanager
    def for_item(self, lease: Lease) -> Iterator[None]:
        """Limit the requests that this thread sends in this context by a lease."""
        before, self._threads.lease = self._lease, lease
        try:
            yield
        finally:
            self._threads.lease = before

    @property
    def _lease(self) -> Lease:
        lease: Lease = getattr(self._threads, "lease", _NO_LEASE)
        return lease

    @property
    def _wait_s(self) -> float:
        """The most seconds to wait for another thread."""
        self._lease.keep("a login")
        return min(LONGEST_WAIT_S, self._lease.left_s)

    def keep_lease(self, what: str) -> None:
        """Keep the lease during long work on a response, as is done before each request.

        :raises OutOfTime: the item has taken too long. :raises Exception: any other error of :meth:`Lease.keep`.
        """
        self._lease.keep(what)

    def send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        effect: bool = False,
        known: Collection[int] = (),
    ) -> HttpResponse:
        """Send one request to a %-encoded path below the base path, and read the whole response.

        :param path: without a query, unless it is a :class:`Target` that was made with one.
        :param effect: whether the request changes something; this decides what a lost response means.
        :param known: statuses of 400 and above that the caller handles; they are returned as responses.
        :raises ExchangeError: see :mod:`rsvpq.mail.errors`.
        :raises Malformed: the path is not below the base path, and nothing was sent; or the response is invalid.
        """
        target = path if isinstance(path, Target) else Target.below(path, self.root)
        request = HttpRequest(method, target, headers, body)
        if self._forms is not None:
            response = self._in_session(self._forms, request, effect=effect)
        else:
            response = self._with_credential(request, effect=effect)
        failure = error_from(response.what, response.status, response.headers, effect=effect)
        signed = self.application.signed(response.headers)
        self._signs = self._signs or signed
        if isinstance(failure, Gone) and self._signs and not signed:
            missing = self.application.signature
            failure = Filtered(
                f"{response.what} returned {response.status} without a {missing} header: not from the server itself"
            )
        if failure is not None and response.status not in known:
            raise failure
        return response

    def _in_session(self, forms: FormsLogin, request: HttpRequest, *, effect: bool) -> HttpResponse:
        """Send a request within the session of the login form; if the session has ended, repeat it in a new one.

        Any request may be repeated then: if the login form was returned, the request was not executed.
        """
        for again in (False, True):
            session = forms.session(self._send_once, self._wait_s)
            own = {"Cookie": session.cookie}
            response = self._send_once(replace(request, headers={**request.headers, **own}), effect=effect)
            if response.status == HTTPStatus.UNAUTHORIZED:
                raise no_rights(response.what)  # the session was accepted, so the password is right
            if not forms.is_login(response):
                forms.absorb(session, response.cookies)
                return response
            refused = self.application.login_pages.login(response) == "refused"
            shown = _may_be_content(request, response, effect=effect)
            certain = not (again or shown or refused)
            if certain or not self._is_logged_in(request.target, own):
                if refused:
                    forms.refuse(session, self._wait_s)
                    raise LoginRefused(f"{response.what}: the server refused the user name or the password")
                forms.end(session)
            elif shown:
                return replace(response, cleared=True)
            elif again:
                raise _unexpected_form(response, effect=effect)
        # The login itself worked, so the cause is in this part of the server.
        raise Busy(f"{request.what}: the session ended right after a login", scope="mailbox")

    def _with_credential(self, request: HttpRequest, *, effect: bool) -> HttpResponse:
        with self._credential.attempt(request.what, self._wait_s, self.origin) as attempt:
            try:
                response = self._send_past_login_form(request, effect=effect)
            except LoginRefused:
                self._credential.refused(attempt)
                raise
            if response.status == HTTPStatus.UNAUTHORIZED:
                if not self._credential.refused(attempt, self._is_still_accepted if self._accepted_at else None):
                    raise no_rights(response.what)
            elif self.application.login_pages.login(response):
                self._raise_for_login(attempt, request, response, effect=effect)
            elif response.status < HTTPStatus.MULTIPLE_CHOICES:
                self._credential.accepted(attempt)
                if request.method == self.application.probe.method and not self._accepted_at:
                    self._accepted_at = request.target
            return response

    def _raise_for_login(
        self, attempt: LoginAttempt, request: HttpRequest, response: HttpResponse, *, effect: bool
    ) -> Never:
        """Raise the error for a response that asks for a login or refuses it."""
        refused = self.application.login_pages.login(response) == "refused"
        refusal = LoginRefused(f"{response.what}: the server refused the user name or the password")
        if refused and not self._accepted_at:
            self._credential.refused(attempt)  # without a probe: a wrong password must not be sent twice
            raise refusal
        if self._is_logged_in(request.target):
            raise _unexpected_form(response, effect=effect)
        if not refused:
            # The cause may be temporary: a server that restarts, or a part of it that is on another host.
            text = f"{response.what} returned a login form, twice"
            if self._accepted_at and self._is_still_accepted():
                raise Busy(f"{text}, though this account is accepted elsewhere", scope="mailbox")
            raise Busy(f'{text}; if the server has one, set auth = "forms"')
        if not self._credential.refused(attempt, self._is_still_accepted):
            text = f"{response.what}: the server refuses this account here, but accepts it elsewhere"
            raise MailboxRefused(text)
        raise refusal

    def _send_past_login_form(self, request: HttpRequest, *, effect: bool) -> HttpResponse:
        """Send a request, and repeat it if a login form was returned: it was not executed, and no login was refused."""
        self._log_in_first(request)
        response = self._send_once(request, effect=effect)
        if self.application.login_pages.login(response) not in {"ended", "wanted"}:
            return response
        if _may_be_content(request, response, effect=effect) and self._is_logged_in(request.target):
            return replace(response, cleared=True)
        self._log_in_first(request)
        return self._send_once(request, effect=effect)

    def _log_in_first(self, request: HttpRequest) -> None:
        """Send a probe first over a new connection, if the login method authenticates connections.

        A server may not request a login for every request: to a PUT without a login, IIS returns a 404, or a refusal
        inside a success (found by Evolution's connector, docs/http). To a probe it returns a 401. The other methods
        send the credential with every request.
        """
        is_probe = request.method == self.application.probe.method
        if self._auth is not None and not is_probe and not self._connection().is_connected():
            response = self._probe()
            if response.status == HTTPStatus.UNAUTHORIZED:
                raise LoginRefused(f"{response.what} returned 401")

    def _is_still_accepted(self) -> bool:
        response = self._probe()
        failed = response.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        unclear = response.status == HTTPStatus.UNAUTHORIZED or (
            failed and response.status not in self.application.probe.passed
        )
        return not (unclear or self.application.login_pages.login(response))

    def _is_logged_in(self, path: str, headers: Mapping[str, str] | None = None) -> bool:
        """Return whether the server accepts the account at the first folder of the path below the base path.

        An application with one path only is asked there.

        This decides what a suspicious response to a request for an item was. Other people can influence the pages and
        names of items, but only the server decides what it returns for that folder.

        :raises Busy: the server asks for a pause.
        """
        name = path[len(self.root) :].partition("/")[0] if path.casefold().startswith(self.root.casefold()) else ""
        first = path if self.application.probe.one_path else f"{self.root}{name}/" if name else self.root
        response = self._probe(Target(first), headers)
        login = (
            self._forms.is_login(response)
            if self._forms is not None
            else bool(self.application.login_pages.login(response))
        )
        if login or response.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED}:
            return False
        failure = error_from(response.what, response.status, response.headers, effect=False)
        if isinstance(failure, Busy):
            raise failure
        return True

    def _probe(self, target: Target | None = None, more: Mapping[str, str] | None = None) -> HttpResponse:
        return self._send_once(self.application.probe.at(target or self._accepted_at or Target(self.root), more))

    def _send_once(self, request: HttpRequest, *, effect: bool = False) -> HttpResponse:
        """Send one request and return the response, whatever its status."""
        until = self._lease.keep(request.what, self._timeouts.whole_s)
        try:
            return self._connection().send(request, until)
        except NotConnected as error:
            raise Busy(f"{request.what}: {error}", error.delay_s, error.scope) from None
        except TooLarge as error:
            raise (Unknown if effect else Refused)(f"{request.what}: {error}") from None
        except Lost as error:
            raise of_server((Unknown if effect else Transient)(f"{request.what}: {error}")) from None

    def _connection(self) -> Connection:
        """Return this thread's connection."""
        connection: Connection | None = getattr(self._threads, "connection", None)
        if connection is None:
            connection = self._threads.connection = Connection(
                self.origin,
                self._timeouts,
                headers=self._headers,
                context=self._context,
                auth=self._auth,
                # FormsLogin keeps the cookies of the session itself.
                keep_cookies=self._forms is None,
                listings=self.application.listings,
                dropped_cookies=self.application.dropped_cookies,
            )
            connection.certificate = self._certificate
        return connection


def _may_be_content(request: HttpRequest, response: HttpResponse, *, effect: bool) -> bool:
    """Return whether a response may be the page of a command that has a form in it; repeating would not help."""
    return request.method == "GET" and effect and response.is_page


def _unexpected_form(response: HttpResponse, *, effect: bool) -> ExchangeError:
    """Return the error for a login form in response to one request, when a probe shows that the account is logged in.

    It costs the item an attempt, and delays neither mailbox nor server.
    """
    text = f"{response.what} returned a login form, though the server accepts this account"
    return (Unknown if effect else Transient)(text)
