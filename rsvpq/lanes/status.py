"""The status of all lanes, for people and dashboards; reads only.

All times are ages or remaining times in seconds, by Redis' clock; None if there is no value.
"""

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rsvpq.lanes.breakers import HOLD_FIELDS, Breaker, Hold, all_holds, breakers_of
from rsvpq.lanes.limits import Rate
from rsvpq.lanes.namespace import Namespace
from rsvpq.lanes.reading import age_s, batched, left_s, number_of, quiet_left_s, skipped_by_reason, values_of, whole
from rsvpq.lanes.repair import Repair

#: Mailboxes per call of status.lua, which blocks Redis for about 15 us for each mailbox with waiting items. A call
#: names as many of each kind (MOST_NAMED), so all that are paused or held are named, and can be counted.
_BATCH = 250
#: Labels under which earlier versions counted sightings.
_SIGHTINGS = ("skipped:", "scan:found")
#: Labels of the counts that are answers.
ANSWERED = ("done:answered", "done:accepted", "done:processed")
#: The reason for which a scan leaves messages alone that it held back over a cap.
OVER_THE_CAP = "over-the-cap"
#: Fields of a hash by name; None, or not there, if it has not the field.
HashFields = Mapping[str, str | None]
#: The part of the unfinished messages above the 95th percentile of the lag.
_OLDEST_PART = 0.05


@dataclass(slots=True)
class Backlog:
    """The number of mailboxes, and of items in their lanes, that wait for the same reason."""

    mailboxes: int = 0
    items: int = 0


@dataclass(slots=True)
class Pause:
    """A pause: its reason, who set it ('' if unknown), its age, and the seconds until it ends (None: never).

    It lasts until a dispatcher lifts it; where none runs, ``left_s`` is below 0, by how long its end is past.
    """

    reason: str
    by: str = ""
    age_s: float | None = None
    left_s: float | None = None

    @classmethod
    def of(cls, record: HashFields, now_us: int) -> "Pause | None":
        """Read :data:`PAUSE_FIELDS`; None if there is no pause."""
        reason, until_us = record.get("paused"), record.get("paused_until")
        if not reason:
            return None
        left = (number_of(until_us) - now_us) / 1e6 if until_us else None
        return cls(reason, record.get("paused_by") or "", age_s(record.get("paused_at"), now_us), left)


@dataclass(slots=True)
class GroupStatus:
    """What stops the mailboxes of a group: a pause, and quiet hours for so many seconds (0: there are none now).

    Groups that nothing stops have no status.
    """

    paused: Pause | None = None
    quiet_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Yardstick:
    """What the status of a mailbox is measured by, which the ledger does not know.

    :param closed: the names of the errors with which a scan says that its mailbox alone cannot be entered.
    :param late_s: by group, the seconds after which a scan is late; of groups that are not in it, that of None.
    """

    closed: frozenset[str] = frozenset()
    late_s: Mapping[str | None, float] = field(default_factory=dict)

    def to_text(self) -> str:
        """Return it as status.lua reads it."""
        late_us = {group: round(seconds * 1e6) for group, seconds in self.late_s.items()}
        late_else = {"late_else": late_us.pop(None)} if None in late_us else {}
        return json.dumps({"closed": sorted(self.closed), "late": late_us, **late_else})


#: For those who ask of no mailbox whether it can be scanned, or in time.
NO_YARDSTICK = Yardstick()


@dataclass(slots=True)
class Failing:
    """Mailboxes whose last scan has failed with one kind of error, or that are held for it: ``held`` of them are.

    ``since_s`` is the age of the first failure or hold.
    """

    mailboxes: int = 0
    held: int = 0
    since_s: float = 0.0


#: The fields of a pause: reason, who, when, and when it ends.
PAUSE_FIELDS = ("paused", "paused_by", "paused_at", "paused_until")
#: The fields of limits that an operator has set: interval (microseconds), burst, concurrency, who, when.
LIVE_FIELDS = ("live_interval", "live_burst", "live_concurrency", "live_by", "live_at")


@dataclass(slots=True)
class Override:
    """Limits that an operator has set at run time; None stands for the configured value.

    ``by`` and ``age_s`` are unknown if an earlier version of rsvpq has set them.
    """

    rate: str | None = None
    burst: int | None = None
    concurrency: int | None = None
    by: str = ""
    age_s: float | None = None

    @classmethod
    def of(cls, record: HashFields, now_us: int) -> "Override | None":
        """Read :data:`LIVE_FIELDS` of a mailbox or a server; None without a limit.

        What is not a number above zero does not apply, as in shared/limits.lua.
        """
        pace = number_of(record.get("live_interval"))
        limits = cls(
            rate=str(Rate.of_interval(pace)) if pace > 0 else None,
            burst=whole(record.get("live_burst")) or None,
            concurrency=whole(record.get("live_concurrency")) or None,
            by=record.get("live_by") or "",
            age_s=age_s(record.get("live_at"), now_us),
        )
        return limits if limits.rate or limits.burst or limits.concurrency else None

    @property
    def values(self) -> str:
        """The limits in words."""
        found = (("rate", self.rate), ("burst", self.burst), ("concurrency", self.concurrency))
        return ", ".join(f"{name} {value}" for name, value in found if value is not None)


@dataclass(slots=True)
class ServerStatus:
    """The status of one server.

    ``pending`` items wait in lanes (``waiting`` says why), ``released`` ones are with Celery, ``running`` ones with a
    worker, ``later`` ones between two attempts. ``unfinished`` is the number of messages in these states; ``lag_s`` is
    the time since the oldest of them was offered, ``lag_p95_s`` the 95th percentile; ``scan_lag_s`` is the age of the
    oldest scan that has not ended, without those of mailboxes that cannot be entered, or are held. ``failing`` has
    what keeps scans from succeeding, by the name of the error; ``late`` is how many mailboxes were not scanned in
    time. ``held_s`` is how long the hold of the server still lasts, ``held_why`` its reason, ``breakers`` what fails in
    a row there, by work, and ``holds`` all holds, also those of single works;
    ``held_mailboxes`` and ``paused_mailboxes`` are the mailboxes with a hold or pause of their own. ``on_hold`` is the
    number of messages that wait for a person, by reason; ``skipped`` of those that the last scan of each mailbox left
    alone. ``limits`` are those that an operator has set for the server,
    ``limited_mailboxes`` for its mailboxes. ``counts`` are its part of the counts of the status, by label.
    """

    mailboxes: int = 0
    pending: int = 0
    released: int = 0
    running: int = 0
    later: int = 0
    dead: int = 0
    answered: int = 0
    opened: int = 0
    unfinished: int = 0
    lag_s: float | None = None
    lag_p95_s: float | None = None
    scan_lag_s: float | None = None
    never_scanned: int = 0
    late: int = 0
    oldest_scan_s: float | None = None
    newest_scan_s: float | None = None
    failing: dict[str, Failing] = field(default_factory=dict)
    last_answer_s: float | None = None
    held_s: float = 0.0
    held_why: str = ""
    breakers: dict[str, Breaker] = field(default_factory=dict)
    on_hold: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    paused: Pause | None = None
    waiting: dict[str, Backlog] = field(default_factory=dict)
    paused_mailboxes: dict[str, Pause] = field(default_factory=dict)
    held_mailboxes: dict[str, Hold] = field(default_factory=dict)
    limits: Override | None = None
    limited_mailboxes: dict[str, Override] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def in_flight(self) -> int:
        """The number of items that hold a slot of the server."""
        return self.released + self.running

    @property
    def holds(self) -> list[Hold]:
        """The hold of everything on the server, if there is one, then those of single works."""
        return all_holds(self.held_s, self.held_why, self.breakers)


#: What the ledger keeps for whole servers, and so cannot say of some of their mailboxes.
BY_SERVER_ONLY = ("answered", "opened", "unfinished", "lag_s", "lag_p95_s", "last_answer_s", "counts")
_NOTHING = ServerStatus()


@dataclass(slots=True)
class LedgerState:
    """The state of the ledger: broken records, and the last check of slots.

    ``rsvpq repair`` lists the ``broken`` records; ``wrong_slots`` counters were ever corrected. ``in_flight`` items had
    ``slots`` slots ``checked_s`` ago; None if there was no check yet.
    """

    broken: int = 0
    in_flight: int = 0
    slots: int = 0
    wrong_slots: int = 0
    checked_s: float | None = None


@dataclass(slots=True)
class Status:
    """The status of all lanes: servers, items that wait for another attempt, dead items, and all counts.

    ``groups`` are those whose mailboxes are stopped; ``quiet_s`` is for how long the quiet hours of all mailboxes last.
    """

    servers: dict[str, ServerStatus] = field(default_factory=dict)
    groups: dict[str, GroupStatus] = field(default_factory=dict)
    later: int = 0
    dead: int = 0
    paused: Pause | None = None
    quiet_s: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    order: LedgerState = field(default_factory=LedgerState)

    @property
    def oldest_s(self) -> float | None:
        """The age of the oldest unfinished item, message or scan; None if there is none."""
        lags = (lag for server in self.servers.values() for lag in (server.lag_s, server.scan_lag_s))
        return max((lag for lag in lags if lag is not None), default=None)

    @property
    def skipped(self) -> dict[str, int]:
        """The number of messages that the last scan of each mailbox left alone, by reason."""
        return dict(sum((Counter(server.skipped) for server in self.servers.values()), Counter[str]()))

    @property
    def rests_everywhere(self) -> bool:
        """Whether each server is paused or held, so that nothing starts anywhere."""
        return bool(self.servers) and all(server.paused or server.held_s > 0 for server in self.servers.values())

    @property
    def unfinished(self) -> int:
        """The number of unfinished items."""
        return self.later + sum(server.pending + server.in_flight for server in self.servers.values())

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready copy."""
        return asdict(self)


class StatusReader:
    """Reads the status of one namespace, once."""

    def __init__(self, namespace: Namespace, yardstick: Yardstick = NO_YARDSTICK) -> None:
        self._namespace = namespace
        self._yardstick = yardstick.to_text()
        self._redis = namespace.redis
        self._now_us = namespace.time_us()

    def read(self, listed: Collection[str] = ()) -> Status:
        """Return the status of all mailboxes; see :meth:`rsvpq.lanes.snapshot.Snapshot.status`."""
        space = self._namespace
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.zcard(space.key("later"))
            pipe.zcard(space.dead)
            pipe.hmget(space.general, _STOPS)
            pipe.smembers(space.servers)
            pipe.smembers(space.mailboxes)
            pipe.hgetall(space.counts())
            replies = values_of(pipe, (0, 0, (None,) * len(_STOPS), (), (), {}))
        later, dead, stops, servers, mailboxes, counts = replies
        status = self._stopped(stops)
        status.later, status.dead = later, dead
        status.counts = _counts(counts)
        status.servers = {name: ServerStatus() for name in sorted(servers)}
        summary = Repair(space).summary()
        check = summary.check
        status.order = LedgerState(summary.named, check.in_flight, check.slots, check.wrong, self._age(check.at_us))
        gone = set(mailboxes).difference(listed) if listed else set()
        self._add_mailboxes(status, sorted(set(mailboxes) - gone))
        self._add_mailboxes(status, sorted(gone), listed=False)
        self._add_servers(status)
        self._add_in_flight(status)
        return status

    def read_part(self, members: Collection[str]) -> Status:
        """Return the status of some mailboxes; see :meth:`rsvpq.lanes.snapshot.Snapshot.status_of`."""
        space = self._namespace
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.hmget(space.general, _STOPS)
            pipe.smembers(space.mailboxes)
            stops, mailboxes = values_of(pipe, ((None,) * len(_STOPS), ()))
        status = self._stopped(stops)
        self._add_mailboxes(status, sorted(set(mailboxes).intersection(members)))
        self._add_servers(status)
        for server in status.servers.values():
            for name in BY_SERVER_ONLY:
                setattr(server, name, getattr(_NOTHING, name))
            server.later = server.dead = 0
        self._add_in_flight(status, members)
        for key, state in ((space.key("later"), "later"), (space.dead, "dead")):
            self._add_items(status, key, {state}, members)
        status.later, status.dead = (
            sum(getattr(server, state) for server in status.servers.values()) for state in ("later", "dead")
        )
        return status

    def _stopped(self, stops: Sequence[str | None]) -> Status:
        """Return a status that has only what stops everything or groups, by :data:`_STOPS` of everything."""
        everything = self._group(stops)
        return Status(groups=self.groups(), paused=everything.paused, quiet_s=everything.quiet_s)

    def groups(self) -> dict[str, GroupStatus]:
        """Return the groups whose mailboxes are stopped."""
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.smembers(self._namespace.groups)
            [found] = values_of(pipe, [()])
        names = sorted(map(str, found))
        with self._redis.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.hmget(self._namespace.group(name), _STOPS)
            replies = values_of(pipe, ((None,) * len(_STOPS),) * len(names))
        groups = {name: self._group(stops) for name, stops in zip(names, replies, strict=True)}
        return {name: group for name, group in groups.items() if group.paused or group.quiet_s}

    def _group(self, stops: Sequence[str | None]) -> GroupStatus:
        """Read :data:`_STOPS`."""
        record = dict(zip(_STOPS, stops, strict=True))
        quiet_s = quiet_left_s(record["quiet_from"], record["quiet_until"], self._now_us)
        return GroupStatus(Pause.of(record, self._now_us), quiet_s)

    def _add_mailboxes(self, status: Status, names: list[str], *, listed: bool = True) -> None:
        for batch in batched(names, _BATCH):
            rest = batch
            while rest:
                # Of a part of the batch, if it is large.
                looked, text = self._namespace.call("status", self._yardstick, *rest)
                rest = rest[looked:]
                for name, sums in json.loads(text).items():
                    if not listed:
                        sums |= {"mailboxes": 0, "never_scanned": 0, "late": 0}
                        sums |= {"scanned": {}, "skipped": {}, "failing": {}}
                    self._add_sums(status.servers.setdefault(name, ServerStatus()), sums)

    def _add_sums(self, server: ServerStatus, sums: Mapping[str, Any]) -> None:
        server.mailboxes += sums["mailboxes"]
        server.pending += sums["pending"]
        server.never_scanned += sums["never_scanned"]
        server.late += sums["late"]
        if sums["scanned"]:
            oldest, newest = (self._age(sums["scanned"][which]) or 0.0 for which in ("oldest", "newest"))
            server.oldest_scan_s = max(oldest, server.oldest_scan_s or 0.0)
            server.newest_scan_s = newest if server.newest_scan_s is None else min(server.newest_scan_s, newest)
        if sums["scanning"]:
            server.scan_lag_s = max(self._age(sums["scanning"]) or 0.0, server.scan_lag_s or 0.0)
        for name, found in (sums["failing"] or {}).items():
            failing = server.failing.setdefault(name, Failing())
            failing.mailboxes += found["mailboxes"]
            failing.held += found["held"]
            failing.since_s = max(failing.since_s, self._age(found["since"]) or 0.0)
        for reason, messages in (sums["on_hold"] or {}).items():
            server.on_hold[reason] = server.on_hold.get(reason, 0) + messages
        for text, mailboxes in (sums["skipped"] or {}).items():
            for reason, messages in skipped_by_reason(text).items():
                server.skipped[reason] = server.skipped.get(reason, 0) + messages * mailboxes
        for reason, backlog in (sums["waiting"] or {}).items():
            waiting = server.waiting.setdefault(reason, Backlog())
            waiting.mailboxes += backlog["mailboxes"]
            waiting.items += backlog["items"]
        self._add_named(server, sums)

    def _add_named(self, server: ServerStatus, sums: Mapping[str, Any]) -> None:
        for one in sums["held"]:
            left = left_s(one["until_us"], None, self._now_us)
            server.held_mailboxes[one["mailbox"]] = Hold(left, one.get("hold_why", ""))
        for one in sums["paused"]:
            if pause := Pause.of(one, self._now_us):
                server.paused_mailboxes[one["mailbox"]] = pause
        for one in sums["limited"]:
            if override := Override.of(one, self._now_us):
                server.limited_mailboxes[one["mailbox"]] = override

    def _add_servers(self, status: Status) -> None:
        with self._redis.pipeline(transaction=False) as pipe:
            for name in status.servers:
                pipe.hmget(self._namespace.server(name), *_OF_SERVER)
                pipe.hgetall(self._namespace.counts(name))
                pipe.zcard(self._namespace.unfinished(name))
            missing: tuple[Any, ...] = ((None,) * len(_OF_SERVER), {}, 0)
            replies = values_of(pipe, missing * len(status.servers))
        for server, fields, counts, unfinished in zip(status.servers.values(), replies, replies, replies, strict=True):
            record = dict(zip(_OF_SERVER, fields, strict=True))
            server.later, server.dead = (max(0, whole(record[state])) for state in ("later", "dead"))
            server.unfinished = unfinished
            server.held_s = left_s(record["hold"], record["hold_for"], self._now_us)
            server.held_why = record["hold_why"] or "" if server.held_s else ""
            server.breakers = breakers_of(record["breaker"], self._now_us)
            server.last_answer_s = self._age(record["last:answered"])
            server.paused = Pause.of(record, self._now_us)
            server.limits = Override.of(record, self._now_us)
            server.counts = _counts(counts)
            server.answered = sum(server.counts.get(label, 0) for label in ANSWERED)
            server.opened = server.counts.get("done:opened", 0)
        behind = {name: server for name, server in status.servers.items() if server.unfinished}
        with self._redis.pipeline(transaction=False) as pipe:
            for name, server in behind.items():
                for place in (0, int(server.unfinished * _OLDEST_PART)):
                    pipe.zrange(self._namespace.unfinished(name), place, place, withscores=True)
            replies = values_of(pipe, ((), ()) * len(behind))
        for server, oldest, p95 in zip(behind.values(), replies, replies, strict=True):
            # Either message may have ended since it was counted.
            server.lag_s, server.lag_p95_s = (self._age(found[0][1]) if found else None for found in (oldest, p95))

    def _add_in_flight(self, status: Status, members: Collection[str] | None = None) -> None:
        self._add_items(status, self._namespace.key("inflight"), {"released", "running"}, members)

    def _add_items(self, status: Status, key: str, states: Collection[str], members: Collection[str] | None) -> None:
        for (name, state), number in self.items(key, states, members).items():
            server = status.servers.setdefault(name, ServerStatus())
            setattr(server, state, getattr(server, state) + number)

    def items(self, key: str, states: Collection[str], members: Collection[str] | None) -> Counter[tuple[str, str]]:
        """Count the items of a sorted set that are in one of these states, by server and state.

        :param members: the mailboxes whose items count; None for all.
        """
        ids = self._namespace.item_ids(key)
        return Counter(
            (server, state)
            for _, (state, server, mailbox) in self._namespace.item_fields(ids, ("state", "server", "mailbox"))
            if server and state and state in states and (members is None or mailbox in members)
        )

    def _age(self, at_us: str | float | None) -> float | None:
        return age_s(at_us, self._now_us)


def _counts(stored: Mapping[str, str]) -> dict[str, int]:
    """Return the counts by label, without those of versions that counted a message again at each scan."""
    return {label: whole(count) for label, count in stored.items() if not label.startswith(_SIGHTINGS)}


_OF_SERVER = ("later", "dead", *HOLD_FIELDS, "last:answered", *LIVE_FIELDS, *PAUSE_FIELDS)
_STOPS = ("quiet_from", "quiet_until", *PAUSE_FIELDS)
