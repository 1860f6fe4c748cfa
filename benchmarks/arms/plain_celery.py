"""A plain Celery app, with the settings that its documentation recommends for work that must not be lost.

``python -m benchmarks.arms.plain_celery MAILBOXES DEPTH`` sends the tasks; the worker is Celery's own.
"""

import os
import sys

from celery import Celery

from benchmarks.arms.plain import REDIS, PlainProgram
from benchmarks.arms.work import in_turn

app = Celery("plain", broker=os.environ[REDIS], set_as_current=False)
app.conf.update(
    task_acks_late=True,
    worker_prefetch_multiplier=4,
    task_ignore_result=True,
    worker_send_task_events=True,
    broker_transport_options={"max_connections": 200},  # the default of 10 loses acknowledgments under load
    broker_connection_retry_on_startup=True,
)
_program = PlainProgram.of_environment()


def _answer(mailbox: int, message: int) -> None:
    _program.answer(mailbox, message)


answer = app.task(name="plain.answer")(_answer)


def main(mailboxes: int, depth: int) -> None:
    """Send a task for each message."""
    with app.producer_pool.acquire(block=True) as producer:
        for mailbox, message in in_turn(mailboxes, depth):
            answer.apply_async((mailbox, message), producer=producer)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
