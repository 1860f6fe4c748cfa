"""The contract between those who find work and those who do it: task names, queues, the Celery app, publishing.

Who sends a task needs only this module; nobody imports the code of a task to send it. Task names are few and stable,
because they are the labels of metrics and the types in Flower.
"""

import hashlib
import logging
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal
from urllib.parse import quote, urlsplit, urlunsplit

from celery import Celery
from celery.signals import after_setup_logger, after_setup_task_logger
from kombu import Queue
from kombu.exceptions import KombuError
from redis import RedisError

from rsvpq.lanes import Item, Lane, Release
from rsvpq.lanes.limits import Limits
from rsvpq.mail.editions import MeetingKey, topic_of
from rsvpq.mail.messages import Kind, Mailbox, MeetingMessage
from rsvpq.tasks import broker
from rsvpq.tasks.events import BatchedEvents
from rsvpq.tasks.log_lines import escape_lines
from rsvpq.text import printable

logger = logging.getLogger(__name__)


@after_setup_logger.connect(weak=False)
@after_setup_task_logger.connect(weak=False)
def _escape_lines(logger: logging.Logger, **_: Any) -> None:
    """Whoever makes an app here, a worker or Flower, writes its log so."""
    escape_lines(logger)


SCAN = "producer.scan"
SCAN_MAILBOX = "producer.scan_mailbox"
ANSWER_REQUEST = "workers.answer_request"
OPEN_RESPONSE = "workers.open_response"
PROCESS_CANCELLATION = "workers.process_cancellation"
OPS_STATUS = "ops.status"
OPS_PAUSE = "ops.pause"
OPS_RESUME = "ops.resume"
OPS_LIMIT = "ops.limit"
OPS_DEAD_LIST = "ops.dead_list"
OPS_DEAD_SHOW = "ops.dead_show"
OPS_DEAD_RETRY = "ops.dead_retry"
OPS_DEAD_DROP = "ops.dead_drop"
OPS_MAILBOX = "ops.mailbox"
OPS_TOP = "ops.top"

SCAN_QUEUE = "scan"
ANSWER_QUEUE = "answer"
OPS_QUEUE = "ops"
_OPS = (
    *(OPS_STATUS, OPS_PAUSE, OPS_RESUME, OPS_LIMIT, OPS_MAILBOX, OPS_TOP),
    *(OPS_DEAD_LIST, OPS_DEAD_SHOW, OPS_DEAD_RETRY, OPS_DEAD_DROP),
)
_QUEUES = {
    SCAN: SCAN_QUEUE,
    SCAN_MAILBOX: SCAN_QUEUE,
    ANSWER_REQUEST: ANSWER_QUEUE,
    OPEN_RESPONSE: ANSWER_QUEUE,
    PROCESS_CANCELLATION: ANSWER_QUEUE,
    **dict.fromkeys(_OPS, OPS_QUEUE),
}
#: The tasks that carry items.
WORKS = frozenset((SCAN_MAILBOX, ANSWER_REQUEST, OPEN_RESPONSE, PROCESS_CANCELLATION))
_TASKS = {
    Kind.REQUEST: ANSWER_REQUEST,
    Kind.RESPONSE: OPEN_RESPONSE,
    Kind.CANCELLATION: PROCESS_CANCELLATION,
}

#: What a scan is for: the Inbox and Drafts, or Drafts alone; or only to tell what a scan would do, or why it would.
ScanKind = Literal["scan", "reconcile", "dry-run", "explain"]

#: How long the result of an operator's task is kept, in seconds; other tasks have none.
RESULT_EXPIRES_S = 3600

#: Characters of a subject that go into a task: enough to find it by.
SUBJECT_LENGTH = 120


def key_types(namespace: str) -> dict[str, str]:
    """Celery's own keys in Redis, as :func:`broker.key_types` says."""
    return broker.key_types(namespace, sorted(set(_QUEUES.values())))


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
        task_queues=[Queue(queue) for queue in sorted(set(_QUEUES.values()))],
        task_routes={task: {"queue": queue} for task, queue in _QUEUES.items()},
        task_default_queue=SCAN_QUEUE,
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


def lane_of(mailbox: Mailbox, limits: Limits | None = None) -> Lane:
    """The lane of a mailbox; without limits of its own it has the defaults."""
    return Lane(mailbox.name, mailbox.server, limits)


def run_named(task_id: str) -> str:
    """The run that a trigger begins, by the id of its task."""
    return task_id[:8]


def scan_item(mailbox: Mailbox, run: str, kind: ScanKind = "scan", wanted: Mapping[str, str] | None = None) -> Item:
    """A scan of one mailbox; ``run`` makes it distinct from the scans before and after.

    :param wanted: which messages are to be explained: their ``uid``, ``subject`` or ``item``.
    """
    digest = hashlib.sha256(mailbox.name.casefold().encode()).hexdigest()
    more = {"wanted": dict(wanted)} if wanted else {}
    return Item(f"scan-{run}-{digest[:16]}", SCAN_MAILBOX, SCAN_QUEUE, {"kind": kind, "group": mailbox.group, **more})


def run_of(scan_id: str) -> str:
    """The run that a scan belongs to, read off its item's id."""
    return scan_id.removeprefix("scan-").rpartition("-")[0]


def message_item(mailbox: Mailbox, message: MeetingMessage, run: str = "") -> Item:
    """The one task of a request, a response or a cancellation.

    :param run: of the scan that found it, for the audit.
    :raises KeyError: there is no task for that kind of message.
    """
    task = _TASKS[message.kind]
    more = {name: value for name, value in {"group": mailbox.group, "run": run}.items() if value}
    topic = MeetingKey.of(message).topic if message.kind is not Kind.RESPONSE else ""
    return Item(message.identity(mailbox), task, _QUEUES[task], {**message.to_payload(), **more}, topic=topic)


def draft_item(identity: str, draft: MeetingMessage) -> Item:
    """The task that sends an unsent answer of ours, under the identity of the request that it answers."""
    return Item(identity, ANSWER_REQUEST, ANSWER_QUEUE, draft.to_payload(), topic=topic_of(draft))


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
                    routing_key=_QUEUES.get(release.work, SCAN_QUEUE),
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
    is_scan = release.work == SCAN_MAILBOX
    subject = {} if is_scan else {"subject": printable(str(release.payload.get("subject", ""))[:SUBJECT_LENGTH])}
    return {
        "mailbox": release.mailbox,
        **subject,
        "kind": str(release.payload.get("kind", "")),
        "server": release.server,
        "generation": release.generation,
    }
