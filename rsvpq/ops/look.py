"""Look at single lanes: one mailbox in detail, and the deepest ones."""

from typing import Any

from rsvpq.lanes.lanes import Lanes
from rsvpq.ops.context import InvalidRequest, OperatorContext, require_count

#: Items of a lane that are shown one by one.
_SHOWN = 20
#: Mailboxes per round trip.
_BATCH = 2000
_FIELDS = ("state", "attempts", "reason", "work")


def mailbox(context: OperatorContext, name: str) -> dict[str, Any]:
    """One lane: what waits in it (the first of it one by one), what is in flight, its limits, its hold and pause.

    :raises InvalidRequest: it has no lane yet. :raises ConfigError: no such mailbox is in the list.
    """
    name = context.spelt("mailbox", name)
    lanes = context.lanes
    fields = lanes.redis.hgetall(f"{lanes.prefix}:mailbox:{name}")
    if "server" not in fields:
        raise InvalidRequest(f"{name} has no lane yet; it gets one with its first scan")
    with lanes.redis.pipeline(transaction=False) as pipe:
        pipe.llen(f"{lanes.prefix}:lane:{name}")
        pipe.lrange(f"{lanes.prefix}:lane:{name}", 0, _SHOWN - 1)
        pending, first = pipe.execute()
    now_us = lanes.time_us()
    held_s = max(0.0, (float(fields.get("hold", 0)) - now_us) / 1e6)
    scanned = fields.get("scanned")
    return {
        "mailbox": name,
        "server": fields["server"],
        "pending": pending,
        "in_flight": int(fields.get("n", 0)),
        "stands": fields.get("where", ""),
        "held_s": held_s,
        "held_why": fields.get("hold_why", "") if held_s else "",
        "paused": fields.get("paused", ""),
        "paused_by": fields.get("paused_by", ""),
        "scan_under_way": fields.get("scan", ""),
        "scanned_s": round((now_us - float(scanned)) / 1e6, 3) if scanned else None,
        "limits_set_by_command": {field: fields[field] for field in sorted(fields) if field.startswith("live_")},
        "next": _items(lanes, fields["server"], first, now_us),
    }


def top(lanes: Lanes, most: int = 20) -> list[dict[str, Any]]:
    """The deepest lanes, the deepest first; those that are empty are left out.

    :raises InvalidRequest: ``most`` is no count.
    """
    require_count("most", most)
    names = sorted(lanes.redis.smembers(f"{lanes.prefix}:mailboxes"))
    depths: list[int] = []
    for start in range(0, len(names), _BATCH):
        with lanes.redis.pipeline(transaction=False) as pipe:
            for name in names[start : start + _BATCH]:
                pipe.llen(f"{lanes.prefix}:lane:{name}")
            depths += pipe.execute()
    deepest = sorted(zip(depths, names, strict=True), key=lambda lane: (-lane[0], lane[1]))[:most]
    return [{"mailbox": name, "pending": depth} for depth, name in deepest if depth]


def _items(lanes: Lanes, server: str, item_ids: list[str], now_us: int) -> list[dict[str, Any]]:
    with lanes.redis.pipeline(transaction=False) as pipe:
        for item_id in item_ids:
            pipe.hmget(f"{lanes.prefix}:item:{item_id}", _FIELDS)
            pipe.zscore(f"{lanes.prefix}:unfinished:{server}", item_id)
        answers = iter(pipe.execute())
    found = zip(item_ids, answers, answers, strict=True)
    return [_item(item_id, fields, offered, now_us) for item_id, fields, offered in found]


def _item(item_id: str, fields: list[str | None], offered: float | None, now_us: int) -> dict[str, Any]:
    state, attempts, reason, work = fields
    known = {"id": item_id, "work": work or "", "state": state or "", "attempts": int(attempts or 0)}
    waited_s = None if offered is None else round((now_us - offered) / 1e6, 3)
    return {**known, "waited_s": waited_s, "reason": reason or ""}
