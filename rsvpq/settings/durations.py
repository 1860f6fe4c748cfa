"""Durations as operators write them: always with their unit, so that nobody has to guess it."""

import re
from dataclasses import dataclass

from rsvpq.lanes.bounds import LONGEST_S, SHORTEST_S, OutOfBounds

_DURATION = re.compile(r"\s*(?P<count>\d+(?:\.\d+)?)\s*(?P<unit>ms|s|m|h|d)\s*", re.ASCII)
_UNIT_S = {"d": 86_400, "h": 3_600, "m": 60, "s": 1, "ms": 0.001}


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A duration in seconds; written ``500ms``, ``90s``, ``15m``, ``12h`` or ``7d``."""

    seconds: float

    @classmethod
    def parse(cls, text: str) -> "Duration":
        """Parse ``500ms``, ``90s``, ``15m``, ``12h`` or ``7d``.

        :raises ValueError: the text has another form, or the duration is zero, too short or too long.
        """
        match = _DURATION.fullmatch(text)
        if match is None or float(match["count"]) == 0:
            raise ValueError(f"{text!r} is not a duration; write a number above zero in ms, s, m, h or d, such as 90s")
        duration = cls(float(match["count"]) * _UNIT_S[match["unit"]])
        if not SHORTEST_S <= duration.seconds <= LONGEST_S:
            raise OutOfBounds(f"{text!r} is too short or too long; write a duration from 0.1ms to {cls(LONGEST_S)}")
        return duration

    def __str__(self) -> str:
        for unit, seconds in _UNIT_S.items():
            count = round(self.seconds / seconds, 6)
            if count >= 1 and count.is_integer():
                return f"{count:.0f}{unit}"
        return f"{self.seconds:g}s"
