"""Celery's consumer, which a message that nobody can read does not stop.

Celery refuses pickle and YAML, but some other bodies (bytes under ``application/data``, JSON that is a number) raise
errors that it does not expect: the worker ends, and on its way out it puts the message back for the next one.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from celery.worker import consumer
from kombu.exceptions import ContentDisallowed

logger = logging.getLogger(__name__)


class Consumer(consumer.Consumer):
    """Logs and drops what is no task; for Celery's setting ``worker_consumer``."""

    def create_task_handler(self, *args: Any, **options: Any) -> Callable[[Any], None]:
        """What is called with each message."""
        handle = super().create_task_handler(*args, **options)

        def check_and_handle(message: Any) -> None:
            try:
                _check(message)
                handle(message)
            except (*self.connection_errors, *self.channel_errors):  # type: ignore[attr-defined]  # not in the stubs
                raise
            except Exception as error:  # whatever it is, no other worker could read it either
                self._drop(message, error)

        return check_and_handle

    def add_task_queue(self, queue: Any, *_: Any, **__: Any) -> None:  # type: ignore[override]  # returns none
        """Take a queue again, as a control command asks; what else it may name would end the worker's loop."""
        if self._is_ours(queue):
            super().add_task_queue(queue)

    def cancel_task_queue(self, queue: Any) -> None:
        """Take a queue no more, as a control command asks."""
        if self._is_ours(queue):
            super().cancel_task_queue(queue)

    def _is_ours(self, queue: Any) -> bool:
        known = isinstance(queue, str) and queue in self.app.amqp.queues
        if not known:
            logger.error("event=no-queue queue=%.100r", queue)
        return known

    def _drop(self, message: Any, error: Exception) -> None:
        """Tell of it, and have done with it: what is not acknowledged holds one of the worker's threads for good."""
        try:
            self.on_decode_error(message, error)
        except (*self.connection_errors, *self.channel_errors):  # type: ignore[attr-defined]  # not in the stubs
            raise
        except Exception as worse:  # it cannot even be shown
            logger.error("event=no-message error=%s", type(worse).__name__)  # noqa: TRY400 - by its type alone
            message.ack_log_error(logger, self.connection_errors)  # type: ignore[attr-defined]


def _check(message: Any) -> None:
    """Complain of what has not the shape of a task.

    :raises Exception: it has not.
    """
    if message.content_type != "application/json":
        raise ContentDisallowed(f"{message.content_type} is not JSON")
    if "task" not in (message.headers or {}):
        return  # no protocol 2: Celery looks itself
    _check_headers(message.headers)
    args, kwargs, embedded = message.payload
    if not (isinstance(args, list) and isinstance(kwargs, dict) and (embedded is None or isinstance(embedded, dict))):
        raise TypeError("not the arguments of a task")


_TEXT = (str, type(None))
#: What Celery writes into a message and takes for granted when it reads it (its "Message Protocol", version 2).
_HEADERS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("lang", "root_id", "parent_id", "group", "origin", "shadow", "compression", "eta"), _TEXT),
    **dict.fromkeys(("argsrepr", "kwargsrepr", "replaced_task_nesting"), (str, int, type(None))),
    "expires": (str, int, float, type(None)),
    "retries": (int, type(None)),
    "timelimit": (list, type(None)),
    "stamps": (dict, type(None)),
    "stamped_headers": (list, type(None)),
    "headers": (dict, type(None)),
    "ignore_result": (bool, type(None)),
}


def _check_headers(headers: dict[str, Any]) -> None:
    """Complain of headers that Celery would stumble over, or that would keep a thread of the worker for good.

    :raises TypeError, ValueError: there are such.
    """
    if not all(isinstance(headers.get(name), str) for name in ("task", "id")):
        raise TypeError("no task, or no id")
    odd = [name for name, types in _HEADERS.items() if not isinstance(headers.get(name), types)]
    if odd:
        raise TypeError(f"no {', '.join(odd)} of a task")
    limits = headers.get("timelimit") or (None, None)
    if [limit for limit in limits if not isinstance(limit, int | float | None)] or len(limits) != len(("hard", "soft")):
        raise TypeError("no time limits of a task")
    for name in ("eta", "expires"):
        if isinstance(headers.get(name), str):
            datetime.fromisoformat(headers[name])
