"""Repair the ledger: put misplaced items back, set broken records aside, and count both.

Works in bounded steps while items are processed; any number of processes may do it at the same time.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from redis.exceptions import ResponseError

from rsvpq.lanes.dead_items import DeadItems
from rsvpq.lanes.namespace import Namespace
from rsvpq.lanes.reading import batched, microseconds, values_of, whole

#: Keys per step of a walk, and records per call of repair.lua.
_STEP, _BATCH = 1000, 50
#: Names of the records that repair.lua checks.
_REPAIRED = re.compile(r"(item|lane|mailbox|ready|unfinished):.|dead$", re.DOTALL)
#: Keys that are used without a script, and their types.
_WITHOUT_SCRIPT = {"drafts": "hash", "audit": "stream"}
#: Seconds that a mailbox is kept after it was first found missing from the list.
UNLISTED_KEPT_S = 30 * 86_400.0
#: Most calls of forget_gone.lua in a row.
_MOST_FORGET_STEPS = 20


@dataclass(frozen=True, slots=True)
class WalkStep:
    """One step of a walk through the ledger: the cursor of the next step (0 at the end), and the repaired records."""

    cursor: int
    repaired: int


@dataclass(frozen=True, slots=True)
class SlotCheck:
    """The last check of slots: items in flight, slots taken for them, and all counters ever found wrong.

    ``at_us`` is its time by the ledger's clock, 0 if there was no check yet.
    """

    at_us: int = 0
    in_flight: int = 0
    slots: int = 0
    wrong: int = 0


@dataclass(frozen=True, slots=True)
class BrokenRecord:
    """A record that was found broken: its key without the namespace, when last (us), and why.

    If a key was set aside, its content is kept for thirty days under ``aside:NAME``.
    """

    name: str
    at_us: int
    why: str


@dataclass(frozen=True, slots=True)
class RepairSummary:
    """The state of the ledger: the last check, listed broken records, and all broken records ever, by kind."""

    check: SlotCheck = field(default_factory=SlotCheck)
    named: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)


class Repair:
    """Checks and repairs the ledger of one namespace."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace

    def step(self, cursor: int = 0) -> WalkStep:
        """Check the next records of the ledger, and repair them."""
        prefix = self._namespace.key("")
        pattern = re.sub(r"([*?\[\]\\^])", r"\\\1", prefix) + "*"  # with the special characters of SCAN escaped
        cursor, keys = self._namespace.redis.scan(cursor, match=pattern, count=_STEP)
        names = [name for name in (key.removeprefix(prefix) for key in keys) if _REPAIRED.match(name)]
        repaired = sum(int(self._namespace.call("repair", *batch)) for batch in batched(names, _BATCH))
        return WalkStep(int(cursor), repaired)

    def walk(self) -> Iterator[WalkStep]:
        """Yield all steps of one walk through the whole ledger."""
        step = self.step()
        yield step
        while step.cursor:
            step = self.step(step.cursor)
            yield step

    def check_slots(self) -> int:
        """Compare the slots that are taken with the items in flight, and correct the counters.

        :returns: how many counters were wrong; -1 if too many items are in flight to count them.
        """
        return int(self._namespace.call("check_slots"))

    def quarantine(self, types: Mapping[str, str]) -> int:
        """Set keys of a wrong type aside; return how many there were.

        :param types: the expected types of the broker's keys, by full name, in the words of Redis' TYPE. Keys of the
            ledger that are used without a script are checked as well.
        """
        own = {self._namespace.key(name): kind for name, kind in _WITHOUT_SCRIPT.items()}
        return int(self._namespace.call("quarantine", *(part for pair in {**own, **types}.items() for part in pair)))

    def forget_gone(self) -> None:
        """Go on forgetting the decisions on messages that are gone."""
        for _ in range(_MOST_FORGET_STEPS):
            if not self._namespace.call("forget_gone"):
                return

    def forget_unlisted(self, listed: Collection[str], kept_s: float = UNLISTED_KEPT_S) -> int:
        """Forget the mailboxes that left the list long ago, if nothing of them is in the ledger; return how many.

        :param listed: the names in the list; if there is none, nothing is forgotten, because no list is in force.
        """
        if not listed:
            return 0
        gone = set(self._namespace.redis.smembers(self._namespace.mailboxes)).difference(listed)
        if gone:
            gone -= {item.mailbox for item in DeadItems(self._namespace).all()}
        calls = (
            self._namespace.call("forget_unlisted", microseconds(kept_s), *names)
            for names in batched(sorted(gone), _BATCH)
        )
        return sum(map(int, calls))

    def summary(self) -> RepairSummary:
        """Return the state of the ledger; reads only."""
        with self._namespace.redis.pipeline(transaction=False) as pipe:
            pipe.hmget(self._namespace.key("check"), "at", "in_flight", "slots", "wrong")
            pipe.hlen(self._namespace.broken)
            pipe.hgetall(self._namespace.counts())
            checked, named, counts = values_of(pipe, ((), 0, {}))
        by_kind = {
            label.removeprefix("broken:"): whole(count)
            for label, count in counts.items()
            if label.startswith("broken:")
        }
        return RepairSummary(SlotCheck(*map(whole, checked)), named, by_kind)

    def broken_records(self) -> Sequence[BrokenRecord]:
        """Return the listed broken records, newest first."""
        try:
            named: dict[str, str] = self._namespace.redis.hgetall(self._namespace.broken)
        except ResponseError:  # the list itself has a wrong type; the next broken record replaces it
            return ()
        texts = {name: text.partition(" ") for name, text in named.items()}
        found = [BrokenRecord(name, whole(at_us), why) for name, (at_us, _, why) in texts.items()]
        return sorted(found, key=lambda one: (-one.at_us, one.name))

    def forget_broken(self) -> None:
        """Clear the list of broken records; keep the counts, and what was set aside."""
        self._namespace.redis.delete(self._namespace.broken)
