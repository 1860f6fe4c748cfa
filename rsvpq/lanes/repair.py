"""Keeping the ledger in order: what stands nowhere is put back, what is broken is set aside, and both are counted.

All of it goes in bounded steps, beside the work; any number of processes may do it at once.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from redis.exceptions import ResponseError

from rsvpq.lanes.batches import batched
from rsvpq.lanes.namespace import Namespace
from rsvpq.lanes.reading import number_of, values_of, whole

#: Keys of Redis per step of a walk, and of these, records per call of repair.lua.
_STEP, _BATCH = 1000, 50
#: Records that repair.lua looks at.
_REPAIRED = re.compile(r"(item|lane|mailbox|ready|unfinished):.|dead$", re.DOTALL)
#: Keys that are read or written without a script, and their types.
_WITHOUT_SCRIPT = {"drafts": "hash", "audit": "stream"}
#: Steps of forgetting in a row.
_MOST_FORGET_STEPS = 20


@dataclass(frozen=True, slots=True)
class WalkStep:
    """One step of a walk through the ledger: where the next begins, 0 at the end, and how many were put right."""

    cursor: int
    repaired: int


@dataclass(frozen=True, slots=True)
class SlotCheck:
    """What the last check has found: items in flight, the slots taken for them, and how many counters were ever wrong.

    ``at_us`` is the ledger's time of it, 0 where there was none yet.
    """

    at_us: int = 0
    in_flight: int = 0
    slots: int = 0
    wrong: int = 0


@dataclass(frozen=True, slots=True)
class BrokenRecord:
    """A record that was found broken: its key without the namespace, the last time (us), and how.

    Where it was a key, its content is kept for thirty days under ``aside:NAME``.
    """

    name: str
    at_us: int
    why: str


@dataclass(frozen=True, slots=True)
class RepairSummary:
    """How well the ledger is in order; ``counts`` are broken records by kind, ever since they were counted."""

    check: SlotCheck = field(default_factory=SlotCheck)
    named: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)


class Repair:
    """Looks through the ledger of one namespace, and puts right what is not."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace

    def step(self, cursor: int = 0) -> WalkStep:
        """Look at the next records of the ledger, and repair what is broken."""
        prefix = self._namespace.key("")
        cursor, keys = self._namespace.redis.scan(cursor, match=_escaped(prefix) + "*", count=_STEP)
        names = [name for name in (key.removeprefix(prefix) for key in keys) if _REPAIRED.match(name)]
        repaired = sum(int(self._namespace.call("repair", *batch)) for batch in batched(names, _BATCH))
        return WalkStep(int(cursor), repaired)

    def walk(self) -> Iterator[WalkStep]:
        """Take all steps of one walk through the whole ledger."""
        step = self.step()
        yield step
        while step.cursor:
            step = self.step(step.cursor)
            yield step

    def check_slots(self) -> int:
        """Compare the slots that are taken with what is in flight.

        :returns: how many counters were wrong; -1 where too many items are in flight to be counted.
        """
        return int(self._namespace.call("check_slots"))

    def quarantine(self, types: Mapping[str, str]) -> int:
        """Move keys out of the way that are of another type than theirs; return how many there were.

        :param types: those of the broker's keys by the whole name, as Redis calls them. Of our own, those that are read
            or written without a script are looked at as well.
        """
        own = {self._namespace.key(name): kind for name, kind in _WITHOUT_SCRIPT.items()}
        return int(self._namespace.call("quarantine", *(part for pair in {**own, **types}.items() for part in pair)))

    def forget_gone(self) -> None:
        """Go on forgetting what scans have found gone."""
        for _ in range(_MOST_FORGET_STEPS):
            if not self._namespace.call("forget_gone"):
                return

    def summary(self) -> RepairSummary:
        """Return how well the ledger is in order; reads only."""
        with self._namespace.redis.pipeline(transaction=False) as pipe:
            pipe.hmget(self._namespace.key("check"), "at", "in_flight", "slots", "wrong")
            pipe.hlen(self._namespace.broken)
            pipe.hgetall(self._namespace.counts())
            checked, named, counts = values_of(pipe, ((), 0, {}))
        return RepairSummary(SlotCheck(*map(whole, checked)), named, broken_counts(counts))

    def broken_records(self) -> Sequence[BrokenRecord]:
        """Return the records that are named, the newest first."""
        try:
            named: dict[str, str] = self._namespace.redis.hgetall(self._namespace.broken)
        except ResponseError:  # of another type itself; the next one that is found repairs it
            return ()
        found = [_broken_record(name, *text.partition(" ")) for name, text in named.items()]
        return sorted(found, key=lambda one: (-one.at_us, one.name))

    def forget_broken(self) -> None:
        """Begin to name anew, after somebody has looked; the counts stay, and so does what was set aside."""
        self._namespace.redis.delete(self._namespace.broken)


def broken_counts(counts: Mapping[str, Any]) -> dict[str, int]:
    """Of all counts, those of broken records, by kind."""
    prefix = "broken:"
    return {label.removeprefix(prefix): whole(value) for label, value in counts.items() if label.startswith(prefix)}


def _broken_record(name: str, at_us: str, _: str, why: str) -> BrokenRecord:
    return BrokenRecord(name, whole(number_of(at_us)), why)


def _escaped(text: str) -> str:
    """For SCAN, of whose patterns some characters are special."""
    return re.sub(r"([*?\[\]\\^])", r"\\\1", text)
