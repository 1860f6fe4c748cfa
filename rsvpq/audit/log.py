"""Read the audit: page by page, filtered, and following new records."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from rsvpq.audit.redaction import LONGEST_VALUE, Redaction, address_of
from rsvpq.lanes import Lanes

#: The fields of a record, in the order in which they are shown. ``time`` and ``id`` are derived from the stream's id.
FIELDS = (
    *("time", "event", "mailbox", "server", "kind", "step", "attempt", "decision", "rule", "result", "reason", "note"),
    *("subject", "organizer", "start", "uid", "occurrence", "run", "item", "who", "id"),
)
EVENTS = ("decision", "intent", "done", "failed", "dead", "operator")

#: The last millisecond of the year 9999, as in lib.lua.
_LAST_MS = 253_402_300_799_999
#: Records per round trip.
_PAGE = 1000
#: How long one question for new records waits, in milliseconds: shorter than the client's patience with a reply.
_BLOCK_MS = 4000

AuditRecord = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which records are wanted: those that match all given values.

    ``first`` and ``last`` are the bounds of the stream's ids, which begin with milliseconds since the epoch.
    """

    events: frozenset[str] = frozenset()
    values: Mapping[str, str] = field(default_factory=dict)
    first: str = "-"
    last: str = "+"

    @classmethod
    def of(
        cls,
        redaction: Redaction,
        values: Mapping[str, str | None],
        *,
        events: tuple[str, ...] = (),
        since_ms: int | None = None,
        until_ms: int | None = None,
    ) -> "Filter":
        """Create a filter from plain values; those that the audit redacts are replaced by their digests."""
        wanted = {name: _comparable(name, _hidden(redaction, name, value)) for name, value in values.items() if value}
        first = "-" if since_ms is None else str(since_ms)
        last = "+" if until_ms is None else str(until_ms)
        return cls(frozenset(events), wanted, first, last)

    def __call__(self, record: AuditRecord) -> bool:
        """Return whether a record matches; its time is not compared."""
        if self.events and record.get("event", "") not in self.events:
            return False
        return all(_comparable(name, record.get(name, "")) == value for name, value in self.values.items())


@dataclass(frozen=True, slots=True)
class AuditLog:
    """Reads the audit of one namespace."""

    lanes: Lanes

    @property
    def key(self) -> str:
        """The stream."""
        return f"{self.lanes.prefix}:audit"

    def read(self, wanted: Filter) -> Iterator[AuditRecord]:
        """Yield the wanted records, oldest first."""
        first = wanted.first
        while page := self.lanes.redis.xrange(self.key, first, wanted.last, count=_PAGE):
            yield from filter(wanted, map(_record, page))
            if len(page) < _PAGE:  # behind the largest id there is that nothing can be asked for
                return
            first = f"({page[-1][0]}"

    def newest(self, wanted: Filter, most: int) -> list[AuditRecord]:
        """Return the newest ``most`` of the wanted records, oldest first."""
        last = wanted.last
        found: deque[AuditRecord] = deque()
        while len(found) < most and (page := self.lanes.redis.xrevrange(self.key, last, wanted.first, count=_PAGE)):
            for record in filter(wanted, map(_record, page)):
                found.appendleft(record)
                if len(found) == most:
                    break
            last = f"({page[-1][0]}"
        return list(found)

    def end(self) -> str:
        """Return the id of the newest record, for :meth:`follow`."""
        newest = self.lanes.redis.xrevrange(self.key, count=1)
        return str(newest[0][0]) if newest else "0-0"

    def follow(self, wanted: Filter, after: str) -> Iterator[AuditRecord | None]:
        """Yield the wanted records after this one as they are written, and None before each wait for more."""
        while True:
            answer = self.lanes.redis.xread({self.key: after}, count=_PAGE, block=_BLOCK_MS)
            page = answer[0][1] if answer else []
            yield from filter(wanted, map(_record, page))
            yield None
            after = page[-1][0] if page else after


def _record(entry: tuple[str, dict[str, Any]]) -> AuditRecord:
    """Return the record of a stream entry, with its time and without empty fields."""
    entry_id, fields = entry
    # Others can write to the stream too, and with an id whose time datetime cannot hold.
    moment = datetime.fromtimestamp(min(int(entry_id.partition("-")[0]), _LAST_MS) / 1000, UTC)
    time = moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"
    values = {**fields, "time": time, "id": entry_id}
    return {name: values[name] for name in FIELDS if values.get(name)}


def _hidden(redaction: Redaction, name: str, value: str) -> str:
    return redaction.address(value) if name in ("mailbox", "organizer") else value[:LONGEST_VALUE]


def _comparable(name: str, value: str) -> str:
    return (address_of(value) if name == "organizer" else value).casefold()
