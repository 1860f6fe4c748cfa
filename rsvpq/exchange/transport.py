"""One mail server as seen by a program: sends a request and reads its whole answer; the only file that sends.

Every request goes to the configured origin, and redirects are never followed.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from threading import local
from urllib.parse import unquote, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from rsvpq.exchange import wire
from rsvpq.exchange.errors import Busy, LoginRefused, Malformed, Refused, Transient, Unknown, error_from

#: The most of an answer that is read, in bytes: a page of 100 rows is about 200 kB.
LARGEST_ANSWER = 16 * 1024 * 1024

#: The forms of Exchange 2003 (owalogon.asp), of 2007 (auth/logon.aspx) and of ISA (CookieAuth.dll).
_LOGIN_PAGE = re.compile(rb"owalogon|owaauth\.dll|auth/logon\.aspx|CookieAuth\.dll|name=[\"']?username", re.IGNORECASE)
_HEADERS = {
    "User-Agent": "rsvpq",
    # A mailbox nobody has opened yet gets its folders at first logon, in this language; without it IIS answers 401
    # (evolution-exchange, e2k-http-utils.c).
    "Accept-Language": "en",
    "Accept-Encoding": "gzip, deflate",
}


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait for a connection, and for the next bytes of an answer."""

    connect_s: float = 10.0
    read_s: float = 60.0


class Server:
    """A mail server and the account used on it.

    :param url: origin and the path of the mailboxes, such as ``https://mail.example.com/exchange/``.
    :param verify: a CA bundle's path, or True for the system's.
    """

    def __init__(
        self, url: str, auth: AuthBase, *, timeouts: Timeouts | None = None, verify: str | bool = True
    ) -> None:
        parts = urlsplit(url)
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self.root = parts.path.rstrip("/") + "/"
        self._auth = auth
        self._timeouts = timeouts or Timeouts()
        self._verify = verify
        self._threads = local()

    def send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        effect: bool = False,
        known: Collection[int] = (),
    ) -> "Answer":
        """Send one request to a %-encoded path and read its whole answer.

        :param effect: whether it changes something, which decides what a lost answer means.
        :param known: statuses of 400 and above that the caller understands; they come back as answers.
        :raises Busy, LoginRefused, Transient, Unknown, Gone, Refused: see ``errors``.
        """
        what = f"{method} {unquote(path)}"
        session = self._session()
        request = requests.Request(method, self.origin, headers={**_HEADERS, **headers}, data=body, auth=self._auth)
        prepared = session.prepare_request(request)
        prepared.url = self.origin + path  # as the server spelt it: requests would quote it anew
        try:
            with session.send(
                prepared,
                timeout=(self._timeouts.connect_s, self._timeouts.read_s),
                verify=self._verify,
                allow_redirects=False,
                stream=True,
            ) as response:
                content = _read(response, what, effect=effect)
        except requests.ConnectTimeout as error:
            raise Busy(f"{what}: no connection ({type(error).__name__})") from None
        except requests.ConnectionError as error:
            raise _connection_error(what, error, effect=effect) from None
        except requests.RequestException as error:
            lost = f"{what}: the answer was lost ({type(error).__name__})"
            raise (Unknown if effect else Transient)(lost) from None
        failure = error_from(what, response.status_code, response.headers, effect=effect)
        if failure is not None and response.status_code not in known:
            raise failure
        return Answer(what, response.status_code, response.headers, content)

    def _session(self) -> requests.Session:
        """The thread's session: sessions are not made for several threads, and connections are worth keeping."""
        session: requests.Session | None = getattr(self._threads, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = False  # no proxies or netrc from the environment: slower, and not what was configured
            adapter = HTTPAdapter(pool_connections=1, pool_maxsize=1, max_retries=0)
            session.mount(self.origin, adapter)
            self._threads.session = session
        return session


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is no error (or one the caller understands), read to its end."""

    what: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    def rows(self) -> list[wire.Row]:
        """The rows of a multistatus.

        :raises LoginRefused: it is a login page. :raises Malformed: it is something else again.
        """
        self.check_login()
        if self.status != HTTPStatus.MULTI_STATUS:
            raise Malformed(f"{self.what} answered {self.status} where 207 was due")
        try:
            return wire.multistatus(self.body)
        except Malformed as error:
            raise Malformed(f"{self.what}: {error}") from None

    def check_login(self) -> None:
        """Complain about the forms login, which comes as a page with 200 or as a redirect to one.

        :raises LoginRefused: that is what this is.
        """
        target = self.headers.get("Location", "").encode()
        html = self.body if "html" in self.headers.get("Content-Type", "").lower() else b""
        if _LOGIN_PAGE.search(target) or _LOGIN_PAGE.search(html):
            raise LoginRefused(f"{self.what} answered with the login form")

    def check_done(self) -> None:
        """Complain about what is no success of a MOVE or DELETE, though no error either.

        :raises LoginRefused: it is a login page. :raises Refused: it is a redirect, which is never followed.
        """
        self.check_login()
        if self.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise Refused(f"{self.what} answered {self.status}: the server sends us elsewhere")


def _read(response: requests.Response, what: str, *, effect: bool) -> bytes:
    content = bytearray()
    for chunk in response.iter_content(65536):
        content += chunk
        if len(content) > LARGEST_ANSWER:
            text = f"{what}: the answer is larger than {LARGEST_ANSWER} bytes"
            raise Unknown(text) if effect else Refused(text)
    return bytes(content)


def _connection_error(what: str, error: requests.ConnectionError, *, effect: bool) -> Exception:
    """Refused or unreachable means that nothing was sent; anything else may have reached the server."""
    text = str(error)
    if "NewConnectionError" in text or "NameResolutionError" in text or isinstance(error, requests.exceptions.SSLError):
        return Busy(f"{what}: no connection to the server")
    lost = f"{what}: the connection broke"
    return Unknown(lost) if effect else Transient(lost)
