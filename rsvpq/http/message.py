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
        """Verb and path, for logs: a name may hold escaped line breaks, and commands to terminals."""
        return f"{self.method} {printable(unquote(self.target))}"


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response, read to its end.

    :param what: verb and path of the request, for messages.
    :param cookies: the Set-Cookie headers as they came, which ``headers`` joins.
    :param rest: what of a long listing follows on ``body``.
    :param cleared: whether another request has shown that this is no login form, whatever it looks like.
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
        """Whether it is what was asked for, and no refusal or redirect."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES and "Location" not in self.headers

    def pieces(self) -> Iterator[bytes]:
        """Yield the whole body, piece by piece."""
        yield self.body
        if self.rest is not None:
            yield from self.rest.pieces()

    @property
    def redirected(self) -> str:
        """Say where a redirect leads, for messages: redirects are not followed."""
        where = printable(self.headers.get("Location", "nowhere"))
        return f"{self.what}: unexpected redirect ({self.status}) to {where}; not followed"
