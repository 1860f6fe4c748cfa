"""Build the backends of the mail servers, and their diagnoses, from the settings."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal

from cachetools import TTLCache

from rsvpq.ews import diagnosis as ews_diagnosis
from rsvpq.ews.backend import EwsBackend
from rsvpq.ews.server import EwsServer
from rsvpq.http import auth
from rsvpq.http.credential import Account, Credential
from rsvpq.http.deadlines import Timeouts
from rsvpq.http.endpoint import Endpoint
from rsvpq.http.login_check import Subject
from rsvpq.mail.checks import Checks
from rsvpq.mail.errors import Busy
from rsvpq.mail.lease import Lease
from rsvpq.mail.ports import AnswersAtOnce, AnswersByDraft, Backend
from rsvpq.settings.servers import AnyServerSettings, EwsSettings, ServerSettings, WebDavSettings
from rsvpq.tasks.claims import Claims
from rsvpq.webdav import diagnosis as webdav_diagnosis
from rsvpq.webdav.backend import WebDavBackend
from rsvpq.webdav.server import WebDavServer

#: The most seconds that a diagnosis waits for a connection and for a response, whatever is configured.
DIAGNOSIS_CONNECT_S, DIAGNOSIS_READ_S = 10.0, 20.0

#: Seconds after which the end of a certificate is reported again, in case Redis has lost it.
_CERTIFICATE_TTL_S = 3600

#: Diagnoses one server and a mailbox on it ('' for none); returns whether every check could be made.
Diagnose = Callable[[str, Checks], bool]


class Backends:
    """The backends of all mail servers, by the name of the server.

    :param claims: ensure that a mailbox is worked under one name.
    :param run_lease_s: the length of a run lease, which no request outlasts.
    :param before: the backends that these replace. What has not changed goes on: connections, what was learned about a
        server, and above all the refusals of a password, which may not begin anew.
    :param certified: takes the name of a server, and when its certificate ends, in seconds since the epoch.
    """

    def __init__(
        self,
        servers: Mapping[str, AnyServerSettings],
        claims: Claims,
        run_lease_s: float = 180,
        certified: Callable[[str, float], None] = lambda *_: None,
        before: "Backends | None" = None,
    ) -> None:
        self._claims = claims
        self._certified = certified
        self._reported: TTLCache[str, float] = TTLCache(len(servers) + 1, _CERTIFICATE_TTL_S)
        self._servers, self._run_lease_s = dict(servers), run_lease_s
        # One credential per user name, whatever the server: the directory may lock the account.
        self._credentials = {user: Credential() for user in _passwords(servers)}
        self._backends: dict[str, Backend] = {}
        if before is not None:
            self._keep(before)
        for name, server in servers.items():
            if name not in self._backends:
                credential = self._credentials[server.username.casefold()]
                self._backends[name] = make_backend(server, credential, run_lease_s)

    def _keep(self, before: "Backends") -> None:
        """Keep the credentials of accounts with the same passwords, and the backends of unchanged servers with them."""
        passwords, earlier = _passwords(self._servers), _passwords(before._servers)
        kept = {user for user in passwords if passwords[user] == earlier.get(user)}
        self._credentials |= {user: before._credentials[user] for user in kept}
        for name, server in self._servers.items():
            same = server == before._servers.get(name) and self._run_lease_s == before._run_lease_s
            if same and server.username.casefold() in kept:
                self._backends[name] = before._backends[name]

    @contextmanager
    def mailbox(self, server: str, name: str, lease: Lease) -> Iterator[AnswersByDraft | AnswersAtOnce]:
        """Open a mailbox, if it is worked under this name.

        :param lease: the lease of the item that this thread processes.
        :raises Busy: no server of that name is configured in this process: its settings differ from those of the offer.
        :raises Refused: the mailbox is worked under another name.
        :raises ExchangeError: the mailbox could not be opened.
        """
        if server not in self._backends:
            text = f"no server {server!r} in the settings of this process; apply the current ones: rsvpq config apply"
            raise Busy(text, scope="mailbox")
        with self._backends[server].open(name, lease) as box:
            self._note_certificate(server)
            self._claims.require(name, box.identity)
            yield box

    def _note_certificate(self, server: str) -> None:
        """Report when the certificate of a server ends, once an hour and when it is another one."""
        end_s = self._backends[server].certificate_end_s
        if end_s and self._reported.get(server) != end_s:
            self._reported[server] = end_s
            self._certified(server, end_s)


def _passwords(servers: Mapping[str, AnyServerSettings]) -> dict[str, frozenset[str]]:
    """Return the passwords that the servers have for each user name."""
    found: dict[str, set[str]] = {}
    for server in servers.values():
        found.setdefault(server.username.casefold(), set()).add(server.password.get_secret_value())
    return {user: frozenset(passwords) for user, passwords in found.items()}


def make_backend(settings: AnyServerSettings, credential: Credential, run_lease_s: float) -> Backend:
    """Make the backend of a server, by its protocol."""
    # The settings ensure that the first two take less than half of the lease.
    timeouts = Timeouts(settings.connect_timeout.seconds, settings.read_timeout.seconds, run_lease_s / 2)
    match settings:
        case WebDavSettings():
            return WebDavBackend(_webdav_server(settings, credential, timeouts), settings.answers)
        case EwsSettings():
            return EwsBackend(_ews_server(settings, credential, timeouts), settings.access, settings.marker)


def make_diagnoses(servers: Mapping[str, AnyServerSettings]) -> dict[str, Diagnose]:
    """Make the diagnosis of each server; servers with the same user name share an account, which could be locked."""
    accounts = {server.username.casefold(): Account() for server in servers.values()}
    return {
        name: _make_diagnosis(name, server, accounts[server.username.casefold()]) for name, server in servers.items()
    }


def _make_diagnosis(name: str, settings: AnyServerSettings, account: Account) -> Diagnose:
    timeouts = Timeouts(
        min(DIAGNOSIS_CONNECT_S, settings.connect_timeout.seconds),
        min(DIAGNOSIS_READ_S, settings.read_timeout.seconds),
        DIAGNOSIS_READ_S,
    )
    endpoint = Endpoint(settings.url, settings.auth, settings.tls_minimum, settings.ca_bundle)
    match settings:
        case WebDavSettings():
            webdav_server = _webdav_server(settings, account.credential, timeouts)
            return partial(
                webdav_diagnosis.diagnose, Subject(name, endpoint, timeouts, webdav_server, account), settings.answers
            )
        case EwsSettings():
            ews_server = _ews_server(settings, account.credential, timeouts)
            return partial(
                ews_diagnosis.diagnose, Subject(name, endpoint, timeouts, ews_server, account), settings.access
            )


def _webdav_server(settings: WebDavSettings, credential: Credential, timeouts: Timeouts) -> WebDavServer:
    """Make a mail server, with the account that is used on it; connects at the first request."""
    if settings.auth == "forms":
        login: auth.Basic | auth.ConnectionAuth | auth.Forms = auth.Forms(
            settings.username, settings.password.get_secret_value(), settings.allow_http
        )
    else:
        login = _login(settings.auth, settings)
    return WebDavServer(settings.url, login, **_options(settings, credential, timeouts))


def _ews_server(settings: EwsSettings, credential: Credential, timeouts: Timeouts) -> EwsServer:
    login = _login(settings.auth, settings)
    return EwsServer(settings.url, login, settings.schema_version, **_options(settings, credential, timeouts))


def _login(scheme: Literal["basic", "ntlm", "negotiate"], settings: ServerSettings) -> auth.Basic | auth.ConnectionAuth:
    username, password = settings.username, settings.password.get_secret_value()
    return auth.basic(username, password) if scheme == "basic" else auth.ConnectionAuth(scheme, username, password)


def _options(settings: ServerSettings, credential: Credential, timeouts: Timeouts) -> dict[str, Any]:
    """Return the arguments that servers of all protocols have."""
    return {
        "credential": credential,
        "timeouts": timeouts,
        "ca_bundle": str(settings.ca_bundle or ""),
        "tls_minimum": settings.tls_minimum,
    }
