"""What the lanes hold at this moment, for people and dashboards; reads only, and decides nothing."""

from dataclasses import asdict, dataclass, field
from typing import Any

from rsvpq.lanes.lanes import Lanes

#: Mailboxes per round trip.
_BATCH = 1000


@dataclass(slots=True)
class ServerStatus:
    """One server: its mailboxes, their pending items, items in flight, mailboxes that wait for pace or resume.

    ``held_s`` is how long the server itself is left alone yet, in seconds; ``paused`` the reason of a pause, or ''.
    """

    mailboxes: int = 0
    pending: int = 0
    in_flight: int = 0
    waiting: int = 0
    held_s: float = 0.0
    paused: str = ""


@dataclass(slots=True)
class Status:
    """All servers; items that wait for another attempt; dead ones; everything counted so far."""

    servers: dict[str, ServerStatus] = field(default_factory=dict)
    later: int = 0
    dead: int = 0
    paused: str = ""
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def unfinished(self) -> int:
        """Items that have not ended yet."""
        return self.later + sum(server.pending + server.in_flight for server in self.servers.values())

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready copy."""
        return asdict(self)


def read_status(lanes: Lanes) -> Status:
    """Read the status; walks all mailboxes in batches, so a glance at 10,000 takes a few tenths of a second."""
    redis, prefix = lanes.redis, lanes.prefix
    status = Status(
        later=redis.zcard(f"{prefix}:later"),
        dead=redis.zcard(f"{prefix}:dead"),
        paused=redis.hget(f"{prefix}:cfg", "paused") or "",
        counts=lanes.counts(),
    )
    now_s, now_us = redis.time()
    for name in redis.smembers(f"{prefix}:servers"):
        n, hold, paused = redis.hmget(f"{prefix}:server:{name}", "n", "hold", "paused")
        held_s = max(0.0, float(hold or 0) / 1e6 - now_s - now_us / 1e6)
        status.servers[name] = ServerStatus(in_flight=int(n or 0), held_s=held_s, paused=paused or "")
    mailboxes = sorted(redis.smembers(f"{prefix}:mailboxes"))
    for first in range(0, len(mailboxes), _BATCH):
        _add_mailboxes(lanes, status, mailboxes[first : first + _BATCH])
    return status


def _add_mailboxes(lanes: Lanes, status: Status, names: list[str]) -> None:
    with lanes.redis.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.hmget(f"{lanes.prefix}:mailbox:{name}", "server", "where")
            pipe.llen(f"{lanes.prefix}:lane:{name}")
        answers = pipe.execute()
    for (server, where), pending in zip(answers[::2], answers[1::2], strict=True):
        row = status.servers.setdefault(server, ServerStatus())
        row.mailboxes += 1
        row.pending += pending
        row.waiting += where in {"wait", "paused"}
