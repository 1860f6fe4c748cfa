"""HTTP requests and responses as values: targets, bodies, and the errors that statuses stand for.

Links, redirects and form actions come from a server, or from Redis, where others may write. A path that is checked in
one form and sent in another could lead anywhere. So a request takes its path only as a :class:`Target`, which is
checked in exactly the form in which it is sent, and which cannot be made from a text that could lead elsewhere.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import Self
from urllib.parse import quote, unquote

from rsvpq.http.body import Packed
from rsvpq.mail.errors import (
    BUSY_DELAY_S,
    Busy,
    ExchangeError,
    Gone,
    LoginRefused,
    MailboxRefused,
    Malformed,
    Refused,
    Transient,
    Unknown,
    of_server,
)
from rsvpq.text import printable

#: Characters that a request line cannot contain: spaces, controls and everything beyond ASCII (RFC 9112, section 3).
_IMPOSSIBLE = re.compile(r"[^\x21-\x7e]+")
#: Escapes that a server may decode to another character: NUL, IIS's own escapes, and overlong UTF-8 forms of ASCII
#: (MS00-078, MS01-026).
_DECEPTIVE = re.compile(r"%00|%u[0-9a-f]{4}|%c[01]%[89ab][0-9a-f]|%e0%[89][0-9a-f]%|%f0%8[0-9a-f]%", re.IGNORECASE)
#: The most characters; IIS accepts no request line of more than 16 kB.
LONGEST_TARGET = 16 * 1024
#: How often a path may be unescaped until it no longer changes; a name with percent signs may need it a few times.
_MOST_UNESCAPINGS = 5
_SEPARATOR = re.compile(r"[/\\]")  # IIS treats a backslash as a slash

#: The ports of URLs that name none.
DEFAULT_PORTS = {"http": 80, "https": 443}
#: The longest Retry-After that is honored, in seconds.
LONGEST_RETRY_AFTER_S = 3600.0
#: "Login Time-out", the status of IIS for a login session that is missing or has ended.
LOGIN_TIMEOUT = 440

#: LOGIN_TIMEOUT is here because an ended session is not a refused password: after a new login, work can go on.
_BUSY = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE, LOGIN_TIMEOUT}
_LOGIN = {HTTPStatus.UNAUTHORIZED, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED}
_GONE = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
_AGAIN = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED, HTTPStatus.LOCKED}


class Target(str):
    """A path on the configured origin, possibly with a query, exactly as it is sent in the request line.

    Names stay as the server wrote them; only characters that a request line cannot contain are escaped.

    :raises Malformed: it is not an absolute path, or a server could read it as another path.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Check the text, and escape where necessary."""
        try:
            sent = _IMPOSSIBLE.sub(lambda match: quote(match[0]), text)
        except UnicodeEncodeError:
            raise Malformed(_rejected(text, "is not valid Unicode")) from None
        path = sent.partition("?")[0]
        if len(sent) > LONGEST_TARGET:
            raise Malformed(_rejected(text, f"has {len(sent)} characters; at most {LONGEST_TARGET} are allowed"))
        # After two slashes a host name would be expected.
        if not path.startswith("/") or path.startswith(("//", "/\\")):
            raise Malformed(_rejected(text, "is not a path from the root of the server"))
        if "#" in sent or _DECEPTIVE.search(path) or _climbs(path):
            raise Malformed(_rejected(text, "could be read as another path"))
        return super().__new__(cls, sent)

    @classmethod
    def below(cls, path: str, root: str, query: str = "") -> Self:
        """Return a target that is below ``root``, which ends with a slash; case is ignored, because IIS ignores it.

        :raises Malformed: the path is not below it, or is invalid.
        """
        target = cls(path)
        own, wanted = target.split("/"), root.split("/")[:-1]
        # Names are compared one by one, because an escaped slash does not end a name.
        names, others = (
            [unquote(name, errors="surrogateescape").casefold() for name in parts[: len(wanted)]]
            for parts in (own, wanted)
        )
        if "?" in target or len(own) <= len(wanted) or names != others:
            raise Malformed(_rejected(path, f"is not below {root!r}"))
        return cls(f"{target}?{query}") if query else target


def _climbs(path: str) -> bool:
    """Return whether a path leads upwards, by names of only dots, however often it is unescaped on the way."""
    for _ in range(_MOST_UNESCAPINGS):
        if any(name and not name.strip(" .") for name in _SEPARATOR.split(path)):
            return True
        before, path = path, unquote(path)
        if path == before:
            return False
    return True


def _rejected(text: str, why: str) -> str:
    return f"the path {text[:200]!r} {why}; nothing was sent"


@dataclass(frozen=True)
class HttpRequest:
    """A request to the configured origin."""

    method: str
    target: Target
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)

    @cached_property
    def what(self) -> str:
        """Verb and path, safe for logs: a name may contain escaped line breaks and terminal control sequences."""
        return f"{self.method} {printable(unquote(self.target))}"


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response, read to its end.

    :param what: verb and path of the request, for messages.
    :param cookies: the single Set-Cookie headers; ``headers`` has them joined.
    :param rest: the rest of a long listing, after ``body``.
    :param cleared: whether a probe has shown that this is not a login form, even if it looks like one.
    """

    what: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    cookies: tuple[str, ...] = field(default=(), repr=False)
    rest: Packed | None = field(default=None, repr=False)
    cleared: bool = False

    @property
    def is_page(self) -> bool:
        """Whether it is a success with the requested content, and not a redirect."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES and "Location" not in self.headers

    def pieces(self) -> Iterator[bytes]:
        """Yield the whole body, piece by piece."""
        yield self.body
        if self.rest is not None:
            yield from self.rest.pieces()

    @property
    def redirected(self) -> str:
        """The message for a redirect: redirects are not followed."""
        where = printable(self.headers.get("Location", "nowhere"))
        return f"{self.what}: unexpected redirect ({self.status}) to {where}; not followed"


def error_from(  # noqa: PLR0911 - one line for each row of a table
    what: str, status: int, headers: Mapping[str, str], *, effect: bool
) -> ExchangeError | None:
    """Return the error that a status stands for, named for what to do next; None for 2xx and 3xx.

    The body of an error page is ignored: servers send their own pages, empty ones, or a login form.

    :param what: verb and path, for the message.
    :param effect: whether the request changes something; then, after a 5xx, it is unknown whether it did.
    """
    message = f"{what} returned {status}"
    if status < HTTPStatus.BAD_REQUEST:
        return None
    if status in _BUSY:
        return Busy(message, retry_after_s(headers))
    if status in _LOGIN:
        return LoginRefused(message)
    if status in _GONE:
        return Gone(message)
    if status in _AGAIN:
        return Transient(message)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and status not in {HTTPStatus.NOT_IMPLEMENTED}:
        error = Unknown(message) if effect else Transient(message)
        # A 507 is about what was asked, such as too many rows, or about the mailbox.
        return error if status == HTTPStatus.INSUFFICIENT_STORAGE else of_server(error)
    return Refused(message)


def no_rights(what: str) -> MailboxRefused:
    """Return the error for a 401 to an account that is logged in: it has no rights on this mailbox."""
    text = f"{what} returned 401, though the password is right; give the account rights on this mailbox"
    return MailboxRefused(text)


def retry_after_s(headers: Mapping[str, str]) -> float:
    """Return the seconds of a Retry-After header; the default if there is none, or if it is a date."""
    text = headers.get("Retry-After", "").strip()
    # At least a second: with "0" the item would run again at once, over and over, as that costs it no attempt.
    return min(max(float(text), 1.0), LONGEST_RETRY_AFTER_S) if text.isdecimal() else BUSY_DELAY_S
