"""Read what is between two attempts; changes nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rsvpq.lanes.namespace import Namespace
from rsvpq.lanes.reading import age_s, batched, left_s, value_of, values_of, whole

#: Items per round trip.
_BATCH = 1000
_FIELDS = ("mailbox", "server", "work", "attempts", "reason", "later_in", "offered")


@dataclass(frozen=True, slots=True)
class LaterItem:
    """An item between two attempts: how many were charged, why the last one ended, and the seconds until the next.

    ``offered_s`` is the age of the item; None if unknown.
    """

    id: str
    mailbox: str
    server: str
    work: str
    attempts: int
    reason: str
    next_s: float
    offered_s: float | None


def read_later_items(namespace: Namespace, most: int | None = None) -> Iterator[LaterItem]:
    """Yield the items that are between two attempts, at most ``most``, the next one first.

    Takes about 0.2 s for 10,000.
    """
    with namespace.redis.pipeline(transaction=False) as pipe:
        pipe.zrange(namespace.key("later"), 0, -1 if most is None else most - 1, withscores=True)
        found = value_of(pipe.execute(raise_on_error=False)[0], [])
    yield from _read(namespace, found)


def find_later_items(namespace: Namespace, ids: Sequence[str]) -> Iterator[LaterItem]:
    """Yield those of the given items that are between two attempts."""
    with namespace.redis.pipeline(transaction=False) as pipe:
        for item_id in ids:
            pipe.zscore(namespace.key("later"), item_id)
        due = values_of(pipe, (None,) * len(ids))
    yield from _read(namespace, [(item_id, due_us) for item_id, due_us in zip(ids, due, strict=True) if due_us])


def _read(namespace: Namespace, found: Sequence[tuple[str, float]]) -> Iterator[LaterItem]:
    """Read items, each given with the time of its next attempt."""
    now_us = namespace.time_us()
    for page in batched(found, _BATCH):
        records = [fields for _, fields in namespace.item_fields([item for item, _ in page], _FIELDS)]
        with namespace.redis.pipeline(transaction=False) as pipe:
            for (item_id, _), (_, server, *_) in zip(page, records, strict=True):
                pipe.zscore(namespace.unfinished(server or ""), item_id)
            offers = values_of(pipe, (None,) * len(page))
        for (item_id, due_us), fields, offered_us in zip(page, records, offers, strict=True):
            mailbox, server, work, attempts, reason, later_in, offered = fields
            yield LaterItem(
                id=item_id,
                mailbox=mailbox or "",
                server=server or "",
                work=work or "",
                attempts=whole(attempts),
                reason=reason or "",
                next_s=round(left_s(due_us, later_in, now_us), 3),
                offered_s=age_s(offered_us or offered, now_us),  # the record of a scan has it
            )
