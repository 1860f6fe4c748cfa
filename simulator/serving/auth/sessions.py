"""The sessions of forms logins: tokens in cookies that live as long as they are used.

Exchange 2003 keeps the name and password encrypted in `cadata` and forgets the key with IIS: then everybody is out.
"""

import base64
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from simulator.world.clock import now

#: Seconds for which a token is still good after a newer one was given out, for answers that overtake each other.
OVERLAP_S = 60.0
#: Bytes of a token; the length of a captured one (evolution-exchange, its notes on forms logins).
_TOKEN_BYTES = 48


@dataclass(slots=True)
class Session:
    """One login, known by its id and by the tokens that were given out for it."""

    last_used: float
    #: As in an Entry: who has a mailbox of their own, empty for the service account.
    user: str = ""
    id: str = field(default_factory=lambda: f"{uuid.uuid4()},0x409")
    requests: int = 0
    #: When each token ends, by token; the newest has no end of its own.
    tokens: dict[str, float | None] = field(default_factory=dict)

    def issue(self, moment: float) -> str:
        """Issue a new token; earlier ones expire soon."""
        ends = {token: moment + OVERLAP_S if end is None else end for token, end in self.tokens.items()}
        self.tokens = {token: end for token, end in ends.items() if end >= moment}
        token = new_token()
        self.tokens[token] = None
        return token


class Sessions:
    """Every session of every server of one kind of login."""

    def __init__(self, idle_s: float = 900.0, reissue_every: int = 0, clock: Callable[[], float] = now) -> None:
        self._idle_s = idle_s
        self._reissue_every = reissue_every
        self._clock = clock
        self._sessions: dict[str, Session] = {}
        #: How many logins there were.
        self.begun = 0

    def begin(self, user: str = "") -> tuple[Session, str]:
        """Begin a session; return its first token."""
        session = Session(self._clock(), user)
        self._sessions[session.id] = session
        self.begun += 1
        return session, session.issue(session.last_used)

    def use(self, session_id: str, token: str) -> Session | None:
        """Return the session of these cookies, and extend it; None if it is over or unknown."""
        session, moment = self._sessions.get(session_id), self._clock()
        if session is None or token not in session.tokens:
            return None
        end = session.tokens[token]
        if moment - session.last_used > self._idle_s:
            del self._sessions[session_id]
            return None
        if end is not None and end < moment:
            return None
        session.last_used = moment
        session.requests += 1
        return session

    def use_token(self, token: str) -> Session | None:
        """Return the session if the token is the only cookie."""
        for session_id, session in self._sessions.items():
            if token in session.tokens:
                return self.use(session_id, token)
        return None

    def renewed(self, session: Session) -> str | None:
        """Return a new token if one is due."""
        if not self._reissue_every or session.requests % self._reissue_every:
            return None
        return session.issue(self._clock())

    def forget_all(self) -> None:
        """Forget all sessions, as a restart of IIS does."""
        self._sessions.clear()


def new_token() -> str:
    """Return the value of a `cadata` cookie, without its quotes."""
    return "2," + base64.b64encode(secrets.token_bytes(_TOKEN_BYTES)).decode()
