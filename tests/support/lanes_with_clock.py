"""A clock for lanes that a test turns, and the few things that tests of lanes do again and again."""

from dataclasses import dataclass
from typing import Any, Literal

from rsvpq.lanes import Ending, Item, Lane, Lanes, Release


@dataclass(slots=True)
class Clock:
    """A clock in microseconds that moves only when it is set."""

    us: int = 1_700_000_000_000_000

    def now_us(self) -> int:
        """Return the time."""
        return self.us

    def turn(self, seconds: float) -> None:
        """Let time pass."""
        self.us += round(seconds * 1_000_000)


def offer(lanes: Lanes, *item_ids: str, mailbox: str = "adele", server: str = "mail1") -> None:
    """Offer items, releasing none."""
    items = [Item(item_id, "workers.answer_request", "answer", {"kind": "request"}) for item_id in item_ids]
    lanes.ledger.offer(Lane(mailbox, server), items)


def released(lanes: Lanes, *item_ids: str, mailbox: str = "adele", server: str = "mail1") -> Release:
    """Offer items and release the first."""
    offer(lanes, *item_ids, mailbox=mailbox, server=server)
    (release,) = lanes.ledger.release()
    return release


def hold(
    lanes: Lanes,
    scope: Literal["server", "mailbox"],
    delay_s: float,
    why: str = "",
    *,
    item: str = "held",
    mailbox: str = "adele",
) -> None:
    """Have mail1 or a mailbox on it held, as by a worker that it turned away; the item goes on waiting in its lane."""
    release = released(lanes, item, mailbox=mailbox)
    lanes.ledger.start(item, release.generation, "worker")
    lanes.ledger.finish(
        item,
        release.generation,
        "worker",
        Ending("throttled", label="throttled", reason=why, delay_s=delay_s, hold=scope),
    )


def ledger(lanes: Lanes, item_id: str) -> dict[str, Any]:
    """Return the content of the ledger for an item."""
    facts: dict[str, Any] = lanes.namespace.redis.hgetall(f"{lanes.namespace.prefix}:item:{item_id}")
    return facts


def everything(lanes: Lanes) -> dict[str, Any]:
    """Return all keys with their content, to show that nothing was changed."""
    return {key: _value(lanes, key) for key in lanes.namespace.redis.scan_iter()}


def _value(lanes: Lanes, key: str) -> Any:
    read = {
        "hash": "hgetall",
        "zset": "zrange",
        "list": "lrange",
        "set": "smembers",
        "string": "get",
        "stream": "xrange",
    }
    name = read[lanes.namespace.redis.type(key)]
    arguments = (0, -1) if name in {"zrange", "lrange"} else ()
    return getattr(lanes.namespace.redis, name)(key, *arguments)
