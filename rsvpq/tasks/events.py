"""Task events for Flower, sent in batches.

Celery collects the events of tasks and sends what it has at each turn of the worker's loop, which under load is a
message for every one or two of them. A screen is soon enough after a quarter of a second.
"""

from time import monotonic
from typing import Any

from celery.app.events import Events
from celery.events import EventDispatcher
from kombu.asynchronous import get_event_loop

#: The least time between two batches, in seconds.
INTERVAL_S = 0.25
#: How many events are not kept waiting, so that a message is not larger than about 100 kB.
MOST_AT_ONCE = 200


class BatchingDispatcher(EventDispatcher):
    """Keeps the buffered events for a moment; others, such as heartbeats, are sent as before."""

    # The stubs leave them out.
    buffer_limit: int
    _group_buffer: dict[str, list[Any]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._flushed_at = 0.0
        self._is_due_later = False
        super().__init__(*args, **{"buffer_limit": MOST_AT_ONCE, **kwargs})

    def send(self, type: str, *args: Any, **fields: Any) -> Any:  # noqa: A002 - its name in the base class
        """Send or buffer an event; a heartbeat, and the worker's last word, take with them what is waiting."""
        if type.startswith("worker-"):
            super().flush()
        return super().send(type, *args, **fields)

    def flush(self, errors: bool = True, groups: bool = True) -> None:
        """Send what is waiting if the last batch is long enough ago, or this is enough for one; else do so later."""
        wait_s = self._flushed_at + INTERVAL_S - monotonic()
        full = any(len(events) >= self.buffer_limit for events in tuple(self._group_buffer.values()))
        loop = get_event_loop()
        if full or wait_s <= 0 or loop is None:
            self._flushed_at = monotonic()
            super().flush(errors, groups)
        elif not self._is_due_later:
            self._is_due_later = True
            loop.call_later(wait_s, self._flush_what_waits)

    def _flush_what_waits(self) -> None:
        self._is_due_later = False
        self._flushed_at = monotonic()
        super().flush()

    def extend_buffer(self, other: EventDispatcher) -> None:
        """Take over what another one could not send, as after a connection was lost."""
        super().extend_buffer(other)
        if isinstance(other, BatchingDispatcher):
            for group, events in tuple(other._group_buffer.items()):
                self._group_buffer[group].extend(events)


class BatchedEvents(Events):
    """Celery's ``events`` with that dispatcher."""

    dispatcher_cls = f"{__name__}:{BatchingDispatcher.__name__}"
