"""Show single lanes: one mailbox in detail, and the deepest lanes."""

from dataclasses import asdict
from typing import Any

from rsvpq.lanes import Lanes
from rsvpq.ops.context import InvalidRequest, OperatorContext, require_count

#: Waiting items of a lane that are listed.
_SHOWN = 20


def mailbox(context: OperatorContext, name: str) -> dict[str, Any]:
    """Return one lane: what waits (the first items in a list), what is in flight, its limits, hold and pause.

    :raises InvalidRequest: the mailbox has no lane yet. :raises ConfigError: no such mailbox is in the list.
    """
    name = context.resolve_name("mailbox", name)
    lane = context.lanes.snapshot.lane(name, _SHOWN)
    if lane is None:
        raise InvalidRequest(f"{name} has no lane yet; it gets one with its first scan")
    return asdict(lane)


def top(lanes: Lanes, most: int = 20) -> list[dict[str, Any]]:
    """Return the lanes with the most waiting items, deepest first, without empty ones.

    :raises InvalidRequest: ``most`` is not a whole number above zero.
    """
    require_count("most", most)
    return [{"mailbox": name, "pending": depth} for name, depth in lanes.snapshot.deepest(most)]
