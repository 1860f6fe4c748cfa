"""Keeping the ledger in order: what stands nowhere is put back, what is broken is set aside, and both are told.

All of it goes in bounded steps, beside the work; any number of processes may do it at once.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from redis.exceptions import ResponseError

from rsvpq.lanes.lanes import Lanes
from rsvpq.lanes.reading import kept, number, whole

#: Keys of Redis per step of a walk, and of these, records per call of mend.lua.
_STEP, _BATCH = 1000, 50
#: Records that mend.lua looks at.
_MENDED = re.compile(r"(item|lane|mailbox|ready|unfinished):.|dead$", re.DOTALL)
#: Keys that are read or written without a script, and their types.
_WITHOUT_SCRIPT = {"drafts": "hash", "audit": "stream"}
#: Steps of forgetting in a row.
_MOST_TIDIED = 20
#: The most broken records that lib.lua names.
MOST_NAMED = 1000


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a walk through the ledger: where the next begins, 0 at the end, and how many were put right."""

    cursor: int
    mended: int


@dataclass(frozen=True, slots=True)
class Check:
    """What the last check has found: items in flight, the slots taken for them, and how many counters were ever wrong.

    ``at_us`` is the ledger's time of it, 0 where there was none yet.
    """

    at_us: int = 0
    in_flight: int = 0
    slots: int = 0
    wrong: int = 0


@dataclass(frozen=True, slots=True)
class Broken:
    """A record that was found broken: its key without the namespace, the last time (us), and how.

    Where it was a key, its content is kept for thirty days under ``aside:NAME``.
    """

    name: str
    at_us: int
    why: str


@dataclass(frozen=True, slots=True)
class Order:
    """How well the ledger is in order; ``counts`` are broken records by kind, ever since they were counted."""

    check: Check = field(default_factory=Check)
    named: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)


def walk(lanes: Lanes, cursor: int = 0) -> Step:
    """Look at the next records of the ledger, and put right what is not."""
    cursor, keys = lanes.redis.scan(cursor, match=_escaped(f"{lanes.prefix}:") + "*", count=_STEP)
    names = [key.removeprefix(f"{lanes.prefix}:") for key in keys]
    names = [name for name in names if _MENDED.match(name)]
    batches = [names[first : first + _BATCH] for first in range(0, len(names), _BATCH)]
    return Step(int(cursor), sum(int(lanes.call("mend", *batch)) for batch in batches))


def walk_through(lanes: Lanes) -> Iterator[Step]:
    """All steps of one walk through the whole ledger."""
    step = walk(lanes)
    yield step
    while step.cursor:
        step = walk(lanes, step.cursor)
        yield step


def check_slots(lanes: Lanes) -> int:
    """Compare the slots that are taken with what is in flight: how many were wrong; -1 where too many to count."""
    return int(lanes.call("check"))


def set_aside(lanes: Lanes, types: Mapping[str, str]) -> int:
    """Take keys out of the way that are of another type than theirs; how many there were.

    :param types: those of the broker's keys by the whole name, as Redis calls them. Of our own, those that are read or
        written without a script are looked at as well.
    """
    own = {f"{lanes.prefix}:{name}": kind for name, kind in _WITHOUT_SCRIPT.items()}
    return int(lanes.call("aside", *(part for pair in {**own, **types}.items() for part in pair)))


def tidy(lanes: Lanes) -> None:
    """Go on forgetting what scans have found gone."""
    for _ in range(_MOST_TIDIED):
        if not lanes.call("tidy"):
            return


def order(lanes: Lanes) -> Order:
    """How well the ledger is in order; reads only."""
    with lanes.redis.pipeline(transaction=False) as pipe:
        pipe.hmget(f"{lanes.prefix}:check", "at", "in_flight", "slots", "wrong")
        pipe.hlen(f"{lanes.prefix}:broken")
        pipe.hgetall(f"{lanes.prefix}:counts")
        checked, named, counts = pipe.execute(raise_on_error=False)
    return Order(Check(*map(whole, kept(checked, ()))), kept(named, 0), broken_counts(kept(counts, {})))


def broken_counts(counts: Mapping[str, Any]) -> dict[str, int]:
    """Of all counts, those of broken records, by kind."""
    prefix = "broken:"
    return {label.removeprefix(prefix): whole(value) for label, value in counts.items() if label.startswith(prefix)}


def broken_records(lanes: Lanes) -> Sequence[Broken]:
    """The records that are named, the newest first."""
    try:
        told: dict[str, str] = lanes.redis.hgetall(f"{lanes.prefix}:broken")
    except ResponseError:  # of another type itself; the next one that is found mends it
        return ()
    found = [Broken(name, whole(number(text.partition(" ")[0])), text.partition(" ")[2]) for name, text in told.items()]
    return sorted(found, key=lambda one: (-one.at_us, one.name))


def forget_broken(lanes: Lanes) -> None:
    """Begin to name anew, after somebody has looked; the counts stay, and so does what was set aside."""
    lanes.redis.delete(f"{lanes.prefix}:broken")


def _escaped(text: str) -> str:
    """For SCAN, of whose patterns some characters are special."""
    return re.sub(r"([*?\[\]\\^])", r"\\\1", text)
