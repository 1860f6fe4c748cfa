"""Log in with an HTML form: one session of one account on one server, kept in cookies.

The form need not be known in advance: an unauthenticated GET is redirected to the login page, and the form on it shows
where to send which fields. Some servers return a redirect and cookies for a wrong password as well as for the right
one, so only a probe afterwards shows whether the login worked.

The threads of a process share the session until the server ends it. Every request goes to the configured origin,
through the function that is passed in.
"""

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import islice
from threading import Lock
from urllib.parse import urlencode, urljoin, urlsplit

from rsvpq.http.application import Application
from rsvpq.http.auth import Forms
from rsvpq.http.credential import LONGEST_WAIT_S, Credential
from rsvpq.http.login_form import NotUnderstoodError, find_login_form, listed
from rsvpq.http.message import DEFAULT_PORTS, HttpRequest, HttpResponse, Target, error_from
from rsvpq.mail.errors import LOGIN_DELAY_S, Busy, ExchangeError, LoginRefused, Malformed

#: The most redirects on the way to the login page; one or two are common.
_MOST_REDIRECTS = 5
#: The most cookies that are kept; a session has about three.
_MOST_COOKIES = 20

#: Sends one request to the configured origin; follows no redirect, and raises no error for a status.
SendOnce = Callable[[HttpRequest], HttpResponse]


@dataclass(frozen=True, slots=True)
class Session:
    """The session that a login started; ``number`` distinguishes it from earlier and later ones."""

    number: int
    cookie: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Form:
    path: Target
    fields: Mapping[str, str] = field(repr=False)
    #: For messages: which fields were filled in, if they are not the expected ones.
    note: str = ""


class FormsLogin:
    """The session of one account on one server; logs in if there is no session.

    :param origin: nothing is sent anywhere else.
    :param root: the base path, which the unauthenticated GET requests.
    :raises ValueError: the password would be sent unencrypted, and the settings do not allow that.
    """

    def __init__(
        self, account: Forms, origin: str, root: str, application: Application, credential: Credential
    ) -> None:
        if not account.allow_http and urlsplit(origin).scheme != "https":
            raise ValueError("a login form over http sends the password unencrypted; use https, or allow http")
        self._account = account
        self._origin = origin
        self._root = Target(root)
        self._probe, self._pages = application.probe, application.login_pages
        self._credential = credential
        # The thread that holds the first lock logs in; the second protects the attributes below, and is held briefly.
        self._login = Lock()
        self._lock = Lock()
        self._session: Session | None = None
        self._cookies: dict[str, str] = {}
        #: The path of the login page, in lower case.
        self._page = ""
        self._logins = 0
        self._failure: ExchangeError | None = None

    def session(self, send: SendOnce, wait_s: float = LONGEST_WAIT_S) -> Session:
        """Return the session of this process; the first thread logs in, and the others wait for it.

        :param send: is not kept: in a cycle of references, only the collector would close the server's connections.
        :param wait_s: the most seconds to wait for another thread.
        :raises ExchangeError: the login failed; the threads that waited for it get the same error.
        """
        session, logins = self._session, self._logins
        if session is not None:
            return session
        if not self._login.acquire(timeout=wait_s):
            raise Busy(f"login at {self._origin}: another thread has been logging in for {wait_s:.0f} s")
        try:
            if self._session is not None:
                return self._session
            if self._logins != logins and self._failure is not None:
                raise copy(self._failure)
            self._logins += 1
            try:
                cookies = self._log_in(send, wait_s)
            except ExchangeError as error:
                self._failure = copy(error)  # without the traceback, which has the server
                raise
            self._failure = None
            with self._lock:
                self._cookies = cookies
                self._session = session = Session(self._logins, _cookie(cookies))
            return session
        finally:
            self._login.release()

    def absorb(self, session: Session, set_cookies: Iterable[str]) -> None:
        """Store the cookies that a response within a session sets: servers renew some of them during use."""
        given = _given(set_cookies)
        if not given:
            return
        with self._lock:
            own = {name: value for name, value in given.items() if value and name in self._cookies}
            renewed = {**self._session_cookies(given), **own}
            if renewed and self._session is not None and self._session.number == session.number:
                self._cookies = _merged(self._cookies, renewed)
                self._session = Session(session.number, _cookie(self._cookies))

    def end(self, session: Session) -> None:
        """Forget a session that the server no longer knows; keep a newer one."""
        with self._lock:
            if self._session is not None and self._session.number == session.number:
                self._session = None

    def refuse(self, session: Session, wait_s: float = LONGEST_WAIT_S) -> None:
        """End a session in which the server refused the credential, and stop the credential."""
        self.end(session)
        with self._credential.attempt(f"login at {self._origin}", wait_s, self._origin) as attempt:
            self._credential.refused(attempt)

    def is_login(self, response: HttpResponse) -> bool:
        """Return whether a response within a session asks for a login, or redirects to the page where we logged in."""
        location, login = response.headers.get("Location", ""), self._pages.login(response)
        if login or not location or not self._page:
            return bool(login)
        try:
            return urlsplit(location).path.lower() == self._page
        except ValueError:
            return False

    def _log_in(self, send: SendOnce, wait_s: float) -> dict[str, str]:
        what = f"login at {self._origin}"
        with self._credential.attempt(what, wait_s, self._origin) as attempt:
            for _ in range(2):
                posted, cookies, form = self._fill_in(send, what)
                # "ended" is not about the password but about the form: it was shown too long ago, or by a server that
                # was restarted since.
                if self._pages.login(posted) != "ended":
                    break
            else:
                text = f"{what}: the login form was sent twice, and each time the server reported an ended session"
                raise Busy(text, LOGIN_DELAY_S)  # a directory may have counted two failed logons
            refusal = self._refusal(send, what, posted, cookies)
            if refusal:
                self._credential.refused(attempt)
                raise LoginRefused(
                    f"{what}: the login form refused the user name or the password: {refusal}{form.note}"
                )
            self._credential.accepted(attempt)
        return cookies

    def _fill_in(self, send: SendOnce, what: str) -> tuple[HttpResponse, dict[str, str], _Form]:
        """Send the filled-in form; return the response, the cookies that may be the session, and the form."""
        page, path, cookies = self._login_page(send, what)
        form = self._form(page, path)
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": _cookie({**self._pages.cookies, **cookies}),
        }
        response = send(HttpRequest("POST", form.path, headers, urlencode(form.fields).encode()))
        self._raise_failure(what, response)
        page_path = urlsplit(path).path.lower()
        self._page = "" if page_path.startswith(self._root.lower()) else page_path
        # A company's own page may use any names for its cookies; with known names, those of the session are enough.
        merged = _merged(cookies, _given(response.cookies))
        return response, self._session_cookies(merged) or merged, form

    def _refusal(self, send: SendOnce, what: str, posted: HttpResponse, cookies: Mapping[str, str]) -> str:
        """Return what shows that the login was refused; '' if it was not."""
        if self._pages.login(posted) == "refused":
            return "the redirect gives that as the reason"
        if not cookies or self.is_login(posted):
            return "it was returned again"
        # Probe twice: the servers behind a load balancer may not know a new session at once. A probe costs no logon.
        for _ in range(2):
            probed = send(self._probe.at(self._root, {"Cookie": _cookie(cookies)}))
            if self.is_login(probed) or probed.status == HTTPStatus.UNAUTHORIZED:
                continue
            if probed.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                self._raise_failure(what, probed)
            return ""
        return "a probe with its cookies was asked to log in"

    def _login_page(self, send: SendOnce, what: str) -> tuple[bytes, Target, dict[str, str]]:
        """Return the login page, its path, and the cookies that were set on the way to it."""
        path, cookies = self._root, dict[str, str]()
        for _ in range(_MOST_REDIRECTS):
            # A plain GET: other requests may be refused with 440 instead of being redirected to the page.
            response = send(HttpRequest("GET", path, {"Cookie": _cookie(cookies)} if cookies else {}))
            cookies = _merged(cookies, _given(response.cookies))
            if response.status == HTTPStatus.UNAUTHORIZED:
                raise Busy(f"{what}: the server has no login form; correct auth in the settings")
            self._raise_failure(what, response)
            if response.status < HTTPStatus.MULTIPLE_CHOICES:
                return response.body, path, cookies
            path = self._own_path(what, path, response.headers.get("Location", ""))
        raise Busy(f"{what}: no login form after {_MOST_REDIRECTS} redirects")

    def _form(self, page: bytes, path: str) -> _Form:
        """Return the form of the login page, filled in; if the page shows no form, the one known for its address.

        :raises Busy: there is no form, or none that is understood; the credential was not sent.
        """
        what = f"login at {self._origin}"
        try:
            found = find_login_form(page)
        except NotUnderstoodError as problem:
            raise Busy(
                f"{what}: the login form at {urlsplit(path).path} is not supported and was not filled in: {problem}; "
                "use an address without it"
            ) from None
        if found is None:
            page_name = urlsplit(path).path.rsplit("/", 1)[-1].lower()
            action = self._pages.sent_to.get(page_name, self._pages.otherwise_sent_to)
            if not action or path.lower().startswith(self._root.lower()):
                raise Busy(f"{what}: the server returned a page without a login form; correct auth or url")
            return _Form(Target(action), self._filled({}, self._pages.user_field, self._pages.password_field))
        fields = self._filled(found.others, found.user_field, found.password_field)
        own = (found.user_field, found.password_field)
        expected = own == (self._pages.user_field, self._pages.password_field)
        note = "" if expected else f" (the fields that were filled in: {listed(own)})"
        return _Form(self._own_path(what, path, found.action), fields, note)

    def _filled(self, others: Mapping[str, str], user_field: str, password_field: str) -> dict[str, str]:
        destination = {self._pages.destination: self._origin + self._root} if self._pages.destination else {}
        return {
            **destination,
            **self._pages.defaults,
            **{name: value for name, value in others.items() if value},
            user_field: self._account.username,
            password_field: self._account.password,
            **self._pages.fields,
        }

    def _session_cookies(self, cookies: Mapping[str, str]) -> dict[str, str]:
        own = self._pages.session_cookies
        return {name: value for name, value in cookies.items() if value and own and name.lower().startswith(own)}

    def _raise_failure(self, what: str, response: HttpResponse) -> None:
        """Raise an error for a status such as 503.

        :raises Busy: whatever the status is. No item is at fault, so none may lose an attempt.
        """
        if self._pages.login(response):
            return
        failure = error_from(f"{what}: {response.what}", response.status, response.headers, effect=False)
        if failure is not None:
            raise failure if isinstance(failure, Busy) else Busy(str(failure))

    def _own_path(self, what: str, page: str, url: str) -> Target:
        """Return the path and query of a link on a page; behind a front end, it may have http as its scheme.

        :raises Busy: the link leads to another origin.
        """
        try:
            own, other = urlsplit(self._origin), urlsplit(urljoin(self._origin + page, url))
            port, other_port = (one.port or DEFAULT_PORTS.get(one.scheme) for one in (own, other))
            same_host = own.hostname == other.hostname and (port == other_port or own.scheme != other.scheme)
            if other.scheme in DEFAULT_PORTS and same_host:
                return Target((other.path or "/") + (other.query and f"?{other.query}"))
        except (ValueError, Malformed):  # an invalid URL, port or path
            pass
        raise Busy(f"{what}: unexpected redirect of the login to another server; use the address of that server")


def _given(set_cookies: Iterable[str]) -> dict[str, str]:
    """Return names and values of Set-Cookie headers, unchanged: quotes around a value must be sent back too.

    A cookie that the server deletes has an empty value here; servers also delete with an expiry date of 1970.
    """
    given = {}
    for line in set_cookies:
        pair, *attributes = line.split(";")
        name, equals, value = pair.strip().partition("=")
        past = any("1970" in attribute for attribute in attributes)
        if equals:
            given[name] = "" if past else value
    return given


def _merged(cookies: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    merged = ((name, value) for name, value in {**cookies, **given}.items() if value)
    return dict(islice(merged, _MOST_COOKIES))  # the oldest ones are kept


def _cookie(cookies: Mapping[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies.items())
