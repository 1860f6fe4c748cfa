"""One reading for all who ask at the same time, however many look at a page."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Seen(Generic[_Value]):
    """A value as it was read.

    :param at_s: when the reading began, in seconds since the epoch. :param took_s: how long it took.
    :param steady_s: when it began, on the monotonic clock.
    """

    value: _Value
    at_s: float
    took_s: float
    steady_s: float

    @property
    def age_s(self) -> float:
        """How old the value is, in seconds."""
        return max(0.0, time.monotonic() - self.steady_s)


class SharedReading(Generic[_Value]):
    """Reads in a thread of the pool, at most once at a time; a value is used again for ``fresh_s`` seconds.

    An error is everybody's error: what was read before it is never shown instead. Belongs to one event loop.
    """

    def __init__(self, read: Callable[[], _Value], fresh_s: float, pool: Executor) -> None:
        self._read, self._pool = read, pool
        self.fresh_s = fresh_s
        self._seen: Seen[_Value] | None = None
        self._running: asyncio.Task[Seen[_Value]] | None = None

    async def get(self) -> Seen[_Value]:
        """Return a value that is fresh enough; raises whatever the reading raises."""
        if self._running is None:
            if self._seen is not None and self._seen.age_s < self.fresh_s:
                return self._seen
            self._running = asyncio.create_task(self._read_once())
            self._running.add_done_callback(self._take)
        return await asyncio.shield(self._running)  # a client that goes away does not end the reading of the others

    def forget(self) -> None:
        """Read again for whoever asks from now on, for instance after an operator action."""
        self._seen = self._running = None

    async def _read_once(self) -> Seen[_Value]:
        at_s, steady_s = time.time(), time.monotonic()
        value = await asyncio.get_running_loop().run_in_executor(self._pool, self._read)
        return Seen(value, at_s, time.monotonic() - steady_s, steady_s)

    def _take(self, task: "asyncio.Task[Seen[_Value]]") -> None:
        seen = None
        with suppress(BaseException):  # which everybody who waits gets, also that it was ended with the process
            seen = task.result()
        if task is self._running:  # else it began before an operator action, and may not show it
            self._running, self._seen = None, seen
