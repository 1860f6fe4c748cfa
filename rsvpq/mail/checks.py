"""How a backend reports when it is asked to diagnose itself: one result for each check."""

import time
from typing import Protocol


class Checks(Protocol):
    """Takes the results of a diagnosis, one call for each check, in the order in which they were made."""

    def ok(self, check: str, text: str, *, ms: float | None = None) -> None:
        """As it should be. ``ms`` is how long it took, in milliseconds."""

    def warn(self, check: str, text: str, remedy: str, *, ms: float | None = None) -> None:
        """It works, and will not always."""

    def fail(self, check: str, text: str, remedy: str, *, ms: float | None = None) -> None:
        """It does not work."""

    def skip(self, check: str, text: str) -> None:
        """Not looked at, and why."""

    def clock(self, ahead_s: float | None) -> None:
        """How many seconds the server's clock is ahead of this machine's; None where it does not tell its time."""


class Stopwatch:
    """Runs from when it is made."""

    def __init__(self) -> None:
        self._started = time.perf_counter()

    @property
    def ms(self) -> float:
        """Milliseconds until now."""
        return (time.perf_counter() - self._started) * 1000
