"""The ledger: every item from offer to outcome. :class:`Ledger` has one method per Lua script; the scripts decide.

Every item (a scan of a mailbox, or one message) is stored here; Celery only carries items that may run now. This module
knows nothing about Celery, HTTP or settings. Beside the items it has what is stored in the same atomic steps: audit
records, what settled the topics of a mailbox, and the budget of answers of a run.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf
from typing import Any, Literal
from uuid import uuid4

from rsvpq.lanes.ending import Ending
from rsvpq.lanes.limits import LIMIT_FIELDS, Lane, limit_fields
from rsvpq.lanes.namespace import Namespace
from rsvpq.lanes.reading import batched, json_object, microseconds, number_of, value_of

#: Topics per call of the script.
_BATCH = 500
#: Mailboxes per call of regroup.lua, which blocks Redis for a few microseconds for each.
_REGROUPED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Memory:
    """What settles an item's topic from now on, in place of ``before``, which was known when the item was started."""

    text: str
    before: str
    keep_s: float


class Topics:
    """The topics of all mailboxes."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace

    def remember(self, mailbox: str, settled: Mapping[str, str], keep_s: float, unreadable: int = 0) -> None:
        """Store what settled topics, as read from the mailbox; the ledger then vouches for the last ``keep_s`` seconds.

        :param unreadable: how many messages of the mailbox could not be read; they are counted.
        """
        pages = list(batched(list(settled.items()), _BATCH)) or [()]
        for number_of_page, page in enumerate(pages, start=1):
            args = (mailbox, max(1, round(keep_s)), int(number_of_page == len(pages)), unreadable)
            self._namespace.call("remember", *args, *(part for pair in page for part in pair))

    def recall(self, mailbox: str, topic: str) -> tuple[str, float]:
        """Return what settled a topic ('' if unknown), and for how many seconds back nothing can be forgotten."""
        space, fields = self._namespace, ("identity", "remembers", "remembers_s")
        with space.redis.pipeline(transaction=False) as pipe:
            pipe.hmget(space.mailbox(mailbox), fields)
            identity, remembers, for_s = value_of(pipe.execute(raise_on_error=False)[0], (None,) * len(fields))
            pipe.get(space.key("topic", identity or mailbox, topic))
            pipe.hget(space.general, "start")
            text, start = (value_of(reply, None) for reply in pipe.execute(raise_on_error=False))
        return text or "", number_of(for_s) if start is not None and start == remembers else 0.0


@dataclass(frozen=True, slots=True)
class OperatorAction:
    """An operator action: who, what (pause, resume, limit), why, with which values, and where.

    ``facts`` name the mailbox, ``server`` is the server; the token identifies a replay.
    """

    who: str
    what: str
    why: str = ""
    values: str = ""
    facts: str = ""
    server: str = ""
    token: str = field(default_factory=lambda: uuid4().hex)

    def to_args(self) -> tuple[str, ...]:
        """Return the arguments of set.lua."""
        return (self.token, self.who, self.what, self.why, self.values, self.facts or "[]", self.server)


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """A decision on one message: item id, facts for the audit, decision, rule and reason.

    Without a decision the message is only noted as seen, and a worker decides.
    """

    id: str
    facts: str
    decision: str = ""
    rule: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DecisionBatch:
    """The decisions of a scan, or of a worker; ``scan`` is the item id of the scan, '' for a worker.

    They are remembered for ``remember_s`` after the last scan.
    """

    scan: str
    records: tuple[DecisionRecord, ...]
    remember_s: float

    def to_args(self) -> list[Any]:
        """Return the arguments of record_decisions.lua and record.lua."""
        args: list[Any] = [self.scan, max(1, round(self.remember_s))]
        for one in self.records:
            decided = (one.decision, one.rule, one.reason) if one.decision else ("", "", "")
            digest = hashlib.sha256("\0".join(decided).encode()).hexdigest()[:16] if one.decision else ""
            args += (one.id, digest, one.facts, *decided)
        return args


#: The result of recording a step; see record.lua.
Recorded = Literal["ok", "held", "lost", "taken"]

#: At most this many items are released by one call: bounds how long Redis is blocked (about 25 us each).
MOST_RELEASED_AT_ONCE = 100
#: At most this many items with expired leases are taken back by one call.
MOST_SWEPT_AT_ONCE = 100


class StartResult(StrEnum):
    """The result of starting a delivered item; only with RUN may it run."""

    RUN = "run"
    STALE = "stale"
    RUNNING = "running"
    FINAL = "final"
    UNKNOWN = "unknown"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Item:
    """Something to do in a mailbox: ``work`` is the task, ``pool`` the workers it is for, ``payload`` is JSON-ready.

    ``facts`` are part of every audit record of the item (see :mod:`rsvpq.audit.record`). ``topic`` is shared by all
    items of the mailbox that are about the same thing; what settled it is remembered longer than the items.
    """

    id: str
    work: str
    pool: str
    payload: Mapping[str, Any]
    facts: str = ""
    topic: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """An item that may run now, under ``generation``; publish it to Celery without delay."""

    id: str
    generation: int
    work: str
    mailbox: str
    server: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class OfferResult:
    """The result of an offer: how many items were new, and what was released in the same call."""

    new: int
    released: tuple[Release, ...]


@dataclass(frozen=True, slots=True)
class Start:
    """A start of a delivered item; the fields after ``result`` are set only for RUN. ``attempt`` counts from 1.

    ``now_us`` is the ledger's clock. ``memory`` is what settled the item's topic; '' if nothing is known. The ledger
    may have forgotten what was settled longer than ``vouched_s`` ago: everything, after a loss of Redis; for an item
    without a topic, nothing. ``lease_s`` is how long the owner holds the item. ``group`` is that of the mailbox as
    the ledger knows it.
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
    group: str = ""


@dataclass(frozen=True, slots=True)
class Finish:
    """The result of finishing an item: its new state (or ``replay``, ``lost``), and what was released in its place.

    ``held_s``: for how many seconds its work is held on the server, because this is a failure of an outage; 0 if not.
    """

    state: str
    released: tuple[Release, ...]
    held_s: float = 0.0


class Ledger:
    """The items of one namespace.

    :param works: the names of the known tasks; items of other tasks are set aside. If empty, all tasks are accepted.
    :param intent_replicas: how many replicas must have an intent before its effect may follow.
    """

    def __init__(self, namespace: Namespace, works: Collection[str] = (), intent_replicas: int = 0) -> None:
        self._namespace = namespace
        self._works = works
        self._intent_replicas = intent_replicas

    def offer_scans(self, scans: Iterable[tuple[Lane, Item]]) -> dict[str, str]:
        """Offer a scan to each mailbox; return ``offered``, ``scanning`` or ``full`` by name (see offer_scan.lua)."""
        scans = list(scans)
        with self._namespace.redis.pipeline(transaction=False) as pipe:
            for lane, item in scans:
                limits = limit_fields(lane.limits) if lane.limits else dict.fromkeys(LIMIT_FIELDS, "")
                args = (lane.name, lane.server, item.id, item.work, item.pool, json.dumps(dict(item.payload)))
                self._namespace.call(
                    "offer_scan", *args, *(limits[name] for name in LIMIT_FIELDS), item.facts, lane.group, pipe=pipe
                )
            return {lane.name: result for (lane, _), result in zip(scans, pipe.execute(), strict=True)}

    def offer(self, lane: Lane, items: Sequence[Item], *, release: int = 0, policy: str = "") -> OfferResult:
        """Append items that are new or due to be examined again; then release up to ``release`` items of any lane.

        :param policy: the fingerprint of the policy in force; items left alone under another are examined again.
        """
        args: list[str] = []
        for item in items:
            args += (item.id, item.work, item.pool, json.dumps(dict(item.payload)), item.facts, item.topic)
        new, released = self._namespace.call("offer", lane.name, lane.server, release, policy, *args)
        return OfferResult(new, self._releases(released))

    def record_decisions(self, lane: Lane, decisions: DecisionBatch) -> int:
        """Record the new or changed decisions of a page in the audit; return how many there were."""
        recorded: int = self._namespace.call("record_decisions", lane.name, lane.server, *decisions.to_args())
        return recorded

    def assign_groups(self, groups: Mapping[str, str]) -> int:
        """Take over the groups of mailboxes from the list, by name; '' for none.

        :returns: in how many of them nothing may start now, because their group is paused or rests.
        """
        stopped = 0
        for batch in batched(list(groups.items()), _REGROUPED_AT_ONCE):
            stopped += self._namespace.call("regroup", *(part for pair in batch for part in pair))
        return stopped

    def claim(self, name: str, identity: str, instead_of: str = "") -> tuple[str, int]:
        """Claim a mailbox for a name, unless another name has claimed it; see claim.lua.

        :param instead_of: a name whose claim is void, because it is no longer in the list.
        :returns: the name with the claim, and how many items of that name are in flight if it is another name.
        """
        holder, in_flight = self._namespace.call("claim", name, identity, instead_of)
        return holder, in_flight

    def release(self, most: int = MOST_RELEASED_AT_ONCE) -> tuple[Release, ...]:
        """Release up to ``most`` items that may run now; the caller must publish them."""
        return self._releases(self._namespace.call("release", most))

    def report_threads(self, worker: str, threads: int, pools: Iterable[str], believed_s: float) -> None:
        """Report how many threads a worker has for these pools; the report is valid for ``believed_s`` seconds."""
        self._namespace.call("report_threads", worker, threads, microseconds(believed_s), *pools)

    def start(self, item_id: str, generation: int, owner: str) -> Start:
        """Start a delivered item; ``owner`` is unique to this delivery."""
        result, *rest = self._namespace.call("start", item_id, generation, owner)
        if result != StartResult.RUN:
            return Start(StartResult(result))
        work, mailbox, server, payload, journal, attempt, now_us, memory, vouched, lease_us, group = rest
        content, steps = json_object(payload), json_object(journal)
        if content is None or steps is None:
            # Earlier steps are unknown, so nothing may be done now; shared/items.lua says how the item comes back.
            self._namespace.call("discard", item_id, generation, "unreadable")
            return Start(StartResult.UNKNOWN)
        known = (work, mailbox, server, content, steps, int(attempt), item_id)
        return Start(StartResult.RUN, *known, int(now_us), memory, float(vouched), int(lease_us) / 1e6, group)

    def renew(self, item_id: str, generation: int, owner: str) -> float:
        """Extend the lease of a running item; return its length in seconds, 0 if the owner has lost the item."""
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
        """Journal a step and extend the lease.

        :param intent: whether an effect follows, which puts load on the server.
        :param step: the name of the step in the audit; '' if it is not an effect.
        :param decisions: the decision that leads to the step, if it is not recorded yet.
        :param memory: what settles the item's topic from now on, if that changes.
        :raises NotReplicated: too few replicas have the intent, which is written; the effect must not follow.
        """
        settles = (memory.text, memory.before, max(1, round(memory.keep_s))) if memory else ("", "", 1)
        args = (json.dumps(journal), int(intent), step, *settles, *(decisions.to_args() if decisions else ()))
        place = (item_id, generation, owner)
        recorded: Recorded
        if intent and self._intent_replicas:
            recorded = self._namespace.call_replicated("record", *place, *args, replicas=self._intent_replicas)
        else:
            recorded = self._namespace.call("record", *place, *args)
        return recorded

    def finish(self, item_id: str, generation: int, owner: str, ending: Ending, *, release: int = 0) -> Finish:
        """End a running item, and release up to ``release`` items in its place."""
        state, released, *held_us = self._namespace.call("finish", item_id, generation, owner, *ending.to_args(release))
        return Finish(state, self._releases(released), sum(held_us) / 1e6)

    def refuse(self, item_id: str, why: str, *, at_once: bool) -> bool:
        """Note that a worker discarded a delivery; return whether the item was released and had not started.

        :param at_once: take the item back with the next sweep, instead of when its release lease ends.
        """
        return bool(self._namespace.call("refuse", item_id, why, int(at_once)))

    def sweep(self, most: int = MOST_SWEPT_AT_ONCE, *, expected_us: int = 0) -> tuple[int, int]:
        """Take back items with expired leases; return how many wait again, and how many are dead.

        :param expected_us: the expected time of the ledger's clock, from a monotonic clock; if the clock is far ahead,
            it was set forward, and all leases are renewed instead. 0 if unknown.
        """
        back, dead = self._namespace.call("sweep", most, expected_us)
        return back, dead

    def _releases(self, rows: Sequence[list[str]]) -> tuple[Release, ...]:
        """Return what a script released; unreadable items are set aside."""
        released = []
        for item_id, generation, work, mailbox, server, text in rows:
            payload = json_object(text)
            if payload is None or (self._works and work not in self._works):
                self._namespace.call("discard", item_id, generation, "unreadable")
            else:
                released.append(Release(item_id, int(generation), work, mailbox, server, payload))
        return tuple(released)


#: Seconds for which the budget of a run is kept: longer than any run takes.
COUNTED_S = 7 * 86_400


@dataclass(frozen=True, slots=True)
class RunBudget:
    """How many answers a run may still offer, for all its mailboxes together.

    Taken before an offer, and returned if a message was not new: a crash in between can only lead to fewer offers,
    never to more. ``key`` is the key of the number of answers taken. What is taken from the budget of a group is also
    taken from that of the whole run.
    """

    redis: Any
    key: str
    most: int
    whole: "RunBudget | None" = None

    def take(self, wanted: int) -> int:
        """Take up to ``wanted`` answers; return how many were left to take."""
        granted = self.whole.take(wanted) if self.whole else wanted
        over = min(granted, max(0, self._add(granted) - self.most))
        self.give_back(over)
        return granted - over

    def give_back(self, unused: int) -> None:
        """Return unused answers, for other scans of the run."""
        if unused:
            self._add(-unused)
            if self.whole:
                self.whole.give_back(unused)

    def give_back_of(self, item: str) -> None:
        """Return the answer of an item that was offered and not answered; has an effect once for each item."""
        if self.redis.set(f"{self.key}:not:{item}", "1", nx=True, ex=COUNTED_S):
            self.give_back(1)

    def _add(self, count: int) -> int:
        """Add to the answers taken and keep them for a while; both or neither, so that no number stays for ever."""
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.incrby(self.key, count)
            pipe.expire(self.key, COUNTED_S)
            taken: int = pipe.execute()[0]
        return taken
