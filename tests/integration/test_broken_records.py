"""Single records that are gone, foreign or unreadable: who notices, who is told, and who goes on."""

import json
from typing import Any

import pytest

from producer.dispatcher import Dispatcher, Plan
from rsvpq.lanes import Ending, Item, Lane, Lanes, Release, StartResult
from tests.support.installation import Installation
from tests.support.lanes_with_clock import Clock, offer, released

BRUNO = {"mailbox": "bruno", "server": "mail1"}


def named(lanes: Lanes) -> dict[str, str]:
    """The broken records that an operator is told of, and how each is broken."""
    return {one.name: one.why for one in lanes.repair.broken_records()}


def ids(releases: tuple[Release, ...]) -> list[str]:
    return sorted(release.id for release in releases)


def test_a_mailbox_whose_record_was_deleted_is_worked_on_and_nobody_elses_items_wait(lanes: Lanes) -> None:
    offer(lanes, "a", "b")
    offer(lanes, "c", **BRUNO)
    lanes.namespace.redis.delete("{test}:mailbox:adele")
    assert ids(lanes.ledger.release()) == ["a", "c"]
    assert named(lanes) == {"mailbox:adele": "record-missing"}
    assert lanes.namespace.redis.lrange("{test}:lane:adele", 0, -1) == ["b"]


def test_a_mailbox_whose_record_was_deleted_keeps_its_concurrency(lanes: Lanes) -> None:
    release = released(lanes, "a", "b")
    lanes.ledger.start("a", release.generation, "worker")
    lanes.namespace.redis.delete("{test}:mailbox:adele")
    assert lanes.repair.check_slots() == 1
    list(lanes.repair.walk())
    assert lanes.ledger.release() == ()


@pytest.mark.parametrize("state", ["pending", "released", "later"])
def test_an_item_that_was_evicted_holds_nobody_up_and_is_reported(lanes: Lanes, clock: Clock, state: str) -> None:
    release = released(lanes, "a", "b") if state != "pending" else None
    if release is None:
        offer(lanes, "a", "b")
    elif state == "later":
        lanes.ledger.start("a", release.generation, "worker")
        lanes.ledger.finish("a", release.generation, "worker", Ending("later", label="later", delay_s=30))
    lanes.namespace.redis.delete("{test}:item:a")
    lanes.namespace.redis.sadd("{test}:mailboxes", "adele")  # as a scan does
    lanes.repair.check_slots()
    clock.turn(61)
    lanes.ledger.sweep()
    assert ids(lanes.ledger.release()) == ["b"]
    assert named(lanes)["item:a"] == "item-missing"
    assert lanes.snapshot.status().order.broken >= 1
    assert lanes.snapshot.counts()["broken:item-missing"] == 1


def test_a_payload_that_is_no_json_is_set_aside_and_the_others_go(lanes: Lanes) -> None:
    offer(lanes, "a")
    offer(lanes, "c", **BRUNO)
    lanes.namespace.redis.hset("{test}:item:a", "payload", "{no json")
    assert ids(lanes.ledger.release()) == ["c"]
    assert named(lanes) == {"item:a": "unreadable"}
    assert lanes.namespace.redis.hget("{test}:aside:item:a", "payload") == "{no json"
    assert lanes.namespace.redis.hget("{test}:mailbox:adele", "n") == "0"


def test_an_item_of_a_task_that_there_is_not_is_set_aside(lanes: Lanes) -> None:
    offer(lanes, "a")
    lanes.namespace.redis.hset("{test}:item:a", "work", "os.system")
    assert Lanes(lanes.namespace.redis, "test", works={"workers.answer_request"}).ledger.release() == ()
    assert named(lanes) == {"item:a": "unreadable"}


def test_an_item_that_was_set_aside_is_offered_anew_by_the_next_scan_once_the_mailbox_was_looked_at(
    lanes: Lanes,
) -> None:
    lanes.topics.remember("adele", {}, 600)
    release = released(lanes, "a")
    lanes.namespace.redis.hset("{test}:item:a", "journal", "[")
    assert lanes.ledger.start("a", release.generation, "worker").result is StartResult.UNKNOWN
    again = released(lanes, "a")
    start = lanes.ledger.start("a", again.generation, "worker")
    assert start.result is StartResult.RUN
    assert lanes.topics.recall("adele", "budget") == ("", 0)


@pytest.mark.parametrize("key", ["lane:adele", "item:a", "mailbox:adele", "server:mail1", "pools", "inflight"])
def test_a_key_of_another_type_is_set_aside_and_everything_goes_on(lanes: Lanes, clock: Clock, key: str) -> None:
    offer(lanes, "a", "b")
    lanes.namespace.redis.delete(f"{{test}}:{key}")
    lanes.namespace.redis.sadd(f"{{test}}:{key}", "a stranger's")
    offer(lanes, "c", **BRUNO)
    for _ in range(3):
        clock.turn(61)
        lanes.ledger.sweep()
        list(lanes.repair.walk())
        for release in lanes.ledger.release():
            lanes.ledger.start(release.id, release.generation, "worker")
            lanes.ledger.finish(release.id, release.generation, "worker", Ending("done", label="done", remember_s=600))
        offer(lanes, "a", "b")
    assert {lanes.namespace.redis.hget(f"{{test}}:item:{item}", "state") for item in "abc"} == {"done"}
    assert key in named(lanes)
    assert lanes.snapshot.counts()["broken:wrong-type"] == 1
    assert lanes.namespace.redis.smembers(f"{{test}}:aside:{key}") == {"a stranger's"}


@pytest.mark.parametrize("value", ["x", "", "9223372036854775807"])
def test_a_redis_that_was_started_anew_is_worked_with_whatever_is_in_the_place_of_its_starts(
    lanes: Lanes, clock: Clock, value: str
) -> None:
    lanes.topics.remember("adele", {}, 600)
    release = released(lanes, "a")
    clock.turn(1)
    lanes.namespace.redis.hset("{test}:cfg", "start", value)
    lanes.namespace.redis.script_flush()
    assert lanes.ledger.start("a", release.generation, "worker").result is StartResult.RUN
    assert lanes.topics.recall("adele", "budget") == ("", 0)


@pytest.mark.parametrize("who", ["a worker", "another mailbox", "a lost item"])
def test_starts_that_are_counted_anew_are_none_of_those_before(lanes: Lanes, clock: Clock, who: str) -> None:
    """A mailbox would be vouched for by a number that it remembers from before Redis lost something."""
    lanes.topics.remember("adele", {}, 600)
    release = released(lanes, "a")
    clock.turn(1)
    lanes.namespace.redis.hdel("{test}:cfg", "start")
    if who == "a worker":
        lanes.namespace.redis.script_flush()
        lanes.ledger.start("a", release.generation, "worker")
    elif who == "another mailbox":
        lanes.topics.remember("bruno", {}, 600)
    else:
        lanes.namespace.redis.zadd("{test}:later", {"lost": 0})
        lanes.ledger.release()
    assert lanes.namespace.redis.hexists("{test}:cfg", "start")
    assert lanes.topics.recall("adele", "budget") == ("", 0)


def test_an_item_that_stands_in_no_lane_is_put_back(lanes: Lanes) -> None:
    offer(lanes, "a", "b", "c")
    lanes.namespace.redis.delete("{test}:lane:adele")
    assert lanes.ledger.release() == ()
    assert sum(step.repaired for step in lanes.repair.walk()) == 3
    assert len(lanes.ledger.release()) == 1
    assert lanes.namespace.redis.llen("{test}:lane:adele") == 2


def test_an_item_whose_server_was_overwritten_is_worked_on_that_of_its_mailbox(lanes: Lanes) -> None:
    release = released(lanes, "a")
    lanes.namespace.redis.hset("{test}:item:a", "server", "nan")
    assert lanes.ledger.start("a", release.generation, "worker").server == "mail1"


def test_an_item_that_is_in_a_lane_twice_is_in_flight_once(lanes: Lanes) -> None:
    lanes.controls.limit("mailbox", "adele", concurrency=4)
    offer(lanes, "a", "b")
    lanes.namespace.redis.lpush("{test}:lane:adele", "a")
    assert ids(lanes.ledger.release()) == ["a", "b"]
    assert named(lanes) == {"lane:adele[a]": "foreign-member"}


def test_slots_that_nothing_holds_are_given_back_by_the_check(lanes: Lanes) -> None:
    offer(lanes, "a")
    lanes.namespace.redis.hset("{test}:server:mail1", "n", 4)
    lanes.namespace.redis.hset("{test}:pools", "answer", 4)
    assert lanes.ledger.release() == ()
    assert lanes.repair.check_slots() == 2
    assert ids(lanes.ledger.release()) == ["a"]
    order = lanes.snapshot.status().order
    assert (order.in_flight, order.wrong_slots) == (0, 2)


@pytest.mark.parametrize("key", ["mailbox:adele", "cfg", "topic:adele:budget"])
def test_who_only_looks_finds_nothing_remembered_where_a_key_is_something_else(lanes: Lanes, key: str) -> None:
    lanes.topics.remember("adele", {"budget": "[]"}, 600)
    lanes.namespace.redis.hset("{test}:mailbox:adele", "remembers_s", "x")
    lanes.namespace.redis.delete(f"{{test}}:{key}")
    lanes.namespace.redis.sadd(f"{{test}}:{key}", "a stranger's")
    assert lanes.topics.recall("adele", "budget") == ("" if key.startswith("topic") else "[]", 0)


def test_drafts_that_are_something_else_fail_no_scan_for_good(lanes: Lanes) -> None:
    lanes.namespace.redis.set("{test}:drafts", "a stranger's")
    dispatcher_of(lanes).sweep()
    drafts = lanes.drafts
    drafts.replace("adele", [])
    assert list(drafts.all()) == []
    assert named(lanes) == {"drafts": "wrong-type"}
    assert lanes.namespace.redis.get("{test}:aside:drafts") == "a stranger's"


def dispatcher_of(lanes: Lanes) -> Dispatcher:
    """One that publishes nowhere."""
    return Dispatcher(lanes, lambda _: None, lambda _: None, Plan((), lambda: None))


def test_the_dispatcher_goes_on_with_the_others_whatever_one_item_is(lanes: Lanes, clock: Clock) -> None:
    published: list[Release] = []
    dispatcher = Dispatcher(
        lanes, published.extend, lambda _: None, Plan((), lambda: None), steady=lambda: lanes.time_us() / 1e6
    )
    for number in range(30):
        offer(lanes, f"item-{number}", mailbox=f"box-{number}", server=f"mail{1 + number % 2}")
    lanes.namespace.redis.delete("{test}:mailbox:box-3", "{test}:item:item-4")
    lanes.namespace.redis.hset("{test}:item:item-5", "payload", "no json")
    lanes.namespace.redis.hset("{test}:item:item-6", "facts", "no json")
    for _ in range(30):
        clock.turn(1)
        dispatcher.sweep()
        dispatcher.release()
        for release in published:
            lanes.ledger.start(release.id, release.generation, "worker")
            lanes.ledger.finish(release.id, release.generation, "worker", Ending("done", label="done", remember_s=600))
        published.clear()
    done = [
        number for number in range(30) if lanes.namespace.redis.hget(f"{{test}}:item:item-{number}", "state") == "done"
    ]
    assert done == [number for number in range(30) if number not in (4, 5)]
    assert {"item:item-4", "item:item-5"} <= set(named(lanes))


def test_a_mailbox_whose_scan_was_evicted_is_scanned_again(lanes: Lanes) -> None:
    adele = Lane("adele", "mail1")

    def scan(number: int) -> tuple[Lane, Any]:
        return adele, Item(f"scan-{number}", "producer.scan_mailbox", "scan", {"kind": "scan"})

    lanes.ledger.offer_scans([scan(1)])
    lanes.namespace.redis.delete("{test}:item:scan-1")
    assert lanes.ledger.offer_scans([scan(2)]) == {"adele": "offered"}
    assert ids(lanes.ledger.release()) == ["scan-2"]


def test_repair_puts_right_and_names_what_was_broken(installation: Installation) -> None:
    lanes = installation.lanes()
    offer(lanes, "a", "b")
    lanes.namespace.redis.delete("{rsvpq}:lane:adele")
    reported = json.loads(installation.rsvpq("repair", "--json").stdout)
    assert reported["repaired"] == 2
    assert "item:a" in {one["name"] for one in reported["broken"]}
    assert "in-no-place" in installation.rsvpq("repair", "--list").stdout
    assert "rsvpq repair --list" in installation.rsvpq("status").stdout
    assert "0 broken records listed" in installation.rsvpq("repair", "--forget").stdout


def test_the_doctor_warns_of_broken_records(installation: Installation) -> None:
    lanes = installation.lanes()
    offer(lanes, "a")
    lanes.namespace.redis.delete("{rsvpq}:item:a")
    lanes.ledger.release()
    reported = installation.rsvpq("doctor").stdout
    assert "item-missing 1" in reported
    assert "rsvpq repair --list" in reported
