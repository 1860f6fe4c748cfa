"""One login with the configured credential, and never a second one: directories lock accounts after some failures.

The rules are those of :mod:`rsvpq.http.credential`, and one is added: servers that share a user name take turns
until one of them has let it in, and after a refusal none of the others is shown it. So a wrong password costs one
failed logon for each user name and run, whatever the number of servers.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import Lock

from rsvpq.doctor.results import Notes, Stopwatch
from rsvpq.http.credential import Credential
from rsvpq.http.server import Server
from rsvpq.http.status import LOGIN_TIMEOUT
from rsvpq.mail.errors import ExchangeError, Gone, LoginRefused
from rsvpq.webdav.mailbox import Folders, MailboxClient

_NO_LOGIN = {HTTPStatus.UNAUTHORIZED, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED, LOGIN_TIMEOUT}
#: Whatever a server says to somebody whom it has let in.
_ANYTHING = frozenset(range(HTTPStatus.BAD_REQUEST, 600)) - _NO_LOGIN
_RIGHTS = "see The account in docs/authentication.md; if nobody ever opened the mailbox, open it once"


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


@dataclass(frozen=True, slots=True)
class Entered:
    """What a login brought: the headers of a response to somebody who is logged in, and the folders of the mailbox."""

    headers: Mapping[str, str]
    folders: Folders | None


def log_in(server: Server, name: str, account: Account, mailbox: str, notes: Notes) -> Entered | None:
    """Log in, and open the mailbox (none for '').

    :param name: the server's, as the settings have it.
    :returns: None, and why, where that did not work.
    """
    with account.turn():
        if account.refused_by:
            text = f"not tried: {account.refused_by} refused this user name, and a second refusal helps nobody"
            notes.fail("login", text, f"mend the login at {account.refused_by} first")
            return None
        watch = Stopwatch()
        try:
            probe = server.application.probe
            response = server.send(probe.method, server.root, headers=probe.headers, body=probe.body, known=_ANYTHING)
        except LoginRefused as refusal:
            _refused(str(refusal), name, account, notes, watch)
            return None
        except ExchangeError as error:
            notes.fail("login", str(error), "look at the server, then again", ms=watch.ms)
            return None
        if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            notes.fail("login", f"not known, as {response.what} returned {response.status}", "look at the server")
            return None
        # What is in front of Exchange may return a redirect or a 404 to anybody, but it does not sign it.
        let_in = response.status < HTTPStatus.MULTIPLE_CHOICES or server.application.signed(response.headers)
        if let_in:
            account.accepted()
            notes.ok("login", "the credential is accepted", ms=watch.ms)
        elif not mailbox:
            notes.skip("login", f"not known: {response.what} returned {response.status}, and no mailbox is listed")
        folders = _open(server, name, account, mailbox, notes, let_in=let_in) if mailbox else None
        return None if mailbox and folders is None else Entered(response.headers, folders)


def _open(server: Server, name: str, account: Account, mailbox: str, notes: Notes, *, let_in: bool) -> Folders | None:
    watch = Stopwatch()
    try:
        folders = MailboxClient(server, mailbox).folders
    except LoginRefused as refusal:
        if let_in:
            notes.fail("mailbox", f"{mailbox}: no rights, though the credential is accepted", _RIGHTS, ms=watch.ms)
        else:
            _refused(str(refusal), name, account, notes, watch)
    except Gone:
        remedy = "correct its name or its server in the list of mailboxes"
        notes.fail("mailbox", f"{mailbox}: there is none on this server", remedy, ms=watch.ms)
    except ExchangeError as error:
        notes.fail("mailbox", f"{mailbox}: {error}", _RIGHTS, ms=watch.ms)
    else:
        account.accepted()
        if not let_in:
            notes.ok("login", "the credential is accepted", ms=watch.ms)
        return folders
    return None


def _refused(reason: str, name: str, account: Account, notes: Notes, watch: Stopwatch) -> None:
    account.refused_by = name
    text = f"refused ({reason}); this was the one attempt"
    remedy = "correct username and password before the next run: each costs one failed logon, and accounts lock"
    notes.fail("login", text, remedy, ms=watch.ms)
