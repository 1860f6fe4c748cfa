"""Lanes with a dispatcher and deliveries that run, in whose Redis anything may be broken at any moment."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from redis import Redis

from producer.dispatcher import Dispatcher, Plan
from rsvpq.lanes import DecisionBatch, DecisionRecord, Ending, Item, Lane, Lanes, Memory, Release, StartResult
from rsvpq.lanes.limits import Limits, Rate
from tests.support.lanes_with_clock import Clock

MAILBOXES = (Lane("adele", "mail1"), Lane("bruno", "mail1"), Lane("carla", "mail2"))
MESSAGES = 6
RUN_LEASE_S, RELEASE_LEASE_S = 180, 60
_FACTS = '["request", "adele", "run1", "uid", "boss@example.com", "budget", "", ""]'


@dataclass(slots=True)
class Delivery:
    """A delivery that may run, and has not finished."""

    item: str
    generation: int
    owner: str
    since_us: int


class BreakableLanes:
    """The processes that offer, dispatch and work."""

    def __init__(self, redis: Redis) -> None:
        self.clock = Clock()
        self.lanes = Lanes(redis, "test", now_us=self.clock.now_us)
        self.published: list[Release] = []
        self.running: list[Delivery] = []
        self.ended: dict[str, int] = {}
        self.runs = 0
        self.dispatcher = Dispatcher(
            self.lanes, self._publish, lambda _: None, Plan((), self._configure), steady=lambda: self.clock.us / 1e6
        )
        self._configure()

    def _configure(self) -> None:
        self.lanes.controls.configure(
            servers={"mail1": Limits(Rate(10), 4, 3), "mail2": Limits(Rate(10), 4, 3)},
            mailbox=Limits(Rate(5), 3, 2),
            pools={"answer": 4, "scan": 2},
            release_lease_s=RELEASE_LEASE_S,
            run_lease_s=RUN_LEASE_S,
            attempts=5,
        )

    def _publish(self, releases: Iterable[Release]) -> None:
        self.published += releases

    def messages(self, mailbox: Lane) -> list[Item]:
        """Return the items of the messages in a mailbox."""
        return [
            Item(f"{mailbox.name}-{number}", "answer", "answer", {"kind": "request"}, _FACTS, f"topic-{number}")
            for number in range(MESSAGES)
        ]

    def offer(self) -> None:
        """Trigger scans of all mailboxes, and offer what they find."""
        self.runs += 1
        scans = [
            (box, Item(f"scan-{self.runs}-{box.name}", "scan", "scan", {"kind": "scan"}, '["scan"]'))
            for box in MAILBOXES
        ]
        self.lanes.ledger.offer_scans(scans)
        for box in MAILBOXES:
            items = [item for item in self.messages(box) if item.id not in self.ended]
            scan = self.lanes.namespace.redis.hget(f"{self.lanes.namespace.prefix}:mailbox:{box.name}", "scan") or ""
            decisions = tuple(
                DecisionRecord(item.id, _FACTS, ("hold", "")[number % 2], "r", "y") for number, item in enumerate(items)
            )
            self.lanes.ledger.record_decisions(box, DecisionBatch(scan, decisions, 600))
            self.lanes.ledger.offer(box, items)
            self.lanes.topics.remember(box.name, {}, 600)

    def tick(self, seconds: float) -> None:
        """Let time pass, and run one round of the dispatcher."""
        self.clock.turn(seconds)
        if seconds:
            self.dispatcher.sweep()
        self.dispatcher.release()

    def take(self) -> Delivery | None:
        """Let a worker take the next delivery, and start it."""
        while self.published:
            release = self.published.pop(0)
            owner = f"owner-{len(self.ended)}-{release.id}-{release.generation}-{self.clock.us}"
            start = self.lanes.ledger.start(release.id, release.generation, owner)
            if start.result is StartResult.RUN:
                delivery = Delivery(release.id, release.generation, owner, self.clock.us)
                self._claim(delivery)
                return delivery
        return None

    def _claim(self, delivery: Delivery) -> None:
        """Check that no other delivery may run the item, and that one with an ended lease learns it."""
        for other in [other for other in self.running if other.item == delivery.item]:
            held_for_s = (self.clock.us - other.since_us) / 1e6
            assert held_for_s >= RUN_LEASE_S, f"{delivery.item} is in flight twice"
            assert self.lanes.ledger.record(other.item, other.generation, other.owner, {"x": 1}, intent=True) == "lost"
            self.running.remove(other)
        self.running.append(delivery)

    def intend(self, delivery: Delivery) -> bool:
        """Write down an intent; whether the item is still this delivery's."""
        memory = Memory(f'["{delivery.item}", "accept", 0]', "", 600)
        answer = self.lanes.ledger.record(
            delivery.item, delivery.generation, delivery.owner, {"send": 1}, intent=True, step="send", memory=memory
        )
        if answer == "ok":
            delivery.since_us = self.clock.us
        return answer == "ok"

    def end(self, delivery: Delivery, how: Any = "done") -> str:
        """Finish an item."""
        self.running.remove(delivery)
        ending = Ending(how, label=how, reason="a reason", delay_s=30, remember_s=86_400, longest_s=600, policy="p")
        finish = self.lanes.ledger.finish(delivery.item, delivery.generation, delivery.owner, ending, release=2)
        self._publish(finish.released)
        if finish.state == "done":
            self.ended[delivery.item] = self.ended.get(delivery.item, 0) + 1
        return finish.state

    def work(self) -> None:
        """Take and finish whatever there is."""
        while delivery := self.take():
            self.intend(delivery)
            self.end(delivery)

    def fill(self, steps: int) -> None:
        """Bring the ledger into a state in which there is something of everything, and go so many steps further."""
        self.offer()
        self.tick(1)
        for how in ("later", "dead", "left", "done"):
            delivery = self._take_a_message()
            self.intend(delivery)
            self.end(delivery, how)
        self.offer()
        for _ in range(2):
            self.tick(0.5)
            if held := self.take():
                self.intend(held)
        for key in (self.lanes.namespace.mailbox("bruno"), self.lanes.namespace.server("mail2")):
            until_us = self.lanes.time_us() + 20_000_000
            self.lanes.namespace.redis.hset(key, mapping={"hold": until_us, "hold_for": 20_000_000, "hold_why": "busy"})
        self.lanes.controls.limit("mailbox", "bruno")  # changes nothing, but its lane is placed by the hold
        for number in range(steps):
            self.tick(0.2)
            if number % 2 and (next_one := self.take()):
                self.end(next_one, ("done", "later", "throttled")[number % 3])

    def _take_a_message(self) -> Delivery:
        for _ in range(50):
            self.tick(0.3)
            delivery = self.take()
            if delivery and not delivery.item.startswith("scan-"):
                return delivery
            if delivery:
                self.end(delivery)
        raise AssertionError("no message was released")

    def run_on(self) -> None:
        """Let days pass: all processes run, scans are triggered, and every held delivery ends, in time or too late."""
        at_first = list(self.running)
        for number in range(12):
            self.offer()
            for _ in range(6):
                self.clock.turn(1)
                self.tick(0)
                self.work()
            if number == 1:
                for delivery in [delivery for delivery in at_first if delivery in self.running]:
                    self.intend(delivery)
                    self.end(delivery)
            self.tick((5, 70, 200, 700)[number % 4])
            self.work()


def settled(breakable: BreakableLanes) -> dict[str, Any]:
    """Return what must be empty or zero when everything is done, but is not."""
    redis, prefix = breakable.lanes.namespace.redis, breakable.lanes.namespace.prefix
    found: dict[str, Any] = {name: redis.zcard(f"{prefix}:{name}") for name in ("inflight", "later", "wait")}
    for box in MAILBOXES:
        found[f"lane {box.name}"] = redis.llen(f"{prefix}:lane:{box.name}")
        found |= {f"{field} {box.name}": _count(redis, f"{prefix}:mailbox:{box.name}", field) for field in _LOAD}
        found |= {f"{field} {box.server}": _count(redis, f"{prefix}:server:{box.server}", field) for field in _LOAD}
    found |= {pool: _count(redis, f"{prefix}:pools", pool) for pool in ("answer", "scan")}
    return {name: value for name, value in found.items() if value}


_LOAD = ("n", "reserved")


def _count(redis: Any, key: str, field: str) -> int:
    return int(redis.hget(key, field) or 0)


def fate(breakable: BreakableLanes, item_id: str) -> str:
    """Return the state of an item in the ledger; '' if it has none."""
    state: str | None = breakable.lanes.namespace.redis.hget(
        f"{breakable.lanes.namespace.prefix}:item:{item_id}", "state"
    )
    return state or ""
