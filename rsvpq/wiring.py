"""What the processes build from the settings: the Celery app, the lanes, the clients of the mail servers.

The only module below the roots that knows the settings; everything it hands out has been given plain values.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from threading import Lock
from typing import Any

from cachetools import TTLCache
from celery import Celery
from celery.signals import worker_init
from redis.exceptions import RedisError
from requests.auth import AuthBase

from rsvpq.audit.record import Audit, Discretion
from rsvpq.http import auth
from rsvpq.http.credential import Credential
from rsvpq.http.lease import Lease
from rsvpq.http.server import Server, Timeouts
from rsvpq.lanes import Lanes
from rsvpq.mail.errors import LOGIN_DELAY_S, Busy, Gone, Refused, Transient
from rsvpq.policy import Policy
from rsvpq.settings import ConfigError, Settings
from rsvpq.settings.mailbox_list import MailboxList
from rsvpq.settings.model import ServerSettings
from rsvpq.settings.redis_client import RETRIES, make_redis
from rsvpq.tasks import contract
from rsvpq.tasks.admission import Admission
from rsvpq.tasks.claims import Claims
from rsvpq.tasks.queues import Queues
from rsvpq.tasks.runner import Carrier
from rsvpq.webdav.mailbox import Folders, MailboxClient

#: How long a yes to "are live runs confirmed?" is believed, in seconds.
CONFIRMATION_TTL_S = 5
#: How long a mailbox's folder URLs are believed, in seconds: they change when a person changes the language.
FOLDERS_TTL_S = 3600
#: How many mailboxes' folder URLs one process keeps: about 1 kB each.
FOLDERS_KEPT = 20_000


def make_app(
    settings: Settings, name: str, include: Iterable[str] = (), *, leases_only: bool = False, results: bool = False
) -> Celery:
    """The Celery app of a root, as :func:`contract.make_celery` says; connects to nothing yet."""
    return contract.make_celery(
        name,
        settings.redis.url,
        namespace=settings.redis.namespace,
        password=_redis_password(settings),
        include=include,
        leases_only=leases_only,
        results=results,
        tls=settings.redis.tls,
    )


def make_lanes(settings: Settings, retries: int = RETRIES) -> Lanes:
    """The lanes of this installation; connects at the first call.

    :param retries: how often a command is repeated that Redis did not answer. A Redis Cluster is refused by
        ClusterRefused, which is a ConfigError.
    """
    return Lanes(make_redis(settings.redis, retries=retries), settings.redis.namespace, works=contract.WORKS)


def make_queues(settings: Settings, retries: int = RETRIES) -> Queues:
    """Celery's queues, for looking at; as :func:`make_lanes`."""
    return Queues(make_redis(settings.redis, retries=retries), settings.redis.namespace)


def refuse_cluster_at_start(lanes: Lanes) -> None:
    """Let the worker that this process will be end with exit code 2 where Redis is a cluster."""

    def look(**_: Any) -> None:
        try:
            lanes.ping()
        except ConfigError as error:
            sys.stderr.write(f"{error}\n")
            raise SystemExit(2) from None  # anything else, Celery would log and go on
        except RedisError:
            return  # it is away: Celery waits for it

    worker_init.connect(look, weak=False)


def configure(lanes: Lanes, settings: Settings) -> None:
    """Bring the configured limits into force; the roots that release do this when they start."""
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


def make_carrier(settings: Settings, app: Celery, lanes: Lanes, mailboxes: MailboxList) -> Carrier:
    """The carrier of a worker process, which works nothing but what the list allows."""
    return Carrier(
        lanes=lanes,
        publish=partial(contract.publish, app),
        first_delay_s=settings.retry.first_delay.seconds,
        longest_delay_s=settings.retry.longest_delay.seconds,
        remember_s=settings.lanes.remember.seconds,
        discretion=make_discretion(settings),
        longest_run_s=settings.lanes.longest_run.seconds,
        admit=Admission(mailboxes.require).admit,
    )


def make_audit(settings: Settings, lanes: Lanes) -> Audit:
    """The audit, for those who tell it something."""
    return Audit(lanes, make_discretion(settings), settings.audit.retention.seconds)


def make_discretion(settings: Settings) -> Discretion:
    """What the audit must not be told."""
    return Discretion(frozenset(settings.audit.hide), settings.audit.hash_key)


def make_list(settings: Settings) -> MailboxList:
    """The list of mailboxes; read when it is asked for something."""
    return MailboxList(settings.mailboxes, settings)


class PolicyInForce:
    """The policy of the settings, observing only until somebody has confirmed live runs.

    Thousands of inboxes may hold years of requests, and answers cannot be taken back.
    """

    def __init__(self, settings: Settings, lanes: Lanes) -> None:
        self._policy = settings.decisions
        self._observing = replace(settings.decisions, mode="observe")
        self._confirmed = settings.policy.confirmed or settings.mode == "observe"
        self._lanes = lanes
        self._asked: TTLCache[str, bool] = TTLCache(1, CONFIRMATION_TTL_S)

    def __call__(self) -> Policy:
        """The policy now; Redis is asked every few seconds, or each time while it says no.

        Whoever confirms and scans at once expects this scan to answer.
        """
        # Looked up once: what is remembered may be forgotten between two looks.
        if self._confirmed or "" in self._asked:
            return self._policy
        if not self._lanes.controls.confirmed():
            return self._observing
        self._asked[""] = True
        return self._policy


def why_silent(settings: Settings, lanes: Lanes) -> str:
    """Why nothing is answered, however much goes on; '' where answers are sent."""
    if settings.mode == "observe":
        return 'mode = "observe" in these settings'
    if PolicyInForce(settings, lanes)().mode == "observe":
        return "live runs are not confirmed here: look at 'rsvpq scan --dry-run', then 'rsvpq confirm'"
    return ""


class Exchange:
    """The mail servers by name, and where the folders of each mailbox are.

    :param claims: what sees to it that a mailbox is worked under one name.
    :param run_lease_s: no request outlasts it.
    """

    def __init__(self, servers: Mapping[str, ServerSettings], claims: Claims, run_lease_s: float = 180) -> None:
        self._claims = claims
        # One for each user name, whatever the server: it is the same account in the directory that could be locked.
        credentials = {server.username.casefold(): Credential() for server in servers.values()}
        self._servers = {
            name: make_server(server, credentials[server.username.casefold()], _timeouts(server, run_lease_s))
            for name, server in servers.items()
        }
        self._folders: TTLCache[tuple[str, str], Folders] = TTLCache(FOLDERS_KEPT, FOLDERS_TTL_S)
        self._lock = Lock()

    @contextmanager
    def mailbox(self, server: str, name: str, lease: Lease) -> Iterator[MailboxClient]:
        """A client of the mailbox; its folders are asked for once an hour, and again after something was not there.

        :param lease: that of the item for which this thread asks.
        :raises Busy: no server of that name is configured here: this process is older or newer than the ledger's item.
        :raises Refused: the mailbox is worked under another name.
        :raises ExchangeError: as the client says.
        """
        if server not in self._servers:
            text = f"no server {server!r} in the settings of this process; restart it with the current ones"
            raise Busy(text, scope="mailbox")
        with self._servers[server].for_item(lease), self._visit(server, name) as box:
            yield box

    @contextmanager
    def _visit(self, server: str, name: str) -> Iterator[MailboxClient]:
        with self._lock:
            folders = self._folders.get((server, name))
        try:
            box = MailboxClient(self._servers[server], name, folders)
        except Refused as refusal:  # the whole mailbox: no item of it is to blame
            raise Busy(str(refusal), LOGIN_DELAY_S, "mailbox") from None
        try:
            self._claims.require(name, box.folders.identity)
            with self._lock:
                self._folders[server, name] = box.folders
            yield box
        except (Gone, Transient, Refused) as error:
            # They may have been another mailbox's, by a server or proxy that errs.
            with self._lock:
                self._folders.pop((server, name), None)
            if isinstance(error, Refused):
                box.require_open(error)
            raise
        with self._lock:
            self._folders[server, name] = box.folders  # which it may have asked for again


def make_server(settings: ServerSettings, credential: Credential, timeouts: Timeouts) -> Server:
    """A mail server and the account used on it; connects at the first request."""
    return Server(
        settings.url,
        _auth(settings),
        credential=credential,
        timeouts=timeouts,
        verify=str(settings.ca_bundle) if settings.ca_bundle else True,
        tls_minimum=settings.tls_minimum,
    )


def _timeouts(server: ServerSettings, run_lease_s: float) -> Timeouts:
    # The settings see to it that the first two take less than half of the lease.
    return Timeouts(server.connect_timeout.seconds, server.read_timeout.seconds, run_lease_s / 2)


def _auth(settings: ServerSettings) -> AuthBase | auth.Forms:
    username, password = settings.username, settings.password.get_secret_value()
    match settings.auth:
        case "basic":
            return auth.basic(username, password)
        case "forms":
            return auth.Forms(username, password, settings.allow_http)
        case scheme:
            return auth.ConnectionAuth(scheme, username, password)


def _redis_password(settings: Settings) -> str:
    return settings.redis.password.get_secret_value() if settings.redis.password else ""
