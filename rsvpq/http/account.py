"""A user name on several servers, of which only one may be shown its password as long as nobody has accepted it.

For a diagnosis, where a wrong password is to cost one failed logon whatever the number of servers. It adds to the
rules of :mod:`rsvpq.http.credential` that servers take turns, and that after a refusal none of the others is asked.
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
    #: The server that refused it; '' as long as none did.
    refused_by: str = ""
    _proven: bool = False
    _alone: Lock = field(default_factory=Lock)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for one's turn, until it is known that the credential is good."""
        if self._proven:
            yield
            return
        with self._alone:
            yield

    def accepted(self) -> None:
        """Turns are no longer needed."""
        self._proven = True
