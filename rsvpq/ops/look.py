"""Show single lanes: one mailbox in detail, and the deepest lanes; and which servers to look at first."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rsvpq.lanes import Lanes
from rsvpq.lanes.status import ServerStatus
from rsvpq.ops.context import InvalidRequest, OperatorContext, require_count
from rsvpq.text import natural

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


def worst_first(servers: Mapping[str, ServerStatus]) -> list[str]:
    """Return the names of servers: first what stands still, then what has dead items, then by lag."""

    def urgency(name: str) -> tuple[object, ...]:
        server = servers[name]
        stands = server.paused is not None or bool(server.holds)
        return not stands, not server.dead, -(server.lag_s or 0.0), -server.pending, natural(name)

    return sorted(servers, key=urgency)
