"""Describes the application behind a server to its HTTP client; the defaults assume nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rsvpq.http.login_form import LoginPages
from rsvpq.http.message import HttpRequest
from rsvpq.http.request_target import Target


@dataclass(frozen=True, slots=True)
class Probe:
    """A request without effect that is refused to whoever is not logged in, wherever it is sent."""

    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def at(self, target: Target, more: Mapping[str, str] | None = None) -> HttpRequest:
        """Make the request to that target, with these headers as well."""
        return HttpRequest(self.method, target, {**self.headers, **(more or {})}, self.body)


@dataclass(frozen=True, slots=True)
class Application:
    """The application behind a server.

    :param probe: tells whether an account is logged in. The only kind of request that needs no login before it.
    :param headers: go out with every request.
    :param signature: the header that every response of the application has, errors included, and that nothing in
        front of it sends; '' if there is none.
    :param listings: the statuses of responses that may be long listings.
    :param login_pages: what is known of its login form.
    """

    probe: Probe = field(default_factory=Probe)
    headers: Mapping[str, str] = field(default_factory=dict)
    signature: str = ""
    listings: frozenset[int] = frozenset()
    login_pages: LoginPages = field(default_factory=LoginPages)

    def signed(self, headers: Mapping[str, str]) -> bool:
        """Whether a response is certainly the application's own."""
        return bool(self.signature) and self.signature in headers
