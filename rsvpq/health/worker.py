"""Detect a Celery worker that no longer consumes: messages wait while it has a free thread and takes none.

Celery can lose its consumer and keep running: after some connection errors, or when somebody cancels the consumer. Such
a worker looks like an idle one, so idleness alone proves nothing. But Redis gives the next message to the client that
has waited for one the longest (BRPOP). So a healthy worker with a free thread receives a message whenever one waits in
its queue, however many other workers there are and however fast they are.
"""

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from celery.signals import task_received, worker_ready
from celery.worker import state

from rsvpq.health.register import impatient_redis, register_of
from rsvpq.health.systemd import notify
from rsvpq.health.watchdog import Watchdog
from rsvpq.lanes import Lanes
from rsvpq.settings import Settings
from rsvpq.tasks.celery_app import queue_keys

#: For how many looks a report stays valid.
REPORT_LASTS = 3


@dataclass(slots=True)
class Consumption:
    """What this process has received from its queues.

    :param redis: a client that nothing else uses. :param keys: the Redis lists in which its messages wait.
    :param pool: Celery's thread pool.
    """

    redis: Any
    keys: Sequence[str]
    pool: Any
    received: int = 0
    _seen: int = 0

    def note(self, **_: Any) -> None:
        """Count a received message."""
        self.received += 1

    def stall_reason(self) -> str:
        """Return why the worker seems to have stopped consuming; empty if it has not, or is shutting down.

        :raises RedisError: Redis cannot be reached.
        """
        with self.redis.pipeline(transaction=False) as pipe:
            for key in self.keys:
                pipe.llen(key)
            waiting = sum(pipe.execute())
        # Read after the queues: a message received in the meantime is progress.
        seen, self._seen = self._seen, self.received
        free = self.pool.num_processes - len(state.active_requests)
        ending = any(flag is not None and flag is not False for flag in (state.should_stop, state.should_terminate))
        if not waiting or free <= 0 or self._seen != seen or ending:
            return ""
        return f"{waiting} messages wait, {free} of {self.pool.num_processes} threads are free, none was received"


def watch_worker(settings: Settings) -> None:
    """Watch the worker that this process becomes; do nothing in a process that becomes none."""

    def start(sender: Any, **_: Any) -> None:
        redis = impatient_redis(settings.redis)
        lanes = Lanes(redis, settings.redis.namespace)
        queues = sender.app.amqp.queues.consume_from  # as they are now: a queue that is canceled later stays watched
        consumption = Consumption(redis, queue_keys(settings.redis.namespace, queues), sender.pool)
        task_received.connect(consumption.note, weak=False)
        register = register_of(lanes, "worker")
        name = f"{socket.gethostname()}:{os.getpid()}"

        def report() -> None:
            lasts_s = REPORT_LASTS * watchdog.every_s
            register.report(lasts_s)
            lanes.ledger.report_threads(name, sender.pool.num_processes, queues, lasts_s)

        watchdog = Watchdog(
            consumption.stall_reason, stalled_after_s=settings.health.stalled_after.seconds, report=report
        )
        watchdog.look()
        watchdog.start()
        notify("READY=1")

    worker_ready.connect(start, weak=False)
