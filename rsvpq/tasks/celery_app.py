"""The Celery app: its settings, and the publishing of released items."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from celery import Celery
from kombu import Queue
from kombu.exceptions import KombuError
from kombu.transport.redis import PRIORITY_STEPS, Channel
from redis import RedisError

from rsvpq.lanes import Release
from rsvpq.tasks import broker, contract
from rsvpq.tasks.events import BatchedEvents
from rsvpq.text import printable

logger = logging.getLogger(__name__)

#: Seconds for which the result of an operator task is kept; other tasks have no results.
RESULT_EXPIRES_S = 3600

#: Characters of a subject that are passed to a task: enough to search for it in Flower.
SUBJECT_LENGTH = 120


#: Kombu's keys other than the queues, with the type of each; and the prefixes of its keys for each exchange.
_BOOKKEEPING = {
    "unacked": "hash",
    "unacked_index": "zset",
    "unacked_mutex": "string",
    "_kombu.binding_deadlines": "zset",
}
_BINDINGS = ("_kombu.binding.", "_kombu.binding_permanent.")
#: The exchanges that Celery itself uses.
_OWN_EXCHANGES = ("celery.pidbox", "reply.celery.pidbox", "celeryev")

#: Settings of Celery that are the same in every app.
_ALWAYS: Mapping[str, Any] = {
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,  # by default, a worker stops consuming after 100 tries
    "broker_channel_error_retry": True,
    "task_routes": {task: {"queue": queue} for task, queue in contract.QUEUES.items()},
    "task_default_queue": contract.SCAN_QUEUE,
    "task_create_missing_queues": False,
    # The ledger's lease is the acknowledgment: a lost delivery is released again, and a duplicate is rejected when it
    # starts.
    "task_acks_late": False,
    "worker_prefetch_multiplier": 1,
    "worker_send_task_events": True,
    # A worker that loses Redis for a moment must still finish the message that it is processing.
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "worker_soft_shutdown_timeout": 30,
    "worker_disable_rate_limits": True,
    "task_ignore_result": True,
    "result_expires": RESULT_EXPIRES_S,
    "redis_socket_timeout": 10,
    "redis_socket_connect_timeout": 5,
    "task_serializer": "json",
    "accept_content": ["json"],
    "worker_consumer": "rsvpq.tasks.consumer:Consumer",
    "enable_utc": True,
}
#: Options of the broker's transport that are the same in every app.
_TRANSPORT: Mapping[str, Any] = {
    "max_connections": 200,  # the default of 10 loses acknowledgments under load
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 10,
    "visibility_timeout": 3600,
}


@dataclass(frozen=True, slots=True)
class SentinelBroker:
    """The sentinels of the broker.

    :param addresses: ``HOST:PORT`` of each. :param service: the name of the service.
    :param options: of a client of one sentinel, as redis-py takes them.
    """

    addresses: Sequence[str]
    service: str
    options: Mapping[str, Any]

    def broker_url(self, redis_url: str) -> str:
        """Return kombu's URL for a URL of the primary, from which user, password and database are taken."""
        return ";".join(self._urls(redis_url))

    def backend_url(self, redis_url: str) -> str:
        """Return the URL of the result backend, with the login once: Celery hides only the first from those who ask."""
        first, *others = self._urls(redis_url)
        return ";".join((first, *(f"sentinel://{other.rpartition('@')[2]}" for other in others)))

    def _urls(self, redis_url: str) -> list[str]:
        parts = urlsplit(redis_url)
        login, at, _ = parts.netloc.rpartition("@")
        return [f"sentinel://{login}{at}{address}{parts.path}" for address in self.addresses]

    def transport_options(self) -> dict[str, Any]:
        """Return the options of kombu and of the result backend that name the primary."""
        return {"master_name": self.service, "sentinel_kwargs": dict(self.options)}


def queue_keys(namespace: str, queues: Iterable[str]) -> list[str]:
    """Return the Redis lists of the queues: one for each queue and priority, as kombu names them."""
    return [
        f"{namespace}:{queue}{Channel.sep}{step}" if step else f"{namespace}:{queue}"
        for queue in queues
        for step in PRIORITY_STEPS
    ]


def key_types(namespace: str) -> dict[str, str]:
    """Return the Redis keys that workers need, with the type that each must have if it exists."""
    queues = sorted(set(contract.QUEUES.values()))
    types = {f"{namespace}:{name}": kind for name, kind in _BOOKKEEPING.items()}
    types |= dict.fromkeys(queue_keys(namespace, queues), "list")
    sets = [binding + exchange for exchange in (*queues, *_OWN_EXCHANGES) for binding in _BINDINGS]
    return {**types, **{f"{namespace}:{name}": "set" for name in sets}}


def make_celery(  # noqa: PLR0913 - one keyword for each thing that a root or its settings decide
    name: str,
    redis_url: str,
    *,
    namespace: str,
    password: str = "",
    include: Iterable[str] = (),
    leases_only: bool = False,
    results: bool = False,
    tls: Mapping[str, Any] | None = None,
    sentinels: SentinelBroker | None = None,
) -> Celery:
    """Make a Celery app on this Redis, with every setting that the lanes rely on; connects to nothing yet.

    :param leases_only: whether its workers take only items of the ledger. Then Redis need not keep a copy of the
        messages that they have taken, which would cost a transaction before and one after each task.
    :param results: whether results are stored, in the same Redis.
    :param tls: the TLS options of redis-py; None for no TLS.
    :param sentinels: who knows the primary; then the host in ``redis_url`` is not read.
    """
    broker.install()
    url = with_password(redis_url, password)
    broker_url, backend_url = (sentinels.broker_url(url), sentinels.backend_url(url)) if sentinels else (url, url)
    app = Celery(
        name,
        broker=broker_url,
        backend=backend_url if results else None,
        include=list(include),
        events=BatchedEvents,
        set_as_current=False,
    )
    # For the broker and the result backend.
    place = {"global_keyprefix": f"{namespace}:", **(sentinels.transport_options() if sentinels else {})}
    ssl = dict(tls) if tls else None
    app.conf.update(
        _ALWAYS,
        task_queues=[Queue(queue) for queue in sorted(set(contract.QUEUES.values()))],
        broker_transport_options={**_TRANSPORT, "ack_emulation": not leases_only, **place},
        result_backend_transport_options=place,
        broker_use_ssl=ssl,
        redis_backend_use_ssl=ssl,
    )
    return app


def with_password(redis_url: str, password: str) -> str:
    """Return the URL with the password in it: only for connecting, never for display."""
    if not password:
        return redis_url
    parts = urlsplit(redis_url)
    user, _, place = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{place}"))


def publish(app: Celery, releases: Iterable[Release]) -> None:
    """Hand released items to Celery in one batch.

    Failures are only logged: it is not known which messages arrived, and the release lease returns undelivered items to
    their lanes.
    """
    releases = tuple(releases)
    if not releases:
        return
    try:
        with (
            app.producer_pool.acquire(block=True) as producer,
            # A single message, the usual case, is faster without a batch.
            producer.batch(max_size=500) if len(releases) > 1 else nullcontext(),  # type: ignore[attr-defined]
        ):
            for release in releases:
                # What Flower shows and searches: flat, readable, no secrets. A scan has no subject.
                subject = printable(str(release.payload.get("subject", ""))[:SUBJECT_LENGTH])
                arguments = {
                    "mailbox": release.mailbox,
                    **({} if release.work == contract.SCAN_MAILBOX else {"subject": subject}),
                    "kind": str(release.payload.get("kind", "")),
                    "server": release.server,
                    "generation": release.generation,
                }
                # Celery's own message, without the routing, retries and signals of send_task: at a fifth of its cost.
                # The queue is a Redis list of that name, and the workers declare it.
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
