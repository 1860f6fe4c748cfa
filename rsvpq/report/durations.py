"""Percentiles of durations that are not kept: counted in classes whose bounds grow by two percent."""

import math
from collections import Counter
from dataclasses import dataclass, field

#: The ratio of the bounds of a class; what is said of a duration is within half of that, so within 1 %.
_GROWTH = 1.02
_LOG_GROWTH = math.log(_GROWTH)


@dataclass(slots=True)
class Durations:
    """Durations in milliseconds; at most 1,200 classes from a millisecond to a month, whatever their number."""

    _classes: Counter[int] = field(default_factory=Counter)
    count: int = 0

    def add(self, ms: int) -> None:
        """Count one; what took less than a millisecond took one."""
        self._classes[math.ceil(math.log(max(1, ms)) / _LOG_GROWTH)] += 1
        self.count += 1

    def percentile(self, share: float) -> float:
        """The duration in seconds that so large a share (0 to 1) did not exceed, by the nearest rank; 0 if none."""
        rank = math.ceil(share * self.count)
        for number in sorted(self._classes):
            rank -= self._classes[number]
            if rank <= 0:
                middle = _GROWTH**number * 2 / (1 + _GROWTH)
                return round(middle, 3) / 1000
        return 0.0
