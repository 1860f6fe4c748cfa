"""The lanes against a model of them, under whatever order of calls, losses and replays hypothesis can think of."""

from collections.abc import Callable
from functools import partial
from typing import Literal, cast

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from redis import Redis

from rsvpq.lanes import Ending, Item, Lane, Lanes, OperatorAction, Release, Scope
from rsvpq.lanes.limits import Limits, Rate
from tests.support.examples import examples
from tests.support.lane_model import FINAL, How, LaneModel, Leaving, Pace, Party
from tests.support.lane_snapshot import Ledger

pytestmark = pytest.mark.slow

SERVERS = ("mail1", "mail2")
MAILBOXES = ("adele", "bruno", "carla")
POOLS = {"mail": 3, "scan": 1}
S = 1_000_000
RELEASE_LEASE, RUN_LEASE, ATTEMPTS = 60 * S, 20 * S, 2
#: The longest that what is left alone is not looked at.
LONGEST = 10 * S
#: The shortest where the scan that offered it had another policy.
DISPUTED = 3 * S
#: More than there ever is, so that an answer shorter than this says "nothing else may go".
ALL = 50
SCRIPTS = (
    *("offer", "offer_scan", "release", "start", "record", "finish", "sweep"),
    *("pause", "hold", "limit", "retry", "drop", "refuse"),
)

Hand = tuple[str, int, str]  # item, generation, owner
PartyScope = Literal["mailbox", "server"]
Hold = Literal["", "mailbox", "server"]
Verb = Literal["retry", "drop"]

# Odd intervals catch rounding; one microsecond is the shortest there is.
paces = st.builds(Pace, st.sampled_from((1, 7, S // 3, S, 5 * S)), st.integers(1, 4), st.integers(1, 3))
server_paces = st.builds(Pace, st.sampled_from((1, S // 3, S)), st.integers(1, 6), st.integers(1, 4))
mailboxes = st.sampled_from(MAILBOXES)
servers = st.sampled_from(SERVERS)
picks = st.integers(0, 30)
mosts = st.sampled_from((0, 1, 2, ALL))
lost = st.booleans()
queues = st.lists(st.sampled_from(("mail", "mail", "scan")), min_size=1, max_size=4)
nothing: st.SearchStrategy[list[str]] = st.just([])
delays = st.sampled_from((0, 1, S // 2, 3 * S))
hows = st.sampled_from(("done", "done", "left", "later", "later", "throttled", "held", "dead"))
policies = st.sampled_from(("strict", "strict", "lax", ""))
holds: st.SearchStrategy[Hold] = st.sampled_from(("", "mailbox", "server"))
parties: st.SearchStrategy[tuple[PartyScope, str]] = st.one_of(
    st.tuples(st.just("mailbox"), mailboxes), st.tuples(st.just("server"), servers)
)
scopes: st.SearchStrategy[tuple[Scope, str]] = st.one_of(st.just(("all", "")), parties)


def limits_of(pace: Pace) -> Limits:
    """The same limits as the lanes take them."""
    return Limits(Rate(S / pace.interval), pace.burst, pace.concurrency)


class LaneMachine(RuleBasedStateMachine):
    """Calls every script in any order; after each call the model must give the same answer and the same ledger."""

    def __init__(self, redis: Redis) -> None:
        super().__init__()
        redis.flushdb()  # the fixture's own server
        self.redis = redis
        self.now = 1_700_000_000 * S
        self.lanes = Lanes(redis, now_us=lambda: self.now)
        self.published: list[Release] = []
        self.hands: list[Hand] = []  # of everybody who was ever told to run
        self.last: dict[str, Callable[[], None]] = {}
        self.serial = 0
        self.retried: set[str] = set()  # the tokens of retries that were done

    @initialize(mailbox=paces, first=server_paces, second=server_paces, work=st.tuples(queues, queues, nothing))
    def configured(self, mailbox: Pace, first: Pace, second: Pace, work: tuple[list[str], ...]) -> None:
        """All rules find something to do from the start."""
        by_name = dict(zip(SERVERS, (first, second), strict=True))
        self.model = LaneModel(mailbox, by_name, POOLS, (RELEASE_LEASE, RUN_LEASE), ATTEMPTS)
        self.configure()
        for name, pools in zip(MAILBOXES, work, strict=True):
            self._offer(name, self.new_items(name, pools), 0)

    # The clock

    @rule(early=st.booleans())
    def something_falls_due(self, early: bool) -> None:
        """Go to where the next delay, wait or hold ends, or to one microsecond before it."""
        due = [due for due in self.model.dues(self.now) if due - early > self.now]
        self.now = min(due, default=self.now + early) - early

    @precondition(lambda self: self.model.in_flight())
    @rule()
    def a_lease_ends(self) -> None:
        """A delivery was lost on its way, or a worker died."""
        self.now = max(self.now, min(item.due for item in self.model.in_flight()))
        self.say("sweep", self._sweep)

    @rule(us=st.sampled_from((S, 10 * S)))
    def tick(self, us: int) -> None:
        """What the dispatcher does, after a while in which nobody called."""
        self.now += us
        self.say("sweep", self._sweep)
        self.say("release", partial(self._release, ALL))

    @rule()
    def keep(self) -> None:
        """What is in order is left as it is, whatever the moment at which somebody looks for what is not."""
        assert sum(step.repaired for step in self.lanes.repair.walk()) == 0
        assert self.lanes.repair.check_slots() == 0
        self.lanes.repair.forget_gone()
        assert self.lanes.repair.broken_records() == []

    # The operator

    def configure(self) -> None:
        """At every start of a process; must leave what runs, and what an operator set, as it is."""
        self.lanes.controls.configure(
            servers={name: limits_of(party.configured) for name, party in self.model.servers.items()},
            mailbox=limits_of(self.model.default),
            pools=POOLS,
            release_lease_s=RELEASE_LEASE / S,
            run_lease_s=RUN_LEASE / S,
            attempts=ATTEMPTS,
        )

    @rule(scope=scopes, how=st.sampled_from(("pause", "resume", "resume")))
    def stop_or_go(self, scope: tuple[Scope, str], how: str) -> None:
        """Pause somewhere, or resume everywhere; it counts from the next release on."""
        if how == "resume":
            self.resume_everything()
        else:
            self.say("pause", partial(self._pause, *scope, True))
            for hand in self.running():
                self._record(*hand, intent=True)
        self._release(ALL)

    @rule(party=parties, pace=st.none() | paces, burst=st.none() | st.integers(1, 3))
    def limit(self, party: tuple[PartyScope, str], pace: Pace | None, burst: int | None) -> None:
        self.configure()
        self.say("limit", partial(self._limit, *party, pace, burst))

    @precondition(lambda self: self.model.items)
    @rule(pick=picks, verb=st.sampled_from(("retry", "drop")), any_state=st.booleans(), action=st.booleans())
    def settle_the_dead(self, pick: int, verb: Verb, any_state: bool, action: bool) -> None:
        """Retry or drop something dead, or something that is not; repeated as a new action where ``action``."""
        items = list(self.model.items.values())
        chosen = [item.id for item in items if item.state == "dead"] or [item.id for item in items]
        item = items[pick % len(items)].id if any_state else chosen[pick % len(chosen)]
        self.say(verb, partial(self._settle, verb, item, OperatorAction("a test", verb)))
        if action:
            self._settle(verb, item, OperatorAction("a test", verb))
        self._settle(verb, "nobody", OperatorAction("a test", verb))

    # Work comes in

    @rule(mailbox=mailboxes, pools=queues, again=st.none() | picks, most=mosts, policy=policies, lost=lost)
    def offer(self, mailbox: str, pools: list[str], again: int | None, most: int, policy: str, lost: bool) -> None:
        """Offer new messages, and perhaps one that the ledger knows, whatever became of it."""
        items = self.new_items(mailbox, pools)
        known = [item for item in self.model.items.values() if item.mailbox == mailbox]
        if known and again is not None:
            item = known[-1 - again % len(known)]
            items.insert(0, Item(item.id, "answer", item.pool, {}))
        self.say("offer", partial(self._offer, mailbox, items, most, policy), lost=lost)

    @precondition(lambda self: any(item.state == "left" for item in self.model.items.values()))
    @rule(pick=picks, policy=policies, due=st.booleans(), lost=lost)
    def offer_what_was_left_alone(self, pick: int, policy: str, due: bool, lost: bool) -> None:
        """A scan finds it once more, before or after it is due."""
        left = [item for item in self.model.items.values() if item.state == "left"]
        item = left[pick % len(left)]
        self.now = max(self.now, item.due) if due else self.now
        items = [Item(item.id, "answer", item.pool, {})]
        self.say("offer", partial(self._offer, item.mailbox, items, ALL, policy), lost=lost)

    @rule(mailbox=mailboxes, server=servers, pace=st.none() | paces)
    def offer_scan(self, mailbox: str, server: str, pace: Pace | None) -> None:
        self.say("offer_scan", partial(self._offer_scan, mailbox, server, f"scan-{self.new_serial()}", pace))

    @rule(mailbox=mailboxes, server=servers, deadly=st.booleans())
    def scan_to_the_end(self, mailbox: str, server: str, deadly: bool) -> None:
        """A scan from offer to outcome, and its offer once more, since the first answer was lost."""
        self.offer_scan(mailbox, server, None)
        self._release(ALL)
        if deadly:
            self.workers_die()
        while self.deliveries():
            self.deliver_and_finish("done", intent=False, delay=0, hold="")
        self.replay("offer_scan")

    def workers_die(self) -> None:
        """Let every worker that starts an item die, as often as an item may be attempted."""
        for _ in range(ATTEMPTS):
            for delivery in self.deliveries():
                self._start(*delivery, self.new_owner())
            self.now += RUN_LEASE
            self._sweep()
            self._release(ALL)

    @rule(most=mosts, lost=lost)
    def release(self, most: int, lost: bool) -> None:
        self.say("release", partial(self._release, most), lost=lost)

    @precondition(lambda self: self.deliveries())
    @rule(pick=picks, at_once=st.booleans(), lost=lost)
    def throw_away(self, pick: int, at_once: bool, lost: bool) -> None:
        """A worker is handed a delivery and does not call its task, as when it was revoked; or one that is none."""
        item, _ = self.deliveries()[pick % len(self.deliveries())]
        self.say("refuse", partial(self._refuse, item, at_once), lost=lost)
        for other in list(self.model.items.values()):
            if other.state != "released":
                self._refuse(other.id, at_once)

    @precondition(lambda self: self.deliveries())
    @rule(others=st.booleans())
    def never_starts(self, others: bool) -> None:
        """One delivery is lost each time; the others of its pool may be worked on meanwhile, or no worker runs."""
        item, _ = self.deliveries()[0]
        for _ in range(ATTEMPTS):
            self._release(ALL)
            while others and [one for one in self.deliveries() if one[0] != item]:
                delivery = next(one for one in self.deliveries() if one[0] != item)
                hand = (*delivery, self.new_owner())
                self._start(*hand)
                self._finish(*hand, "done", 0, "", ALL)
            self.now += RELEASE_LEASE
            self._sweep()

    # Work is done

    @precondition(lambda self: self.deliveries())
    @rule(pick=picks, intent=st.booleans(), lost=lost)
    def deliver(self, pick: int, intent: bool, lost: bool) -> None:
        """A delivery arrives in time; those that never do are lost."""
        delivery = self.deliveries()[pick % len(self.deliveries())]
        owner = self.new_owner()
        self.say("start", partial(self._start, *delivery, owner), lost=lost)
        self.nobody_else_may(*delivery, owner)
        if intent:
            self.say("record", partial(self._record, *delivery, owner, intent=True), lost=lost)

    @precondition(lambda self: self.deliveries())
    @rule(how=hows, intent=st.booleans(), delay=delays, hold=holds)
    def deliver_and_finish(self, how: How, intent: bool, delay: int, hold: Hold) -> None:
        """The whole life of a delivery that nobody disturbs."""
        hand = (*self.deliveries()[0], self.new_owner())
        self._start(*hand)
        if intent:
            self._record(*hand, intent=True)
        self._finish(*hand, how, delay, hold if how == "throttled" else "", 1)

    @precondition(lambda self: self.published)
    @rule(pick=picks, off=st.integers(-1, 1))
    def deliver_stray(self, pick: int, off: int) -> None:
        """A delivery comes twice, or late, or is of a generation that was or will be."""
        delivery = self.published[-1 - pick % len(self.published)]
        self.say("start", partial(self._start, delivery.id, delivery.generation + off, self.new_owner()))

    @precondition(lambda self: self.running())
    @rule(pick=picks, intent=st.booleans())
    def record(self, pick: int, intent: bool) -> None:
        self.say("record", partial(self._record, *self.running()[pick % len(self.running())], intent=intent))

    @precondition(lambda self: self.running())
    @rule(pick=picks, how=hows, delay=delays, hold=holds, most=mosts, lost=lost)
    def finish(self, pick: int, how: How, delay: int, hold: Hold, most: int, lost: bool) -> None:
        hand = self.running()[pick % len(self.running())]
        hold = hold if how == "throttled" else ""
        self.say("finish", partial(self._finish, *hand, how, delay, hold, most), lost=lost)

    @precondition(lambda self: self.hands)
    @rule(pick=picks, off=st.integers(-1, 1), stranger=st.booleans())
    def meddle(self, pick: int, off: int, stranger: bool) -> None:
        """Somebody records and finishes what is not, or no longer, theirs."""
        item, generation, owner = self.hands[-1 - pick % len(self.hands)]
        hand = (item, generation + off, self.new_owner() if stranger else owner)
        if hand not in self.running():
            self._record(*hand, intent=True)
            self._finish(*hand, "done", 0, "", 0)

    @rule(script=st.sampled_from(SCRIPTS))
    def replay(self, script: str) -> None:
        """The last call once more, as redis-py does when an answer is lost, now or after others have called."""
        if script in self.last:
            self.last[script]()

    # What must hold after each of them

    @invariant()
    def ledger_is_the_models(self) -> None:
        ledger = Ledger.read(self.redis, self.lanes.namespace.prefix)
        view = ledger.view(POOLS)
        assert view == self.model.view()
        for item, fields in view.items.items():
            assert ledger.places(item) == [fields[0]]
        for load in (*view.mailboxes.values(), *view.servers.values()):
            assert 0 <= load.reserved <= load.n
        self.nobody_sleeps_for_ever(ledger)

    def nobody_sleeps_for_ever(self, ledger: Ledger) -> None:
        """Each mailbox stands where the model has it; one whose waiting is over may stand there until the next tick."""
        assert set(ledger.named("ready")) <= set(ledger.keys.get("gates", ()))
        for mailbox in self.model.mailboxes:
            [(stands, due)] = ledger.stands(mailbox)
            if stands == "wait" and due <= self.now:
                assert self.model.where(mailbox, due - 1) == ("wait", due)
            else:
                assert (stands, due) == self.model.where(mailbox, self.now)

    def teardown(self) -> None:
        """With the operator out of the way and time enough, every item that was ever offered ends."""
        self.resume_everything()
        for _ in self.model.items:  # each round ends one at least
            self.now += RELEASE_LEASE
            self._sweep()
            self._release(ALL)
            while self.deliveries():
                self.deliver_and_finish("done", intent=True, delay=0, hold="")
        assert {item.state for item in self.model.items.values()} <= set(FINAL)
        self.ledger_is_the_models()

    # Each script: the call, and the model's word on its answer

    def say(self, script: str, call: Callable[[], None], *, lost: bool = False) -> None:
        """Make the call; where its answer is lost, what it released is never published, and the call is repeated."""
        self.last[script] = call
        if lost:
            published = len(self.published)
            call()
            del self.published[published:]
        call()

    def nobody_else_may(self, item: str, generation: int, owner: str) -> None:
        """Another generation, or another owner, neither records nor finishes."""
        for hand in ((item, generation - 1, owner), (item, generation + 1, owner), (item, generation, "a stranger")):
            self._record(*hand, intent=True)
            self._finish(*hand, "done", 0, "", 0)

    def new_serial(self) -> int:
        self.serial += 1
        return self.serial

    def new_owner(self) -> str:
        return f"delivery-{self.new_serial()}"

    def new_items(self, mailbox: str, pools: list[str]) -> list[Item]:
        return [Item(f"{mailbox}-{self.new_serial()}", "answer", pool, {"pool": pool}) for pool in pools]

    def deliveries(self) -> list[tuple[str, int]]:
        """What was published and may start."""
        current = [(item.id, item.generation) for item in self.model.items.values() if item.state == "released"]
        published = {(release.id, release.generation) for release in self.published}
        return [delivery for delivery in current if delivery in published]

    def running(self) -> list[Hand]:
        """Those who hold an item."""
        running = self.model.items.values()
        return [(item.id, item.generation, item.owner) for item in running if item.state == "running"]

    def resume_everything(self) -> None:
        for name in MAILBOXES:
            self._pause("mailbox", name, False)
        for name in SERVERS:
            self._pause("server", name, False)
        self.say("pause", partial(self._pause, "all", "", False))

    def _pause(self, scope: Scope, name: str, paused: bool) -> None:
        if scope == "all":
            self.model.paused = paused
        else:
            party = self._party(scope, name)
            party.paused = paused
            party.hold = party.hold if paused else 0
        if paused:
            self.lanes.controls.pause(scope, name, reason="a test")
        else:
            self.lanes.controls.resume(scope, name)

    def _settle(self, verb: Verb, item: str, action: OperatorAction) -> None:
        replayed = verb == "retry" and action.token in self.retried
        expected = "retried" if replayed else getattr(self.model, verb)(item)
        assert getattr(self.lanes.dead_items, verb)([item], action) == {item: expected}
        if expected == "retried":
            self.retried.add(action.token)

    def _party(self, scope: str, name: str) -> Party:
        return self.model.servers[name] if scope == "server" else self.model.mailboxes[name]

    def _limit(self, scope: PartyScope, name: str, pace: Pace | None, burst: int | None) -> None:
        interval, concurrency = (pace.interval, pace.concurrency) if pace else (None, None)
        self._party(scope, name).adopt(self.now, live=(interval, burst, concurrency))
        rate = Rate(S / interval) if interval else None
        self.lanes.controls.limit(scope, name, rate=rate, burst=burst, concurrency=concurrency)

    def _offer(self, mailbox: str, items: list[Item], most: int, policy: str = "") -> None:
        new = self.model.offer(mailbox, SERVERS[0], [(item.id, item.pool) for item in items], policy, self.now)
        answer = self.lanes.ledger.offer(Lane(mailbox, SERVERS[0]), items, release=most, policy=policy)
        assert answer.new == new
        self._publish(answer.released, most)

    def _offer_scan(self, mailbox: str, server: str, item: str, pace: Pace | None) -> None:
        scan = (Lane(mailbox, server, limits=limits_of(pace) if pace else None), Item(item, "scan", "scan", {}))
        expected = self.model.offer_scan(mailbox, server, item, "scan", pace, self.now)
        assert self.lanes.ledger.offer_scans([scan]) == {mailbox: expected}

    def _release(self, most: int) -> None:
        self._publish(self.lanes.ledger.release(most), most)

    def _publish(self, releases: tuple[Release, ...], most: int) -> None:
        """Take what a script released: each item was free to go, and where there is less than asked, no other is."""
        assert len(releases) <= most
        if most and not self.model.paused:
            self.model.wake(self.now)
        for release in releases:
            self.model.release(release.id, release.generation, release.mailbox, release.server, self.now)
        self.published += releases
        if len(releases) < most:
            assert all(self.model.hindrance(mailbox, self.now) for mailbox in MAILBOXES)

    def _start(self, item: str, generation: int, owner: str) -> None:
        answer = self.lanes.ledger.start(item, generation, owner)
        assert answer.result == self.model.start(item, generation, owner, self.now)
        if answer.result == "run":
            assert answer.attempt == self.model.items[item].attempts
            self.hands.append((item, generation, owner))

    def _record(self, item: str, generation: int, owner: str, *, intent: bool) -> None:
        answer = self.lanes.ledger.record(item, generation, owner, {"intent": intent}, intent=intent)
        assert answer == self.model.record(item, generation, owner, self.now, intent=intent)

    def _finish(self, item: str, generation: int, owner: str, how: How, delay: int, hold: Hold, most: int) -> None:
        # What is left alone is so by a policy, and for a person or not, which follow from the item.
        leaving = Leaving(LONGEST, DISPUTED, ("strict", "lax")[generation % 2], on_hold=len(item) % 2 == 0)
        state = self.model.finish(item, generation, owner, how, self.now, delay=delay, hold=hold, leaving=leaving)
        ending = Ending(
            how,
            label=how,
            delay_s=delay / S,
            remember_s=600,
            hold=hold,
            longest_s=LONGEST / S,
            disputed_s=DISPUTED / S,
            policy=leaving.policy,
            on_hold="a reason" if leaving.on_hold else "",
        )
        answer = self.lanes.ledger.finish(item, generation, owner, ending, release=most)
        assert answer.state == state
        self._publish(answer.released, most)

    def _refuse(self, item: str, at_once: bool) -> None:
        expected = self.model.refuse(item, "revoked", self.now, at_once=at_once)
        assert self.lanes.ledger.refuse(item, "revoked", at_once=at_once) == expected

    def _sweep(self) -> None:
        assert self.lanes.ledger.sweep() == self.model.sweep(self.now)


@pytest.mark.timeout(1800)  # a failure is shrunk for up to five minutes before it is told
def test_the_lanes_do_what_their_model_does(redis: Redis) -> None:
    """Nothing lost or finished twice, no limit exceeded and nobody forgotten, whatever happens in whatever order."""
    run_state_machine_as_test(
        cast("type[RuleBasedStateMachine]", partial(LaneMachine, redis)),  # any factory will do
        settings=examples(120, stateful_step_count=50, derandomize=True, print_blob=False),
    )
