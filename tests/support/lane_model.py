"""The lanes once more in plain Python: what the scripts promise, said without Redis.

Loads are counted from the items each time and never kept, so that a counter which drifts in Redis is noticed. The pace
is checked from its definition: over every window, at most ``burst + window / interval`` charges.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

How = Literal["done", "left", "dead", "later", "throttled", "held"]

IN_FLIGHT = ("released", "running")
#: How often in a row a turn of an item costs no attempt.
MOST_WAITS, MOST_PASSED = 100, 3
FINAL = ("done", "left", "dead", "failed", "dropped")


class Pace(NamedTuple):
    """The limits of a mailbox or a server; the interval in microseconds."""

    interval: int
    burst: int
    concurrency: int


class Leaving(NamedTuple):
    """How an item is left alone.

    The longest delay until the next look, the shortest one if scan and worker disagree on the policy, the policy, and
    whether the item waits for a person.
    """

    longest: int
    disputed: int
    policy: str
    on_hold: bool


@dataclass
class Party:
    """A mailbox or a server: its limits, and what has been charged to it."""

    configured: Pace
    live: tuple[int | None, int | None, int | None] = (None, None, None)
    server: str = ""
    scan: str = ""
    last_scan: str = ""
    paused: bool = False
    hold: int = 0
    tat: int = 0
    #: Counts the changes of the pace; a charge is promised only the pace under which its item was released.
    epoch: int = 0
    #: When an item of it was last done or left alone; of a server: was last done, by work.
    went: int = 0
    went_by_work: dict[str, int] = field(default_factory=dict)
    charges: list[int] = field(default_factory=list)

    @property
    def pace(self) -> Pace:
        """The limits in force; those set at run time override the configured ones."""
        return Pace(*(live or configured for live, configured in zip(self.live, self.configured, strict=True)))

    def adopt(
        self, now: int, *, configured: Pace | None = None, live: tuple[int | None, int | None, int | None] | None = None
    ) -> None:
        """Take new limits; charges of what was released before are promised nothing any more."""
        before = self.pace
        self.configured = configured or self.configured
        self.live = self.live if live is None else live
        if self.pace[:2] != before[:2]:
            self.epoch += 1
            self.charges.clear()
        self.bound(now)

    def bound(self, now: int) -> None:
        """Limit the stamp of the pace to what the pace in force allows."""
        interval, burst, _ = self.pace
        self.tat = min(self.tat, now + burst * interval)

    def charge(self, now: int, epoch: int) -> None:
        """Charge one item that was released in ``epoch``, and check every window that ends now."""
        interval, burst, _ = self.pace
        self.tat = max(self.tat, now) + interval
        self.bound(now)
        if epoch != self.epoch:
            return
        self.charges.append(now)
        for count, since in enumerate(reversed(self.charges), start=1):
            assert (count - burst) * interval <= now - since, f"{count} charges within {now - since} us"


@dataclass
class Entry:
    """An item of the ledger."""

    id: str
    mailbox: str
    pool: str
    state: str = "pending"
    generation: int = 0
    attempts: int = 0
    owner: str = ""
    charged: bool = False
    server: str = ""
    epochs: tuple[int, int] = (0, 0)
    due: int = 0
    finished: int = -1
    scan: bool = False
    #: When it was released; why a worker threw it away since; how often in a row it was released in vain.
    since: int = 0
    refused: str = ""
    unstarted: int = 0
    #: The policy of the scan that offered it.
    asked: str = ""
    #: Of one that was left alone: by which policy, and how often in a row under that one. ``due`` is the next look, and
    #: ``soonest`` that under another policy, where the scan had another already.
    policy: str = ""
    soonest: int = 0
    looks: int = 0
    #: When it last held its mailbox or server; how often others got through meanwhile; how often it waited for itself.
    throttled: int | None = None
    passed: int = 0
    waits: int = 0

    @property
    def work(self) -> str:
        """What is done with it."""
        return "scan" if self.scan else "answer"


class Load(NamedTuple):
    """The content of Redis for a mailbox or a server, apart from its limits."""

    n: int
    reserved: int
    tat: int
    hold: int
    paused: bool
    scan: str
    #: Of a server: its items that wait for another attempt, and its dead ones.
    later: int = 0
    dead: int = 0


class View(NamedTuple):
    """Everything that must be the same here and in Redis; also what a test reads when they differ."""

    items: dict[str, tuple[str, int, int, str, bool, int, int]]
    lanes: dict[str, list[str]]
    inflight: dict[str, int]
    later: dict[str, int]
    dead: set[str]
    mailboxes: dict[str, Load]
    servers: dict[str, Load]
    pools: dict[str, int]
    counts: dict[str, int]
    #: Messages that have not ended, by server.
    unfinished: dict[str, set[str]]
    #: When each message that was left alone is looked at again, and under which policy it was left.
    left: dict[str, tuple[int, str]]
    #: Messages that wait for a person, by mailbox.
    on_hold: dict[str, set[str]]


class LaneModel:
    """The ledger and its lanes; every method asserts what must hold and answers what the script should answer."""

    def __init__(
        self, mailbox: Pace, servers: dict[str, Pace], pools: dict[str, int], leases: tuple[int, int], attempts: int
    ) -> None:
        self.default = mailbox
        self.servers = {name: Party(pace) for name, pace in servers.items()}
        self.pools = pools
        self.release_lease, self.run_lease = leases
        self.attempts = attempts
        self.paused = False
        #: The newest release of each pool of which a worker certainly has taken the item.
        self.taken: dict[str, int] = {}
        self.mailboxes: dict[str, Party] = {}
        self.items: dict[str, Entry] = {}
        self.lanes: dict[str, list[str]] = {}
        self.counts: dict[str, int] = {}
        self.on_hold: dict[str, set[str]] = {}

    # What may go

    def in_flight(self, *, mailbox: str = "", server: str = "", pool: str = "") -> list[Entry]:
        """Return the items that hold a slot of this mailbox, server or pool."""
        return [
            item
            for item in self.items.values()
            if item.state in IN_FLIGHT
            and mailbox in ("", item.mailbox)
            and server in ("", item.server)
            and pool in ("", item.pool)
        ]

    def hindrance(self, mailbox: str, now: int) -> str:
        """Return why the first item of the mailbox may not be released now; '' if it may."""
        party = self.mailboxes[mailbox]
        if not self.lanes[mailbox]:
            return "its lane is empty"
        own = self._hindered(party, self.in_flight(mailbox=mailbox), now)
        server = self._hindered(self.servers[party.server], self.in_flight(server=party.server), now)
        pool = self.items[self.lanes[mailbox][0]].pool
        full = "full" if len(self.in_flight(pool=pool)) >= self.pools[pool] else ""
        reasons = {"all": "paused" if self.paused else "", "mailbox": own, "server": server, "pool": full}
        return ", ".join(f"{who}: {why}" for who, why in reasons.items() if why)

    @staticmethod
    def _hindered(party: Party, busy: Sequence[Entry], now: int) -> str:
        interval, burst, concurrency = party.pace
        reserved = sum(not item.charged for item in busy)
        if party.paused:
            return "paused"
        if len(busy) >= concurrency:
            return "full"
        if party.hold > now:
            return "held"
        return "" if max(party.tat - now, 0) + interval * reserved <= (burst - 1) * interval else "pace"

    def where(self, mailbox: str, now: int) -> tuple[str, int]:
        """Return where the mailbox stands, and until when if it waits for a time."""
        party, busy = self.mailboxes[mailbox], self.in_flight(mailbox=mailbox)
        interval, burst, concurrency = party.pace
        spare = burst - 1 - sum(not item.charged for item in busy)
        due = max(party.hold, party.tat - spare * interval)
        if not self.lanes[mailbox]:
            return "", 0
        if party.paused:
            return "paused", 0
        if len(busy) >= concurrency or spare < 0:
            return "busy", 0
        if due > now:
            return "wait", due
        return f"ready:{party.server}:{self.items[self.lanes[mailbox][0]].pool}", 0

    def dues(self, now: int) -> list[int]:
        """Yield when a delay, a wait or a hold ends, or a server's pace allows one more."""
        dues = [item.due for item in self.items.values() if item.state in ("later", "left")]
        dues += [item.soonest for item in self.items.values() if item.state == "left"]
        dues += [self.where(mailbox, now)[1] for mailbox in self.mailboxes]
        for server in self.servers.values():
            dues += [server.hold, server.tat, server.tat - (server.pace.burst - 1) * server.pace.interval]
        return dues

    # What the scripts do

    def offer(self, mailbox: str, server: str, items: Sequence[tuple[str, str]], policy: str, now: int) -> int:
        """Append each (id, pool) that is new or due to be examined again; return how many there were."""
        self._know(mailbox, server)
        wanted = [one for one in dict(items).items() if one[0] not in self.items or self._again(one[0], policy, now)]
        for item, pool in wanted:
            before = self.items.get(item)
            self._append(item, mailbox, pool)
            if before:
                self.items[item].generation, self.items[item].finished = before.generation, before.finished
                same = policy in ("", before.policy) or before.soonest
                self.items[item].looks = before.looks if same else 0
            self.items[item].asked = policy
        return len(wanted)

    def offer_scan(self, mailbox: str, server: str, item: str, pool: str, pace: Pace | None, now: int) -> str:
        """Take over server and limits, and append the scan unless there is something to do already."""
        party = self._know(mailbox, server)
        party.server = server
        party.adopt(now, configured=pace or self.default)
        if party.scan or item in self.items:
            return "scanning"
        if self.lanes[mailbox]:
            return "full"
        self.items.pop(party.last_scan, None)
        party.scan = party.last_scan = item
        self._append(item, mailbox, pool, scan=True)
        return "offered"

    def wake(self, now: int) -> None:
        """Put the items whose delay has passed back at the head of their lanes."""
        due = [item for item in self.items.values() if item.state == "later" and item.due <= now]
        for item in sorted(due, key=lambda item: (item.due, item.id)):
            self._to_head(item)

    def release(self, item_id: str, generation: int, mailbox: str, server: str, now: int) -> None:
        """Take what the script released: the head of its lane, which nothing hinders."""
        assert self.lanes[mailbox][:1] == [item_id], "only the head of a lane is released"
        assert self.hindrance(mailbox, now) == "", f"{item_id} may not go"
        item = self.items[self.lanes[mailbox].pop(0)]
        assert (item.generation + 1, self.mailboxes[mailbox].server) == (generation, server)
        item.state, item.generation, item.server = "released", generation, server
        item.due, item.since = now + self.release_lease, now
        item.epochs = (self.mailboxes[mailbox].epoch, self.servers[server].epoch)

    def start(self, item_id: str, generation: int, owner: str, now: int) -> str:
        """Start the item of a delivery."""
        item = self.items.get(item_id)
        if item is None:
            return "unknown"
        if item.state in FINAL:
            return "final"
        if item.generation != generation or item.state not in IN_FLIGHT:
            return "stale"
        if item.state == "running":
            return "run" if item.owner == owner else "running"
        if self._stopped(item, now):
            self._to_head(item)
            return "held"
        item.state, item.owner, item.due = "running", owner, now + self.run_lease
        item.attempts += 1
        return "run"

    def record(self, item_id: str, generation: int, owner: str, now: int, *, intent: bool) -> str:
        """Journal a step; an intent charges the pace once."""
        item = self._held_by(item_id, generation, owner)
        if item is None:
            return "lost"
        if intent and self._stopped(item, now):
            return "held"
        item.due = now + self.run_lease
        if intent:
            self._charge(item, now)
        return "ok"

    def finish(
        self,
        item_id: str,
        generation: int,
        owner: str,
        how: How,
        now: int,
        *,
        delay: int,
        hold: str,
        leaving: Leaving,
    ) -> str:
        """End a running item."""
        if item_id in self.items and self.items[item_id].finished == generation:
            return "replay"
        item = self._held_by(item_id, generation, owner)
        if item is None:
            return "lost"
        counted, hinders = how, hold != "" and item.throttled is not None
        if not self._spared(item, how, hold, now):
            item.throttled, item.passed, item.waits = None, 0, 0
            how, hold, hinders = ("later", "", False) if how == "throttled" else (how, hold, False)
        if how != "held":
            self._charge(item, now)
        if how in ("done", "left"):
            self.mailboxes[item.mailbox].went = now
        if how == "done":
            self.servers[item.server].went_by_work[item.work] = now
        item.finished = generation
        item.attempts -= how in ("throttled", "held")
        self._count(counted)
        self._hold(item, hold, now + delay)
        if how == "throttled" and hold and not hinders:
            how = "held"
        self._put(item, how, now, delay, leaving, twice=hinders)
        return item.state

    def _put(self, item: Entry, how: How, now: int, delay: int, leaving: Leaving, *, twice: bool) -> None:
        """Put an item that has run where it belongs."""
        if how == "held":
            self._to_head(item)
        elif how == "left":
            self._leave_alone(item, now, delay, leaving)
        elif how in FINAL or (how == "later" and item.attempts >= self.attempts):
            self._end(item, "done" if how == "done" else "dead")
        else:
            self._leave(item, "later")
            item.due = now + (2 * delay if twice else delay)

    def _spared(self, item: Entry, how: How, hold: str, now: int) -> bool:
        """Return whether a turn costs no attempt."""
        if how != "throttled":
            return how == "held"
        if not hold:
            item.waits += 1
            return item.waits <= MOST_WAITS
        by_work = self.servers[item.server].went_by_work
        went = self.mailboxes[item.mailbox].went if hold == "mailbox" else by_work.get(item.work, 0)
        passed = item.throttled is not None and went > item.throttled
        item.passed += passed
        item.throttled = now
        return not passed or item.passed <= MOST_PASSED

    def refuse(self, item_id: str, why: str, now: int, *, at_once: bool) -> bool:
        """Discard a delivery, as a worker does."""
        item = self.items.get(item_id)
        if item is None or item.state != "released":
            return False
        item.refused = why
        item.due = now if at_once else item.due
        return True

    def sweep(self, now: int) -> tuple[int, int]:
        """Take back what nobody can be working on any more: (back in their lanes, given up)."""
        ended = sorted((item for item in self.in_flight() if item.due <= now), key=lambda item: (item.due, item.id))
        dead = 0
        for item in ended:
            ran = item.state == "running"
            vain = item.unstarted + (item.refused != "" or self.taken.get(item.pool, 0) > item.since)
            if (item.attempts >= self.attempts) if ran else (vain >= max(3, self.attempts)):
                self._end(item, "dead")
                dead += 1
            elif ran:
                self._to_head(item)
            else:
                self._leave(item, "pending")
                item.unstarted = vain
                self.lanes[item.mailbox].append(item.id)
        self._count("lease-expired", len(ended) - dead)
        return len(ended) - dead, dead

    def retry(self, item_id: str) -> str:
        """Retry a dead item."""
        item = self.items.get(item_id)
        if item is None or item.state != "dead":
            return item.state if item else "unknown"
        item.state, item.attempts = "pending", 0
        self.lanes[item.mailbox].insert(0, item.id)
        self._count("retried")
        return "retried"

    def drop(self, item_id: str) -> str:
        """Drop a dead item."""
        item = self.items.get(item_id)
        if item is None or item.state != "dead":
            return item.state if item else "unknown"
        item.state, item.finished, item.looks = "dropped", item.generation, 0
        self._count("dropped")
        return "dropped"

    def view(self) -> View:
        """Return the expected content of Redis."""
        return View(
            items={item.id: self._item_view(item) for item in self.items.values()},
            lanes={mailbox: lane for mailbox, lane in self.lanes.items() if lane},
            inflight={item.id: item.due for item in self.in_flight()},
            later={item.id: item.due for item in self.items.values() if item.state == "later"},
            dead={item.id for item in self.items.values() if item.state == "dead"},
            mailboxes={name: self._load(party, self.in_flight(mailbox=name)) for name, party in self.mailboxes.items()},
            servers={name: self._server_load(name, party) for name, party in self.servers.items()},
            pools={pool: len(self.in_flight(pool=pool)) for pool in self.pools},
            counts=self.counts,
            unfinished={server: ids for server in self.servers if (ids := self._unfinished(server))},
            left={item.id: (item.due, item.policy) for item in self.items.values() if item.state == "left"},
            on_hold={mailbox: ids for mailbox, ids in self.on_hold.items() if ids},
        )

    # How it is done

    @staticmethod
    def _item_view(item: Entry) -> tuple[str, int, int, str, bool, int, int]:
        return (
            item.state, item.generation, item.attempts, item.owner, item.charged, item.unstarted, item.looks,
        )  # fmt: skip

    @staticmethod
    def _load(party: Party, busy: Sequence[Entry]) -> Load:
        reserved = sum(not item.charged for item in busy)
        return Load(len(busy), reserved, party.tat, party.hold, party.paused, party.scan)

    def _server_load(self, name: str, party: Party) -> Load:
        states = [item.state for item in self.items.values() if item.server == name]
        load = self._load(party, self.in_flight(server=name))
        return load._replace(later=states.count("later"), dead=states.count("dead"))

    def _unfinished(self, server: str) -> set[str]:
        messages = [item for item in self.items.values() if item.server == server and not item.scan]
        return {item.id for item in messages if item.state not in FINAL}

    def parties(self) -> Iterator[Party]:
        """Yield all mailboxes and servers."""
        yield from self.mailboxes.values()
        yield from self.servers.values()

    def _know(self, mailbox: str, server: str) -> Party:
        self.lanes.setdefault(mailbox, [])
        return self.mailboxes.setdefault(mailbox, Party(self.default, server=server))

    def _append(self, item: str, mailbox: str, pool: str, *, scan: bool = False) -> None:
        self.items[item] = Entry(item, mailbox, pool, server=self.mailboxes[mailbox].server, scan=scan)
        self.lanes[mailbox].append(item)

    def _hold(self, item: Entry, what: str, until: int) -> None:
        if what:
            party = self.servers[item.server] if what == "server" else self.mailboxes[item.mailbox]
            party.hold = max(party.hold, until)

    def _leave_alone(self, item: Entry, now: int, delay: int, leaving: Leaving) -> None:
        self._end(item, "left")
        item.due = now + min(leaving.longest, delay * 2**item.looks)
        item.policy, item.looks = leaving.policy, item.looks + 1
        item.soonest = now + leaving.disputed if item.asked not in ("", leaving.policy) else 0
        if leaving.on_hold:
            self.on_hold.setdefault(item.mailbox, set()).add(item.id)

    def _again(self, item_id: str, policy: str, now: int) -> bool:
        """Return whether it was left alone, and is due to be examined again."""
        item = self.items[item_id]
        changed = policy not in ("", item.policy) and item.soonest <= now
        return item.state == "left" and (item.due <= now or changed)

    def _stopped(self, item: Entry, now: int) -> bool:
        parties = (self.mailboxes[item.mailbox], self.servers[item.server])
        return self.paused or any(party.paused or party.hold > now for party in parties)

    def _held_by(self, item_id: str, generation: int, owner: str) -> Entry | None:
        item = self.items.get(item_id)
        current = item and (item.state, item.generation, item.owner) == ("running", generation, owner)
        return item if current else None

    def _charge(self, item: Entry, now: int) -> None:
        if not item.charged:
            item.charged = True
            self.mailboxes[item.mailbox].charge(now, item.epochs[0])
            self.servers[item.server].charge(now, item.epochs[1])

    def _leave(self, item: Entry, state: str) -> None:
        assert item.state not in FINAL, "a finished item is finished once"
        if item.state == "running":
            self.taken[item.pool] = max(self.taken.get(item.pool, 0), item.since)
        item.state, item.owner, item.charged = state, "", False
        item.unstarted, item.refused = 0, ""

    def _to_head(self, item: Entry) -> None:
        self._leave(item, "pending")
        self.lanes[item.mailbox].insert(0, item.id)

    def _end(self, item: Entry, state: str) -> None:
        if state == "dead" and item.scan:
            state = "failed"
        self._leave(item, state)
        if state in ("dead", "failed"):
            self._count(state)
        if state == "done":
            item.looks = 0
        if self.mailboxes[item.mailbox].scan == item.id:
            self.mailboxes[item.mailbox].scan = ""

    def _count(self, label: str, by: int = 1) -> None:
        if by:
            self.counts[label] = self.counts.get(label, 0) + by
