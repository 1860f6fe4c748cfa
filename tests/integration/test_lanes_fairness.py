"""Who comes next: mailboxes share a server by weight, and nobody's depth, idleness or trouble is paid by others."""

from redis import Redis

from rsvpq.lanes import Item, Lane
from rsvpq.lanes.limits import Limits, Rate
from tests.support.lane_client import AMPLE, ClockedLanes, S

ADELE, BRUNO = Lane("adele", "mail1"), Lane("bruno", "mail1")
QUICK = Rate(1_000_000)


def test_a_mailbox_of_three_times_the_weight_gets_three_turns_to_one(redis: Redis) -> None:
    lanes = ClockedLanes(redis)
    for name, weight in (("adele", 1.0), ("bruno", 3.0)):
        limits = Limits(QUICK, burst=1000, concurrency=10, weight=weight)
        mailbox = Lane(name, "mail1", limits=limits)
        lanes.ledger.offer_scans([(mailbox, Item(f"scan-{name}", "scan", "mail", {}))])
        lanes.fill(mailbox, 100)
    turns = lanes.turns(120)
    for count in range(1, len(turns) + 1):
        assert abs(turns[:count].count("adele") - count / 4) <= 1


def test_an_idle_mailbox_earns_no_credit(redis: Redis) -> None:
    lanes = ClockedLanes(redis)
    lanes.fill(BRUNO, 1)
    lanes.fill(ADELE, 100)
    lanes.turns(60)
    lanes.ledger.offer(BRUNO, [Item(f"late-{number}", "answer", "mail", {}) for number in range(40)])
    turns = lanes.turns(20)
    for count in range(1, len(turns) + 1):
        assert abs(turns[:count].count("bruno") - count / 2) <= 1


def test_a_mailbox_ten_thousand_deep_delays_fifty_others_by_what_is_released_at_most(redis: Redis) -> None:
    slots = 16
    lanes = ClockedLanes(redis, servers={"mail1": Limits(QUICK, burst=100_000, concurrency=slots)})
    in_flight = list(lanes.fill(Lane("deep", "mail1"), 10_000, release=slots))
    assert len(in_flight) == slots
    for number in range(50):
        lanes.fill(Lane(f"small-{number}", "mail1"), 1)
    answered = []
    for _ in range(slots + 50):
        release = in_flight.pop(0)
        in_flight += lanes.answer(release, refill=1)
        answered.append(release.mailbox)
    assert answered == ["deep"] * slots + answered[slots:]
    assert len(set(answered[slots:])) == 50
    assert "deep" not in answered[slots:]


def test_a_mailbox_held_by_its_own_pace_earns_no_credit(redis: Redis) -> None:
    lanes = ClockedLanes(redis)
    lanes.controls.limit("mailbox", "bruno", rate=Rate.parse("1/s"), burst=1)
    lanes.fill(BRUNO, 100)
    lanes.fill(ADELE, 200)
    for _ in range(5):
        assert lanes.turns(20).count("bruno") == 1
        lanes.now += S
    lanes.controls.limit("mailbox", "bruno")
    turns = lanes.turns(20)
    for count in range(1, len(turns) + 1):
        assert abs(turns[:count].count("bruno") - count / 2) <= 1


def test_a_full_server_does_not_hinder_another(redis: Redis) -> None:
    """The full server's mailboxes came first, and many of them wait."""
    lanes = ClockedLanes(redis, servers={"mail1": Limits(QUICK, burst=1000, concurrency=1), "mail2": AMPLE})
    for number in range(20):
        lanes.fill(Lane(f"waits-{number}", "mail1"), 5, release=1)
    lanes.fill(Lane("carla", "mail2"), 30)
    assert lanes.turns(30) == ["carla"] * 30


def test_a_paused_server_does_not_hinder_another(redis: Redis) -> None:
    lanes = ClockedLanes(redis, servers={"mail1": AMPLE, "mail2": AMPLE})
    lanes.controls.pause("server", "mail1", reason="maintenance")
    lanes.fill(ADELE, 30)
    lanes.fill(Lane("carla", "mail2"), 30)
    assert lanes.turns(30) == ["carla"] * 30


def test_a_pool_without_workers_does_not_stop_the_other(redis: Redis) -> None:
    """Nobody starts the scans; the messages go on, even those of the same server."""
    lanes = ClockedLanes(redis, pools={"scan": 4, "mail": 4})
    for number in range(10):
        lanes.fill(Lane(f"scanned-{number}", "mail1"), 3, pool="scan")
    assert len(lanes.ledger.release()) == 4
    lanes.fill(ADELE, 50)
    assert lanes.turns(50) == ["adele"] * 50


def test_where_all_have_work_each_gets_its_turn_before_anybody_gets_a_second(redis: Redis) -> None:
    lanes = ClockedLanes(redis)
    names = {f"user-{number}" for number in range(25)}
    for name in names:
        lanes.fill(Lane(name, "mail1"), 4)
    turns = lanes.turns(100)
    for first in range(0, 100, 25):
        assert set(turns[first : first + 25]) == names
