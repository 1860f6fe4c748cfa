"""Stops a user name and password that servers refuse, before the directory locks the account.

It knows no password. Whoever is about to send the credential to a server makes a :class:`LoginAttempt` of it first and
reports how it went. As long as no server has accepted it, one attempt is under way at a time, so that a wrong password
costs one failed logon and not one per thread. A refusal stops it for ``LOGIN_DELAY_S``, and the third in a row for
good. But where another server has accepted it, the first refusal is the word of one server only, which must not stop
the others: the credential is stopped there, and one request elsewhere shows whether it is still good.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

from rsvpq.mail.errors import LOGIN_DELAY_S, Busy, LoginRefused

#: Refusals in a row after which the process gives up: directory accounts commonly lock after 5.
MOST_REFUSALS = 3
#: How long a thread waits for another one's attempt, in seconds, if its item's lease lasts for so long.
LONGEST_WAIT_S = 60.0


class Credential:
    """One user name on all servers that use it, shared by the threads of a process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # Whoever holds it is the only one who shows the credential, or who finds out what a refusal meant.
        self._alone = Lock()
        self._proven = False
        self._refusals = 0
        self._not_before = 0.0
        # Grows with each refusal: what was sent before one says nothing new after it.
        self._era = 0
        # The servers that took it since it was stopped for all, and those that refused it since one took it.
        self._taken_by: set[str] = set()
        self._refused_by: set[str] = set()
        self._not_there_before: dict[str, float] = {}

    @contextmanager
    def attempt(self, what: str, wait_s: float = LONGEST_WAIT_S, server: str = "") -> Iterator["LoginAttempt"]:
        """Show the credential, alone unless it is known to be good.

        :param server: to whom. :param wait_s: seconds to wait for another thread's attempt at the most.
        :raises LoginRefused: it was refused before; nothing is sent. :raises Busy: another thread's attempt is slow.
        """
        alone = not self._proven and self._enter(what, wait_s)
        try:
            if alone and self._proven:  # somebody else's attempt went well meanwhile
                self._alone.release()
                alone = False
            self.check(what, server)
            yield LoginAttempt(self, self._era, what, wait_s, server)
        finally:
            if alone:
                self._alone.release()

    def check(self, what: str, server: str = "") -> None:
        """Raise an error if the credential is stopped, everywhere or at that server.

        :raises LoginRefused: it is.
        """
        if self._refusals >= MOST_REFUSALS:
            raise LoginRefused(
                f"{what}: not sent, as this user name and password were refused {self._refusals} times in a row; "
                "correct them in the settings and restart this process"
            )
        wait_s = max(self._not_before, self._not_there_before.get(server, 0.0)) - self._clock()
        if wait_s > 0:
            text = f"{what}: not sent, as the login was refused; it is tried again in {wait_s:.0f} s"
            raise LoginRefused(text, wait_s)

    def _enter(self, what: str, wait_s: float) -> bool:
        if not self._alone.acquire(timeout=wait_s):
            raise Busy(f"{what}: not sent, as another thread has been logging in for {wait_s:.0f} s")
        return True

    def _accepted(self, era: int, server: str) -> None:
        if era != self._era:
            return
        if not self._proven:
            self._refused_by.clear()
            self._refusals, self._proven = 0, True
        self._taken_by.add(server)

    def _refused(self, attempt: "LoginAttempt", still_good: Callable[[], bool] | None) -> bool:
        # An attempt on a credential that is not proven holds the lock already.
        if not self._proven:
            return attempt.era != self._era or self._stop(attempt.server)
        self._enter(f"{attempt.what}, which was refused", attempt.wait_s)
        try:
            if attempt.era != self._era:
                return True
            if still_good is not None and still_good():
                return False
            return self._stop(attempt.server)
        finally:
            self._alone.release()

    def _stop(self, server: str) -> bool:
        until = self._clock() + LOGIN_DELAY_S
        self._refused_by.add(server)
        if self._refused_by == {server} and self._taken_by - {server}:
            self._not_there_before[server] = until
        else:
            self._not_before = until
            self._refusals += 1
            self._taken_by.clear()
        self._era += 1
        self._proven = False
        return True


@dataclass(frozen=True, slots=True)
class LoginAttempt:
    """One use of a credential; say how it went."""

    _credential: Credential
    era: int
    what: str
    wait_s: float
    server: str

    def accepted(self) -> None:
        """Record that the server accepted it, and forget earlier refusals."""
        self._credential._accepted(self.era, self.server)

    def refused(self, still_good: Callable[[], bool] | None = None) -> bool:
        """Record that the server refused it, and stop it unless it turns out to be good after all.

        :param still_good: asked once, if the credential was good before; what many threads were refused counts once.
        :returns: whether it is the credential's fault. :raises Busy: another thread takes long to find that out.
        """
        return self._credential._refused(self, still_good)
