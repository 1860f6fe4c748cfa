"""The Celery app that carries items: its settings, and how released items are published."""

import logging
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from celery import Celery
from celery.signals import after_setup_logger, after_setup_task_logger
from kombu import Queue
from kombu.exceptions import KombuError
from redis import RedisError

from rsvpq.lanes import Release
from rsvpq.tasks import broker, contract
from rsvpq.tasks.events import BatchedEvents
from rsvpq.tasks.log_lines import escape_lines
from rsvpq.text import printable

logger = logging.getLogger(__name__)

#: How long the result of an operator's task is kept, in seconds; other tasks have none.
RESULT_EXPIRES_S = 3600

#: Characters of a subject that go into a task: enough to find it by.
SUBJECT_LENGTH = 120


@after_setup_logger.connect(weak=False)
@after_setup_task_logger.connect(weak=False)
def _escape_lines(logger: logging.Logger, **_: Any) -> None:
    """Whoever makes an app here, a worker or Flower, writes its log so."""
    escape_lines(logger)


def key_types(namespace: str) -> dict[str, str]:
    """Celery's own keys in Redis, as :func:`broker.key_types` says."""
    return broker.key_types(namespace, sorted(set(contract.QUEUES.values())))


def make_celery(
    name: str,
    redis_url: str,
    *,
    namespace: str,
    password: str = "",
    include: Iterable[str] = (),
    leases_only: bool = False,
    results: bool = False,
    tls: Mapping[str, Any] | None = None,
) -> Celery:
    """A Celery app on this Redis, with every setting that the lanes rely on; connects to nothing yet.

    :param leases_only: whether all that its workers take is in the ledger, so that Redis need not keep a second copy of
        what they have taken; it costs a transaction before and one after each task.
    :param results: whether results can be kept and asked for, in the same Redis.
    :param tls: how TLS is spoken to Redis, in the words of redis-py; nothing for none.
    """
    broker.install()
    app = Celery(
        name,
        broker=with_password(redis_url, password),
        backend=with_password(redis_url, password) if results else None,
        include=list(include),
        events=BatchedEvents,
        set_as_current=False,
    )
    app.conf.update(
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,  # the default gives up after 100 tries and leaves a worker that is deaf
        broker_channel_error_retry=True,
        broker_transport_options={
            "global_keyprefix": f"{namespace}:",
            "max_connections": 200,  # the default of 10 loses acknowledgements under load
            "socket_timeout": 10,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 10,
            "visibility_timeout": 3600,
            "ack_emulation": not leases_only,
        },
        task_queues=[Queue(queue) for queue in sorted(set(contract.QUEUES.values()))],
        task_routes={task: {"queue": queue} for task, queue in contract.QUEUES.items()},
        task_default_queue=contract.SCAN_QUEUE,
        task_create_missing_queues=False,
        # The ledger's lease is the acknowledgement: a delivery that is lost is released again, one that comes twice
        # is turned away at start.
        task_acks_late=False,
        worker_prefetch_multiplier=1,
        worker_send_task_events=True,
        # A worker that lost Redis for a moment must still finish the message it is in the middle of.
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_soft_shutdown_timeout=30,
        worker_disable_rate_limits=True,
        task_ignore_result=True,
        result_expires=RESULT_EXPIRES_S,
        result_backend_transport_options={"global_keyprefix": f"{namespace}:"},
        broker_use_ssl=dict(tls) if tls else None,
        redis_backend_use_ssl=dict(tls) if tls else None,
        redis_socket_timeout=10,
        redis_socket_connect_timeout=5,
        task_serializer="json",
        accept_content=["json"],
        worker_consumer="rsvpq.tasks.consumer:Consumer",
        enable_utc=True,
    )
    return app


def with_password(redis_url: str, password: str) -> str:
    """The URL with the password in its place; for connecting only, never for showing."""
    if not password:
        return redis_url
    parts = urlsplit(redis_url)
    user, _, place = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{place}"))


def publish(app: Celery, releases: Iterable[Release]) -> None:
    """Hand released items to Celery in one batch.

    A failure is logged and otherwise left: whether the messages arrived is not known, and what did not arrive goes back
    to its lane when its release lease ends.
    """
    releases = tuple(releases)
    if not releases:
        return
    try:
        with app.producer_pool.acquire(block=True) as producer, _batch(producer, len(releases)):
            for release in releases:
                # Celery's own message, sent without the detours of send_task (routing, retries, signals): its cost is a
                # fifth. The queue is a list under its own name, and the workers declare it.
                arguments = _arguments(release)
                message = app.amqp.as_task_v2(
                    release.id, release.work, kwargs=arguments, kwargsrepr=repr(arguments), ignore_result=True
                )
                producer.publish(
                    message.body,
                    routing_key=contract.QUEUES.get(release.work, contract.SCAN_QUEUE),
                    serializer=app.conf.task_serializer,
                    headers=message.headers,
                    **message.properties,
                )
    except (KombuError, RedisError, OSError) as error:
        logger.warning("event=publish-uncertain items=%d error=%s", len(releases), error)


def _batch(producer: Any, size: int) -> AbstractContextManager[object]:
    """One round trip for all; not for a single message, as most are, which takes longer so."""
    return producer.batch(max_size=500) if size > 1 else nullcontext()


def _arguments(release: Release) -> dict[str, Any]:
    """What a task is given, so what Flower shows and finds: flat, readable, no secret; the rest is in the ledger."""
    # A message's payload leaves out what is empty; a scan has no subject.
    is_scan = release.work == contract.SCAN_MAILBOX
    subject = {} if is_scan else {"subject": printable(str(release.payload.get("subject", ""))[:SUBJECT_LENGTH])}
    return {
        "mailbox": release.mailbox,
        **subject,
        "kind": str(release.payload.get("kind", "")),
        "server": release.server,
        "generation": release.generation,
    }
