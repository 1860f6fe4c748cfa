"""Claims of periods of scheduled scans, so that only one dispatcher triggers each scan."""

from redis.exceptions import ResponseError

from rsvpq.lanes.namespace import Namespace


class ScheduleClaims:
    """The claims of one namespace."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace

    def claim(self, group: str, every_s: float, period: int) -> int | None:
        """Claim a period; return the last period that was claimed before, None if there was none."""
        redis, key = self._namespace.redis, self._namespace.key("schedule", group, f"{every_s:g}")
        try:
            before = redis.set(key, period, get=True)  # atomic
        except ResponseError:  # a key of another type
            redis.set(key, period)
            return None
        return int(before) if str(before).isdecimal() else None
