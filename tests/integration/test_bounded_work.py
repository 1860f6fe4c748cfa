"""However much there is, one call of a script does a bounded part of it: Redis does nothing else meanwhile.

Told by the commands that the scripts give, which Redis counts; time would say how busy the machine is.
"""

from collections.abc import Callable
from typing import Any

from rsvpq.lanes import DecisionBatch, DecisionRecord, Ending, Item, Lane, Lanes
from rsvpq.lanes.limits import Limits, Rate
from tests.support.lanes_with_clock import Clock, offer

ADELE = Lane("adele", "mail1")
#: What a call may take: each command is about a microsecond.
MOST = 6000


def commands(lanes: Lanes, call: Callable[[], Any]) -> int:
    """How many commands Redis carried out for this."""
    lanes.namespace.redis.config_resetstat()
    call()
    stats = lanes.namespace.redis.info("commandstats")
    return sum(int(one["calls"]) for one in stats.values())


def scanned(lanes: Lanes, run: int, seen: int) -> Callable[[], Any]:
    """A scan that has seen so many messages, ready to be finished."""
    scan = f"scan-{run}"
    lanes.ledger.offer_scans([(ADELE, Item(scan, "scan", "scan", {"kind": "scan"}, '["scan"]'))])
    (release,) = lanes.ledger.release()
    lanes.ledger.start(scan, release.generation, "worker")
    for first in range(0, seen, 500):
        decisions = tuple(
            DecisionRecord(f"message-{number}", "[]", "hold", "r", "y") for number in range(first, first + 500)
        )
        lanes.ledger.record_decisions(ADELE, DecisionBatch(scan, decisions, 86_400))
    return lambda: lanes.ledger.finish(scan, release.generation, "worker", Ending("done", label="done"))


def test_the_end_of_a_scan_of_which_everything_is_gone(lanes: Lanes) -> None:
    scanned(lanes, 1, 20_000)()
    assert commands(lanes, scanned(lanes, 2, 0)) < MOST
    while lanes.namespace.redis.hlen("{test}:decided:adele"):
        assert commands(lanes, lanes.repair.forget_gone) < 20 * MOST
    assert lanes.namespace.redis.hlen("{test}:onhold:adele") == 0


def test_what_a_later_scan_has_seen_is_not_forgotten_for_an_earlier_one(lanes: Lanes) -> None:
    scanned(lanes, 1, 2000)()
    scanned(lanes, 2, 500)()
    end = scanned(lanes, 3, 1000)
    for _ in range(10):
        lanes.repair.forget_gone()
    assert lanes.namespace.redis.hlen("{test}:decided:adele") == 1000
    end()


def test_a_release_costs_the_same_beside_a_thousand_servers(lanes: Lanes) -> None:
    limits = Limits(Rate(1000), 1000, 1)
    lanes.controls.configure(
        servers={f"server-{number}": limits for number in range(1000)},
        mailbox=limits,
        pools={"answer": 2000},
        release_lease_s=60,
        run_lease_s=180,
        attempts=3,
    )
    for number in range(1000):
        offer(lanes, f"a-{number}", f"b-{number}", mailbox=f"box-{number}", server=f"server-{number}")
    assert commands(lanes, lambda: lanes.ledger.release(1)) < 600
    released = list(lanes.ledger.release(0))
    for _ in range(60):
        released += lanes.ledger.release()
    assert len(released) == 999, "each server in its turn, though no call looks at all"
    busy = released[0]
    lanes.ledger.start(busy.id, busy.generation, "worker")
    refilled = lanes.ledger.finish(busy.id, busy.generation, "worker", Ending("done", label="done"), release=4).released
    assert [one.server for one in refilled] == [busy.server], "the slot that was freed is filled at once"


def test_the_status_of_mailboxes_with_many_messages_on_hold(lanes: Lanes) -> None:
    for number in range(8):
        box = f"box-{number}"
        lanes.ledger.offer_scans([(Lane(box, "mail1"), Item(f"scan-{box}", "scan", "scan", {}))])
        lanes.namespace.redis.hset(
            f"{{test}}:onhold:{box}", mapping={f"message-{one}": "private" for one in range(3000)}
        )
    assert sum(lanes.snapshot.status().servers["mail1"].on_hold.values()) == 24_000
    looked, _ = lanes.namespace.call("status", *(f"box-{number}" for number in range(8)))
    assert looked < 8


def test_a_sweep_of_very_many_ended_leases_goes_in_bounded_steps(lanes: Lanes, clock: Clock) -> None:
    lanes.controls.configure(
        servers={"mail1": Limits(Rate(100_000), 100_000, 100_000)},
        mailbox=Limits(Rate(100_000), 100_000, 100_000),
        pools={"answer": 100_000},
        release_lease_s=60,
        run_lease_s=180,
        attempts=3,
    )
    offer(lanes, *(f"item-{number}" for number in range(1000)))
    while lanes.ledger.release():
        pass
    clock.turn(61)
    assert commands(lanes, lanes.ledger.sweep) < MOST


def test_the_pause_of_a_large_group_and_its_end(lanes: Lanes) -> None:
    names = [f"box{number}" for number in range(3000)]
    for name in names:
        offer(lanes, name, mailbox=name)
    lanes.ledger.assign_groups(dict.fromkeys(names, "sales"))
    assert commands(lanes, lambda: lanes.controls.pause("group", "sales", reason="wrong rule")) < 50
    assert commands(lanes, lanes.ledger.release) < MOST
    while commands(lanes, lanes.ledger.release) > 100:
        pass
    assert lanes.namespace.redis.scard("{test}:parked:sales") == 3000
    assert commands(lanes, lambda: lanes.controls.resume("group", "sales")) < 50
    assert commands(lanes, lanes.ledger.release) < MOST
    assert lanes.namespace.redis.scard("{test}:parked:sales") == 2800
