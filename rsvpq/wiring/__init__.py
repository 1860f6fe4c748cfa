"""Build the objects of the processes from the settings: the lanes, the audit, the policy.

The objects that it builds get plain values, and do not know the settings. What stands
on Celery is built in :mod:`rsvpq.wiring.apps`, and what speaks to mail servers in :mod:`rsvpq.wiring.backends`, so that
a command that needs neither does not wait for their modules.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import get_args

from cachetools import TTLCache
from redis import Redis
from redis.exceptions import RedisError

from rsvpq.audit.record import Audit, Hidden, Redaction
from rsvpq.lanes import Lanes
from rsvpq.policy import Policy
from rsvpq.settings import AuditSettings, RedisSettings, Settings
from rsvpq.settings.mailboxes import MailboxList
from rsvpq.settings.redis_client import RETRIES, make_command_redis, make_redis
from rsvpq.settings.usable_redis import SchemaRefused
from rsvpq.tasks import contract
from rsvpq.tasks.queues import Queues

#: Seconds for which a confirmation of live runs is cached.
CONFIRMATION_TTL_S = 5
#: The most groups whose confirmation is cached; that of others is looked up each time.
_MOST_CACHED = 10_000


def make_lanes(settings: Settings, retries: int = RETRIES) -> Lanes:
    """Make the lanes of this installation; connects at the first call, which raises ConfigError for an unusable Redis.

    :param retries: how often a command is repeated if Redis does not reply.
    """
    return _lanes(settings.redis, make_redis(settings.redis, retries=retries))


def command_lanes(redis: RedisSettings) -> Lanes:
    """Make the lanes as :func:`make_lanes` does, for a command that ends soon if Redis does not reply."""
    return _lanes(redis, make_command_redis(redis))


def lasting_lanes(settings: Settings) -> Lanes:
    """Make the lanes of a command that goes on: it ends soon if Redis does not reply at first, and outlasts a failover.

    :raises RedisError: Redis does not reply.
    """
    command_lanes(settings.redis).ping()
    return make_lanes(settings)


def _lanes(redis: RedisSettings, client: Redis) -> Lanes:
    return Lanes(
        client,
        redis.namespace,
        works=contract.WORKS,
        intent_replicas=redis.intent_replicas or 0,
    )


def make_queues(settings: Settings, retries: int = RETRIES) -> Queues:
    """Make the read access to Celery's queues; connects as :func:`make_lanes` does."""
    return Queues(make_redis(settings.redis, retries=retries), settings.redis.namespace)


def configure(lanes: Lanes, settings: Settings) -> None:
    """Write the configured limits to the ledger, and the schema; the roots that release items do this when they start.

    :raises SchemaRefused: the ledger has a schema that this version cannot use.
    """
    if problem := lanes.schema.mark():
        raise SchemaRefused(settings.redis.place, settings.redis.namespace, problem)
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


def make_audit(settings: Settings, lanes: Lanes) -> Audit:
    """Build the audit records of this process."""
    return Audit(lanes, make_redaction(settings), settings.audit.retention.seconds)


def make_strict_audit(lanes: Lanes) -> Audit:
    """Build the audit of a process that does not know ``[audit]``: everything is hidden that may be."""
    return Audit(lanes, Redaction(frozenset(get_args(Hidden))), AuditSettings().retention.seconds)


def make_redaction(settings: Settings) -> Redaction:
    """Build what redacts the audit records."""
    return Redaction(frozenset(settings.audit.hide), settings.audit.hash_key)


def certificate_notes(lanes: Lanes) -> Callable[[str, float], None]:
    """Return what stores when the certificate of a server ends; an error of Redis is not worth an attempt."""

    def note(server: str, end_s: float) -> None:
        with suppress(RedisError):
            lanes.certificates.note(server, end_s)

    return note


def make_list(settings: Settings) -> MailboxList:
    """Make the list of mailboxes; the file is read at the first use."""
    return MailboxList(settings.mailboxes, settings)


class PolicyInForce:
    """The policy of the settings; in a group of mailboxes it only observes until an operator has confirmed live runs.

    Thousands of inboxes may hold years of requests, and answers cannot be revoked. An operator confirms the groups one
    after the other, or all mailboxes at once.
    """

    def __init__(self, settings: Settings, lanes: Lanes) -> None:
        self._policy = settings.decisions
        self._observing = replace(settings.decisions, mode="observe")
        self._confirmed = settings.policy.confirmed or settings.mode == "observe"
        self._lanes = lanes
        self._cached: TTLCache[str, bool] = TTLCache(_MOST_CACHED, CONFIRMATION_TTL_S)

    def __call__(self, group: str) -> Policy:
        """Return the policy in force for the mailboxes of a group; '' for those without a group.

        A confirmation is cached for a few seconds, its absence is not. So a scan right after the confirmation answers
        already.
        """
        # One lookup only: the cached value may expire between two lookups.
        if self._confirmed or group in self._cached:
            return self._policy
        if not self._lanes.controls.confirmed(group):
            return self._observing
        self._cached[group] = True
        return self._policy

    def fingerprint(self, group: str) -> str:
        """Return the fingerprint of the policy in force for the mailboxes of a group."""
        return self(group).fingerprint(group)
