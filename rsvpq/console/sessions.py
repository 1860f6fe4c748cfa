"""Who is logged in, and who has guessed too often.

Sessions are kept in the memory of the process: a restart ends them, and so does a change of the login's line in the
file.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cachetools import TTLCache

from rsvpq.console.clients import countable
from rsvpq.settings.logins import ConsoleLogin, LoginFile

#: More sessions than any installation has; the oldest end first.
_MOST_SESSIONS = 1000
#: Attempts to log in by which a name, or an address, is refused; and for how many seconds after the last one that was
#: checked.
MOST_ATTEMPTS, MOST_ATTEMPTS_OF_ADDRESS, REFUSED_S = 10, 30, 300
#: Names and addresses that are counted at once: nobody may fill the memory by inventing them.
_MOST_COUNTED = 10_000


@dataclass(slots=True)
class ConsoleSession:
    """Somebody who is logged in, and what the next page has to say to them."""

    login: ConsoleLogin
    notices: list[str] = field(default_factory=list)


class Sessions:
    """The sessions by their ids, which cannot be guessed."""

    def __init__(self, logins: LoginFile, lasts_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._logins = logins
        self._sessions: TTLCache[str, ConsoleSession] = TTLCache(_MOST_SESSIONS, lasts_s, clock)

    def begin(self, login: ConsoleLogin) -> str:
        """Begin a session, and return its id."""
        session_id = secrets.token_urlsafe(32)
        self._sessions[session_id] = ConsoleSession(login)
        return session_id

    def find(self, session_id: str) -> ConsoleSession | None:
        """Return a session; None if it is over, or its login is not in the file any more as it was."""
        session = self._sessions.get(session_id)
        if session is None or self._logins.find(session.login.name) != session.login:
            self.end(session_id)
            return None
        return session

    def end(self, session_id: str) -> None:
        """End a session."""
        self._sessions.pop(session_id, None)


class Attempts:
    """Counts attempts to log in by name and by address, before the password is checked."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._names: TTLCache[str, int] = TTLCache(_MOST_COUNTED, REFUSED_S, clock)
        self._addresses: TTLCache[str, int] = TTLCache(_MOST_COUNTED, REFUSED_S, clock)

    def begin(self, name: str, address: str) -> bool:
        """Count an attempt; return whether its password may be checked."""
        address = countable(address)
        if self._names.get(name, 0) >= MOST_ATTEMPTS:
            return False
        if self._addresses.get(address, 0) >= MOST_ATTEMPTS_OF_ADDRESS:
            return False
        self._names[name] = self._names.get(name, 0) + 1
        self._addresses[address] = self._addresses.get(address, 0) + 1
        return True

    def succeeded(self, name: str, address: str) -> None:
        """Forget the attempts with a name, as its password was right; of those from the address only this one."""
        address = countable(address)
        self._names.pop(name, None)
        self._addresses[address] = max(0, self._addresses.get(address, 0) - 1)
