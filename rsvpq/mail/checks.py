"""How a backend reports the results when it diagnoses itself: one for each check."""

import time
from typing import Protocol


class Checks(Protocol):
    """Takes the results of a diagnosis: one call for each check, in the order of the checks."""

    def ok(self, check: str, text: str, *, ms: float | None = None) -> None:
        """Report that it works. ``ms`` is how long the check took, in milliseconds."""

    def warn(self, check: str, text: str, remedy: str, *, ms: float | None = None) -> None:
        """Report that it works now, but may fail."""

    def fail(self, check: str, text: str, remedy: str, *, ms: float | None = None) -> None:
        """Report that it does not work."""

    def skip(self, check: str, text: str) -> None:
        """Report that it was not checked, and why."""

    def clock(self, ahead_s: float | None) -> None:
        """Report how many seconds the server's clock is ahead of ours; None if the server does not show its time."""


class Stopwatch:
    """Measures the time since it was created."""

    def __init__(self) -> None:
        self._started = time.perf_counter()

    @property
    def ms(self) -> float:
        """The time since then, in milliseconds."""
        return (time.perf_counter() - self._started) * 1000
