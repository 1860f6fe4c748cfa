"""Read the audit, a Redis stream that the scripts write, page by page."""

from collections.abc import Iterator

from rsvpq.lanes.namespace import Namespace
from rsvpq.lanes.reading import Entry, pages_after

#: The last millisecond of the year 9999, as in shared/audit.lua; no entry of rsvpq is later.
LAST_MS = 253_402_300_799_999
#: Entries per round trip.
_PAGE = 1000
#: Milliseconds that one read waits for new entries: shorter than the client's timeout.
_BLOCK_MS = 4000


class AuditStream:
    """The audit of one namespace; entries have ids that begin with milliseconds since the epoch."""

    def __init__(self, namespace: Namespace) -> None:
        self._redis = namespace.redis
        self._key = namespace.key("audit")

    def pages(self, first: str = "-", last: str = "+") -> Iterator[list[Entry]]:
        """Yield the entries from one id to another, oldest first."""
        while page := self._redis.xrange(self._key, first, last, count=_PAGE):
            yield page
            if len(page) < _PAGE:  # nothing can be requested after the largest possible id
                return
            first = f"({page[-1][0]}"

    def pages_backwards(self, first: str = "-", last: str = "+") -> Iterator[list[Entry]]:
        """Yield the entries between two ids, newest first."""
        while page := self._redis.xrevrange(self._key, last, first, count=_PAGE):
            yield page
            last = f"({page[-1][0]}"

    def follow(self, after: str) -> Iterator[list[Entry]]:
        """Yield the entries after an id as they arrive, and an empty page when none arrive for a while."""
        return pages_after(self._redis, self._key, after, most=_PAGE, block_ms=_BLOCK_MS)

    def end(self) -> str:
        """Return the id of the newest entry, for :meth:`follow`."""
        newest = self._redis.xrevrange(self._key, count=1)
        return str(newest[0][0]) if newest else "0-0"

    def beginning(self) -> tuple[int | None, int | None]:
        """Return the time of the oldest entry in milliseconds, and how many entries before it were trimmed.

        Both are None for an empty stream; the count is None if Redis is older than 7.
        """
        oldest = self._redis.xrange(self._key, count=1)
        if not oldest:
            return None, None
        facts = self._redis.xinfo_stream(self._key)
        added = facts.get("entries-added")  # as of Redis 7
        return int(oldest[0][0].partition("-")[0]), None if added is None else added - facts["length"]
