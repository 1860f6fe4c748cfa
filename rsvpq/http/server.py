"""One mail server as seen by a program: sends a request and reads its whole answer; the only file that sends.

Every request goes to the configured origin (:mod:`rsvpq.http.request_target`), and redirects are never followed,
but for the way to a login form there.
"""

import errno
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from threading import local
from typing import Literal, Never
from urllib.parse import unquote, urlsplit

import requests
from requests.auth import AuthBase

from rsvpq.http import body as bodies
from rsvpq.http import tls
from rsvpq.http.auth import ConnectionAuth, Forms
from rsvpq.http.connection import Line, set_cookies
from rsvpq.http.credential import LONGEST_WAIT_S, Attempt, Credential
from rsvpq.http.forms import FormsLogin, Session
from rsvpq.http.lease import Lease, NoLease
from rsvpq.http.request_target import Target
from rsvpq.http.response import STORE, Answer
from rsvpq.mail.errors import (
    LOGIN_DELAY_S,
    Busy,
    ExchangeError,
    Filtered,
    Gone,
    LoginRefused,
    Refused,
    Transient,
    Unknown,
    error_from,
    no_rights,
)
from rsvpq.text import printable
from rsvpq.webdav import wire

_HEADERS = {
    "User-Agent": "rsvpq",
    # A mailbox nobody has opened yet gets its folders at first logon, in this language; without it IIS answers 401
    # (evolution-exchange, e2k-http-utils.c).
    "Accept-Language": "en",
    "Accept-Encoding": "gzip, deflate",
    "Accept": "*/*",
    "Connection": "keep-alive",
}


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait for a connection, for the head of an answer or the next bytes of it, and for all of its body."""

    connect_s: float = 10.0
    read_s: float = 60.0
    body_s: float = 300.0

    @property
    def whole_s(self) -> float:
        """Seconds that one request may take."""
        return self.connect_s + self.read_s + self.body_s


_NO_LEASE = NoLease()


class Server:
    """A mail server and the account used on it.

    :param url: origin and the path of the mailboxes, such as ``https://mail.example.com/exchange/``.
    :param credential: what is known of the account, shared with the other servers that use it.
    :param verify: a CA bundle's path, or True for the system's.
    :param tls_minimum: the oldest version of TLS that will do.
    """

    def __init__(
        self,
        url: str,
        auth: AuthBase | Forms,
        *,
        credential: Credential | None = None,
        timeouts: Timeouts | None = None,
        verify: str | Literal[True] = True,
        tls_minimum: tls.Version = "1.2",
    ) -> None:
        parts = urlsplit(url)
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self.root = parts.path.rstrip("/") + "/"
        self._credential = credential or Credential()
        self._auth = None if isinstance(auth, Forms) else auth
        self._forms: FormsLogin | None = None
        if isinstance(auth, Forms):
            self._forms = FormsLogin(auth, self.origin, self.root, self._ask, self._credential)
        self._timeouts = timeouts or Timeouts()
        self._verify = verify
        self._context = tls.client_context(tls_minimum) if parts.scheme == "https" else None
        # A mailbox that the account was let into, to tell a bad password from a mailbox it may not open.
        self._open_door: Target | None = None
        # Whether this server was seen to name its store; only then is a 404 that does not name it a filter's.
        self._names_store = False
        self._threads = local()

    @contextmanager
    def for_item(self, lease: Lease) -> Iterator[None]:
        """Within it, what this thread asks is bounded by that lease."""
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
        """Seconds to wait for another thread at the most."""
        self._lease.keep("a login")
        return min(LONGEST_WAIT_S, self._lease.left_s)

    def keep_lease(self, what: str) -> None:
        """Keep the lease during long work on an answer, as before each request.

        :raises OutOfTime: the item has taken too long. Whatever else the lease raises.
        """
        self._lease.keep(what)

    def use_up_lease(self, on: bool) -> None:
        """As :meth:`Lease.use_up`, for the item of this thread."""
        self._lease.use_up(on)

    def send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        effect: bool = False,
        known: Collection[int] = (),
    ) -> Answer:
        """Send one request to a %-encoded path below that of the mailboxes, and read its whole answer.

        :param path: has no query, unless it is a :class:`Target` that was made with one.
        :param effect: whether it changes something, which decides what a lost answer means.
        :param known: statuses of 400 and above that the caller understands; they come back as answers.
        :raises Busy, LoginRefused, Transient, Unknown, Gone, Refused: see ``errors``. Malformed also where the path
            leads out of that of the mailboxes, and then nothing was sent.
        """
        target = path if isinstance(path, Target) else Target.below(path, self.root)
        if self._forms is not None:
            answer = self._in_session(self._forms, method, target, headers, body, effect=effect)
        else:
            answer = self._with_credential(method, target, headers, body, effect=effect)
        failure = error_from(answer.what, answer.status, answer.headers, effect=effect)
        self._names_store = self._names_store or STORE in answer.headers
        if isinstance(failure, Gone) and self._names_store and STORE not in answer.headers:
            failure = Filtered(f"{answer.what} answered {answer.status}, and it was not Exchange that did")
        if failure is not None and answer.status not in known:
            raise failure
        return answer

    def _in_session(
        self, forms: FormsLogin, method: str, path: Target, headers: Mapping[str, str], body: bytes, *, effect: bool
    ) -> Answer:
        """Within the session of the login form; once more in a new one if that has ended.

        Any request may be repeated so: a request that was answered with the login form was not carried out.
        """
        for again in (False, True):
            session = forms.session(self._wait_s)
            own = {"Cookie": session.cookie}
            answer = self._ask(method, path, {**headers, **own}, body, effect=effect)
            if answer.status == HTTPStatus.UNAUTHORIZED:
                raise no_rights(answer.what)  # the session has been accepted, so it is not the password
            if not forms.is_login(answer):
                forms.absorb(session, answer.cookies)
                return answer
            shown = _may_be_a_message(method, answer, effect=effect)
            certain = not (again or shown or answer.login == "refused")
            if certain or not self._knows_us(path, own):
                self._log_off(forms, session, answer)
            elif shown:
                return replace(answer, cleared=True)
            elif again:
                raise _form_of_one(answer, effect=effect)
        # The login itself went well, so it is something about this mailbox.
        raise Busy(f"{answer.what}: the session ended right after a login", scope="mailbox")

    def _log_off(self, forms: FormsLogin, session: Session, answer: Answer) -> None:
        """The session is over. :raises LoginRefused: so is the credential, as the server says."""
        if answer.login == "refused":
            forms.refuse(session, self._wait_s)
            raise LoginRefused(f"{answer.what}: the server refused the user name or the password")
        forms.end(session)

    def _with_credential(
        self, method: str, path: Target, headers: Mapping[str, str], body: bytes, *, effect: bool
    ) -> Answer:
        with self._credential.attempt(_named(method, path), self._wait_s, self.origin) as attempt:
            try:
                answer = self._ask_past_a_form(method, path, headers, body, effect=effect)
            except LoginRefused:
                attempt.refused()
                raise
            if answer.status == HTTPStatus.UNAUTHORIZED:
                if not attempt.refused(self._lets_us_in if self._open_door else None):
                    raise no_rights(answer.what)
            elif answer.login:
                self._complain_of_login(attempt, path, answer, effect=effect)
            elif answer.status < HTTPStatus.MULTIPLE_CHOICES:
                attempt.accepted()
                if method == "PROPFIND" and not self._open_door:
                    self._open_door = path
            return answer

    def _complain_of_login(self, attempt: Attempt, path: str, answer: Answer, *, effect: bool) -> Never:
        """What a login that is asked for, or refused, instead of an answer stands for.

        :raises ExchangeError: always.
        """
        refusal = LoginRefused(f"{answer.what}: the server refused the user name or the password")
        if answer.login == "refused" and not self._open_door:
            attempt.refused()  # and nothing is asked: a wrong password must not be shown twice
            raise refusal
        if self._knows_us(path):
            raise _form_of_one(answer, effect=effect)
        if answer.login != "refused":
            raise self._form_instead(answer)
        if not attempt.refused(self._lets_us_in):
            text = f"{answer.what}: the server refuses this account here, and lets it in elsewhere"
            raise Busy(text, LOGIN_DELAY_S, "mailbox")
        raise refusal

    def _ask_past_a_form(
        self, method: str, path: Target, headers: Mapping[str, str], body: bytes, *, effect: bool
    ) -> Answer:
        """Once more if a login form came back: what was answered so was not carried out, and nobody was refused."""
        self._introduce_us(method)
        answer = self._ask(method, path, headers, body, effect=effect)
        if answer.login not in {"ended", "wanted"}:
            return answer
        if _may_be_a_message(method, answer, effect=effect) and self._knows_us(path):
            return replace(answer, cleared=True)
        self._introduce_us(method)
        return self._ask(method, path, headers, body, effect=effect)

    def _form_instead(self, answer: Answer) -> Busy:
        """For a while only: it may be a server that restarts, or one mailbox on another server."""
        text = f"{answer.what} was answered with a login form, twice"
        if self._open_door and self._lets_us_in():
            return Busy(f"{text}, though this account was let in elsewhere", scope="mailbox")
        return Busy(f'{text}; if the server has one, it takes auth = "forms"')

    def _introduce_us(self, method: str) -> None:
        """Log in before anything else is sent over a new connection, if it is the connection that is authenticated.

        IIS does not ask everybody to log in: without a login, a PUT to the submission URI answers 404, and BPROPPATCH
        and POLL answer 207 with the refusal inside (Evolution's Exchange connector, docs/http). To PROPFIND it answers
        401. The other schemes show who they are with every request.
        """
        if isinstance(self._auth, ConnectionAuth) and method != "PROPFIND" and not self._line().is_connected():
            answer = self._knock()
            if answer.status == HTTPStatus.UNAUTHORIZED:
                raise LoginRefused(f"{answer.what} answered 401")

    def _lets_us_in(self) -> bool:
        answer = self._knock()
        unclear = answer.status == HTTPStatus.UNAUTHORIZED or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        return not (unclear or answer.login)

    def _knows_us(self, path: str, headers: Mapping[str, str] | None = None) -> bool:
        """Whether the server takes us at the root of the mailbox that a path lies in.

        Nobody but the server writes what it answers there, so that tells what a suspicious answer to a request about
        one message was: whoever writes to a mailbox has a say in its messages' pages and names.

        :raises Busy: the server wants to be left alone.
        """
        mailbox = path[len(self.root) :].partition("/")[0] if path.casefold().startswith(self.root.casefold()) else ""
        answer = self._knock(Target(f"{self.root}{mailbox}/" if mailbox else self.root), headers)
        login = self._forms.is_login(answer) if self._forms is not None else bool(answer.login)
        if login or answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED}:
            return False
        failure = error_from(answer.what, answer.status, answer.headers, effect=False)
        if isinstance(failure, Busy):
            raise failure
        return True

    def _knock(self, path: Target | None = None, more: Mapping[str, str] | None = None) -> Answer:
        body = wire.propfind([(wire.DAV, "displayname")])
        headers = {"Content-Type": "text/xml; charset=utf-8", "Depth": "0", **(more or {})}
        return self._ask("PROPFIND", path or self._open_door or Target(self.root), headers, body)

    def _ask(
        self, method: str, path: Target, headers: Mapping[str, str], body: bytes = b"", *, effect: bool = False
    ) -> Answer:
        """Send one request and read its answer, whatever that is."""
        what = _named(method, path)
        until = self._lease.keep(what, self._timeouts.whole_s)
        try:
            with self._line().send(method, path, {**_HEADERS, **headers}, body, self._auth, until) as response:
                rows = response.status_code == HTTPStatus.MULTI_STATUS
                content, more = bodies.read(response, self._timeouts.body_s, rows=rows)
        except bodies.TooLarge as error:
            raise (Unknown if effect else Refused)(f"{what}: {error}") from None
        except requests.ConnectTimeout as error:
            raise Busy(f"{what}: no connection ({type(error).__name__})") from None
        except requests.ConnectionError as error:
            raise _connection_error(what, error, effect=effect) from None
        except (requests.RequestException, bodies.Lost) as error:
            lost = f"{what}: the answer was lost ({type(error).__name__})"
            raise (Unknown if effect else Transient)(lost) from None
        if response.status_code < HTTPStatus.OK:
            # The answer proper may still come, and must not be taken for that to the next request.
            self._line().close()
            raise (Unknown if effect else Transient)(f"{what}: no answer came after a {response.status_code}")
        return Answer(what, response.status_code, response.headers, content, tuple(set_cookies(response.raw)), more)

    def _line(self) -> Line:
        """The thread's line: requests' adapters are not made for several threads, and connections are worth keeping."""
        line: Line | None = getattr(self._threads, "line", None)
        if line is None:
            timeout = (self._timeouts.connect_s, self._timeouts.read_s)
            # The login form keeps the cookies of its session itself.
            forms = self._forms is not None
            line = Line(
                self.origin,
                self._context,
                verify=self._verify,
                timeout=timeout,
                answer_s=self._timeouts.body_s,
                keep_cookies=not forms,
            )
            self._threads.line = line
        return line


def _named(method: str, path: str) -> str:
    """For people: a name may hold escaped line breaks and commands to terminals, and this is written into logs."""
    return f"{method} {printable(unquote(path))}"


def _may_be_a_message(method: str, answer: Answer, *, effect: bool) -> bool:
    """Whether it may be the page of OWA that a command was to show, with a message in it: repeating that is no help."""
    return method == "GET" and effect and answer.is_page


def _form_of_one(answer: Answer, *, effect: bool) -> ExchangeError:
    """For a login that is asked of one request and not of the one behind it: it costs an attempt, and holds nobody."""
    text = f"{answer.what} was answered with a login form, though the server lets this account into the mailbox"
    return (Unknown if effect else Transient)(text)


def _connection_error(what: str, error: requests.ConnectionError, *, effect: bool) -> Exception:
    """Refused or unreachable means that nothing was sent; anything else may have reached the server."""
    if _is_out_of_files(error):  # no fault of the server's: others are not to leave it alone
        text = "this process may open no more connections; raise its limit (ulimit -n), or give it fewer threads"
        return Busy(f"{what}: {text}", scope="mailbox")
    shown = str(error)
    if "NewConnectionError" in shown or "NameResolutionError" in shown:
        return Busy(f"{what}: no connection to the server")
    # Other errors of TLS are connections that broke in the middle.
    failure = tls.handshake_failure(error) if isinstance(error, requests.exceptions.SSLError) else None
    if failure is not None:
        text, delay_s = failure
        return Busy(f"{what}: {text}", delay_s)
    lost = f"{what}: the connection broke"
    return Unknown(lost) if effect else Transient(lost)


def _is_out_of_files(error: BaseException | None) -> bool:
    """Whether no socket could be had for a connection."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
            return True
        error = error.__cause__ or error.__context__
    return False
