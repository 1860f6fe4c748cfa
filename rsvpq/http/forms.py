"""The login form of Exchange 2003, of Exchange 2007 and of ISA Server: one session of one account on one server.

Which of the three it is need not be known: an unauthenticated GET is redirected to the logon page, and the page's own
form says where to send what: ``/exchweb/bin/auth/owaauth.dll``, ``/owa/auth/owaauth.dll`` or ``/CookieAuth.dll?Logon``.
DavMail goes the same way. Exchange 2007 answers a wrong password with a redirect and with cookies, as it does the right
one, so only a PROPFIND afterwards tells whether the login worked.

The session is shared by the threads of a process, and lives as long as the server lets it. Knows no HTTP library; every
request goes to the configured origin through the function that it is given.
"""

from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import islice
from threading import Lock
from typing import Protocol
from urllib.parse import SplitResult, urlencode, urljoin, urlsplit

from rsvpq.http.auth import Forms
from rsvpq.http.credential import LONGEST_WAIT_S, Credential
from rsvpq.http.login_form import NotUnderstoodError, find_login_form, listed
from rsvpq.http.request_target import Target
from rsvpq.http.response import Answer
from rsvpq.mail.errors import LOGIN_DELAY_S, Busy, ExchangeError, LoginRefused, Malformed, error_from
from rsvpq.webdav import wire

#: The most redirects on the way to the logon page; Exchange takes one or two.
_MOST_REDIRECTS = 5
#: Cookies that are kept; a session has three or so.
_MOST_COOKIES = 20
#: The cookies that make a session (DavMail keeps the same); the names of ISA's begin with "cadata" too.
_SESSION_COOKIES = ("cadata", "sessionid", "usercontext")
#: Where the form of each logon page is sent, if the page shows none (DavMail does so for 2007).
_ACTIONS = {"owalogon.asp": "/exchweb/bin/auth/owaauth.dll", "cookieauth.dll": "/CookieAuth.dll?Logon"}
_OTHER_ACTION = "/owa/auth/owaauth.dll"
_EXCHANGE_FIELDS = ("username", "password")
_PRIVATE_COMPUTER = "4"  # a session of 24 hours of inactivity instead of 15 minutes


class Ask(Protocol):
    """Sends one request to a path of the configured origin, follows nothing and judges nothing."""

    def __call__(self, method: str, path: Target, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """The answer."""


@dataclass(frozen=True, slots=True)
class Session:
    """What a login brought; ``number`` tells it from the ones before and after."""

    number: int
    cookie: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Form:
    path: Target
    fields: Mapping[str, str] = field(repr=False)
    #: Which fields were filled in, for people, where they are not those of Exchange.
    told: str = ""


class FormsLogin:
    """The session of one account on one server; logs in when there is none.

    :param origin: the only place where anything is sent.
    :param root: the path of the mailboxes, which an unauthenticated GET asks for.
    :raises ValueError: the password would be sent unencrypted, and nobody allowed it.
    """

    def __init__(self, account: Forms, origin: str, root: str, ask: Ask, credential: Credential) -> None:
        if not account.allow_http and urlsplit(origin).scheme != "https":
            raise ValueError("a login form over http sends the password unencrypted; use https, or allow http")
        self._account = account
        self._origin = origin
        self._root = Target(root)
        self._ask = ask
        self._credential = credential
        # Whoever holds the first logs in; the second is held for no longer than it takes to change what follows.
        self._login = Lock()
        self._lock = Lock()
        self._session: Session | None = None
        self._cookies: dict[str, str] = {}
        #: The path of the logon page, in lower case.
        self._page = ""
        self._logins = 0
        self._failure: ExchangeError | None = None

    def session(self, wait_s: float = LONGEST_WAIT_S) -> Session:
        """The session of this process; the first to ask logs in, and the others wait for it.

        :param wait_s: seconds to wait for another thread at the most.
        :raises ExchangeError: there is none to be had, and why; whoever waited for that login is told the same.
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
                cookies = self._log_in(wait_s)
            except ExchangeError as error:
                self._failure = error
                raise
            self._failure = None
            with self._lock:
                self._cookies = cookies
                self._session = session = Session(self._logins, _cookie(cookies))
            return session
        finally:
            self._login.release()

    def absorb(self, session: Session, set_cookies: Iterable[str]) -> None:
        """Take over what an answer within a session set anew: Exchange renews cadata during use."""
        given = _given(set_cookies)
        if not given:
            return
        with self._lock:
            own = {name: value for name, value in given.items() if value and name in self._cookies}
            renewed = {**_session_cookies(given), **own}
            if renewed and self._session is not None and self._session.number == session.number:
                self._cookies = _merged(self._cookies, renewed)
                self._session = Session(session.number, _cookie(self._cookies))

    def end(self, session: Session) -> None:
        """The server no longer knows this session; a newer one stays."""
        with self._lock:
            if self._session is not None and self._session.number == session.number:
                self._session = None

    def refuse(self, session: Session, wait_s: float = LONGEST_WAIT_S) -> None:
        """The server says within a session that the credential is refused: end it, and stop the credential."""
        self.end(session)
        with self._credential.attempt(f"login at {self._origin}", wait_s, self._origin) as attempt:
            attempt.refused()

    def is_login(self, answer: Answer) -> bool:
        """Whether an answer within a session stands for a login: by what it is, or as it leads to our logon page."""
        location = answer.headers.get("Location", "")
        if answer.login or not location or not self._page:
            return bool(answer.login)
        try:
            return urlsplit(location).path.lower() == self._page
        except ValueError:
            return False

    def _log_in(self, wait_s: float) -> dict[str, str]:
        what = f"login at {self._origin}"
        with self._credential.attempt(what, wait_s, self._origin) as attempt:
            for _ in range(2):
                posted, cookies, form = self._fill_in(what)
                # Not the password, but the form's own session: it has waited too long, or its server was restarted.
                if posted.login != "ended":
                    break
            else:
                text = f"{what}: the server says twice that the session has ended, before there was one"
                raise Busy(text, LOGIN_DELAY_S)  # a directory may have counted two failed logons
            refusal = self._refusal(what, posted, cookies)
            if refusal:
                attempt.refused()
                raise LoginRefused(
                    f"{what}: the login form refused the user name or the password: {refusal}{form.told}"
                )
            attempt.accepted()
        return cookies

    def _fill_in(self, what: str) -> tuple[Answer, dict[str, str], _Form]:
        """Send the form; what was answered, and which cookies would be the session."""
        page, path, cookies = self._logon_page(what)
        form = self._form(page, path)
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": _cookie({"PBack": "0", **cookies})}
        answer = self._ask("POST", form.path, headers, urlencode(form.fields).encode())
        _raise_failure(what, answer)
        page_path = urlsplit(path).path.lower()
        self._page = "" if page_path.startswith(self._root.lower()) else page_path
        # A company's own page may call its cookies as it likes; of those of Exchange and ISA the session's are enough.
        merged = _merged(cookies, _given(answer.cookies))
        return answer, _session_cookies(merged) or merged, form

    def _refusal(self, what: str, posted: Answer, cookies: Mapping[str, str]) -> str:
        """Why the form was filled in in vain; '' if it was not."""
        if posted.login == "refused":
            return "it says so"
        if not cookies or self.is_login(posted):
            return "it is shown again"
        # Asked twice: one that is lost on its way between two servers is no refusal, and asking costs no logon.
        if not any(self._is_known(what, cookies) for _ in range(2)):
            return "its cookies open nothing"
        return ""

    def _is_known(self, what: str, cookies: Mapping[str, str]) -> bool:
        """Whether the server takes the cookies: whatever it says to a PROPFIND, but for asking to log in."""
        headers = {"Content-Type": "text/xml; charset=utf-8", "Depth": "0", "Cookie": _cookie(cookies)}
        answer = self._ask("PROPFIND", self._root, headers, wire.propfind([(wire.DAV, "displayname")]))
        if self.is_login(answer) or answer.status == HTTPStatus.UNAUTHORIZED:
            return False
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            _raise_failure(what, answer)
        return True

    def _logon_page(self, what: str) -> tuple[bytes, Target, dict[str, str]]:
        """The logon page, its path, and the cookies that were set on the way to it."""
        path, cookies = self._root, dict[str, str]()
        for _ in range(_MOST_REDIRECTS):
            # No Translate header, and GET: any other request is refused with 440 instead of being sent to the page.
            answer = self._ask("GET", path, {"Cookie": _cookie(cookies)} if cookies else {})
            cookies = _merged(cookies, _given(answer.cookies))
            if answer.status == HTTPStatus.UNAUTHORIZED:
                raise Busy(f"{what}: the server has no login form; correct auth in the settings")
            _raise_failure(what, answer)
            if answer.status < HTTPStatus.MULTIPLE_CHOICES:
                return answer.body, path, cookies
            path = self._own_path(what, path, answer.headers.get("Location", ""))
        raise Busy(f"{what}: redirected {_MOST_REDIRECTS} times, and to no login form")

    def _form(self, page: bytes, path: str) -> _Form:
        """The form of the logon page, filled in; of a page that hides it, what its address is known for.

        :raises Busy: there is none, or none that is understood; nothing has been shown to anybody.
        """
        what = f"login at {self._origin}"
        try:
            found = find_login_form(page)
        except NotUnderstoodError as problem:
            raise Busy(
                f"{what}: the login form at {urlsplit(path).path} is not understood and was not filled in: {problem}; "
                "use an address without it"
            ) from None
        if found is None and path.lower().startswith(self._root.lower()):
            raise Busy(f"{what}: the server shows a page without a login form; correct auth or url")
        if found is None:
            name = urlsplit(path).path.rsplit("/", 1)[-1].lower()
            return _Form(Target(_ACTIONS.get(name, _OTHER_ACTION)), self._filled({}, "username", "password"))
        fields = self._filled(found.others, found.user_field, found.password_field)
        own = (found.user_field, found.password_field)
        told = "" if own == _EXCHANGE_FIELDS else f" (its fields were taken to be {listed(own)})"
        return _Form(self._own_path(what, path, found.action), fields, told)

    def _filled(self, others: Mapping[str, str], user_field: str, password_field: str) -> dict[str, str]:
        return {
            "destination": self._origin + self._root,
            "SubmitCreds": "Log On",
            **{name: value for name, value in others.items() if value},
            user_field: self._account.username,
            password_field: self._account.password,
            "trusted": _PRIVATE_COMPUTER,
            "flags": _PRIVATE_COMPUTER,
        }

    def _own_path(self, what: str, page: str, url: str) -> Target:
        """The path and query of a page's link on the configured origin, which a front end may believe to be http."""
        try:
            own, other = urlsplit(self._origin), urlsplit(urljoin(self._origin + page, url))
            if other.scheme in {"http", "https"} and _is_same_host(own, other):
                return Target((other.path or "/") + (other.query and f"?{other.query}"))
        except (ValueError, Malformed):  # that is no URL, no port, or no path
            pass
        raise Busy(f"{what}: the server sends us elsewhere to log in; use the address of that server")


def _is_same_host(own: SplitResult, other: SplitResult) -> bool:
    ports = {"http": 80, "https": 443}
    same_port = (own.port or ports[own.scheme]) == (other.port or ports[other.scheme])
    return own.hostname == other.hostname and (same_port or own.scheme != other.scheme)


def _raise_failure(what: str, answer: Answer) -> None:
    """Complain about what is no answer to a login, such as 503.

    :raises ExchangeError: it is one; nothing that was asked here has any effect.
    """
    if answer.login:
        return
    failure = error_from(f"{what}: {answer.what}", answer.status, answer.headers, effect=False)
    if failure is not None:
        # No item is to blame, so none may die of it.
        raise failure if isinstance(failure, Busy) else Busy(str(failure))


def _given(set_cookies: Iterable[str]) -> dict[str, str]:
    """Names and values of Set-Cookie headers, to the letter: Exchange puts cadata in quotes and wants them back.

    A cookie that is taken back comes with an empty value, or has expired long ago.
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
    return dict(islice(merged, _MOST_COOKIES))  # those that are there already first


def _session_cookies(cookies: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in cookies.items() if value and name.lower().startswith(_SESSION_COOKIES)}


def _cookie(cookies: Mapping[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies.items())
