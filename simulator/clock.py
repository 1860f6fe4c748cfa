"""The one clock of the simulator: epoch seconds that never step back, so that waits and windows can be measured."""

import time
from datetime import UTC, datetime

_EPOCH_AT_ZERO = time.time() - time.monotonic()


def now() -> float:
    """Epoch seconds, carried by the monotonic clock."""
    return _EPOCH_AT_ZERO + time.monotonic()


def now_utc() -> datetime:
    """The same moment as a date in whole milliseconds: what a client reads back then compares as equal."""
    return datetime.fromtimestamp(int(now() * 1000) / 1000, UTC)
