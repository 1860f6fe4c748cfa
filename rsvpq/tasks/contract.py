"""The contract between producer and workers: task names, queues, and the items that tasks carry.

Sending a task does not require its code, and naming one does not require Celery. Task names are few and stable, because
they are labels of metrics and types in Flower.
"""

import hashlib
from collections.abc import Mapping
from typing import Literal

from rsvpq.lanes import Item, Lane
from rsvpq.lanes.limits import Limits
from rsvpq.mail.editions import MeetingKey, topic_of
from rsvpq.mail.messages import Kind, Mailbox, MeetingMessage

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
OPS_DEAD_SUMMARY = "ops.dead_summary"
OPS_DEAD_SHOW = "ops.dead_show"
OPS_DEAD_RETRY = "ops.dead_retry"
OPS_DEAD_DROP = "ops.dead_drop"
OPS_MAILBOX = "ops.mailbox"
OPS_MAILBOXES = "ops.mailboxes"
OPS_TOP = "ops.top"

SCAN_QUEUE = "scan"
ANSWER_QUEUE = "answer"
OPS_QUEUE = "ops"
_OPS = (
    *(OPS_STATUS, OPS_PAUSE, OPS_RESUME, OPS_LIMIT, OPS_MAILBOX, OPS_MAILBOXES, OPS_TOP),
    *(OPS_DEAD_LIST, OPS_DEAD_SUMMARY, OPS_DEAD_SHOW, OPS_DEAD_RETRY, OPS_DEAD_DROP),
)
#: The queue of each task.
QUEUES = {
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

#: The kinds of scans: of Inbox and Drafts, of Drafts only; or only to report what a scan would do, or why, what another
#: policy would change, or whether the mailbox can be read.
ScanKind = Literal["scan", "reconcile", "dry-run", "explain", "compare", "probe"]


def lane_of(mailbox: Mailbox, limits: Limits | None = None) -> Lane:
    """Return the lane of a mailbox; None for ``limits`` means the defaults."""
    return Lane(mailbox.name, mailbox.server, limits, mailbox.group)


def run_named(task_id: str) -> str:
    """Return the name of the run that a trigger begins, from the id of its task."""
    return task_id[:8]


def scan_item(mailbox: Mailbox, run: str, kind: ScanKind = "scan", wanted: Mapping[str, str] | None = None) -> Item:
    """Make the item of a scan of one mailbox; ``run`` distinguishes it from earlier and later scans.

    :param wanted: selects the messages to explain, by ``uid``, ``subject`` or ``item``.
    """
    digest = hashlib.sha256(mailbox.name.casefold().encode()).hexdigest()
    more = {"wanted": dict(wanted)} if wanted else {}
    return Item(f"scan-{run}-{digest[:16]}", SCAN_MAILBOX, SCAN_QUEUE, {"kind": kind, "group": mailbox.group, **more})


def run_of(scan_id: str) -> str:
    """Return the run that a scan belongs to, from the id of its item."""
    return scan_id.removeprefix("scan-").rpartition("-")[0]


def message_item(mailbox: Mailbox, message: MeetingMessage, run: str = "") -> Item:
    """Make the item of a request, a response or a cancellation.

    :param run: the run of the scan that found the message, for the audit.
    :raises KeyError: there is no task for this kind of message.
    """
    task = _TASKS[message.kind]
    more = {name: value for name, value in {"group": mailbox.group, "run": run}.items() if value}
    topic = MeetingKey.of(message).topic if message.kind is not Kind.RESPONSE else ""
    return Item(message.identity(mailbox), task, QUEUES[task], {**message.to_payload(), **more}, topic=topic)


def draft_item(identity: str, draft: MeetingMessage) -> Item:
    """Make the item that sends an unsent answer of ours, under the identity of the request that it answers."""
    return Item(identity, ANSWER_REQUEST, ANSWER_QUEUE, draft.to_payload(), topic=topic_of(draft))
