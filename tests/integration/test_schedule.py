"""Each scheduled scan is triggered once per period, whoever asks and how often."""

import threading

import pytest
from redis import Redis

from producer.schedule import ScheduledScan, due_scans
from rsvpq.lanes import Lanes
from rsvpq.timetable import Timetable

#: A period so long that none begins during a test.
LONG_S = 1e9
EVERYBODY = ScheduledScan(Timetable(LONG_S), None)
SALES = ScheduledScan(Timetable(LONG_S), "sales")


@pytest.fixture
def plain(redis: Redis) -> Lanes:
    """Lanes on Redis' own clock, which schedules go by."""
    return Lanes(redis, "test")


def due(lanes: Lanes, *schedules: ScheduledScan) -> list[ScheduledScan]:
    """What is due now; asking claims it."""
    return list(due_scans(lanes, schedules))


def test_the_first_to_ask_has_all_schedules(plain: Lanes) -> None:
    assert due(plain, EVERYBODY, SALES) == [EVERYBODY, SALES]


def test_nobody_has_them_again_in_the_same_period(plain: Lanes) -> None:
    due(plain, EVERYBODY, SALES)
    assert due(plain, EVERYBODY, SALES) == []


def test_of_two_who_ask_at_once_one_has_it(plain: Lanes) -> None:
    schedules = [ScheduledScan(Timetable(LONG_S), f"group-{number}") for number in range(50)]
    together = threading.Barrier(2)
    found: list[ScheduledScan] = []

    def ask() -> None:
        together.wait()
        found.extend(due_scans(plain, schedules))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found, key=str) == sorted(schedules, key=str)


def test_it_is_due_again_in_the_next_period(plain: Lanes) -> None:
    due(plain, EVERYBODY)
    (claim,) = [key for key in plain.namespace.redis.scan_iter() if "schedule" in key]
    plain.namespace.redis.decr(claim)  # as it was a period ago
    assert due(plain, EVERYBODY) == [EVERYBODY]
    assert due(plain, EVERYBODY) == []


def test_missed_periods_are_made_up_for_once(plain: Lanes) -> None:
    due(plain, EVERYBODY)
    (claim,) = [key for key in plain.namespace.redis.scan_iter() if "schedule" in key]
    plain.namespace.redis.decrby(claim, 30)
    assert due(plain, EVERYBODY) == [EVERYBODY]
    assert due(plain, EVERYBODY) == []


@pytest.mark.parametrize("other", [SALES, ScheduledScan(Timetable(LONG_S / 2), None)])
def test_another_group_or_period_is_another_schedule(plain: Lanes, other: ScheduledScan) -> None:
    due(plain, EVERYBODY)
    assert due(plain, other) == [other]


def test_a_period_may_be_a_fraction_of_a_second(plain: Lanes) -> None:
    assert due(plain, ScheduledScan(Timetable(0.5), None)) == [ScheduledScan(Timetable(0.5), None)]


def test_without_schedules_nothing_is_due(plain: Lanes) -> None:
    assert due(plain) == []
