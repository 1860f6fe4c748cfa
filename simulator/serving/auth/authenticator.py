"""Authenticate requests; the base class, Basic, and a scheme that no client can use."""

import base64
import binascii
from dataclasses import dataclass
from typing import Protocol

from simulator.serving.auth.accounts import Accounts
from simulator.serving.http import Request, Response, error_page

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """The result of an authenticator: a refusal, or None, and headers for every later response."""

    refusal: Response | None = None
    headers: Headers = ()
    #: Who came in with a mailbox of their own; empty for the service account.
    user: str = ""


class Authenticator(Protocol):
    """One way to log in."""

    def check(self, request: Request) -> Entry:
        """Let a request in, or say what to answer instead."""


class BasicAuthenticator:
    """Name and password with every request."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def check(self, request: Request) -> Entry:
        """Return a 401 unless the right name and password were sent."""
        claim = _basic(request.headers.get("authorization"))
        if claim is not None and self._accounts.allow(*claim):
            return Entry(user="" if self._accounts.opens_all(claim[0]) else claim[0])
        return Entry(challenge(f'Basic realm="{request.host.partition(":")[0]}"'))


class OfferAuthenticator:
    """Offers one scheme and accepts nobody: for clients to name what they lack."""

    def __init__(self, offer: str) -> None:
        self._offer = offer

    def check(self, request: Request) -> Entry:  # noqa: ARG002 - there is nothing to look at
        """Return a 401 with the offer."""
        return Entry(challenge(self._offer))


def challenge(offer: str) -> Response:
    """Return a 401 that asks for a scheme."""
    response = error_page(401)
    response.headers = (("WWW-Authenticate", offer),)
    return response


def token(header: str | None, wanted_scheme: str) -> bytes | None:
    """Return the decoded content of an Authorization header of one scheme; None for another scheme or bad base64."""
    scheme, _, text = (header or "").partition(" ")
    if scheme.casefold() != wanted_scheme:
        return None
    try:
        return base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        return None


def _basic(header: str | None) -> tuple[str, str] | None:
    octets = token(header, "basic")
    try:
        text = octets.decode() if octets is not None else None
    except UnicodeDecodeError:
        return None
    if text is None:
        return None
    user, _, password = text.partition(":")
    return user, password
