"""Celery's consumer, which a message that nobody can read does not stop.

Celery refuses pickle and YAML, but some other bodies (bytes under ``application/data``, JSON that is a number) raise
errors that it does not expect: the worker ends, and on its way out it puts the message back for the next one.
"""

from collections.abc import Callable
from typing import Any

from celery.worker import consumer
from kombu.exceptions import ContentDisallowed


class Consumer(consumer.Consumer):
    """Logs and drops what is no task; for Celery's setting ``worker_consumer``."""

    def create_task_handler(self, *args: Any, **options: Any) -> Callable[[Any], None]:
        """What is called with each message."""
        handle = super().create_task_handler(*args, **options)

        def check_and_handle(message: Any) -> None:
            try:
                _check(message)
            except Exception as error:  # whatever it is, no other worker could read it either
                self.on_decode_error(message, error)
            else:
                handle(message)

        return check_and_handle


def _check(message: Any) -> None:
    """Complain of what has not the shape of a task.

    :raises Exception: it has not.
    """
    if message.content_type != "application/json":
        raise ContentDisallowed(f"{message.content_type} is not JSON")
    if "task" not in (message.headers or {}):
        return  # no protocol 2: Celery looks itself
    args, kwargs, embedded = message.payload
    if not (isinstance(args, list) and isinstance(kwargs, dict) and (embedded is None or isinstance(embedded, dict))):
        raise TypeError("not the arguments of a task")
