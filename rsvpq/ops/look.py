"""Look at single lanes: one mailbox in detail, and the deepest ones."""

from dataclasses import asdict
from typing import Any

from rsvpq.lanes import Lanes
from rsvpq.ops.context import InvalidRequest, OperatorContext, require_count

#: Items of a lane that are shown one by one.
_SHOWN = 20


def mailbox(context: OperatorContext, name: str) -> dict[str, Any]:
    """One lane: what waits in it (the first of it one by one), what is in flight, its limits, its hold and pause.

    :raises InvalidRequest: it has no lane yet. :raises ConfigError: no such mailbox is in the list.
    """
    name = context.spelt("mailbox", name)
    lane = context.lanes.snapshot.lane(name, _SHOWN)
    if lane is None:
        raise InvalidRequest(f"{name} has no lane yet; it gets one with its first scan")
    shown = asdict(lane)
    limits, waiting = shown.pop("limits"), shown.pop("next")
    return {**shown, "limits_set_by_command": limits, "next": waiting}


def top(lanes: Lanes, most: int = 20) -> list[dict[str, Any]]:
    """The deepest lanes, the deepest first; those that are empty are left out.

    :raises InvalidRequest: ``most`` is no count.
    """
    require_count("most", most)
    return [{"mailbox": name, "pending": depth} for name, depth in lanes.snapshot.deepest(most)]
