"""A user name that is used on several servers, and may be sent to one of them at a time until one has accepted it.

This is for a diagnosis, where a wrong password must cost one failed logon, whatever the number of servers. It adds to
the rules of :mod:`rsvpq.http.credential` that servers take turns, and that after a refusal no other server is tried.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

from rsvpq.http.credential import Credential


@dataclass(slots=True)
class Account:
    """A user name on all servers that use it."""

    credential: Credential = field(default_factory=Credential)
    #: The server that refused it; '' if none has.
    refused_by: str = ""
    _proven: bool = False
    _alone: Lock = field(default_factory=Lock)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until no other server is being tried; once a server has accepted the credential, do not wait."""
        if self._proven:
            yield
            return
        with self._alone:
            yield

    def accepted(self) -> None:
        """Record that a server accepted the credential, so that nobody has to wait for a turn."""
        self._proven = True
