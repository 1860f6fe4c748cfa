"""A Celery consumer that survives unreadable messages.

Celery rejects pickle and YAML, but some other bodies (bytes as ``application/data``, JSON that is a number) raise
errors that it does not expect: the worker ends, and puts the message back for the next worker.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from celery.worker import consumer
from kombu.exceptions import ContentDisallowed

logger = logging.getLogger(__name__)


class Consumer(consumer.Consumer):
    """Logs and drops messages that are not tasks; for Celery's setting ``worker_consumer``."""

    class Blueprint(consumer.Consumer.Blueprint):  # type: ignore[misc,valid-type]  # a variable in the stubs
        """Celery's, which tells those who ask for statistics what the broker's options are."""

        def info(self, parent: Any) -> dict[str, Any]:
            """Return the statistics without the login of the sentinels, which Flower would show."""
            found: dict[str, Any] = super().info(parent)
            broker = found.get("broker")
            if isinstance(broker, dict):
                options = dict(broker.get("transport_options") or {})
                options.pop("sentinel_kwargs", None)
                broker["transport_options"] = options
            return found

    def create_task_handler(self, *args: Any, **options: Any) -> Callable[[Any], None]:
        """Return the function that is called with each message."""
        handle = super().create_task_handler(*args, **options)

        def check_and_handle(message: Any) -> None:
            try:
                _check(message)
                handle(message)
            except (*self.connection_errors, *self.channel_errors):  # type: ignore[attr-defined]  # not in the stubs
                raise
            except Exception as error:  # no other worker could read the message either
                self._drop(message, error)

        return check_and_handle

    def add_task_queue(self, queue: Any, *_: Any, **__: Any) -> None:  # type: ignore[override]  # returns none
        """Consume a queue again on a control command; an unknown queue would end the worker's loop."""
        if self._is_ours(queue):
            super().add_task_queue(queue)

    def cancel_task_queue(self, queue: Any) -> None:
        """Stop consuming a queue on a control command."""
        if self._is_ours(queue):
            super().cancel_task_queue(queue)

    def _is_ours(self, queue: Any) -> bool:
        known = isinstance(queue, str) and queue in self.app.amqp.queues
        if not known:
            logger.error("event=no-queue queue=%.100r", queue)
        return known

    def _drop(self, message: Any, error: Exception) -> None:
        """Log and acknowledge the message: without acknowledgment it occupies a thread of the worker forever."""
        try:
            self.on_decode_error(message, error)
        except (*self.connection_errors, *self.channel_errors):  # type: ignore[attr-defined]  # not in the stubs
            raise
        except Exception as worse:  # the message cannot even be logged
            logger.error("event=no-message error=%s", type(worse).__name__)  # noqa: TRY400 - only its type is safe to log
            message.ack_log_error(logger, self.connection_errors)  # type: ignore[attr-defined]


def _check(message: Any) -> None:
    """Raise an error if a message does not have the form of a task.

    :raises Exception: it does not.
    """
    if message.content_type != "application/json":
        raise ContentDisallowed(f"{message.content_type} is not JSON")
    if "task" not in (message.headers or {}):
        return  # not protocol 2: Celery checks it itself
    _check_headers(message.headers)
    args, kwargs, embedded = message.payload
    if not (isinstance(args, list) and isinstance(kwargs, dict) and (embedded is None or isinstance(embedded, dict))):
        raise TypeError("the arguments of the task are malformed")


_TEXT = (str, type(None))
#: The headers that Celery writes, and reads without checking them (its "Message Protocol", version 2).
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
    """Raise an error for headers that Celery cannot handle, or that would occupy a thread of the worker forever.

    :raises TypeError, ValueError: there are such headers.
    """
    if not all(isinstance(headers.get(name), str) for name in ("task", "id")):
        raise TypeError("the header 'task' or 'id' is missing or is not text")
    odd = [name for name, types in _HEADERS.items() if not isinstance(headers.get(name), types)]
    if odd:
        raise TypeError(f"headers of the wrong type: {', '.join(odd)}")
    limits = headers.get("timelimit") or (None, None)
    if [limit for limit in limits if not isinstance(limit, int | float | None)] or len(limits) != len(("hard", "soft")):
        raise TypeError("the header 'timelimit' is not a pair of numbers")
    for name in ("eta", "expires"):
        if isinstance(headers.get(name), str):
            datetime.fromisoformat(headers[name])
