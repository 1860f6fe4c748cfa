"""Whether a Celery worker still consumes: messages that wait while it has a free thread and takes none.

Celery can lose its consumer and go on living: after some errors of a connection, or when somebody cancels the consumer.
Such a worker looks like one that has nothing to do, so its idleness alone says nothing. What tells them apart: Redis
gives the next message to whoever has waited for one the longest (BRPOP), so a healthy worker with a free thread cannot
go without while a message waits in its queue, however many other workers there are and however fast they are.
"""

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from celery.signals import task_received, worker_ready
from celery.worker import state
from kombu.transport.redis import PRIORITY_STEPS, Channel

from rsvpq.health.register import impatient_redis, register_of
from rsvpq.health.systemd import notify
from rsvpq.health.watchdog import Watchdog
from rsvpq.lanes import Lanes
from rsvpq.settings import Settings

#: How many looks a report outlasts.
REPORT_LASTS = 3


@dataclass(slots=True)
class Consumption:
    """What this process has taken from its queues.

    :param redis: a client that is nobody else's. :param keys: the lists of Redis in which its messages wait.
    :param pool: Celery's pool of threads.
    """

    redis: Any
    keys: Sequence[str]
    pool: Any
    received: int = 0
    _seen: int = 0

    def note(self, **_: Any) -> None:
        """A message was received."""
        self.received += 1

    def suspicion(self) -> str:
        """Why it seems deaf; empty if it does not, or has been told to end.

        :raises RedisError: Redis cannot be reached.
        """
        waiting = self._waiting()
        # Read after the queue: what was taken meanwhile is progress.
        seen, self._seen = self._seen, self.received
        free = self.pool.num_processes - len(state.active_requests)
        if not waiting or free <= 0 or self._seen != seen or _is_to_end():
            return ""
        return f"{waiting} messages wait, {free} of {self.pool.num_processes} threads are free, none was received"

    def _waiting(self) -> int:
        with self.redis.pipeline(transaction=False) as pipe:
            for key in self.keys:
                pipe.llen(key)
            return sum(pipe.execute())


def watch_worker(settings: Settings) -> None:
    """Watch the worker that this process will be; nothing happens in a process that becomes none."""

    def start(sender: Any, **_: Any) -> None:
        redis = impatient_redis(settings.redis)
        lanes = Lanes(redis, settings.redis.namespace)
        queues = sender.app.amqp.queues.consume_from  # as they are now: a queue that is cancelled later stays watched
        consumption = Consumption(redis, queue_keys(settings.redis.namespace, queues), sender.pool)
        task_received.connect(consumption.note, weak=False)
        register = register_of(lanes, "worker")
        name = f"{socket.gethostname()}:{os.getpid()}"

        def report(lasts_s: float) -> None:
            register.report(lasts_s)
            lanes.ledger.report_threads(name, sender.pool.num_processes, queues, lasts_s)

        watchdog = Watchdog(
            consumption.suspicion,
            stalled_after_s=settings.health.stalled_after.seconds,
            report=lambda: report(REPORT_LASTS * watchdog.every_s),
        )
        watchdog.look()
        watchdog.start()
        notify("READY=1")

    worker_ready.connect(start, weak=False)


def queue_keys(namespace: str, queues: Sequence[str]) -> list[str]:
    """The lists of a queue: one for each step of priority, as kombu names them."""
    return [
        f"{namespace}:{queue}{Channel.sep}{step}" if step else f"{namespace}:{queue}"
        for queue in queues
        for step in PRIORITY_STEPS
    ]


def _is_to_end() -> bool:
    return any(told is not None and told is not False for told in (state.should_stop, state.should_terminate))
