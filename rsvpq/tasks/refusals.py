"""Report deliveries to the ledger that Celery discards without calling a task.

A revoked task is discarded by every worker that has received the revoke, at each delivery, for as long as the worker
remembers: three hours, or until it is restarted (celery/worker/state.py). An unknown task is discarded only by the
workers that do not know it; during an upgrade, others may.
"""

import logging
from typing import Any

from celery.signals import task_rejected, task_revoked, task_unknown
from redis.exceptions import RedisError

from rsvpq.lanes import Lanes

logger = logging.getLogger(__name__)

#: The reasons that operators see.
REVOKED = "revoked in Flower, or by Celery's control"
UNKNOWN = "the workers do not know the task; are they of the current version?"
UNREADABLE = "the workers cannot read the message; are they of the current version?"


class Refusals:
    """Reports to the ledger what the worker of this process discards."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes

    def watch(self) -> None:
        """Start reporting; this has no effect in a process that does not become a worker."""
        task_revoked.connect(self.revoked, weak=False)
        task_unknown.connect(self.unknown, weak=False)
        task_rejected.connect(self.rejected, weak=False)

    def revoked(self, request: Any, **_: Any) -> None:
        """Report a task that was revoked before it began; each of its deliveries would be discarded."""
        self._report(request.id, REVOKED, at_once=True)

    def unknown(self, id: str, **_: Any) -> None:  # noqa: A002 - Celery's name for it
        """Report a task that is not registered in this worker."""
        self._report(id, UNKNOWN, at_once=False)

    def rejected(self, message: Any, **_: Any) -> None:
        """Report a message that is not a task, or whose arguments cannot be read."""
        self._report((message.headers or {}).get("id", ""), UNREADABLE, at_once=False)

    def _report(self, item_id: str, why: str, *, at_once: bool) -> None:
        try:
            if item_id and self._lanes.ledger.refuse(item_id, why, at_once=at_once):
                logger.warning("event=thrown-away item=%s reason=%s", item_id, why)
        except RedisError as error:  # the sweep finds it too, only later
            logger.warning("event=redis-away error=%s", error)
