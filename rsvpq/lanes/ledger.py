"""The ledger: every item from offer to outcome, one method per Lua script, and no decision of its own.

Every item (a scan of a mailbox, or one message) lives here; Celery only carries items that may run now. Nothing here
knows Celery, HTTP or settings.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf
from typing import Any, Literal

from rsvpq.lanes.limits import LIMIT_FIELDS, Lane, limit_fields
from rsvpq.lanes.namespace import Namespace
from rsvpq.lanes.reading import json_object, microseconds
from rsvpq.lanes.records import DecisionBatch
from rsvpq.lanes.topics import Memory

#: What came of writing a step down; see record.lua.
Recorded = Literal["ok", "held", "lost", "taken"]

#: Released by one call at most: bounds how long Redis is held (about 25 us each).
MOST_RELEASED_AT_ONCE = 100
#: Ended leases that one call takes back at most.
MOST_SWEPT_AT_ONCE = 100
#: Of the reason for a hold, in characters.
_LONGEST_WHY = 300


class StartResult(StrEnum):
    """What a delivery learns when it asks to start its item; only RUN may go on."""

    RUN = "run"
    STALE = "stale"
    RUNNING = "running"
    FINAL = "final"
    UNKNOWN = "unknown"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Item:
    """Something to do in a mailbox: ``work`` is the task, ``pool`` the workers it is for, ``payload`` is JSON-ready.

    ``facts`` go into every record that the audit keeps of it (see :mod:`rsvpq.audit.record`). ``topic`` is what all
    items of the mailbox have in common that are about the same thing; what it was settled with outlives them.
    """

    id: str
    work: str
    pool: str
    payload: Mapping[str, Any]
    facts: str = ""
    topic: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """An item that may run now, under ``generation``; it must be published to Celery without delay."""

    id: str
    generation: int
    work: str
    mailbox: str
    server: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class OfferResult:
    """What became of an offer: how many items were new, and what was released in the same breath."""

    new: int
    released: tuple[Release, ...]


@dataclass(frozen=True, slots=True)
class Start:
    """What a delivery learns; the fields after ``result`` are filled only for RUN. ``attempt`` counts from 1.

    ``now_us`` is the ledger's clock, ``memory`` what the item's topic was settled with, '' for nothing; what was
    settled longer than ``vouched_s`` ago the ledger may have forgotten: after a loss of Redis everything. Of an item
    without a topic nothing can be. ``lease_s`` is how long the item is the owner's.
    """

    result: StartResult
    work: str = ""
    mailbox: str = ""
    server: str = ""
    payload: dict[str, Any] = field(default_factory=dict)
    journal: dict[str, Any] = field(default_factory=dict)
    attempt: int = 0
    id: str = ""
    now_us: int = 0
    memory: str = ""
    vouched_s: float = inf
    lease_s: float = 0


@dataclass(frozen=True, slots=True)
class Finish:
    """How an item ended: its state now (or ``replay``, ``lost``), and what was released into the freed slots."""

    state: str
    released: tuple[Release, ...]


class Ledger:
    """The items of one namespace.

    :param works: the tasks that there are, where an item of any other is to be set aside; every task will do for none.
    """

    def __init__(self, namespace: Namespace, works: Collection[str] = ()) -> None:
        self._namespace = namespace
        self._works = works

    def offer_scans(self, scans: Iterable[tuple[Lane, Item]]) -> dict[str, str]:
        """Offer each mailbox a scan; return for each ``offered``, ``scanning`` or ``full`` (see offer_scan.lua)."""
        scans = list(scans)
        with self._namespace.redis.pipeline(transaction=False) as pipe:
            for lane, item in scans:
                limits = limit_fields(lane.limits) if lane.limits else dict.fromkeys(LIMIT_FIELDS, "")
                args = (lane.name, lane.server, item.id, item.work, item.pool, json.dumps(dict(item.payload)))
                self._namespace.call(
                    "offer_scan", *args, *(limits[field] for field in LIMIT_FIELDS), item.facts, pipe=pipe
                )
            return {lane.name: result for (lane, _), result in zip(scans, pipe.execute(), strict=True)}

    def offer(self, lane: Lane, items: Sequence[Item], *, release: int = 0, policy: str = "") -> OfferResult:
        """Append the items that are new or are to be looked at again; release up to ``release`` of whatever may run.

        :param policy: the fingerprint of the one in force; what was left alone under another is looked at again.
        """
        args: list[str] = []
        for item in items:
            args += (item.id, item.work, item.pool, json.dumps(dict(item.payload)), item.facts, item.topic)
        new, released = self._namespace.call("offer", lane.name, lane.server, release, policy, *args)
        return OfferResult(new, self._releases(released))

    def record_decisions(self, lane: Lane, decisions: DecisionBatch) -> int:
        """Record in the audit those of a page's decisions that are new or changed; return how many these were."""
        recorded: int = self._namespace.call("record_decisions", lane.name, lane.server, *decisions.to_args())
        return recorded

    def claim(self, name: str, identity: str, instead_of: str = "") -> tuple[str, int]:
        """Work a mailbox under this name, unless another has it; see claim.lua.

        :param instead_of: a name that is not in the list any more. :returns: the name that has it, and how many of that
            name's items are in flight if it is another.
        """
        holder, in_flight = self._namespace.call("claim", name, identity, instead_of)
        return holder, in_flight

    def release(self, most: int = MOST_RELEASED_AT_ONCE) -> tuple[Release, ...]:
        """Release what has become due; the caller publishes it."""
        return self._releases(self._namespace.call("release", most))

    def report_threads(self, worker: str, threads: int, pools: Iterable[str], believed_s: float) -> None:
        """Report how many threads a worker has for these pools, which is believed for so many seconds."""
        self._namespace.call("report_threads", worker, threads, microseconds(believed_s), *pools)

    def start(self, item_id: str, generation: int, owner: str) -> Start:
        """Ask to run a delivered item; ``owner`` is unique to this delivery."""
        result, *rest = self._namespace.call("start", item_id, generation, owner)
        if result != StartResult.RUN:
            return Start(StartResult(result))
        work, mailbox, server, payload, journal, attempt, now_us, memory, vouched, lease_us = rest
        content, steps = json_object(payload), json_object(journal)
        if content is None or steps is None:
            # What it did before is not known, so nothing may be done now; see shared/items.lua for how it comes back.
            self._namespace.call("discard", item_id, generation, "unreadable")
            return Start(StartResult.UNKNOWN)
        known = (work, mailbox, server, content, steps, int(attempt), item_id)
        return Start(StartResult.RUN, *known, int(now_us), memory, float(vouched), int(lease_us) / 1e6)

    def renew(self, item_id: str, generation: int, owner: str) -> float:
        """Extend the lease of a running item; for how many seconds it is the owner's from now, 0 if it is not."""
        lease_us: int = self._namespace.call("renew", item_id, generation, owner)
        return lease_us / 1e6

    def record(
        self,
        item_id: str,
        generation: int,
        owner: str,
        journal: Mapping[str, Any],
        *,
        intent: bool,
        step: str = "",
        decisions: DecisionBatch | None = None,
        memory: Memory | None = None,
    ) -> Recorded:
        """Journal a step and extend the lease; ``intent`` where the next thing done presses the server.

        :param step: what the audit calls it; '' where it is no side effect.
        :param decisions: the decision it is done for, if that is still to be recorded.
        :param memory: what is remembered of the item's topic from here on, if that is another than before.
        """
        more = [*(memory.to_args() if memory else ("", "", 1)), *(decisions.to_args() if decisions else [])]
        recorded: Recorded = self._namespace.call(
            "record", item_id, generation, owner, json.dumps(journal), int(intent), step, *more
        )
        return recorded

    def finish(  # noqa: PLR0913 - one keyword for each argument of the script
        self,
        item_id: str,
        generation: int,
        owner: str,
        how: Literal["done", "left", "dead", "later", "throttled", "held"],
        *,
        label: str,
        counts: Mapping[str, int] | None = None,
        reason: str = "",
        delay_s: float = 0,
        remember_s: float = 60,
        hold: Literal["", "mailbox", "server"] = "",
        release: int = 0,
        result: str = "",
        recorded_reason: str | None = None,
        longest_s: float = 0,
        disputed_s: float = 0,
        policy: str = "",
        on_hold: str = "",
        undone: bool = False,
    ) -> Finish:
        """End a running item; see finish.lua for ``how``.

        ``label`` is what it is counted under, and ``counts`` what else is counted, once however often this is replayed.
        ``result`` is a word for the audit, and ``recorded_reason`` the reason as it may have it, if that is not
        ``reason``.
        What is left alone is looked at again after ``delay_s``, twice as long each time up to ``longest_s``, or under
        another ``policy`` than the one whose fingerprint this is, but not sooner than after ``disputed_s`` where the
        scan that offered it had another one already; ``on_hold`` says why it waits for a person.
        Where nothing came of what was begun (``undone``), what is remembered of its topic says so.
        """
        more = [part for pair in (counts or {}).items() for part in pair]
        args = (how, label, reason, microseconds(delay_s), max(1, round(remember_s)), hold, release)
        audit = (result, (reason if recorded_reason is None else recorded_reason)[:_LONGEST_WHY])
        left = (microseconds(longest_s), policy, on_hold)
        state, released = self._namespace.call(
            "finish", item_id, generation, owner, *args, *audit, *left, int(undone), microseconds(disputed_s), *more
        )
        return Finish(state, self._releases(released))

    def refuse(self, item_id: str, why: str, *, at_once: bool) -> bool:
        """Note that a worker threw a delivery away; whether the item was released and had not started.

        :param at_once: take the item back with the next sweep, not when its release lease ends.
        """
        return bool(self._namespace.call("refuse", item_id, why, int(at_once)))

    def sweep(self, most: int = MOST_SWEPT_AT_ONCE, *, expected_us: int = 0) -> tuple[int, int]:
        """Take back items whose lease has ended: how many wait again, how many are dead.

        :param expected_us: what the ledger's clock should say, by one that only measures; where it says much more, it
            was put forward, and no lease ends by that. 0 where it is not known.
        """
        back, dead = self._namespace.call("sweep", most, expected_us)
        return back, dead

    def _releases(self, rows: Sequence[list[str]]) -> tuple[Release, ...]:
        """What a script released; an item that cannot be read is set aside, and the others go."""
        released = []
        for item_id, generation, work, mailbox, server, text in rows:
            payload = json_object(text)
            if payload is None or (self._works and work not in self._works):
                self._namespace.call("discard", item_id, generation, "unreadable")
            else:
                released.append(Release(item_id, int(generation), work, mailbox, server, payload))
        return tuple(released)
