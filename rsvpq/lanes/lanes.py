"""The ledger and its lanes, as Python calls: one method per Lua script, and no decision of their own.

Every item (a scan of a mailbox, or one message) lives here from offer to outcome; Celery only carries items that may
run now. Nothing here knows Celery, HTTP or settings. All scripts are safe to replay, because redis-py repeats a command
by itself when a reply is lost; each script's header says what its replay does.
"""

import codecs
import hashlib
import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from importlib import resources
from itertools import islice
from math import inf
from threading import local
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from redis import Redis
from redis.exceptions import NoScriptError, ResponseError

from rsvpq.lanes.limits import Lane, Limits, Rate
from rsvpq.lanes.reading import json_object, kept, left_s, number, whole

if TYPE_CHECKING:
    from redis.commands.core import Script

Scope = Literal["all", "mailbox", "server"]
#: What came of writing a step down; see record.lua.
Recorded = Literal["ok", "held", "lost", "taken"]
#: The pools of workers, by name, with the most items each may have in its hands.
Pools = Mapping[str, int]

_SCRIPTS = (
    *("offer", "offer_scan", "release", "start", "record", "finish", "sweep", "set", "decide"),
    *("refuse", "retry", "drop", "status", "remember", "claim", "renew", "crew"),
    *("configure", "discard", "mend", "check", "tidy", "aside"),
)

#: Dead items per round trip.
_DEAD_PAGE = 500
#: Released by one call at most: bounds how long Redis is held (about 25 us each).
MOST_RELEASED_AT_ONCE = 100
#: Of the reason for a hold, in characters.
_LONGEST_WHY = 300
#: How a client of Redis is to take what is no text, as its ``encoding_errors``. Redis keeps bytes, whoever wrote
#: them, and one field that is no UTF-8 must take along neither a whole status nor the command that would remove it.
#: It is read with a sign in the place of each bad byte; what is written must be text.
LENIENT = "rsvpq-lenient"
#: Ended leases that one call takes back at most.
MOST_SWEPT_AT_ONCE = 100
#: No limit is as large; see lib.lua.
_ENDLESS = 2.0**53
#: Topics per call that remembers them.
_REMEMBERED_AT_ONCE = 500


def _replace_what_is_read(error: UnicodeError) -> tuple[str | bytes, int]:
    if isinstance(error, UnicodeDecodeError):
        return codecs.replace_errors(error)
    raise error


codecs.register_error(LENIENT, _replace_what_is_read)


class Verdict(StrEnum):
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
class Memory:
    """What an item's topic is settled with from now on, instead of what was remembered when the item was started."""

    text: str
    before: str
    keep_s: float

    def to_args(self) -> tuple[Any, ...]:
        """As record.lua takes it."""
        return (self.text, self.before, max(1, round(self.keep_s)))


@dataclass(frozen=True, slots=True)
class Deed:
    """What an operator did, for the audit: who, what (pause, resume, limit), why, with which values, and where.

    ``facts`` tell the mailbox, and ``server`` the server; the token is what a replay is known by.
    """

    who: str
    what: str
    why: str = ""
    values: str = ""
    facts: str = ""
    server: str = ""
    token: str = field(default_factory=lambda: uuid4().hex)

    def to_args(self) -> tuple[str, ...]:
        """As set.lua takes it."""
        return (self.token, self.who, self.what, self.why, self.values, self.facts or "[]", self.server)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What was decided on one message: its item id, the audit's facts of it, what, by which rule, and why.

    Without a decision the message is only noted as seen: it is left to a worker.
    """

    id: str
    facts: str
    decision: str = ""
    rule: str = ""
    reason: str = ""

    def to_args(self) -> tuple[str, ...]:
        """As decide.lua takes it."""
        if not self.decision:
            return (self.id, "", self.facts, "", "", "")
        digest = hashlib.sha256("\0".join((self.decision, self.rule, self.reason)).encode()).hexdigest()[:16]
        return (self.id, digest, self.facts, self.decision, self.rule, self.reason)


@dataclass(frozen=True, slots=True)
class Rulings:
    """What a scan ruled, or later a worker; ``scan`` is the scan's item id, and '' where it was a worker.

    They are known for ``remember_s`` if no scan comes again.
    """

    scan: str
    rulings: tuple[Ruling, ...]
    remember_s: float

    def to_args(self) -> list[Any]:
        """As decide.lua and record.lua take them."""
        return [self.scan, max(1, round(self.remember_s)), *(part for one in self.rulings for part in one.to_args())]


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
class Offered:
    """What became of an offer: how many items were new, and what was released in the same breath."""

    new: int
    released: tuple[Release, ...]


@dataclass(frozen=True, slots=True)
class Start:
    """A delivery's answer; the fields after ``verdict`` are filled only for RUN. ``attempt`` counts from 1.

    ``now_us`` is the ledger's clock, ``memory`` what the item's topic was settled with, '' for nothing; what was
    settled longer than ``vouched_s`` ago the ledger may have forgotten: after a loss of Redis everything. Of an item
    without a topic nothing can be. ``lease_s`` is how long the item is the owner's.
    """

    verdict: Verdict
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


@dataclass(frozen=True, slots=True)
class Dead:
    """A dead item: what it was, why it ended, and what its journal says was done.

    ``offered_us`` and ``dead_us`` are Redis' time, in microseconds since the epoch.
    """

    id: str
    work: str
    mailbox: str
    reason: str
    attempts: int
    payload: dict[str, Any]
    journal: dict[str, Any]
    server: str = ""
    generation: int = 0
    offered_us: int = 0
    dead_us: int = 0

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready copy."""
        return asdict(self)


class Lanes:
    """The lanes of one namespace in one Redis.

    :param redis: a client with ``decode_responses=True``, and ``encoding_errors`` as :data:`LENIENT` says.
    :param namespace: prefix of every key; wrapped in braces, so that all keys share one cluster slot.
    :param now_us: a clock for tests, in microseconds; in production Redis' own clock decides.
    :param works: the tasks that there are, where an item of any other is to be set aside; every task will do for none.
    """

    def __init__(
        self,
        redis: Redis,
        namespace: str = "rsvpq",
        *,
        now_us: Callable[[], int] | None = None,
        works: Collection[str] = (),
    ) -> None:
        self._works = works
        # redis-py types every answer as bytes | str, whatever decode_responses says.
        self.redis: Any = redis
        self.prefix = "{" + namespace + "}"
        self._now_us = now_us
        self._threads = local()
        self._limits: list[_Limits] = []
        lib = _read("lib")
        # Each namespace has scripts of its own: that Redis does not know them tells each that it was started anew.
        texts = {name: f"{lib}{_read(name)}\n-- of {self.prefix}\n" for name in _SCRIPTS}
        self._scripts: dict[str, Script] = {name: redis.register_script(text) for name, text in texts.items()}

    def call(self, name: str, *args: Any) -> Any:
        """Run a script, for the other modules of this package."""
        return self._call(name, *args)

    def _call(self, name: str, *args: Any, pipe: Any = None) -> Any:
        """Run a script now, or put it into a pipeline."""
        script, now = self._scripts[name], self._now_us() if self._now_us else 0
        if pipe is not None:
            return script(keys=[self.prefix], args=[now, *args], client=pipe)
        try:
            return self._own.execute_command("EVALSHA", script.sha, 1, self.prefix, now, *args)
        except NoScriptError:
            if name in {"start", "record"}:
                self._count_start()
            return script(keys=[self.prefix], args=[now, *args])

    def _count_start(self) -> None:
        """Note, once, that Redis has been started: it may have lost the last of what it was told, or all."""
        start, key = self._scripts["start"], f"{self.prefix}:cfg"
        if not self.redis.script_exists(start.sha)[0]:
            # Where the number is lost, one that no mailbox can remember from before.
            self.redis.hsetnx(key, "start", self.time_us())
            try:
                self.redis.hincrby(key, "start", 1)
            except ResponseError:  # it is none, or the largest
                self.redis.hset(key, "start", self.time_us())
            self.redis.script_load(start.script)

    @property
    def _own(self) -> Any:
        """A client with a connection of this thread's own: a worker's threads would queue at the lock of a pool."""
        pid, client = getattr(self._threads, "own", (0, None))
        if pid != os.getpid():  # a connection is not inherited
            client = self.redis.client()
            self._threads.own = os.getpid(), client
        return client

    def configure(  # noqa: PLR0913 - one keyword for each value
        self,
        *,
        servers: Mapping[str, Limits],
        mailbox: Limits,
        pools: Pools,
        release_lease_s: float,
        run_lease_s: float,
        attempts: int,
        server_share: int = 100,
        audit_retention_s: float | None = None,
        audit_most: int | None = None,
    ) -> None:
        """Write the configured limits; idempotent, and what an operator changed at run time stays in force.

        ``server_share`` is the part of a pool's threads that one server may have, in percent; where there is only one
        server, nobody needs the others. Without ``audit_retention_s`` and ``audit_most`` the audit is not trimmed.
        """
        general: dict[str, Any] = {**_limit_fields(mailbox), "attempts": attempts}
        general |= {"release_lease": _us(release_lease_s), "run_lease": _us(run_lease_s)}
        general["server_share"] = server_share if len(servers) > 1 else 100
        if audit_retention_s is not None:
            general["audit_retention"] = _us(audit_retention_s)
        if audit_most is not None:
            general["audit_most"] = audit_most
        self._limits = [
            *(_Limits("server", name, _limit_fields(limits)) for name, limits in servers.items()),
            _Limits("pools", "", {f"most:{pool}": most for pool, most in pools.items()}),
            _Limits("cfg", "", general),
        ]
        with self.redis.pipeline(transaction=False) as pipe:
            for limits in self._limits:
                fields = (part for pair in limits.fields.items() for part in pair)
                self._call("configure", limits.scope, limits.name, *fields, pipe=pipe)
            pipe.execute()

    def configured(self) -> bool:
        """Whether there are limits, all that this process has written; without them nothing is released.

        A pause alone is none, and neither is what is no number above zero.
        """
        if not self._limits:
            return _is_positive(_field(self.redis, f"{self.prefix}:cfg", "attempts"))
        with self.redis.pipeline(transaction=False) as pipe:
            for limits in self._limits:
                pipe.hmget(f"{self.prefix}:{limits.key}", *limits.fields)
            found = pipe.execute(raise_on_error=False)
            for limits in self._limits:
                if limits.scope == "server":
                    pipe.sismember(f"{self.prefix}:servers", limits.name)
            listed = pipe.execute(raise_on_error=False)
        values = [value for row in found for value in (row if isinstance(row, list) else [None])]
        return all(map(_is_positive, values)) and all(answer == 1 for answer in listed)

    def offer_scans(self, scans: Iterable[tuple[Lane, Item]]) -> dict[str, str]:
        """Offer each mailbox a scan; says for each ``offered``, ``scanning`` or ``full`` (see offer_scan.lua)."""
        scans = list(scans)
        with self.redis.pipeline(transaction=False) as pipe:
            for lane, item in scans:
                limits = _limit_fields(lane.limits) if lane.limits else dict.fromkeys(_LIMIT_FIELDS, "")
                args = (lane.name, lane.server, item.id, item.work, item.pool, json.dumps(dict(item.payload)))
                self._call("offer_scan", *args, *(limits[field] for field in _LIMIT_FIELDS), item.facts, pipe=pipe)
            return {lane.name: answer for (lane, _), answer in zip(scans, pipe.execute(), strict=True)}

    def offer(self, lane: Lane, items: Sequence[Item], *, release: int = 0, policy: str = "") -> Offered:
        """Append the items that are new or are to be looked at again; release up to ``release`` of whatever may run.

        :param policy: the fingerprint of the one in force; what was left alone under another is looked at again.
        """
        args: list[str] = []
        for item in items:
            args += (item.id, item.work, item.pool, json.dumps(dict(item.payload)), item.facts, item.topic)
        new, released = self._call("offer", lane.name, lane.server, release, policy, *args)
        return Offered(new, self._releases(released))

    def decide(self, lane: Lane, rulings: Rulings) -> int:
        """Tell the audit those of a page's decisions that are new or changed; how many these were."""
        told: int = self._call("decide", lane.name, lane.server, *rulings.to_args())
        return told

    def claim(self, name: str, identity: str, instead_of: str = "") -> tuple[str, int]:
        """Work a mailbox under this name, unless another has it; see claim.lua.

        :param instead_of: a name that is not in the list any more. :returns: the name that has it, and how many of that
            name's items are in flight if it is another.
        """
        holder, in_flight = self._call("claim", name, identity, instead_of)
        return holder, in_flight

    def release(self, most: int = MOST_RELEASED_AT_ONCE) -> tuple[Release, ...]:
        """Release what has become due; the caller publishes it."""
        return self._releases(self._call("release", most))

    def crew(self, worker: str, threads: int, pools: Iterable[str], believed_s: float) -> None:
        """Say how many threads a worker has for these pools, which is believed for so many seconds."""
        self._call("crew", worker, threads, _us(believed_s), *pools)

    def start(self, item_id: str, generation: int, owner: str) -> Start:
        """Ask to run a delivered item; ``owner`` is unique to this delivery."""
        verdict, *rest = self._call("start", item_id, generation, owner)
        if verdict != Verdict.RUN:
            return Start(Verdict(verdict))
        work, mailbox, server, payload, journal, attempt, now_us, memory, vouched, lease_us = rest
        content, steps = json_object(payload), json_object(journal)
        if content is None or steps is None:
            # What it did before is not known, so nothing may be done now; see lib.lua for how it comes back.
            self._call("discard", item_id, generation, "unreadable")
            return Start(Verdict.UNKNOWN)
        known = (work, mailbox, server, content, steps, int(attempt), item_id)
        return Start(Verdict.RUN, *known, int(now_us), memory, float(vouched), int(lease_us) / 1e6)

    def renew(self, item_id: str, generation: int, owner: str) -> float:
        """Extend the lease of a running item; for how many seconds it is the owner's from now, 0 if it is not."""
        lease_us: int = self._call("renew", item_id, generation, owner)
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
        rulings: Rulings | None = None,
        memory: Memory | None = None,
    ) -> Recorded:
        """Journal a step and extend the lease; ``intent`` where the next thing done presses the server.

        :param step: what the audit calls it; '' where it is no side effect.
        :param rulings: the decision it is done for, if that is still to be told.
        :param memory: what is remembered of the item's topic from here on, if that is another than before.
        """
        more = [*(memory.to_args() if memory else ("", "", 1)), *(rulings.to_args() if rulings else [])]
        answer: Recorded = self._call(
            "record", item_id, generation, owner, json.dumps(journal), int(intent), step, *more
        )
        return answer

    def remember(self, mailbox: str, settled: Mapping[str, str], keep_s: float, unreadable: int = 0) -> None:
        """Remember what the mailbox says that topics were settled with, so far back; the ledger vouches for it then.

        :param unreadable: how many of its messages could not be read, which is counted.
        """
        told = list(settled.items())
        for first in range(0, max(1, len(told)), _REMEMBERED_AT_ONCE):
            page = told[first : first + _REMEMBERED_AT_ONCE]
            last = first + _REMEMBERED_AT_ONCE >= len(told)
            args = (mailbox, max(1, round(keep_s)), int(last), unreadable)
            self._call("remember", *args, *(part for pair in page for part in pair))

    def remembered(self, mailbox: str, topic: str) -> tuple[str, float]:
        """What a topic was settled with, '' for nothing; and for how many seconds back nothing can be forgotten."""
        fields = ("identity", "remembers", "remembers_s")
        with self.redis.pipeline(transaction=False) as pipe:
            pipe.hmget(f"{self.prefix}:mailbox:{mailbox}", fields)
            identity, remembers, for_s = kept(pipe.execute(raise_on_error=False)[0], (None,) * len(fields))
            pipe.get(f"{self.prefix}:topic:{identity or mailbox}:{topic}")
            pipe.hget(f"{self.prefix}:cfg", "start")
            text, start = (kept(answer, None) for answer in pipe.execute(raise_on_error=False))
        return text or "", number(for_s) if start is not None and start == remembers else 0.0

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
        told: str | None = None,
        longest_s: float = 0,
        disputed_s: float = 0,
        policy: str = "",
        on_hold: str = "",
        undone: bool = False,
    ) -> Finish:
        """End a running item; see finish.lua for ``how``.

        ``label`` is what it is counted under, and ``counts`` what else is counted, once however often this is replayed.
        ``result`` is a word for the audit, and ``told`` the reason as it may have it, if that is not ``reason``.
        What is left alone is looked at again after ``delay_s``, twice as long each time up to ``longest_s``, or under
        another ``policy`` than the one whose fingerprint this is, but not sooner than after ``disputed_s`` where the
        scan that offered it had another one already; ``on_hold`` says why it waits for a person.
        Where nothing came of what was begun (``undone``), what is remembered of its topic says so.
        """
        more = [part for pair in (counts or {}).items() for part in pair]
        args = (how, label, reason, _us(delay_s), max(1, round(remember_s)), hold, release)
        audit = (result, (reason if told is None else told)[:_LONGEST_WHY])
        left = (_us(longest_s), policy, on_hold)
        state, released = self._call(
            "finish", item_id, generation, owner, *args, *audit, *left, int(undone), _us(disputed_s), *more
        )
        return Finish(state, self._releases(released))

    def refuse(self, item_id: str, why: str, *, at_once: bool) -> bool:
        """Note that a worker threw a delivery away; whether the item was released and had not started.

        :param at_once: take the item back with the next sweep, not when its release lease ends.
        """
        return bool(self._call("refuse", item_id, why, int(at_once)))

    def sweep(self, most: int = MOST_SWEPT_AT_ONCE, *, expected_us: int = 0) -> tuple[int, int]:
        """Take back items whose lease has ended: how many wait again, how many are dead.

        :param expected_us: what the ledger's clock should say, by one that only measures; where it says much more, it
            was put forward, and no lease ends by that. 0 where it is not known.
        """
        back, dead = self._call("sweep", most, expected_us)
        return back, dead

    def _releases(self, rows: Sequence[list[str]]) -> tuple[Release, ...]:
        """What a script released; an item that cannot be read is set aside, and the others go."""
        released = []
        for item_id, generation, work, mailbox, server, text in rows:
            payload = json_object(text)
            if payload is None or (self._works and work not in self._works):
                self._call("discard", item_id, generation, "unreadable")
            else:
                released.append(Release(item_id, int(generation), work, mailbox, server, payload))
        return tuple(released)

    def counts(self) -> dict[str, int]:
        """Everything counted so far, by label."""
        return {label: whole(value) for label, value in self._hash(f"{self.prefix}:counts").items()}

    def _hash(self, key: str) -> dict[str, str]:
        """A whole hash; an empty one also where the key is of another type."""
        with self.redis.pipeline(transaction=False) as pipe:
            pipe.hgetall(key)
            found: dict[str, str] = kept(pipe.execute(raise_on_error=False)[0], {})
        return found

    def knows(self, mailbox: str) -> bool:
        """Whether a scan was ever offered to that mailbox."""
        return bool(self.redis.sismember(f"{self.prefix}:mailboxes", mailbox))

    def dead(self, most: int) -> list[Dead]:
        """Dead items, the newest first."""
        return list(islice(self.all_dead(), most))

    def all_dead(self) -> Iterator[Dead]:
        """Every item that is dead now, the newest first; those that are retried or dropped meanwhile may be missing."""
        with self.redis.pipeline(transaction=False) as pipe:
            pipe.zrange(f"{self.prefix}:dead", 0, -1, desc=True)
            newest = kept(pipe.execute(raise_on_error=False)[0], [])
        for first in range(0, len(newest), _DEAD_PAGE):
            yield from self.find_dead(newest[first : first + _DEAD_PAGE])

    def find_dead(self, item_ids: Sequence[str]) -> list[Dead]:
        """Those of the named items that are dead, in this order."""
        with self.redis.pipeline(transaction=False) as pipe:
            for item_id in item_ids:
                pipe.hgetall(f"{self.prefix}:item:{item_id}")
                pipe.zscore(f"{self.prefix}:dead", item_id)
            missing: tuple[Any, ...] = ({}, None) * len(item_ids)
            told = zip(pipe.execute(raise_on_error=False), missing, strict=True)
            answers = iter([kept(*pair) for pair in told])
        found = zip(item_ids, answers, answers, strict=True)
        return [
            _dead(item_id, fields, whole(score)) for item_id, fields, score in found if fields and score is not None
        ]

    def retry(self, item_ids: Sequence[str], deed: Deed) -> dict[str, str]:
        """Put dead items back at the head of their lanes, with no attempt counted and their journals kept.

        :returns: ``retried`` for each, or the state that it is in and stays in; ``unknown`` where there is none.
        """
        return self._bury("retry", item_ids, deed)

    def drop(self, item_ids: Sequence[str], deed: Deed) -> dict[str, str]:
        """Give dead items up for good; no scan offers them again. Answers ``dropped`` as :meth:`retry` does."""
        return self._bury("drop", item_ids, deed)

    def _bury(self, script: str, item_ids: Sequence[str], deed: Deed) -> dict[str, str]:
        with self.redis.pipeline(transaction=False) as pipe:
            for item_id in item_ids:
                self._call(script, item_id, f"{deed.token}:{item_id}", deed.who, deed.why, pipe=pipe)
            return dict(zip(item_ids, pipe.execute(), strict=True))

    def stand(self, batches: Iterable[Sequence[str]]) -> Iterator[str]:
        """Where mailboxes stand, summed by server: of each batch, or of a part of it, what status.lua says (JSON)."""
        for batch in batches:
            rest = list(batch)
            while rest:
                looked, told = self._call("status", *rest)
                rest = rest[looked:]
                yield str(told)

    def time_us(self) -> int:
        """The clock that all times of the ledger are of."""
        if self._now_us:
            return self._now_us()
        seconds, microseconds = self.redis.time()
        return int(seconds) * 1_000_000 + int(microseconds)

    def pause(self, scope: Scope, name: str = "", *, reason: str, deed: Deed | None = None) -> None:
        """Release and start nothing more there, and stop running items before their next effect, until resumed."""
        self._set(scope, name, deed, {"paused": reason or "paused"})

    def resume(self, scope: Scope, name: str = "", *, deed: Deed | None = None) -> None:
        """Undo :meth:`pause` of the same scope, and lift the hold of that server or mailbox."""
        self._set(scope, name, deed, {"paused": ""} if scope == "all" else {"paused": "", "hold": ""})

    def confirm(self, words: str, *, deed: Deed | None = None) -> None:
        """Note that an operator has confirmed live runs, in these words; '' takes it back."""
        self._set("all", "", deed, {"confirmed": words})

    def confirmed(self) -> str:
        """The words of :meth:`confirm`; '' where nobody has confirmed here."""
        words: str | None = self.redis.hget(f"{self.prefix}:cfg", "confirmed")
        return words or ""

    def tell(self, deed: Deed) -> None:
        """Tell the audit of something that changes nothing here."""
        self._set("all", "", deed, {})

    def hold(self, scope: Literal["mailbox", "server"], name: str, delay_s: float, reason: str = "") -> None:
        """Release nothing there for so long; never shortens a hold."""
        self._set(scope, name, Deed("", "hold", reason[:_LONGEST_WHY], token=""), {"hold": _us(delay_s)})

    def held(self, scope: Literal["mailbox", "server"], name: str) -> tuple[float, str]:
        """For how many seconds yet it is left alone, and why; (0, '') where it is not."""
        hold, length, why = self.redis.hmget(f"{self.prefix}:{scope}:{name}", "hold", "hold_for", "hold_why")
        for_s = left_s(hold, length, self.time_us())
        return for_s, why or "" if for_s else ""

    def limit(
        self,
        scope: Literal["mailbox", "server"],
        name: str,
        *,
        rate: Rate | None = None,
        burst: int | None = None,
        concurrency: int | None = None,
        deed: Deed | None = None,
    ) -> None:
        """Put limits in force over the configured ones; None takes the configured one again."""
        fields = {
            "live_interval": rate.interval_us if rate else "",
            "live_burst": burst or "",
            "live_concurrency": concurrency or "",
        }
        self._set(scope, name, deed, fields)

    def _set(self, scope: Scope, name: str, deed: Deed | None, fields: Mapping[str, Any]) -> None:
        told = deed.to_args() if deed else ("",) * 7
        self._call("set", scope, name, *told, *(part for pair in fields.items() for part in pair))


@dataclass(frozen=True, slots=True)
class _Limits:
    """What is configured of one hash, ``scope`` and ``name`` as configure.lua takes them."""

    scope: str
    name: str
    fields: Mapping[str, Any]

    @property
    def key(self) -> str:
        return f"{self.scope}:{self.name}" if self.name else self.scope


_LIMIT_FIELDS = ("interval", "burst", "concurrency", "weight")


def _limit_fields(limits: Limits) -> dict[str, Any]:
    values = (limits.rate.interval_us, limits.burst, limits.concurrency, limits.weight)
    return dict(zip(_LIMIT_FIELDS, values, strict=True))


def _dead(item_id: str, fields: Mapping[str, str], dead_us: int) -> Dead:
    return Dead(
        id=item_id,
        work=fields.get("work", ""),
        mailbox=fields.get("mailbox", ""),
        reason=fields.get("reason", ""),
        attempts=whole(fields.get("attempts")),
        payload=json_object(fields.get("payload")) or {},
        journal=json_object(fields.get("journal")) or {},
        server=fields.get("server", ""),
        generation=whole(fields.get("generation")),
        offered_us=whole(fields.get("offered")),
        dead_us=dead_us,
    )


def _is_positive(text: str | None) -> bool:
    return 0 < number(text) < _ENDLESS


def _field(redis: Any, key: str, field: str) -> str | None:
    """A field of a hash; None also where the key is no hash."""
    try:
        value: str | None = redis.hget(key, field)
    except ResponseError:
        return None
    return value


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)


def _read(name: str) -> str:
    return resources.files(__package__).joinpath(f"{name}.lua").read_text(encoding="utf-8")
