"""Read what the ledger holds at this moment; changes nothing."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from rsvpq.lanes.breakers import HOLD_FIELDS, Hold, holds_in
from rsvpq.lanes.controls import Scope
from rsvpq.lanes.ending import ScanTotals
from rsvpq.lanes.limits import LIMIT_FIELDS, Lane
from rsvpq.lanes.namespace import Namespace
from rsvpq.lanes.reading import (
    age_s,
    batched,
    json_object,
    left_s,
    number_of,
    quiet_left_s,
    skipped_by_reason,
    values_of,
    whole,
)
from rsvpq.lanes.status import (
    LIVE_FIELDS,
    NO_YARDSTICK,
    PAUSE_FIELDS,
    HashFields,
    Override,
    Pause,
    Status,
    StatusReader,
    Yardstick,
)

_FIELDS = ("state", "attempts", "reason", "journal", "policy", "again", "soonest")
_WAITING_FIELDS = ("state", "attempts", "reason", "work")
_MAILBOX_FIELDS = (
    *("server", "scan", "scanned", "failed", "failed_why", "found", "capped", "unreadable", "skipped"),
    *("cap", "capped_at", "unlisted"),
    *("hold", "hold_for", "hold_why"),
    *PAUSE_FIELDS,
)
#: Lanes per round trip.
_LANES_BATCH = 2000
#: Most SCAN calls, of about a thousand keys each, that search for other installations.
_MOST_SCANS = 500


@dataclass(frozen=True, slots=True)
class KnownItem:
    """An item in the ledger: its state, its attempts, why it last ended, and the steps in its journal.

    For an item left alone also the fingerprint of the policy that decided so, when it is examined again, and the
    soonest time for that under another policy, in microseconds by the ledger's clock.
    """

    state: str
    attempts: int = 0
    reason: str = ""
    steps: tuple[str, ...] = ()
    policy: str = ""
    again_us: int = 0
    soonest_us: int = 0

    def is_offered_again(self, policy: str, now_us: int) -> bool:
        """Return whether a scan under this policy would offer the item again; the same as look_again() in Lua."""
        due_us = self.again_us if self.policy == policy else min(self.again_us, self.soonest_us)
        return self.state == "left" and due_us <= now_us


@dataclass(frozen=True, slots=True)
class WaitingItem:
    """An item in its lane; ``waited_s`` is None for a scan, whose time of offer is stored elsewhere."""

    item: str
    work: str
    state: str
    attempts: int
    waited_s: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class LaneState:
    """One lane: what waits in it (the first items in a list), what is in flight, its hold and its pause.

    ``later`` is the number of items of the mailbox that are between two attempts, and so not in the lane.
    ``stands`` is where it waits: at a gate (``ready:SERVER:POOL``), for a time (``wait``), or for an event ('').
    ``scan`` is the item id of the scan that waits or runs, '' for none.
    ``limits`` are those that an operator has set.
    """

    mailbox: str
    server: str
    pending: int
    in_flight: int
    later: int
    stands: str
    held_s: float
    held_why: str
    paused: Pause | None
    scan: str
    scanned_s: float | None
    limits: Override | None = None
    next: Sequence[WaitingItem] = ()


@dataclass(frozen=True, slots=True)
class MailboxState:
    """What the ledger knows of one mailbox apart from its items; times are ages in seconds, None if there is none.

    ``scan`` is the item id of the scan that waits or runs, '' for none. ``failed_s`` and ``failed_why`` are since when
    and why its scans fail, '' if the last one succeeded. ``totals`` is what the last scan of its Inbox found;
    ``capped_s`` is since when each scan held something back over a cap; ``unlisted_s`` since when it is known to have
    left the list.
    """

    server: str
    scan: str = ""
    scanned_s: float | None = None
    failed_s: float | None = None
    failed_why: str = ""
    totals: ScanTotals | None = None
    capped_s: float | None = None
    unlisted_s: float | None = None
    hold: Hold | None = None
    held_since_s: float | None = None
    pause: Pause | None = None

    @classmethod
    def of(cls, record: HashFields, now_us: int) -> "MailboxState":
        """Read :data:`_MAILBOX_FIELDS`."""
        hold, hold_for = record["hold"], record["hold_for"]
        held_s = left_s(hold, hold_for, now_us)
        return cls(
            server=record["server"] or "",
            scan=record["scan"] or "",
            scanned_s=age_s(number_of(record["scanned"]), now_us),
            failed_s=age_s(number_of(record["failed"]), now_us),
            failed_why=record["failed_why"] or "",
            totals=_totals(record) if record["found"] is not None else None,
            capped_s=age_s(number_of(record["capped_at"]), now_us),
            unlisted_s=age_s(number_of(record["unlisted"]), now_us),
            hold=Hold(round(held_s, 3), record["hold_why"] or "") if held_s else None,
            held_since_s=age_s(number_of(hold) - number_of(hold_for), now_us) if held_s else None,
            pause=Pause.of(record, now_us),
        )


def _totals(record: HashFields) -> ScanTotals:
    found, capped, unreadable = (whole(record[name]) for name in ("found", "capped", "unreadable"))
    return ScanTotals(found, capped, unreadable, skipped_by_reason(record["skipped"]), record["cap"] or "")


#: The scopes of a pause in words.
_IN_WORDS = {"all": "everything", "server": "server {}", "group": "group {}", "mailbox": "the mailbox"}


def _scopes_of(lane: Lane) -> list[tuple[str, str]]:
    """Return what a pause of stops this lane, the widest first; for all lanes there is another one."""
    groups = [("group", lane.group)] if lane.group else []
    return [("server", lane.server), *groups, ("mailbox", lane.name)]


class Snapshot:
    """Reads the state of one namespace."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace
        self._redis = namespace.redis

    def status(self, listed: Collection[str] = (), yardstick: Yardstick = NO_YARDSTICK) -> Status:
        """Return the status of all mailboxes; takes about 0.3 s for 10,000.

        :param listed: the names in the list. Of others only what waits and what stops it counts; nobody scans them.
            Without a name, all mailboxes count.
        """
        return StatusReader(self._namespace, yardstick).read(listed)

    def status_of(self, mailboxes: Collection[str], yardstick: Yardstick = NO_YARDSTICK) -> Status:
        """Return the status of these mailboxes, such as those of a group, on the servers where they are.

        What is kept for whole servers only is not in it (:data:`rsvpq.lanes.status.BY_SERVER_ONLY`, and all counts);
        what stops a server is.
        """
        return StatusReader(self._namespace, yardstick).read_part(mailboxes)

    def group_pauses(self) -> dict[str, Pause]:
        """Return the groups that are paused, by name."""
        groups = StatusReader(self._namespace).groups()
        return {name: group.paused for name, group in groups.items() if group.paused}

    def counts(self) -> dict[str, int]:
        """Return all counts, by label."""
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.hgetall(self._namespace.counts())
            [found] = values_of(pipe, [{}])
        return {label: whole(count) for label, count in found.items()}

    def knows(self, mailbox: str) -> bool:
        """Return whether a scan was ever offered to a mailbox."""
        return bool(self._redis.sismember(self._namespace.mailboxes, mailbox))

    def known(self) -> set[str]:
        """Return the names of all mailboxes to which a scan was ever offered."""
        return set(self._redis.smembers(self._namespace.mailboxes))

    def mailboxes(self, names: Iterable[str]) -> dict[str, MailboxState]:
        """Return the state of each of these mailboxes, by name, without those that have no lane yet.

        Takes about 0.2 s for 10,000.
        """
        found: dict[str, MailboxState] = {}
        now_us = self._namespace.time_us()
        for name, fields in self._namespace.mailbox_fields(list(names), _MAILBOX_FIELDS):
            if any(fields):
                found[name] = MailboxState.of(dict(zip(_MAILBOX_FIELDS, fields, strict=True)), now_us)
        return found

    def holds(self, scope: Literal["mailbox", "server"], names: Iterable[str], work: str = "") -> dict[str, Hold]:
        """Return the holds of these mailboxes or servers, by name, without those that are not held.

        :param work: the name of a task; where only that is held on a server, its hold. '' for holds of everything.
        """
        found = self.all_holds(scope, names)
        chosen = {name: [hold for hold in holds if hold.work in ("", work)] for name, holds in found.items()}
        return {name: holds[0] for name, holds in chosen.items() if holds}

    def all_holds(self, scope: Literal["mailbox", "server"], names: Iterable[str]) -> dict[str, list[Hold]]:
        """Return the holds of these mailboxes or servers, by name, that of everything before those of single works."""
        names, now_us = list(names), self._namespace.time_us()
        with self._redis.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.hmget(self._namespace.key(scope, name), HOLD_FIELDS)
            replies = values_of(pipe, ((None,) * len(HOLD_FIELDS),) * len(names))
        return {name: held for name, fields in zip(names, replies, strict=True) if (held := holds_in(fields, now_us))}

    def servers(self) -> set[str]:
        """Return the names of the servers that were configured here."""
        return set(self._redis.smembers(self._namespace.servers))

    def groups(self) -> Counter[str]:
        """Return in how many mailboxes each group is, by their last scan or the last pause of a group; '' for none."""
        found = self._namespace.mailbox_fields(sorted(self.known()), ("group",))
        return Counter(group or "" for _, (group,) in found)

    def neighbors(self) -> set[str]:
        """Return the prefixes of other namespaces in this database that a bounded search finds."""
        found: set[str] = set()
        cursor = 0
        for _ in range(_MOST_SCANS):
            cursor, keys = self._redis.scan(cursor, match="*:cfg", count=1000, _type="hash")
            found.update(key.removesuffix(":cfg") for key in keys)
            if not cursor:
                break
        return found - {self._namespace.prefix}

    def known_items(self, ids: Iterable[str]) -> dict[str, KnownItem]:
        """Return the given items that are in the ledger, by id."""
        found: dict[str, KnownItem] = {}
        for item_id, fields in self._namespace.item_fields(list(ids), _FIELDS):
            state, attempts, reason, journal, policy, *times = fields
            if state:
                steps = tuple(json_object(journal) or {})
                again, soonest = map(whole, times)
                found[item_id] = KnownItem(state, whole(attempts), reason or "", steps, policy or "", again, soonest)
        return found

    def scans_under_way(self, mailboxes: Sequence[str]) -> dict[str, str]:
        """Return the item id of the scan of each mailbox that waits or runs, by name; '' for none."""
        with self._redis.pipeline(transaction=False) as pipe:
            for name in mailboxes:
                pipe.hget(self._namespace.mailbox(name), "scan")
            scans = values_of(pipe, (None,) * len(mailboxes))
        return {name: scan or "" for name, scan in zip(mailboxes, scans, strict=True)}

    def not_offered(self, mailboxes: Iterable[str]) -> dict[str, str]:
        """Return why a scan would not be offered to these mailboxes now, by name: ``scanning`` or ``full``.

        See offer_scan.lua; without those to which it would be offered.
        """
        found: dict[str, str] = {}
        for batch in batched(list(mailboxes), _LANES_BATCH):
            with self._redis.pipeline(transaction=False) as pipe:
                for name in batch:
                    pipe.hget(self._namespace.mailbox(name), "scan")
                    pipe.llen(self._namespace.lane(name))
                replies = values_of(pipe, (None, 0) * len(batch))
            for name, scan, waiting in zip(batch, replies, replies, strict=True):
                if scan or waiting:
                    found[name] = "scanning" if scan else "full"
        return found

    def pauses(self, lanes: Iterable[Lane]) -> dict[str, str]:
        """Return the paused lanes by name, each with what was paused and why."""
        chosen, found = list(lanes), {}
        scopes = [("all", ""), *(scope for lane in chosen for scope in _scopes_of(lane))]
        reasons = dict(zip(scopes, self._of_scopes(scopes, "paused"), strict=True))
        for lane in chosen:
            for scope in (("all", ""), *_scopes_of(lane)):
                if (reason := reasons[scope][0]) is not None:
                    found[lane.name] = f"{_IN_WORDS[scope[0]].format(scope[1])} is paused: {reason}"
                    break
        return found

    def rests(self, lanes: Iterable[Lane]) -> dict[str, float]:
        """Return for how many seconds the quiet hours of lanes still last, by name; only of those that rest now."""
        chosen = list(lanes)
        left = self.quiet_hours(lane.group for lane in chosen)
        rests = {lane.name: max(left.get("", 0.0), left.get(lane.group, 0.0)) for lane in chosen}
        return {name: for_s for name, for_s in rests.items() if for_s}

    def quiet_hours(self, groups: Iterable[str]) -> dict[str, float]:
        """Return for how many seconds quiet hours still last, by group; '' is all mailboxes. Only those of now."""
        now_us = self._namespace.time_us()
        names = ["", *sorted({*groups} - {""})]
        scopes = [("group", name) if name else ("all", "") for name in names]
        stops = zip(names, self._of_scopes(scopes, "quiet_from", "quiet_until"), strict=True)
        left = {name: quiet_left_s(first_us, last_us, now_us) for name, (first_us, last_us) in stops}
        return {name: for_s for name, for_s in left.items() if for_s}

    def _of_scopes(self, scopes: Sequence[tuple[str, str]], *fields: str) -> list[Sequence[str | None]]:
        """Return these fields of each scope, such as ``("server", "mail1")`` or ``("all", "")``."""
        space = self._namespace
        with self._redis.pipeline(transaction=False) as pipe:
            for kind, name in scopes:
                pipe.hmget(space.key(kind, name) if name else space.general, fields)
            return list(values_of(pipe, ((None,) * len(fields),) * len(scopes)))

    def pause(self, scope: Scope, name: str = "") -> Pause | None:
        """Return the pause of exactly this scope; None if it is not paused."""
        key = self._namespace.general if scope == "all" else self._namespace.key(scope, name)
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.hmget(key, *PAUSE_FIELDS)
            [fields] = values_of(pipe, [(None,) * len(PAUSE_FIELDS)])
        return Pause.of(dict(zip(PAUSE_FIELDS, fields, strict=True)), self._namespace.time_us())

    def lane(self, mailbox: str, most: int) -> LaneState | None:
        """Return the lane of a mailbox with its first ``most`` items; None if it has no lane yet."""
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.hgetall(self._namespace.mailbox(mailbox))
            pipe.llen(self._namespace.lane(mailbox))
            pipe.lrange(self._namespace.lane(mailbox), 0, most - 1)
            fields, pending, first = values_of(pipe, ({}, 0, []))
        if "server" not in fields:
            return None
        now_us = self._namespace.time_us()
        held_s = left_s(fields.get("hold"), fields.get("hold_for"), now_us)
        scanned_us = number_of(fields.get("scanned"))
        return LaneState(
            mailbox=mailbox,
            server=fields["server"],
            pending=pending,
            in_flight=whole(fields.get("n")),
            later=self._later(mailbox),
            stands=fields.get("where", ""),
            held_s=held_s,
            held_why=fields.get("hold_why", "") if held_s else "",
            paused=Pause.of(fields, now_us),
            scan=fields.get("scan", ""),
            scanned_s=round((now_us - scanned_us) / 1e6, 3) if scanned_us else None,
            limits=Override.of(fields, now_us),
            next=self._waiting(fields["server"], first, now_us),
        )

    def _later(self, mailbox: str) -> int:
        """Count the items of a mailbox that are between two attempts, which no key has by mailbox."""
        found = StatusReader(self._namespace).items(self._namespace.key("later"), {"later"}, {mailbox})
        return sum(found.values())

    def limits(self, scope: Literal["mailbox", "server"], name: str) -> tuple[Override, Override | None]:
        """Return the configured limits of a mailbox or a server, and those that an operator has set, if any."""
        limits = LIMIT_FIELDS[:3]
        wanted = (*limits, *LIVE_FIELDS)
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.hmget(self._namespace.key(scope, name), *wanted)
            pipe.hmget(self._namespace.general, *limits)
            fields, general = values_of(pipe, ((None,) * len(wanted), (None,) * len(limits)))
        record = dict(zip(wanted, fields, strict=True))
        defaults = dict(zip(limits, general, strict=True)) if scope == "mailbox" else {}
        configured = {f"live_{limit}": record[limit] or defaults.get(limit) for limit in limits}
        now_us = self._namespace.time_us()
        return Override.of(configured, now_us) or Override(), Override.of(record, now_us)

    def deepest(self, most: int) -> list[tuple[str, int]]:
        """Return the lanes with the most waiting items, deepest first, without empty ones."""
        names = sorted(self._redis.smembers(self._namespace.mailboxes))
        depths: list[tuple[str, int]] = []
        for batch in batched(names, _LANES_BATCH):
            with self._redis.pipeline(transaction=False) as pipe:
                for name in batch:
                    pipe.llen(self._namespace.lane(name))
                depths += zip(batch, values_of(pipe, (0,) * len(batch)), strict=True)
        return sorted((lane for lane in depths if lane[1]), key=lambda lane: (-lane[1], lane[0]))[:most]

    def _waiting(self, server: str, item_ids: Sequence[str], now_us: int) -> list[WaitingItem]:
        with self._redis.pipeline(transaction=False) as pipe:
            for item_id in item_ids:
                pipe.hmget(self._namespace.item(item_id), _WAITING_FIELDS)
                pipe.zscore(self._namespace.unfinished(server), item_id)
            replies = values_of(pipe, ((None,) * len(_WAITING_FIELDS), None) * len(item_ids))
        waiting = []
        for item_id, (state, attempts, reason, work), offered_us in zip(item_ids, replies, replies, strict=True):
            waited_s = None if offered_us is None else round((now_us - offered_us) / 1e6, 3)
            waiting.append(WaitingItem(item_id, work or "", state or "", whole(attempts), waited_s, reason or ""))
        return waiting
