"""Describes the application behind a server to its HTTP client; the defaults assume nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rsvpq.http.login_form import LoginPages
from rsvpq.http.message import HttpRequest, Target


@dataclass(frozen=True, slots=True)
class Probe:
    """A request without effect that a server refuses, at any path, unless the account is logged in.

    :param one_path: whether the application has only one path, where every request goes, probes as well.
    :param passed: statuses of 500 and above that the server returns only to an account that is logged in.
    """

    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    one_path: bool = False
    passed: frozenset[int] = frozenset()

    def at(self, target: Target, more: Mapping[str, str] | None = None) -> HttpRequest:
        """Return the request to that target, with ``more`` headers."""
        return HttpRequest(self.method, target, {**self.headers, **(more or {})}, self.body)


@dataclass(frozen=True, slots=True)
class Application:
    """The application behind a server.

    :param probe: shows whether an account is logged in. Only this request may be sent over a connection that is not
        authenticated yet.
    :param headers: sent with every request.
    :param signature: the header that every response of the application has, errors included, and that nothing in
        front of it sends; '' if there is none.
    :param listings: the statuses of responses that may be long listings.
    :param login_pages: what is known about its login form.
    :param dropped_cookies: the names, in lower case, of cookies that are not sent back, because they bind a connection
        to one of the many mailboxes that it is used for.
    """

    probe: Probe = field(default_factory=Probe)
    headers: Mapping[str, str] = field(default_factory=dict)
    signature: str = ""
    listings: frozenset[int] = frozenset()
    login_pages: LoginPages = field(default_factory=LoginPages)
    dropped_cookies: frozenset[str] = frozenset()

    def signed(self, headers: Mapping[str, str]) -> bool:
        """Return whether a response certainly comes from the application itself."""
        return bool(self.signature) and self.signature in headers
