"""HTTP requests and responses as values."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from urllib.parse import unquote

from rsvpq.http.body import Packed
from rsvpq.http.request_target import Target
from rsvpq.text import printable


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
