"""An answer of a mail server, read to its end, and what it says about the login.

The login form takes three shapes (Evolution's Exchange connector, docs/http; DavMail): a verb other than GET is refused
with 440, and a GET is redirected to the logon page or answered by it with 200. None of them was carried out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import islice
from typing import Literal
from urllib.parse import parse_qs

from rsvpq.http.body import Packed
from rsvpq.http.login_form import is_login_page, leads_to_login
from rsvpq.mail.errors import LOGIN_TIMEOUT, Malformed, Refused, Unknown
from rsvpq.webdav.multistatus import Reader, Row

#: What `reason` in a logon page's address means: a session that has ended; these, a credential that was refused.
_ENDED, _REFUSED = "0", {"2", "4"}

#: Exchange names its store's build in every answer of its own, errors included; what is before it does not.
STORE = "MS-WebStorage"
#: The most rows that are kept of an answer about one item, which has one.
MOST_KEPT = 10

Login = Literal["", "ended", "wanted", "refused"]


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
    #: Whether another request has shown that this is no login, whatever it looks like.
    cleared: bool = False

    @property
    def login(self) -> Login:
        """Whether this stands for a login: a session that has ended, a form to be filled in, or a refusal.

        A suspicion only, as far as it is the page that says so: OWA shows messages, and whoever writes one may put a
        form into it.
        """
        if self.cleared:
            return ""
        location = self.headers.get("Location", "")
        if location and leads_to_login(location):
            reason = parse_qs(location.partition("?")[2]).get("reason", [""])[-1]
            return "refused" if reason in _REFUSED else "ended" if reason == _ENDED else "wanted"
        if self.status == LOGIN_TIMEOUT:
            return "ended"
        html = "html" in self.headers.get("Content-Type", "").lower()
        return "wanted" if html and is_login_page(self.body) else ""

    @property
    def is_page(self) -> bool:
        """Whether it is a page that was asked for, and no refusal or redirect."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES and "Location" not in self.headers

    def rows(self) -> list[Row]:
        """The rows of a multistatus that succeeded; the first of them, for whoever asks about one item.

        :raises Malformed: it is none.
        """
        return [*islice((row for row in self.read(Reader()) if row.ok), MOST_KEPT)]

    def read(self, reader: Reader) -> Iterator[Row]:
        """The rows of a multistatus, failed ones among them, one after the other; ``reader`` counts them.

        :raises Malformed: it is none.
        """
        if self.status != HTTPStatus.MULTI_STATUS:
            raise Malformed(f"{self.what} answered {self.status} where 207 was due")
        try:
            yield from reader.feed(self.body)
            for piece in self.more.pieces() if self.more else ():
                yield from reader.feed(piece)
            reader.close()
        except Malformed as error:
            raise Malformed(f"{self.what}: {error}") from None

    def check_done(self) -> None:
        """Complain about what is no success of a MOVE, PUT or DELETE, though no error either.

        :raises Refused: it is a redirect, which is never followed. :raises Unknown: it has a page that is not
            Exchange's, such as that of a proxy which says 200 and that there is no service at the moment.
        """
        if self.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise Refused(f"{self.what} answered {self.status}: the server sends us elsewhere")
        if self.body.strip() and STORE not in self.headers and self.status != HTTPStatus.MULTI_STATUS:
            raise Unknown(f"{self.what} answered {self.status} with a page, and it was not Exchange that did")
