"""The breakers of a server: an outage holds what fails there, and costs no item an attempt."""

import re
from dataclasses import replace

import pytest
from celery.exceptions import Retry

from rsvpq.lanes import Ending, Item, Lane, Lanes, Release, StartResult
from rsvpq.lanes.breakers import Breaker, Hold
from rsvpq.mail.errors import Changed, Transient, Unknown, of_server
from rsvpq.tasks import contract
from rsvpq.tasks.journal import Outcome
from rsvpq.tasks.runner import Attempt, Carrier
from tests.support.lanes_with_clock import Clock, ledger, offer

#: So many failures in a row, in so many mailboxes, are an outage.
FAILURES, MAILBOXES = 6, 3
NAMES = [f"user{number}" for number in range(FAILURES)]
ANSWER = contract.ANSWER_REQUEST
SCAN = Item("scan-1", contract.SCAN_MAILBOX, "scan", {})
RESPONSE = Item("response", contract.OPEN_RESPONSE, "answer", {})


def finish(lanes: Lanes, release: Release, how: str = "later", *, fault: bool = True, result: str = "") -> str:
    """Run one item to its end; the state that it has then."""
    lanes.ledger.start(release.id, release.generation, "worker")  # does nothing if it was started before
    details = {"label": how, "reason": "Transient: GET returned 500", "delay_s": 5.0, "server_fault": fault}
    details |= {"result": result}
    return lanes.ledger.finish(release.id, release.generation, "worker", Ending(how, **details)).state  # type: ignore[arg-type]


def fail(
    lanes: Lanes, clock: Clock, mailboxes: list[str], *, fault: bool = True, work: str = ANSWER, pool: str = "answer"
) -> list[str]:
    """Let one item of each of these mailboxes fail, one after the other; the states that they have then."""
    states = []
    for number, name in enumerate(mailboxes):
        lanes.ledger.offer(Lane(name, "mail1"), [Item(f"{name}-{number}-{clock.us}", work, pool, {})])
        (release,) = lanes.ledger.release(1)
        clock.turn(0.01)
        states.append(finish(lanes, release, fault=fault))
    return states


def succeed(lanes: Lanes, item: Item, mailbox: str = "carla", how: str = "done", result: str = "") -> None:
    """Let one item be offered, and end so."""
    lanes.ledger.offer(Lane(mailbox, "mail1"), [item])
    (release,) = lanes.ledger.release(1)
    assert release.id == item.id
    assert finish(lanes, release, how, result=result) == how


def holds(lanes: Lanes) -> list[Hold]:
    return lanes.snapshot.status().servers["mail1"].holds


def held_s(lanes: Lanes) -> float:
    """For how long answers are held; nothing else is."""
    assert {hold.work for hold in holds(lanes)} <= {ANSWER}
    return sum(hold.left_s for hold in holds(lanes))


def test_failures_in_a_row_in_several_mailboxes_hold_the_server_and_cost_no_attempt(lanes: Lanes, clock: Clock) -> None:
    assert fail(lanes, clock, NAMES) == ["later"] * (FAILURES - 1) + ["pending"]
    (hold,) = holds(lanes)
    assert hold.work == ANSWER
    assert hold.left_s == pytest.approx(15, abs=0.1)
    assert hold.why.startswith("6 failures in a row, in several mailboxes; the last: Transient: GET returned 500")
    assert lanes.snapshot.status().servers["mail1"].breakers == {ANSWER: Breaker(FAILURES, hold.left_s, hold.why)}
    charged = [ledger(lanes, item)["attempts"] for item in _items(lanes)]
    assert sorted(charged) == ["0", *["1"] * (FAILURES - 1)]
    offer(lanes, "other", mailbox="bruno", server="mail2")
    assert [release.id for release in lanes.ledger.release()] == ["other"]


@pytest.mark.parametrize("names", [["adele"] * 9, ["adele", "bruno"] * 6], ids=["one mailbox", "two mailboxes"])
def test_failures_in_few_mailboxes_are_no_outage(lanes: Lanes, clock: Clock, names: list[str]) -> None:
    assert set(fail(lanes, clock, names)) == {"later"}
    assert held_s(lanes) == 0


def test_what_is_no_fault_of_a_server_does_not_count(lanes: Lanes, clock: Clock) -> None:
    assert set(fail(lanes, clock, NAMES * 2, fault=False)) == {"later"}
    assert held_s(lanes) == 0


def test_a_success_in_between_begins_the_count_anew(lanes: Lanes, clock: Clock) -> None:
    fail(lanes, clock, NAMES[:-1])
    offer(lanes, "well", mailbox="carla")
    (release,) = lanes.ledger.release(1)
    assert finish(lanes, release, "done") == "done"
    assert set(fail(lanes, clock, NAMES[:-1])) == {"later"}
    assert held_s(lanes) == 0


@pytest.mark.parametrize(
    ("how", "result"), [("left", "left"), ("done", "gone"), ("done", "not-opened")], ids=["left", "gone", "closed"]
)
def test_an_item_for_which_the_server_did_nothing_is_no_success(
    lanes: Lanes, clock: Clock, how: str, result: str
) -> None:
    fail(lanes, clock, NAMES[:-1])
    succeed(lanes, Item("nothing", ANSWER, "answer", {}), how=how, result=result)
    assert fail(lanes, clock, [NAMES[-1]]) == ["pending"]
    assert held_s(lanes) > 0


@pytest.mark.parametrize("other", [SCAN, RESPONSE], ids=["scan", "response"])
def test_a_success_of_another_work_says_nothing_about_this_one(lanes: Lanes, clock: Clock, other: Item) -> None:
    fail(lanes, clock, NAMES[:-1])
    succeed(lanes, other)
    assert fail(lanes, clock, [NAMES[-1]]) == ["pending"]
    assert held_s(lanes) > 0


@pytest.mark.parametrize("other", [SCAN, RESPONSE], ids=["scan", "response"])
def test_what_does_not_fail_goes_on_while_the_failing_work_is_held(lanes: Lanes, clock: Clock, other: Item) -> None:
    lanes.ledger.offer_scans([(Lane("dora", "mail1"), replace(SCAN, id="scan-0"))])
    finish(lanes, lanes.ledger.release()[0], "done")
    fail(lanes, clock, NAMES)
    offer(lanes, "waits", mailbox="dora")
    succeed(lanes, other)
    assert lanes.ledger.release() == ()
    assert held_s(lanes) > 0
    status = lanes.snapshot.status().servers["mail1"]
    assert (status.held_s, list(status.waiting)) == (0, ["outage"])


def test_the_try_after_a_hold_is_one_of_the_failing_work(lanes: Lanes, clock: Clock) -> None:
    fail(lanes, clock, NAMES)
    for name in ("carla", "dora"):
        offer(lanes, name, mailbox=name)
    clock.turn(16)
    for number in range(3):
        lanes.ledger.offer(Lane(f"scanned{number}", "mail1"), [replace(SCAN, id=f"scan-{number}")])
    *scans, tries = sorted(lanes.ledger.release(), key=lambda one: one.work)
    assert [one.work for one in (*scans, tries)] == [SCAN.work] * 3 + [ANSWER]
    assert [finish(lanes, scan, "done") for scan in scans] == ["done"] * 3
    assert lanes.ledger.release() == ()
    assert finish(lanes, tries) == "pending"
    assert held_s(lanes) == pytest.approx(30, abs=0.1)


def test_failures_in_two_mailboxes_are_an_outage_if_another_work_fails_in_a_third_one(
    lanes: Lanes, clock: Clock
) -> None:
    fail(lanes, clock, ["carla"], work=SCAN.work, pool="scan")
    assert fail(lanes, clock, ["adele", "bruno"] * 3) == ["later"] * (FAILURES - 1) + ["pending"]
    assert held_s(lanes) > 0


def test_items_that_were_released_before_the_hold_are_turned_away(lanes: Lanes, clock: Clock) -> None:
    fail(lanes, clock, NAMES[:-1])
    lanes.ledger.offer(Lane("carla", "mail1"), [Item("late", ANSWER, "answer", {})])
    lanes.ledger.offer(Lane("dora", "mail1"), [SCAN])
    before = lanes.ledger.release()
    fail(lanes, clock, [NAMES[-1]])
    started = {one.id: lanes.ledger.start(one.id, one.generation, "worker").result for one in before}
    assert started == {"late": StartResult.HELD, SCAN.id: StartResult.RUN}


def test_after_a_hold_one_item_tries_and_each_vain_try_holds_longer_up_to_half_a_minute(
    lanes: Lanes, clock: Clock
) -> None:
    fail(lanes, clock, NAMES)
    for number in range(4):
        offer(lanes, f"more{number}", mailbox=f"more{number}")
    for expected_s in (30, 30, 30):
        clock.turn(held_s(lanes) + 0.01)
        (release,) = lanes.ledger.release()
        assert lanes.ledger.release() == ()
        finish(lanes, release)
        assert held_s(lanes) == pytest.approx(expected_s, abs=0.1)


def test_a_try_that_succeeds_lets_all_others_go_on(lanes: Lanes, clock: Clock) -> None:
    fail(lanes, clock, NAMES)
    clock.turn(16)
    (release,) = lanes.ledger.release(1)
    assert lanes.ledger.release() == ()
    assert finish(lanes, release, "done") == "done"
    assert len(lanes.ledger.release()) == 4
    assert lanes.namespace.redis.hget(f"{lanes.namespace.prefix}:server:mail1", "breaker") is None


def test_a_resume_lets_all_go_on_at_once(lanes: Lanes, clock: Clock) -> None:
    fail(lanes, clock, NAMES)
    for name in ("carla", "dora", "emil"):
        offer(lanes, name, mailbox=name)
    assert lanes.ledger.release() == ()
    lanes.controls.resume("server", "mail1")
    assert len(lanes.ledger.release()) == 4


def test_a_hold_ends_although_the_clock_was_put_back(lanes: Lanes, clock: Clock) -> None:
    fail(lanes, clock, NAMES)
    clock.turn(-3600)
    assert held_s(lanes) == pytest.approx(15, abs=0.1)
    lanes.ledger.release()
    clock.turn(16)
    assert held_s(lanes) == 0


@pytest.mark.parametrize(
    "broken", ["", "no json", "[1]", '{"answer": 1}', '{"answer": {"failing": {"a": 1}, "hold": []}}']
)
def test_a_broken_record_is_counted_anew(lanes: Lanes, clock: Clock, broken: str) -> None:
    lanes.namespace.redis.hset(f"{lanes.namespace.prefix}:server:mail1", "breaker", broken.replace("ANSWER", ANSWER))
    assert fail(lanes, clock, NAMES) == ["later"] * (FAILURES - 1) + ["pending"]
    assert held_s(lanes) == pytest.approx(15, abs=0.1)


def test_the_count_of_the_version_before_is_not_read(lanes: Lanes, clock: Clock) -> None:
    before = {"failures": 5, "failing": '["a", "b", "c"]', "breaks": 9}
    lanes.namespace.redis.hset(f"{lanes.namespace.prefix}:server:mail1", mapping=before)
    assert fail(lanes, clock, NAMES) == ["later"] * (FAILURES - 1) + ["pending"]
    assert held_s(lanes) == pytest.approx(15, abs=0.1)


def test_what_was_in_flight_when_the_server_was_held_shares_the_hold(lanes: Lanes, clock: Clock) -> None:
    fail(lanes, clock, NAMES[:-1])
    for name in ("carla", "dora", "emil"):
        offer(lanes, name, mailbox=name)
    released = lanes.ledger.release(3)
    for one in released:
        lanes.ledger.start(one.id, one.generation, "worker")
    clock.turn(0.01)
    assert [finish(lanes, one) for one in released] == ["pending"] * 3
    assert held_s(lanes) == pytest.approx(15, abs=0.1)


def test_an_outage_kills_nothing_however_long_it_lasts(lanes: Lanes, clock: Clock) -> None:
    """Each item has three attempts, and the server does everything but this work."""
    fail(lanes, clock, NAMES)
    for number in range(100):
        clock.turn(61)
        lanes.ledger.offer(Lane("carla", "mail1"), [replace(SCAN, id=f"scan-{number}")])
        for release in lanes.ledger.release():
            finish(lanes, release, "done" if release.work == SCAN.work else "later")
    states = [ledger(lanes, item)["state"] for item in _items(lanes) if not item.startswith("scan")]
    assert (len(states), set(states)) == (FAILURES, {"later", "pending"})


@pytest.mark.parametrize(
    ("error", "held"),
    [
        (of_server(Transient("GET /exchange/adele returned 500")), True),
        (of_server(Unknown("CreateItem: the response was lost")), True),
        (Transient("the request left the Inbox while it was being looked at"), False),
        (Unknown("accept was begun, and it is not known whether it was sent"), False),
        (Changed("somebody else has changed it"), False),
        (ValueError("a fault of ours"), False),
    ],
    ids=str,
)
def test_only_what_says_nothing_about_its_item_is_an_outage(
    lanes: Lanes, clock: Clock, error: Exception, held: bool
) -> None:
    carrier = Carrier(lanes, lambda _released: None, 10, 25, remember_s=3600)

    def fails(_attempt: Attempt) -> Outcome:
        raise error

    for name in NAMES:
        lanes.ledger.offer(Lane(name, "mail1"), [Item(name, ANSWER, "answer", {})])
        (release,) = lanes.ledger.release(1)
        clock.turn(0.01)
        with pytest.raises(Retry):
            carrier.carry(release.id, release.generation, fails)
    assert (held_s(lanes) > 0) is held


def test_the_log_and_flower_show_the_hold_of_an_outage_and_not_the_delay_of_a_failure(
    lanes: Lanes, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    carrier = Carrier(lanes, lambda _released: None, 1, 2, remember_s=3600)

    def fails(_attempt: Attempt) -> Outcome:
        raise of_server(Transient("GET /exchange/adele returned 500"))

    shown = []
    for name in NAMES:
        lanes.ledger.offer(Lane(name, "mail1"), [Item(name, ANSWER, "answer", {})])
        (release,) = lanes.ledger.release(1)
        clock.turn(0.01)
        with pytest.raises(Retry) as retry:
            carrier.carry(release.id, release.generation, fails)
        event, delay_s = re.search(r"event=(\w+) .* delay_s=([\d.]+) ", caplog.messages[-1]).groups()  # type: ignore[union-attr]
        shown.append((event, float(delay_s) > 10, retry.value.when > 10))  # type: ignore[operator]
    assert shown == [("later", False, False)] * (FAILURES - 1) + [("throttled", True, True)]


def _items(lanes: Lanes) -> list[str]:
    prefix = f"{lanes.namespace.prefix}:item:"
    return [key.removeprefix(prefix) for key in lanes.namespace.redis.scan_iter(match=f"{prefix}*")]
