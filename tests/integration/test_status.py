"""What the status says about lanes in every state."""

import json
from typing import Any, Literal
from unittest.mock import ANY  # equal to everything, and no mock

import pytest
from redis import Redis

from rsvpq.lanes import Ending, Item, Lane, Lanes, OperatorAction, ScanTotals
from rsvpq.lanes.limits import Limits, Rate
from rsvpq.lanes.status import Backlog, Pause, ServerStatus, Status
from rsvpq.mail.messages import Mailbox
from rsvpq.tasks import contract
from rsvpq.tasks.contract import scan_item
from tests.support.lanes_with_clock import Clock, hold, offer, released


@pytest.fixture
def now(redis: Redis) -> Lanes:
    """Lanes on Redis' own clock, which the status goes by; one item at a time for each mailbox."""
    lanes = Lanes(redis, "test")
    lanes.controls.configure(
        servers={"mail1": Limits(Rate(1000), 1000, 10), "mail2": Limits(Rate(1000), 1000, 10)},
        mailbox=Limits(Rate(1000), 1000, 1),
        pools={"scan": 10, "answer": 10},
        release_lease_s=60,
        run_lease_s=180,
        attempts=1,
    )
    adele, bruno, carla = Mailbox("adele", "mail1"), Mailbox("bruno", "mail1"), Mailbox("carla", "mail2")
    lanes.ledger.offer_scans(
        (contract.lane_of(mailbox), scan_item(mailbox, "first")) for mailbox in (adele, bruno, carla)
    )
    for release in lanes.ledger.release():
        lanes.ledger.start(release.id, release.generation, "worker")
        lanes.ledger.finish(
            release.id,
            release.generation,
            "worker",
            Ending("done", label="done:scanned", counts={"scan:offered": 2}, totals=ScanTotals(2, 0, 0)),
        )
    return lanes


def test_idle_lanes_know_their_servers_mailboxes_and_counts(now: Lanes) -> None:
    status = now.snapshot.status()
    times = {"oldest_scan_s": ANY, "newest_scan_s": ANY}
    assert status.servers == {
        "mail1": ServerStatus(mailboxes=2, **times, counts={"done:scanned": 2, "scan:offered": 4}),
        "mail2": ServerStatus(mailboxes=1, **times, counts={"done:scanned": 1, "scan:offered": 2}),
    }
    assert (status.unfinished, status.later, status.dead, status.paused) == (0, 0, 0, None)
    assert status.counts == {"done:scanned": 3, "scan:offered": 6}


def test_pending_and_released_items_are_counted_where_they_are(now: Lanes) -> None:
    offer(now, "a1", "a2", "a3", mailbox="adele")
    offer(now, "c1", mailbox="carla", server="mail2")
    now.ledger.release()
    status = now.snapshot.status()
    assert (status.servers["mail1"].pending, status.servers["mail1"].in_flight) == (2, 1)
    assert (status.servers["mail1"].released, status.servers["mail1"].running) == (1, 0)
    now.ledger.start("a1", 1, "worker")
    running = now.snapshot.status().servers["mail1"]
    assert (running.released, running.running, running.waiting) == (0, 1, {"mailbox busy": Backlog(1, 2)})
    assert (status.servers["mail2"].pending, status.servers["mail2"].in_flight) == (0, 1)
    assert status.unfinished == 4


@pytest.mark.parametrize(("how", "later", "dead"), [("throttled", 1, 0), ("dead", 0, 1), ("later", 0, 1)])
def test_items_that_wait_and_items_that_died_are_counted(now: Lanes, how: str, later: int, dead: int) -> None:
    offer(now, "a1", mailbox="adele")
    (release,) = now.ledger.release()
    now.ledger.start("a1", release.generation, "worker")
    now.ledger.finish("a1", release.generation, "worker", Ending(how, label=how, delay_s=60))  # type: ignore[arg-type]
    status = now.snapshot.status()
    assert (status.later, status.dead, status.unfinished) == (later, dead, later)
    assert (status.servers["mail1"].later, status.servers["mail1"].dead) == (later, dead)
    assert (status.servers["mail2"].later, status.servers["mail2"].dead) == (0, 0)


def test_a_lane_and_the_status_of_its_mailbox_count_the_same_attempts_to_come(now: Lanes) -> None:
    for item, how in (("a1", "throttled"), ("a2", "done")):
        offer(now, item, mailbox="adele")
        (release,) = now.ledger.release()
        now.ledger.start(item, release.generation, "worker")
        now.ledger.finish(item, release.generation, "worker", Ending(how, label=how, delay_s=60))  # type: ignore[arg-type]
    now.namespace.redis.zadd("{test}:later", {"a2": 1})  # which has ended, as after a repair by hand
    lane = now.snapshot.lane("adele", 0)
    assert lane is not None
    assert (lane.later, now.snapshot.status_of(["adele"]).later, now.snapshot.status_of(["bruno"]).later) == (1, 1, 0)


def test_pauses_are_shown_where_they_are(now: Lanes) -> None:
    now.controls.pause("all", reason="everything stops")
    now.controls.pause("server", "mail1", reason="maintenance")
    now.controls.pause("mailbox", "carla", reason="on leave")
    offer(now, "c1", mailbox="carla", server="mail2")
    status = now.snapshot.status()
    assert status.paused == Pause("everything stops", "", ANY)
    assert (status.servers["mail1"].paused, status.servers["mail2"].paused) == (Pause("maintenance", "", ANY), None)
    assert status.servers["mail2"].paused_mailboxes == {"carla": Pause("on leave", "", ANY)}
    assert status.servers["mail2"].waiting == {"everything paused": Backlog(1, 1)}
    now.controls.resume("all")
    assert now.snapshot.status().servers["mail2"].waiting == {"mailbox paused": Backlog(1, 1)}
    now.controls.resume("mailbox", "carla")
    status = now.snapshot.status()
    assert (status.paused, status.servers["mail2"].paused_mailboxes) == (None, {})


def test_a_held_server_says_for_how_long_yet_and_why(now: Lanes) -> None:
    hold(now, "server", 100, "Busy: it returned 503")
    servers = now.snapshot.status().servers
    assert 90 < servers["mail1"].held_s <= 100
    assert (servers["mail1"].held_why, servers["mail2"].held_why) == ("Busy: it returned 503", "")
    assert servers["mail2"].held_s == 0


def test_the_reason_of_a_hold_is_that_of_the_longer_one(turned: Lanes, clock: Clock) -> None:
    offer(turned, "a1")
    offer(turned, "b1", mailbox="bruno")
    assert len(turned.ledger.release()) == 2
    finish(turned, "a1", how="throttled", hold="server", delay_s=100, reason="the longer")
    finish(turned, "b1", how="throttled", hold="server", delay_s=50, reason="the shorter")
    assert turned.snapshot.status().servers["mail1"].held_why == "the longer"
    clock.turn(101)
    assert turned.snapshot.status().servers["mail1"].held_why == ""
    turned.ledger.release()
    finish(turned, "b1", how="throttled", hold="server", delay_s=10, reason="the next")
    assert turned.snapshot.status().servers["mail1"].held_why == "the next"


@pytest.mark.parametrize("scope", ["server", "mailbox"])
@pytest.mark.parametrize("spaces", range(4))
def test_a_long_reason_is_cut_between_characters(
    turned: Lanes, scope: Literal["server", "mailbox"], spaces: int
) -> None:
    """A path names a message after its subject, in any writing."""
    why = "Busy: " + " " * spaces + "部門別予算会議" * 60
    name = "mail1" if scope == "server" else "adele"
    released(turned, "a1")
    finish(turned, "a1", how="throttled", hold=scope, delay_s=600, recorded_reason=why)
    server = turned.snapshot.status().servers["mail1"]
    assert (server.held_why if scope == "server" else server.held_mailboxes["adele"].why) == why[:300]
    assert turned.controls.held(scope, name) == (600, why[:300])


@pytest.mark.parametrize("scope", ["server", "mailbox"])
def test_the_reason_of_a_hold_ends_with_it(turned: Lanes, clock: Clock, scope: Literal["server", "mailbox"]) -> None:
    name = "mail1" if scope == "server" else "adele"
    hold(turned, scope, 100, "Busy: 503")
    clock.turn(101)
    assert turned.controls.held(scope, name) == (0, "")
    turned.ledger.release()
    assert turned.namespace.redis.hget(f"{turned.namespace.prefix}:{scope}:{name}", "hold_why") is None


@pytest.mark.parametrize("scope", ["server", "mailbox"])
def test_what_is_held_says_why_it_was_and_a_resume_lifts_it(turned: Lanes, scope: Literal["server", "mailbox"]) -> None:
    released(turned, "a1")
    offer(turned, "a2")
    name = "mail1" if scope == "server" else "adele"
    finish(turned, "a1", how="throttled", hold=scope, delay_s=600, recorded_reason="Busy: it asked for it")
    server = turned.snapshot.status().servers["mail1"]
    reported = server.held_why if scope == "server" else server.held_mailboxes["adele"].why
    assert reported == "Busy: it asked for it"
    assert turned.controls.held(scope, name) == (600, reported)
    assert turned.ledger.release() == ()
    turned.controls.resume(scope, name)
    server = turned.snapshot.status().servers["mail1"]
    assert (server.held_s, server.held_why, server.held_mailboxes) == (0, "", {})
    # What met the hold goes first: it did not wait beside the lane for a time of its own.
    assert [release.id for release in turned.ledger.release()] == ["a1"]


def test_a_held_mailbox_waits(now: Lanes) -> None:
    hold(now, "mailbox", 100)
    assert now.snapshot.status().servers["mail1"].waiting == {"mailbox held": Backlog(1, 1)}


def test_the_status_of_many_mailboxes_adds_up(now: Lanes) -> None:
    mailboxes = [Mailbox(f"mailbox-{number}", f"mail{1 + number % 2}") for number in range(2500)]
    now.ledger.offer_scans((contract.lane_of(mailbox), scan_item(mailbox, "second")) for mailbox in mailboxes)
    status = now.snapshot.status()
    assert [status.servers[name].mailboxes for name in ("mail1", "mail2")] == [1252, 1251]
    assert status.unfinished == 2500


def test_an_empty_redis_has_an_empty_status(redis: Redis) -> None:
    assert Lanes(redis, "nobody").snapshot.status() == Status()


def test_the_status_is_ready_for_json(now: Lanes) -> None:
    reported = json.loads(json.dumps(now.snapshot.status().to_dict()))
    assert reported["servers"]["mail1"]["mailboxes"] == 2
    assert reported["counts"]["done:scanned"] == 3


def test_dead_items_are_listed_with_their_reason_the_newest_first(now: Lanes) -> None:
    for name in ("first", "second"):
        now.ledger.offer(
            Lane("adele", "mail1"),
            [Item(name, "workers.answer_request", "answer", {"subject": name})],
        )
        (release,) = now.ledger.release()
        now.ledger.start(name, release.generation, "worker")
        now.ledger.record(name, release.generation, "worker", {"accept": []}, intent=True)
        now.ledger.finish(name, release.generation, "worker", Ending("dead", label="dead:refused", reason=f"no {name}"))
    assert [(dead.id, dead.reason, dead.journal) for dead in list(now.dead_items.all())] == [
        ("second", "no second", {"accept": []}),
        ("first", "no first", {"accept": []}),
    ]


# -- on a clock that stands still until it is turned


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def turned(redis: Redis, clock: Clock) -> Lanes:
    """Lanes of two servers, three items at a time for each, one every second after a burst of two for a mailbox."""
    lanes = Lanes(redis, "test", now_us=clock.now_us)
    lanes.controls.configure(
        servers={"mail1": Limits(Rate(1000), 1000, 3), "mail2": Limits(Rate(1000), 1000, 3)},
        mailbox=Limits(Rate(1), 2, 2),
        pools={"scan": 10, "answer": 4},
        release_lease_s=60,
        run_lease_s=180,
        attempts=1,
    )
    for name in ("adele", "bruno", "carla"):  # known, as after a scan
        redis.sadd("{test}:mailboxes", name)
        redis.hset(f"{{test}}:mailbox:{name}", "server", "mail1")
    return lanes


def finish(lanes: Lanes, item: str, how: str = "done", **details: Any) -> None:
    """Start and finish a released item."""
    generation = int(lanes.namespace.redis.hget(f"{lanes.namespace.prefix}:item:{item}", "generation"))
    lanes.ledger.start(item, generation, "worker")
    details = {"label": f"{how}:answered", "result": "answered", **details}
    lanes.ledger.finish(item, generation, "worker", Ending(how, **details))  # type: ignore[arg-type]


def test_the_lag_is_the_age_of_the_oldest_message_that_has_not_ended(turned: Lanes, clock: Clock) -> None:
    released(turned, "a1")
    clock.turn(5)
    offer(turned, "b1", mailbox="bruno")
    clock.turn(10)
    assert (turned.snapshot.status().servers["mail1"].lag_s, turned.snapshot.status().servers["mail1"].unfinished) == (
        15,
        2,
    )
    finish(turned, "a1", "later", delay_s=60)  # dead, for there is one attempt only
    assert (turned.snapshot.status().servers["mail1"].lag_s, turned.snapshot.status().servers["mail1"].unfinished) == (
        10,
        1,
    )
    turned.dead_items.retry(["a1"], OperatorAction("a test", "retry"))
    assert turned.snapshot.status().servers["mail1"].lag_s == 15
    turned.ledger.release()
    finish(turned, "a1")
    finish(turned, "b1")
    assert turned.snapshot.status().servers["mail1"].lag_s is None
    assert turned.snapshot.status().servers["mail2"].lag_s is None


def test_the_lag_is_reported_with_what_most_are_younger_than(turned: Lanes, clock: Clock) -> None:
    offer(turned, "old")
    clock.turn(100)
    offer(turned, *map(str, range(30)))
    clock.turn(1)
    server = turned.snapshot.status().servers["mail1"]
    assert (server.lag_s, server.lag_p95_s) == (101, 1)


def test_a_message_counts_for_the_server_that_its_mailbox_is_on_now(turned: Lanes) -> None:
    offer(turned, "a1", "a2", "a3", mailbox="adele", server="mail1")
    turned.namespace.redis.hset(
        f"{turned.namespace.prefix}:mailbox:adele", "server", "mail2"
    )  # as the next scan has it
    turned.ledger.release()
    servers = turned.snapshot.status().servers
    assert (servers["mail1"].unfinished, servers["mail2"].unfinished) == (1, 2)
    offer(turned, "a4", mailbox="adele")
    assert turned.snapshot.status().servers["mail2"].unfinished == 3


def test_why_mailboxes_wait_is_reported_for_each_reason(turned: Lanes) -> None:
    for item, mailbox in (("a", "adele"), ("b", "bruno"), ("c", "carla")):
        offer(turned, *(f"{item}{number}" for number in range(4)), mailbox=mailbox)
    waiting = turned.snapshot.status().servers["mail1"].waiting
    assert waiting == {"ready": Backlog(3, 12)}
    assert len(turned.ledger.release()) == 3
    waiting = turned.snapshot.status().servers["mail1"].waiting
    assert waiting == {"server busy": Backlog(3, 9)}
    finish(turned, "a0", how="throttled", hold="server", delay_s=5)
    assert turned.snapshot.status().servers["mail1"].waiting == {"server held": Backlog(3, 10)}
    turned.controls.pause("server", "mail1", reason="a test")
    assert turned.snapshot.status().servers["mail1"].waiting == {"server paused": Backlog(3, 10)}


def test_a_mailbox_that_has_used_up_its_pace_waits_for_it(turned: Lanes) -> None:
    offer(turned, "a1", "a2", "a3", "a4")
    for release in turned.ledger.release():
        finish(turned, release.id)
    assert turned.snapshot.status().servers["mail1"].waiting == {"mailbox pace": Backlog(1, 2)}


def test_answers_and_openings_are_counted_by_server(turned: Lanes, clock: Clock) -> None:
    released(turned, "a1")
    finish(turned, "a1")
    clock.turn(7)
    server = turned.snapshot.status().servers["mail1"]
    assert (server.answered, server.opened, server.last_answer_s) == (1, 0, 7)
    assert turned.snapshot.status().servers["mail2"] == ServerStatus()


def scan(lanes: Lanes, mailbox: Mailbox, run: str, skipped: dict[str, int]) -> None:
    """Let a scan of the Inbox end that has left these alone."""
    item = scan_item(mailbox, run)
    lanes.ledger.offer_scans([(contract.lane_of(mailbox), item)])
    (release,) = lanes.ledger.release()
    lanes.ledger.start(item.id, release.generation, "worker")
    totals = ScanTotals(sum(skipped.values()), 0, 0, skipped)
    lanes.ledger.finish(item.id, release.generation, "worker", Ending("done", label="done:scanned", totals=totals))


def test_a_message_that_each_scan_leaves_alone_is_counted_once(now: Lanes) -> None:
    adele, bruno, carla = Mailbox("adele", "mail1"), Mailbox("bruno", "mail1"), Mailbox("carla", "mail2")
    scan(now, adele, "one", {"too-old": 2000, "private": 1})
    scan(now, bruno, "one", {"too-old": 3})
    scan(now, carla, "one", {"would-accept": 5})
    status = now.snapshot.status()
    assert status.servers["mail1"].skipped == {"too-old": 2003, "private": 1}
    for run in ("two", "three"):
        scan(now, adele, run, {"too-old": 2000, "private": 1})
    assert now.snapshot.status().servers["mail1"].skipped == {"too-old": 2003, "private": 1}
    scan(now, bruno, "four", {"too-old": 2000, "private": 1})  # the same as in another mailbox
    assert now.snapshot.status().servers["mail1"].skipped == {"too-old": 4000, "private": 2}
    scan(now, bruno, "five", {"too-old": 3})
    scan(now, carla, "answering", {})
    assert now.snapshot.status().skipped == {"too-old": 2003, "private": 1}
    assert now.snapshot.status(["adele"]).skipped == {"too-old": 2000, "private": 1}
    assert now.snapshot.mailboxes(["bruno"])["bruno"].totals == ScanTotals(3, 0, 0, {"too-old": 3})


@pytest.mark.parametrize("text", ["[1, 2]", "7", "{", '{"too-old": "many"}', ""])
def test_what_was_left_alone_by_a_broken_record_counts_as_nothing(now: Lanes, text: str) -> None:
    scan(now, Mailbox("adele", "mail1"), "one", {"too-old": 1})
    now.namespace.redis.hset(now.namespace.mailbox("adele"), "skipped", text)
    assert now.snapshot.status().skipped == {}
    now.snapshot.mailboxes(["adele"])


def test_sightings_that_an_earlier_version_counted_are_not_shown(turned: Lanes) -> None:
    for key in (turned.namespace.counts(), turned.namespace.counts("mail1")):
        turned.namespace.redis.hset(key, mapping={"skipped:too-old": 9, "scan:found": 10, "done:answered": 1})
    status = turned.snapshot.status()
    assert status.counts == status.servers["mail1"].counts == {"done:answered": 1}


def test_scans_are_summed_up_by_the_oldest_and_the_newest(turned: Lanes, clock: Clock) -> None:
    for name in ("adele", "bruno"):
        turned.ledger.offer_scans([(Lane(name, "mail1"), scan_item(Mailbox(name, "mail1"), "first"))])
        (release,) = turned.ledger.release()
        finish(turned, release.id, totals=ScanTotals(0, 0, 0))
        clock.turn(10)
    turned.ledger.offer_scans([(Lane("carla", "mail1"), scan_item(Mailbox("carla", "mail1"), "first"))])
    server = turned.snapshot.status().servers["mail1"]
    assert (server.oldest_scan_s, server.newest_scan_s, server.never_scanned) == (20, 10, 1)
    assert server.lag_s is None  # a scan is not a message


def test_a_scan_that_has_not_ended_has_a_lag_of_its_own(turned: Lanes, clock: Clock) -> None:
    for name in ("adele", "bruno"):
        turned.ledger.offer_scans([(Lane(name, "mail1"), scan_item(Mailbox(name, "mail1"), "first"))])
        clock.turn(10)
    status = turned.snapshot.status()
    assert (status.servers["mail1"].scan_lag_s, status.servers["mail2"].scan_lag_s, status.oldest_s) == (20, None, 20)
    offer(turned, "c1", mailbox="carla")
    clock.turn(5)
    for release in turned.ledger.release():
        finish(turned, release.id)
    assert (turned.snapshot.status().servers["mail1"].scan_lag_s, turned.snapshot.status().oldest_s) == (None, None)
