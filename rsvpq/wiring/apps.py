"""Build the Celery apps, and the carriers of their workers, from the settings."""

import sys
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from celery import Celery
from celery.concurrency.prefork import TaskPool as Prefork
from celery.signals import worker_init, worker_ready, worker_shutdown
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
from rsvpq.wiring.revisions import LiveSettings, SettingsWatch


def make_app(
    settings: Settings, name: str, include: Iterable[str] = (), *, leases_only: bool = False, results: bool = False
) -> Celery:
    """Make the Celery app of a root, see :func:`celery_app.make_celery`; connects to nothing yet."""
    watch_celery_log(settings.log.format)
    return _make(settings, name, include=include, leases_only=leases_only, results=results)


def make_sender(settings: Settings) -> Celery:
    """Make an app that only sends tasks; a process that goes on for ever may make any number of them."""
    return _make(settings, "sender")


def _make(settings: Settings, name: str, **more: Any) -> Celery:
    return celery_app.make_celery(
        name,
        settings.redis.url,
        namespace=settings.redis.namespace,
        password=_redis_password(settings),
        tls=settings.redis.tls,
        sentinels=_sentinels(settings.redis),
        **more,
    )


def at_start(first: Callable[[], None]) -> None:
    """Let a worker in this process call Redis first; exit with code 2 if Redis, or what is there, cannot be used."""

    def start(**_: Any) -> None:
        try:
            first()
        except ConfigError as error:
            sys.stderr.write(f"{error}\n")
            raise SystemExit(2) from None  # Celery only logs other exceptions
        except RedisError:
            return  # it is unavailable: Celery waits for it

    worker_init.connect(start, weak=False)


def watch_settings(live: LiveSettings) -> None:
    """Watch the settings of the worker that this process becomes; do nothing in a process that becomes none."""
    watches: list[SettingsWatch] = []

    def start(sender: Any, **_: Any) -> None:
        if isinstance(sender.pool, Prefork):
            live.pinned = "its pool of processes keeps the settings with which it was started; start it with -P threads"
        watch = SettingsWatch(live, "+".join(sorted(sender.app.amqp.queues.consume_from)))
        watches.append(watch)
        watch.start()

    def stop(**_: Any) -> None:
        for watch in watches:
            watch.stop()

    worker_ready.connect(start, weak=False)
    worker_shutdown.connect(stop, weak=False)


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
