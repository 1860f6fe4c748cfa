"""Logging in and out."""

import asyncio
import logging
from typing import Any, ClassVar

from rsvpq.console.clients import client_address
from rsvpq.console.page import ConsolePage, local
from rsvpq.console.sessions import REFUSED_S
from rsvpq.settings.logins import LONGEST_NAME, LONGEST_PASSWORD, ConsoleLogin, ConsoleRole, PasswordHash
from rsvpq.text import duration

logger = logging.getLogger(__name__)

#: Checked where the name is unknown, so that the time that it takes says nothing about names.
_NOBODY = PasswordHash.of("nobody")


class LogIn(ConsolePage):
    """The login page: the only one that is shown to everybody."""

    role: ClassVar[ConsoleRole | None] = None

    def get(self) -> None:
        """Show the form."""
        self._show("")

    async def post(self) -> None:
        """Check name and password, and begin a session."""
        # Cut, as attempts are counted by the name: longer ones would be room for whoever invents them.
        name = self.get_body_argument("name", "")[: LONGEST_NAME + 1]
        password = self.get_body_argument("password", "", strip=False)[: LONGEST_PASSWORD + 1]
        address = self._client()
        if not self.console.attempts.begin(name, address):
            logger.warning("event=login-refused name=%r address=%s reason=attempts", name, address)
            self.set_status(429)
            self._show(f"There were too many attempts; wait {duration(REFUSED_S)} and try again.")
            return
        login = await self._checked(name, password)
        if login is None:
            logger.warning("event=login-refused name=%r address=%s reason=password", name, address)
            self.set_status(403)
            self._show("The name or the password is wrong.")
            return
        self.console.attempts.succeeded(name, address)
        logger.info("event=login name=%s role=%s address=%s", login.name, login.role, address)
        session_id = self.console.sessions.begin(login)
        # Without an expiry of its own: the session's is kept here.
        self.set_signed_cookie(self.console.cookie, session_id, expires_days=None, **self._attributes())
        self.redirect(local(self.get_argument("next", "/")), status=303)

    def _client(self) -> str:
        peer, forwarded = self.request.remote_ip or "", self.request.headers.get("X-Forwarded-For", "")
        return client_address(peer, forwarded, self.console.proxies)

    async def _checked(self, name: str, password: str) -> ConsoleLogin | None:
        login = self.console.logins.find(name)
        known = login.hash if login else _NOBODY
        loop = asyncio.get_running_loop()
        matches = await loop.run_in_executor(self.console.hashing, known.matches, password)
        return login if matches else None

    def _attributes(self) -> dict[str, Any]:
        return {"httponly": True, "secure": self.console.secure, "samesite": "Strict", "path": "/"}

    def _show(self, problem: str) -> None:
        target = local(self.get_argument("next", "/"))
        self.finish(self.render_string("login.html", title="Log in", problem=problem, target=target))


class LogOut(ConsolePage):
    """Ends a session."""

    role: ClassVar[ConsoleRole | None] = None

    def post(self) -> None:
        """End it, here and in the browser."""
        session_id = self.get_signed_cookie(self.console.cookie)
        if session_id:
            self.console.sessions.end(session_id.decode())
        self.clear_cookie(self.console.cookie, path="/", secure=self.console.secure, httponly=True, samesite="Strict")
        self.redirect("/login", status=303)
