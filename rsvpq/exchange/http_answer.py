"""An answer of a mail server, read to its end, and what it says about the login.

The login form takes three shapes (Evolution's Exchange connector, docs/http; DavMail): a verb other than GET is refused
with 440, and a GET is redirected to the logon page or answered by it with 200. None of them was carried out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal
from urllib.parse import parse_qs

from rsvpq.exchange.body import Packed
from rsvpq.exchange.errors import LOGIN_TIMEOUT, LoginRefused, Malformed, Refused
from rsvpq.exchange.multistatus import Reader, Row

#: The forms of Exchange 2003 (owalogon.asp), of 2007 (auth/logon.aspx) and of ISA (CookieAuth.dll).
_LOGIN_PAGE = (
    *(b"owalogon", b"owaauth.dll", b"auth/logon.aspx", b"cookieauth.dll"),
    *(b"name=username", b"name='username", b'name="username'),
)
#: What `reason` in a logon page's address means: 0 a session that has ended; these, a credential that was refused.
_REFUSED = {"2", "4"}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is no error (or one the caller understands), read to its end."""

    what: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    #: The Set-Cookie headers as they came; requests would join them.
    cookies: tuple[str, ...] = field(default=(), repr=False)
    #: What of a long multistatus follows on `body`.
    more: Packed | None = field(default=None, repr=False)

    @property
    def login(self) -> Literal["", "wanted", "refused"]:
        """Whether this stands for a login: one that is missing or has ended, or one that was refused."""
        location = self.headers.get("Location", "")
        if location and _is_login_page(location.encode()):
            reason = parse_qs(location.partition("?")[2]).get("reason", [""])[-1]
            return "refused" if reason in _REFUSED else "wanted"
        html = self.body if "html" in self.headers.get("Content-Type", "").lower() else b""
        return "wanted" if self.status == LOGIN_TIMEOUT or _is_login_page(html) else ""

    def rows(self) -> list[Row]:
        """The rows of a multistatus that succeeded.

        :raises LoginRefused: it is a login page. :raises Malformed: it is something else again.
        """
        return [row for row in self.read(Reader()) if row.ok]

    def read(self, reader: Reader) -> Iterator[Row]:
        """The rows of a multistatus, failed ones among them, one after the other; ``reader`` counts them.

        :raises LoginRefused: it is a login page. :raises Malformed: it is something else again.
        """
        self.check_login()
        if self.status != HTTPStatus.MULTI_STATUS:
            raise Malformed(f"{self.what} answered {self.status} where 207 was due")
        try:
            yield from reader.feed(self.body)
            for piece in self.more.pieces() if self.more else ():
                yield from reader.feed(piece)
            reader.close()
        except Malformed as error:
            raise Malformed(f"{self.what}: {error}") from None

    def check_login(self) -> None:
        """Complain about the forms login, which comes as a page with 200 or as a redirect to one.

        :raises LoginRefused: that is what this is.
        """
        if self.login:
            raise LoginRefused(f"{self.what} answered with the login form")

    def check_done(self) -> None:
        """Complain about what is no success of a MOVE or DELETE, though no error either.

        :raises LoginRefused: it is a login page. :raises Refused: it is a redirect, which is never followed.
        """
        self.check_login()
        if self.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise Refused(f"{self.what} answered {self.status}: the server sends us elsewhere")


def _is_login_page(page: bytes) -> bool:
    page = page.lower()  # many times faster than an expression that ignores case; every page of OWA comes by here
    return any(word in page for word in _LOGIN_PAGE)
