"""Build the objects of the processes from the settings: the Celery app, the lanes, the backends.

This is the only module below the roots that knows the settings; the objects that it builds get plain values.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from cachetools import TTLCache
from celery import Celery
from celery.signals import worker_init
from redis.exceptions import RedisError

from rsvpq.audit.record import Audit, Redaction
from rsvpq.http import auth
from rsvpq.http.credential import Account, Credential
from rsvpq.http.deadlines import Timeouts
from rsvpq.http.endpoint import Endpoint
from rsvpq.http.lease import Lease
from rsvpq.lanes import Lanes
from rsvpq.mail.checks import Checks
from rsvpq.mail.errors import Busy
from rsvpq.mail.ports import AnswersByDraft, Backend
from rsvpq.policy import Policy
from rsvpq.settings import ConfigError, Settings
from rsvpq.settings.mailboxes import MailboxList
from rsvpq.settings.redis_client import RETRIES, make_redis
from rsvpq.settings.servers import WebDavSettings
from rsvpq.tasks import celery_app, contract
from rsvpq.tasks.admission import Admission
from rsvpq.tasks.claims import Claims
from rsvpq.tasks.queues import Queues
from rsvpq.tasks.runner import Carrier
from rsvpq.webdav import diagnosis
from rsvpq.webdav.backend import WebDavBackend
from rsvpq.webdav.server import WebDavServer

#: Seconds for which a confirmation of live runs is cached.
CONFIRMATION_TTL_S = 5
#: The most seconds that a diagnosis waits for a connection and for a response, whatever is configured.
DIAGNOSIS_CONNECT_S, DIAGNOSIS_READ_S = 10.0, 20.0

#: Diagnoses one server and a mailbox on it ('' for none); returns whether every check could be made.
Diagnose = Callable[[str, Checks], bool]


def make_app(
    settings: Settings, name: str, include: Iterable[str] = (), *, leases_only: bool = False, results: bool = False
) -> Celery:
    """Make the Celery app of a root, see :func:`celery_app.make_celery`; connects to nothing yet."""
    return celery_app.make_celery(
        name,
        settings.redis.url,
        namespace=settings.redis.namespace,
        password=settings.redis.password.get_secret_value() if settings.redis.password else "",
        include=include,
        leases_only=leases_only,
        results=results,
        tls=settings.redis.tls,
    )


def make_lanes(settings: Settings, retries: int = RETRIES) -> Lanes:
    """Make the lanes of this installation; connects at the first call, which raises ClusterRefused for a Redis Cluster.

    :param retries: how often a command is repeated if Redis does not reply.
    """
    return Lanes(make_redis(settings.redis, retries=retries), settings.redis.namespace, works=contract.WORKS)


def make_queues(settings: Settings, retries: int = RETRIES) -> Queues:
    """Make the read access to Celery's queues; connects as :func:`make_lanes` does."""
    return Queues(make_redis(settings.redis, retries=retries), settings.redis.namespace)


def refuse_cluster_at_start(lanes: Lanes) -> None:
    """Make a worker in this process exit with code 2 at its start if Redis is a cluster."""

    def check(**_: Any) -> None:
        try:
            lanes.ping()
        except ConfigError as error:
            sys.stderr.write(f"{error}\n")
            raise SystemExit(2) from None  # Celery only logs other exceptions
        except RedisError:
            return  # it is unavailable: Celery waits for it

    worker_init.connect(check, weak=False)


def configure(lanes: Lanes, settings: Settings) -> None:
    """Write the configured limits to the ledger; the roots that release items do this when they start."""
    lanes.controls.configure(
        servers={name: server.limits for name, server in settings.servers.items()},
        mailbox=settings.mailbox_limits,
        pools={
            contract.SCAN_QUEUE: settings.lanes.scans_released,
            contract.ANSWER_QUEUE: settings.lanes.answers_released,
        },
        release_lease_s=settings.lanes.release_lease.seconds,
        run_lease_s=settings.lanes.run_lease.seconds,
        attempts=settings.retry.attempts,
        server_share=settings.lanes.server_share,
        audit_retention_s=settings.audit.retention.seconds,
        audit_most=settings.audit.most_records,
    )


def make_carrier(
    settings: Settings, app: Celery, lanes: Lanes, mailboxes: MailboxList, policy: Callable[[], Policy]
) -> Carrier:
    """Make the carrier of a worker process, which processes only mailboxes of the list."""
    return Carrier(
        lanes=lanes,
        publish=partial(celery_app.publish, app),
        first_delay_s=settings.retry.first_delay.seconds,
        longest_delay_s=settings.retry.longest_delay.seconds,
        remember_s=settings.lanes.remember.seconds,
        redaction=make_redaction(settings),
        longest_run_s=settings.lanes.longest_run.seconds,
        admit=Admission(mailboxes.require).admit,
        fingerprint=lambda group: policy().fingerprint(group),
    )


def make_audit(settings: Settings, lanes: Lanes) -> Audit:
    """Build the audit records of this process."""
    return Audit(lanes, make_redaction(settings), settings.audit.retention.seconds)


def make_redaction(settings: Settings) -> Redaction:
    """Build what redacts the audit records."""
    return Redaction(frozenset(settings.audit.hide), settings.audit.hash_key)


def make_list(settings: Settings) -> MailboxList:
    """Make the list of mailboxes; the file is read at the first use."""
    return MailboxList(settings.mailboxes, settings)


class PolicyInForce:
    """The policy of the settings; it only observes until an operator has confirmed live runs.

    Thousands of inboxes may hold years of requests, and answers cannot be revoked.
    """

    def __init__(self, settings: Settings, lanes: Lanes) -> None:
        self._policy = settings.decisions
        self._observing = replace(settings.decisions, mode="observe")
        self._confirmed = settings.policy.confirmed or settings.mode == "observe"
        self._lanes = lanes
        self._cached: TTLCache[str, bool] = TTLCache(1, CONFIRMATION_TTL_S)

    def __call__(self) -> Policy:
        """Return the policy in force; a confirmation is cached for a few seconds, its absence is not.

        So a scan right after the confirmation answers already.
        """
        # One lookup only: the cached value may expire between two lookups.
        if self._confirmed or "" in self._cached:
            return self._policy
        if not self._lanes.controls.confirmed():
            return self._observing
        self._cached[""] = True
        return self._policy


def why_silent(settings: Settings, lanes: Lanes) -> str:
    """Return why no request is answered, although scans run; '' if answers are sent."""
    if settings.mode == "observe":
        return 'mode = "observe" in these settings'
    if PolicyInForce(settings, lanes)().mode == "observe":
        return "live runs are not confirmed here: look at 'rsvpq scan --dry-run', then 'rsvpq confirm'"
    return ""


class Backends:
    """The backends of all mail servers, by the name of the server.

    :param claims: ensure that a mailbox is worked under one name.
    :param run_lease_s: the length of a run lease, which no request outlasts.
    """

    def __init__(self, servers: Mapping[str, WebDavSettings], claims: Claims, run_lease_s: float = 180) -> None:
        self._claims = claims
        # One credential per user name, whatever the server: the directory may lock the account.
        credentials = {server.username.casefold(): Credential() for server in servers.values()}
        self._backends: dict[str, Backend] = {
            name: make_backend(server, credentials[server.username.casefold()], run_lease_s)
            for name, server in servers.items()
        }

    @contextmanager
    def mailbox(self, server: str, name: str, lease: Lease) -> Iterator[AnswersByDraft]:
        """Open a mailbox, if it is worked under this name.

        :param lease: the lease of the item that this thread processes.
        :raises Busy: no server of that name is configured in this process: its settings differ from those of the offer.
        :raises Refused: the mailbox is worked under another name.
        :raises ExchangeError: the mailbox could not be opened.
        """
        if server not in self._backends:
            text = f"no server {server!r} in the settings of this process; restart it with the current settings"
            raise Busy(text, scope="mailbox")
        with self._backends[server].open(name, lease) as box:
            self._claims.require(name, box.identity)
            yield box


def make_backend(settings: WebDavSettings, credential: Credential, run_lease_s: float) -> Backend:
    """Make the backend of a server, by its protocol."""
    # The settings ensure that the first two take less than half of the lease.
    timeouts = Timeouts(settings.connect_timeout.seconds, settings.read_timeout.seconds, run_lease_s / 2)
    return WebDavBackend(make_server(settings, credential, timeouts), settings.answers)


def make_diagnoses(servers: Mapping[str, WebDavSettings]) -> dict[str, Diagnose]:
    """Make the diagnosis of each server; servers with the same user name share an account, which could be locked."""
    accounts = {server.username.casefold(): Account() for server in servers.values()}
    return {
        name: partial(_diagnose_webdav, name, server, accounts[server.username.casefold()])
        for name, server in servers.items()
    }


def _diagnose_webdav(name: str, settings: WebDavSettings, account: Account, mailbox: str, checks: Checks) -> bool:
    timeouts = Timeouts(
        min(DIAGNOSIS_CONNECT_S, settings.connect_timeout.seconds),
        min(DIAGNOSIS_READ_S, settings.read_timeout.seconds),
        DIAGNOSIS_READ_S,
    )
    endpoint = Endpoint(settings.url, settings.auth, settings.tls_minimum, settings.ca_bundle)
    server = make_server(settings, account.credential, timeouts)
    subject = diagnosis.Subject(name, endpoint, settings.answers, timeouts, server, account)
    return diagnosis.diagnose(subject, mailbox, checks)


def make_server(settings: WebDavSettings, credential: Credential, timeouts: Timeouts) -> WebDavServer:
    """Make a mail server, with the account that is used on it; connects at the first request."""
    username, password = settings.username, settings.password.get_secret_value()
    login: auth.Basic | auth.ConnectionAuth | auth.Forms
    match settings.auth:
        case "basic":
            login = auth.basic(username, password)
        case "forms":
            login = auth.Forms(username, password, settings.allow_http)
        case scheme:
            login = auth.ConnectionAuth(scheme, username, password)
    return WebDavServer(
        settings.url,
        login,
        credential=credential,
        timeouts=timeouts,
        ca_bundle=str(settings.ca_bundle or ""),
        tls_minimum=settings.tls_minimum,
    )
