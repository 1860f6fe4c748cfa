"""Percentiles of durations that are not stored: they are counted in classes whose bounds grow by two percent."""

import math
from collections import Counter
from dataclasses import dataclass, field

#: The ratio of the bounds of a class; percentiles are accurate to half of that, so within 1 %.
_GROWTH = 1.02
_LOG_GROWTH = math.log(_GROWTH)


@dataclass(slots=True)
class Durations:
    """Durations in milliseconds, in at most 1,200 classes from a millisecond to a month, however many they are."""

    _classes: Counter[int] = field(default_factory=Counter)
    count: int = 0

    def add(self, ms: int) -> None:
        """Count a duration; below one millisecond it counts as one."""
        self._classes[math.ceil(math.log(max(1, ms)) / _LOG_GROWTH)] += 1
        self.count += 1

    def percentile(self, share: float) -> float:
        """Return the duration in seconds that a share (0 to 1) did not exceed (nearest rank); 0 if there are none."""
        rank = math.ceil(share * self.count)
        for number in sorted(self._classes):
            rank -= self._classes[number]
            if rank <= 0:
                middle = _GROWTH**number * 2 / (1 + _GROWTH)
                return round(middle, 3) / 1000
        return 0.0
