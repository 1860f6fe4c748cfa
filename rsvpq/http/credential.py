"""Block a user name and password that servers refuse, before the directory locks the account.

This module never sees a password. Code that is about to send the credential to a server starts a :class:`LoginAttempt`
first, and reports the result. Until a server has accepted the credential, only one attempt runs at a time, so that a
wrong password costs one failed logon and not one per thread. A refusal blocks it for ``LOGIN_DELAY_S``, and the third
in a row for good. But if another server has accepted it, a first refusal may be a fault of the one server, and must not
block the others: the credential is blocked on that server only, and the next request to another server shows whether it
is still good.

A diagnosis of several servers uses an :class:`Account` instead, so that a wrong password costs one failed logon,
whatever the number of servers.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock

from rsvpq.mail.errors import LOGIN_DELAY_S, Busy, LoginRefused

#: The number of refusals in a row after which the process gives up: directory accounts commonly lock after 5.
MOST_REFUSALS = 3
#: The most seconds that a thread waits for another thread's attempt; less if the lease of its item ends before.
LONGEST_WAIT_S = 60.0


def _clock_time(wait_s: float) -> str:
    """Return when a wait ends: the text is stored, and is still true when somebody reads it."""
    return f"{datetime.now(UTC) + timedelta(seconds=wait_s):%H:%M:%S} UTC"


class Credential:
    """One user name on all servers that use it, shared by the threads of a process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # The thread that holds it is the only one that sends the credential, or that finds out what a refusal meant.
        self._exclusive = Lock()
        self._proven = False
        self._refusals = 0
        # When the block ends: on all servers, and on single ones.
        self._blocked_until = 0.0
        self._server_blocked_until: dict[str, float] = {}
        # Counts refusals: the results of requests that were sent before the last one are ignored.
        self._era = 0
        # The servers that accepted it since it was last blocked everywhere, and those that refused it since one
        # accepted it.
        self._accepted_by: set[str] = set()
        self._refused_by: set[str] = set()

    @contextmanager
    def attempt(self, what: str, wait_s: float = LONGEST_WAIT_S, server: str = "") -> Iterator["LoginAttempt"]:
        """Allow one use of the credential; only one at a time, unless it is known to be good.

        :param server: where it will be sent. :param wait_s: the most seconds to wait for another thread's attempt.
        :raises LoginRefused: it is blocked; send nothing. :raises Busy: another thread's attempt takes too long.
        """
        exclusive = not self._proven and self._acquire(what, wait_s)
        try:
            if exclusive and self._proven:  # another thread's attempt succeeded meanwhile
                self._exclusive.release()
                exclusive = False
            self.check(what, server)
            yield LoginAttempt(self._era, what, wait_s, server)
        finally:
            if exclusive:
                self._exclusive.release()

    def check(self, what: str, server: str = "") -> None:
        """Raise an error if the credential is blocked, everywhere or on that server.

        :raises LoginRefused: it is blocked.
        """
        if self._refusals >= MOST_REFUSALS:
            raise LoginRefused(
                f"{what}: not sent, because this user name and password were refused {self._refusals} times in a row; "
                "correct them in the settings and restart this process"
            )
        blocked_until = max(self._blocked_until, self._server_blocked_until.get(server, 0.0))
        wait_s = blocked_until - self._clock()
        if wait_s > 0:
            by = " and ".join(sorted({*self._refused_by} - {""}))
            why = f"{by} refused the login" if by else "the login was refused"
            next_one = f"next attempt not before {_clock_time(wait_s)}"
            raise LoginRefused(f"{what}: not sent, because {why}; {next_one}", wait_s)

    def _acquire(self, what: str, wait_s: float) -> bool:
        if not self._exclusive.acquire(timeout=wait_s):
            raise Busy(f"{what}: not sent, because another thread has been logging in for {wait_s:.0f} s")
        return True

    def accepted(self, attempt: "LoginAttempt") -> None:
        """Record that the server accepted the credential, and forget earlier refusals."""
        if attempt.era != self._era:
            return
        if not self._proven:
            self._refused_by.clear()
            self._refusals, self._proven = 0, True
        self._accepted_by.add(attempt.server)

    def refused(self, attempt: "LoginAttempt", still_good: Callable[[], bool] | None = None) -> bool:
        """Record that the server refused the credential, and block it unless it turns out to be still good.

        The refusals of several threads count once.

        :param still_good: called once, if the credential was good before.
        :returns: whether the credential is at fault. :raises Busy: another thread takes too long to find that out.
        """
        # An attempt on a credential that is not proven holds the lock already.
        if not self._proven:
            return attempt.era != self._era or self._block(attempt.server)
        self._acquire(f"{attempt.what}, which was refused", attempt.wait_s)
        try:
            if attempt.era != self._era:
                return True
            if still_good is not None and still_good():
                return False
            return self._block(attempt.server)
        finally:
            self._exclusive.release()

    def _block(self, server: str) -> bool:
        until = self._clock() + LOGIN_DELAY_S
        self._refused_by.add(server)
        if self._refused_by == {server} and self._accepted_by - {server}:
            self._server_blocked_until[server] = until
        else:
            self._blocked_until = until
            self._refusals += 1
            self._accepted_by.clear()
        self._era += 1
        self._proven = False
        return True


@dataclass(frozen=True, slots=True)
class LoginAttempt:
    """One use of a credential; the caller reports the result to the credential."""

    #: The credential's state at the beginning: how often it had been refused.
    era: int
    what: str
    wait_s: float
    server: str


@dataclass(slots=True)
class Account:
    """A user name that may be sent to one server at a time until one has accepted it, and to none after a refusal."""

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
