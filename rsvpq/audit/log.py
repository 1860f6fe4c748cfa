"""Read the audit: page by page, filtered, and following new records."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain, islice

from rsvpq.audit.record import LONGEST_VALUE, Redaction, address_of
from rsvpq.lanes import Lanes
from rsvpq.lanes.audit_stream import LAST_MS
from rsvpq.lanes.reading import Entry

#: The fields of a record, in the order in which they are shown. ``time`` and ``id`` are derived from the stream's id.
FIELDS = (
    *("time", "event", "mailbox", "server", "kind", "step", "attempt", "decision", "rule", "result", "reason", "note"),
    *("subject", "organizer", "start", "uid", "occurrence", "run", "item", "who", "id"),
)
EVENTS = ("decision", "intent", "done", "failed", "dead", "operator")

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
        wanted = {}
        for name, value in values.items():
            if value:
                is_address = name in ("mailbox", "organizer")
                wanted[name] = _comparable(name, redaction.address(value) if is_address else value[:LONGEST_VALUE])
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

    def read(self, wanted: Filter) -> Iterator[AuditRecord]:
        """The wanted records, the oldest first."""
        for page in self.lanes.audit_stream.pages(wanted.first, wanted.last):
            yield from filter(wanted, map(_record, page))

    def newest(self, wanted: Filter, most: int) -> list[AuditRecord]:
        """The newest of the wanted records, at most so many, the oldest of them first."""
        pages = self.lanes.audit_stream.pages_backwards(wanted.first, wanted.last)
        records = filter(wanted, map(_record, chain.from_iterable(pages)))
        return list(islice(records, most))[::-1]

    def end(self) -> str:
        """The id of the newest record there is, for :meth:`follow`."""
        return self.lanes.audit_stream.end()

    def beginning(self) -> tuple[int | None, int | None]:
        """When the oldest record was made that there still is, in milliseconds, and how many there were before it.

        Both are None where there is no record; the count, where Redis is too old to tell it.
        """
        return self.lanes.audit_stream.beginning()

    def follow(self, wanted: Filter, after: str) -> Iterator[AuditRecord | None]:
        """The wanted records that come after this one; None where more may take a while."""
        for page in self.lanes.audit_stream.follow(after):
            yield from filter(wanted, map(_record, page))
            yield None


def _record(entry: Entry) -> AuditRecord:
    """The record of an entry: with its time, without empty fields."""
    entry_id, fields = entry
    # An entry that somebody else wrote may be of any time, also of none that can be written.
    moment = datetime.fromtimestamp(min(int(entry_id.partition("-")[0]), LAST_MS) / 1000, UTC)
    time = moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"
    values = {**fields, "time": time, "id": entry_id}
    return {name: values[name] for name in FIELDS if values.get(name)}


def _comparable(name: str, value: str) -> str:
    return (address_of(value) if name == "organizer" else value).casefold()
