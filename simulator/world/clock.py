"""The one clock of the simulator: epoch seconds that never step back, so that waits and windows can be measured.

It can be put forward. What waits for a moment that is then in the past happens at once, so that a test of a delay of
minutes neither waits for it nor measures it.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime


class Clock:
    """A clock, and what is to happen at moments of it."""

    def __init__(self) -> None:
        self._epoch_at_zero = time.time() - time.monotonic()
        self._alarms: set[Alarm] = set()

    def now(self) -> float:
        """Return epoch seconds, advanced by the monotonic clock."""
        return self._epoch_at_zero + time.monotonic()

    def now_utc(self) -> datetime:
        """Return the time in whole milliseconds, so that what a client reads back compares as equal."""
        return datetime.fromtimestamp(int(self.now() * 1000) / 1000, UTC)

    def after(self, delay_s: float, act: Callable[[], object]) -> "Alarm":
        """Call a function after this many seconds."""
        return Alarm(self, self._alarms, self.now() + delay_s, act)

    def put_forward(self, seconds: float) -> None:
        """Let these seconds have passed."""
        self._epoch_at_zero += seconds
        for alarm in sorted(self._alarms, key=lambda alarm: alarm.moment):
            alarm.wind()


class Alarm:
    """Something that happens once, at a moment of a clock."""

    def __init__(self, clock: Clock, pending: set["Alarm"], moment: float, act: Callable[[], object]) -> None:
        self.moment = moment
        self._clock = clock
        self._pending = pending
        self._act = act
        self._pending.add(self)
        self._timer: asyncio.TimerHandle | None = None
        self.wind()

    def wind(self) -> None:
        """Wait for as long as it is until then."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(max(0.0, self.moment - self._clock.now()), self._ring)

    def cancel(self) -> None:
        """Let it never happen."""
        self._pending.discard(self)
        if self._timer is not None:
            self._timer.cancel()

    def _ring(self) -> None:
        self._pending.discard(self)
        self._act()


_clock = Clock()
now, now_utc, after, put_forward = _clock.now, _clock.now_utc, _clock.after, _clock.put_forward
