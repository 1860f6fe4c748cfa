"""Task events for Flower, sent in batches.

Celery buffers the events of tasks and sends the buffer in each iteration of the worker's loop, which under load is a
message for every one or two events. For a screen, a quarter of a second is soon enough.
"""

from time import monotonic
from typing import Any

from celery.app.events import Events
from celery.events import EventDispatcher
from kombu.asynchronous import get_event_loop

#: The least time between two batches, in seconds.
INTERVAL_S = 0.25
#: A batch of this many events is sent at once, so that a message is not larger than about 100 kB.
MOST_AT_ONCE = 200


class BatchingDispatcher(EventDispatcher):
    """Delays buffered events for a moment; others, such as heartbeats, are sent at once."""

    # Missing in the stubs.
    buffer_limit: int
    _group_buffer: dict[str, list[Any]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._flushed_at = 0.0
        self._is_due_later = False
        super().__init__(*args, **{"buffer_limit": MOST_AT_ONCE, **kwargs})

    def send(self, type: str, *args: Any, **fields: Any) -> Any:  # noqa: A002 - its name in the base class
        """Send or buffer an event; an event of the worker itself, such as a heartbeat, sends the buffer first."""
        if type.startswith("worker-"):
            super().flush()
        return super().send(type, *args, **fields)

    def flush(self, errors: bool = True, groups: bool = True) -> None:
        """Send the buffer if it is full or the last batch is long enough ago; otherwise send it later."""
        wait_s = self._flushed_at + INTERVAL_S - monotonic()
        full = any(len(events) >= self.buffer_limit for events in tuple(self._group_buffer.values()))
        loop = get_event_loop()
        if full or wait_s <= 0 or loop is None:
            self._flushed_at = monotonic()
            super().flush(errors, groups)
        elif not self._is_due_later:
            self._is_due_later = True
            loop.call_later(wait_s, self._flush_now)

    def _flush_now(self) -> None:
        self._is_due_later = False
        self._flushed_at = monotonic()
        super().flush()

    def extend_buffer(self, other: EventDispatcher) -> None:
        """Take over the events that another dispatcher could not send, as after a lost connection."""
        super().extend_buffer(other)
        if isinstance(other, BatchingDispatcher):
            for group, events in tuple(other._group_buffer.items()):
                self._group_buffer[group].extend(events)


class BatchedEvents(Events):
    """Celery's ``events`` with the batching dispatcher."""

    dispatcher_cls = f"{__name__}:{BatchingDispatcher.__name__}"
