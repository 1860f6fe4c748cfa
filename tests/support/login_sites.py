"""Simulators with each kind of login, and what the directory behind them counted."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rsvpq.http import auth
from rsvpq.http.credential import Credential
from rsvpq.http.deadlines import Timeouts
from rsvpq.webdav.mailbox import WebDavMailbox
from rsvpq.webdav.server import WebDavServer
from testbed.fork_server import fork_server
from testbed.processes import WAIT_S
from testbed.simulated_exchange import SimulatedExchange, World

#: Without a colon, which the simulator's NTLM cannot do with.
PASSWORD = "pass-word ünïque"
TIMEOUTS = Timeouts(connect_s=WAIT_S, read_s=WAIT_S)


@dataclass(frozen=True, slots=True)
class LoginSite:
    """One simulator with one kind of login."""

    exchange: SimulatedExchange
    scheme: auth.Scheme

    def server(self, password: str = PASSWORD, credential: Credential | None = None, number: int = 0) -> WebDavServer:
        """Return a new client of one of the servers."""
        url = f"{self.exchange.urls[number]}/exchange/"
        return WebDavServer(url, self.account(password), credential=credential, timeouts=TIMEOUTS)

    def account(self, password: str = PASSWORD) -> Any:
        """Return the credential of the client."""
        name = self.exchange.username
        match self.scheme:
            case "basic":
                return auth.basic(name, password)
            case "forms":
                return auth.Forms(name, password, allow_http=True)
            case scheme:
                return auth.ConnectionAuth(scheme, name, password)

    def box(self, server: WebDavServer, number: int = 0) -> WebDavMailbox:
        """Return one of the mailboxes."""
        return WebDavMailbox(server, self.mailboxes()[number]["mailbox"])

    def mailboxes(self) -> list[dict[str, Any]]:
        """Return the mailboxes as the oracle lists them."""
        found: list[dict[str, Any]] = self.exchange.ask("mailboxes")
        return found

    def logins(self) -> tuple[int, int]:
        """Return how many logons the directory has counted: good, bad."""
        counted = self.exchange.ask("summary")["logins"]
        return counted["good"], counted["bad"]

    def forget_sessions(self) -> None:
        """Forget all sessions, as a restart of IIS does."""
        self.exchange._fetch("forget-sessions", b"")


@contextmanager
def login_site(directory: Path, kind: str, *options: str, servers: int = 1) -> Iterator[LoginSite]:
    """Start a simulator for the length of a ``with`` block."""
    world = World(mailboxes=6, requests=3, responses=2, servers=servers, seed=7)
    exchange = SimulatedExchange(directory, world, PASSWORD, ["--auth", kind, *options], fork_server())
    schemes: dict[str, auth.Scheme] = {"basic": "basic", "ntlm": "ntlm", "negotiate-only": "negotiate"}
    try:
        yield LoginSite(exchange, schemes.get(kind, "forms"))
    finally:
        exchange.part.end()
