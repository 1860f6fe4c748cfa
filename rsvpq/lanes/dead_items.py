"""Find, retry and drop dead items."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rsvpq.lanes.ledger import OperatorAction
from rsvpq.lanes.namespace import Namespace
from rsvpq.lanes.reading import age_s, batched, json_object, value_of, values_of, whole

#: Items per round trip.
_BATCH = 500


@dataclass(frozen=True, slots=True)
class DeadItem:
    """A dead item: its work and payload, why it ended, and its journal.

    ``offered_us`` and ``dead_us`` are times by Redis' clock, in microseconds since the epoch.
    """

    id: str
    work: str
    mailbox: str
    reason: str
    attempts: int
    payload: dict[str, Any]
    journal: dict[str, Any]
    server: str = ""
    generation: int = 0
    offered_us: int = 0
    dead_us: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready copy."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class DeadOfMailbox:
    """The dead items of one mailbox: how many, the age of the first in seconds, and the reason of the last.

    ``works`` are the kinds of work that they are.
    """

    count: int
    since_s: float | None
    reason: str
    works: frozenset[str] = frozenset()


class DeadItems:
    """The dead items of one namespace."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace

    def all(self) -> Iterator[DeadItem]:
        """Yield all items that are dead now, newest first; skip those that are retried or dropped meanwhile."""
        with self._namespace.redis.pipeline(transaction=False) as pipe:
            pipe.zrange(self._namespace.dead, 0, -1, desc=True)
            newest = value_of(pipe.execute(raise_on_error=False)[0], [])
        for page in batched(newest, _BATCH):
            yield from self.find(page)

    def by_mailbox(self) -> dict[str, DeadOfMailbox]:
        """Return what is dead in each mailbox, by its name; takes about 0.2 s for 10,000 items."""
        space = self._namespace
        with space.redis.pipeline(transaction=False) as pipe:
            pipe.zrange(space.dead, 0, -1, withscores=True)
            oldest = value_of(pipe.execute(raise_on_error=False)[0], [])
        now_us, found = space.time_us(), dict[str, DeadOfMailbox]()
        died_us = dict(oldest)
        for item_id, (mailbox, reason, work) in space.item_fields(list(died_us), ("mailbox", "reason", "work")):
            if mailbox:
                before = found.get(mailbox, DeadOfMailbox(0, age_s(died_us[item_id], now_us), ""))
                works = before.works | {work or ""}
                found[mailbox] = DeadOfMailbox(before.count + 1, before.since_s, reason or "", works)
        return found

    def find(self, item_ids: Sequence[str]) -> list[DeadItem]:
        """Return the dead items among the given ids, in the same order."""
        with self._namespace.redis.pipeline(transaction=False) as pipe:
            for item_id in item_ids:
                pipe.hgetall(self._namespace.item(item_id))
                pipe.zscore(self._namespace.dead, item_id)
            replies = values_of(pipe, ({}, None) * len(item_ids))
        return [
            DeadItem(
                id=item_id,
                work=fields.get("work", ""),
                mailbox=fields.get("mailbox", ""),
                reason=fields.get("reason", ""),
                attempts=whole(fields.get("attempts")),
                payload=json_object(fields.get("payload")) or {},
                journal=json_object(fields.get("journal")) or {},
                server=fields.get("server", ""),
                generation=whole(fields.get("generation")),
                offered_us=whole(fields.get("offered")),
                dead_us=whole(score),
            )
            for item_id, fields, score in zip(item_ids, replies, replies, strict=True)
            if fields and score is not None
        ]

    def retry(self, item_ids: Sequence[str], action: OperatorAction) -> dict[str, str]:
        """Put dead items back at the head of their lanes; reset their attempts, and keep their journals.

        :returns: ``retried`` for each item, or its unchanged state; ``unknown`` if there is no such item.
        """
        return self._settle("retry", {one: (one, f"{action.token}:{one}", action.who, action.why) for one in item_ids})

    def drop(self, item_ids: Sequence[str], action: OperatorAction) -> dict[str, str]:
        """Give up dead items for good; no scan offers them again.

        :returns: ``dropped`` for each item, or its unchanged state; ``unknown`` if there is no such item.
        """
        return self._settle("drop", {one: (one, action.who, action.why) for one in item_ids})

    def _settle(self, script: str, args: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
        with self._namespace.redis.pipeline(transaction=False) as pipe:
            for of_item in args.values():
                self._namespace.call(script, *of_item, pipe=pipe)
            return dict(zip(args, pipe.execute(), strict=True))
