"""A worker of answers in whose consumer something breaks that nobody foresaw: Celery gives it up.

For ``celery -A tests.support.worker_with_failing_consumer worker``; it breaks at the delivery whose id is ``break``.
"""

from collections.abc import Callable
from typing import Any

from rsvpq.tasks import consumer
from workers.app import app

__all__ = ["app"]  # what Celery looks for


class Consumer(consumer.Consumer):
    """Breaks where rsvpq's own goes on."""

    def create_task_handler(self, *args: Any, **options: Any) -> Callable[[Any], None]:
        handle = super().create_task_handler(*args, **options)

        def handle_or_break(message: Any) -> None:
            if message.headers.get("id") == "break":
                message.ack()
                raise RuntimeError("nobody foresaw this")
            handle(message)

        return handle_or_break


app.conf.worker_consumer = f"{__name__}:Consumer"
