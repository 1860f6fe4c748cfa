"""The address and the login method of a server, for examining it without a password."""

from dataclasses import dataclass
from pathlib import Path

from rsvpq.http import tls
from rsvpq.http.auth import Scheme


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One server as configured, without its account."""

    url: str
    auth: Scheme
    tls_minimum: tls.MinimumVersion
    ca_bundle: Path | None = None
