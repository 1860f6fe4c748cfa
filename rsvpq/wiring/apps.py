"""Build the Celery apps, and the carriers of their workers, from the settings."""

import sys
from collections.abc import Iterable
from functools import partial
from typing import Any

from celery import Celery
from celery.signals import worker_init
from redis.exceptions import RedisError

from rsvpq import wiring
from rsvpq.lanes import Lanes
from rsvpq.settings import ConfigError, RedisSettings, Settings
from rsvpq.settings.mailboxes import MailboxList
from rsvpq.settings.redis_client import sentinel_options
from rsvpq.tasks import celery_app
from rsvpq.tasks.admission import Admission
from rsvpq.tasks.log_streams import watch_celery_log
from rsvpq.tasks.runner import Carrier


def make_app(
    settings: Settings, name: str, include: Iterable[str] = (), *, leases_only: bool = False, results: bool = False
) -> Celery:
    """Make the Celery app of a root, see :func:`celery_app.make_celery`; connects to nothing yet."""
    watch_celery_log(settings.log.format)
    return celery_app.make_celery(
        name,
        settings.redis.url,
        namespace=settings.redis.namespace,
        password=_redis_password(settings),
        include=include,
        leases_only=leases_only,
        results=results,
        tls=settings.redis.tls,
        sentinels=_sentinels(settings.redis),
    )


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


def make_carrier(
    settings: Settings, app: Celery, lanes: Lanes, mailboxes: MailboxList, policy: wiring.PolicyInForce
) -> Carrier:
    """Make the carrier of a worker process, which processes only mailboxes of the list."""
    return Carrier(
        lanes=lanes,
        publish=partial(celery_app.publish, app),
        first_delay_s=settings.retry.first_delay.seconds,
        longest_delay_s=settings.retry.longest_delay.seconds,
        remember_s=settings.lanes.remember.seconds,
        redaction=wiring.make_redaction(settings),
        longest_run_s=settings.lanes.longest_run.seconds,
        admit=Admission(mailboxes.require).admit,
        fingerprint=policy.fingerprint,
    )


def _sentinels(redis: RedisSettings) -> celery_app.SentinelBroker | None:
    if not redis.sentinels:
        return None
    return celery_app.SentinelBroker(redis.sentinels, redis.service, sentinel_options(redis))


def _redis_password(settings: Settings) -> str:
    return settings.redis.password.get_secret_value() if settings.redis.password else ""
