"""Deliveries that Celery throws away without calling a task: the ledger is told, and so need not guess.

A revoked task is thrown away by every worker that has heard of it, each time it is delivered, for as long as the
worker remembers: three hours, or until it is restarted (celery/worker/state.py). A task that a worker does not know is
thrown away by that worker only; during an upgrade others may know it.
"""

import logging
from typing import Any

from celery.signals import task_rejected, task_revoked, task_unknown
from redis.exceptions import RedisError

from rsvpq.lanes import Lanes

logger = logging.getLogger(__name__)

#: What the operator is told.
REVOKED = "revoked in Flower, or by Celery's control"
UNKNOWN = "the workers do not know the task; are they of the current version?"
UNREADABLE = "the workers cannot read the message; are they of the current version?"


class Refusals:
    """Tells the ledger what the worker of this process threw away."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes

    def watch(self) -> None:
        """From now on; in a process that becomes no worker, nothing happens."""
        task_revoked.connect(self.revoked, weak=False)
        task_unknown.connect(self.unknown, weak=False)
        task_rejected.connect(self.rejected, weak=False)

    def revoked(self, request: Any, **_: Any) -> None:
        """A task was revoked before it began; every delivery of it would end so."""
        self._tell(request.id, REVOKED, at_once=True)

    def unknown(self, id: str, **_: Any) -> None:  # noqa: A002 - Celery's name for it
        """A task is not registered here."""
        self._tell(id, UNKNOWN, at_once=False)

    def rejected(self, message: Any, **_: Any) -> None:
        """A message is no task, or has arguments that cannot be read."""
        self._tell((message.headers or {}).get("id", ""), UNREADABLE, at_once=False)

    def _tell(self, item_id: str, why: str, *, at_once: bool) -> None:
        try:
            if item_id and self._lanes.ledger.refuse(item_id, why, at_once=at_once):
                logger.warning("event=thrown-away item=%s reason=%s", item_id, why)
        except RedisError as error:  # the sweep finds it without this, only later
            logger.warning("event=redis-away error=%s", error)
