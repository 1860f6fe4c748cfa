"""What collides with what."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsvpq.mail.calendar import Agenda, BusyPeriod, BusyStatus, overlap, same_meeting_key

DAY = datetime(2026, 5, 4, tzinfo=UTC)
OUTLOOK = "040000008200E00074C5B7101A82E008"


def at(hour: float) -> datetime:
    return DAY + timedelta(hours=hour)


def agenda(*periods: BusyPeriod) -> Agenda:
    return Agenda(DAY, at(48), periods)


def period(start: float, end: float, status: BusyStatus = BusyStatus.BUSY, uid: str = "other") -> BusyPeriod:
    return BusyPeriod(at(start), at(end), status, uid)


@pytest.mark.parametrize(
    ("start", "end", "collides"),
    [
        (9, 10, False),
        (11, 12, False),
        (9, 10.01, True),
        (10.99, 12, True),
        (10, 11, True),
        (10.2, 10.3, True),
        (9, 12, True),
        (10, 10, False),
        (10.5, 10.5, False),
        (22, 26, False),
    ],
)
def test_a_period_ends_before_its_end(start: float, end: float, collides: bool) -> None:
    found = agenda(period(10, 11)).conflicts(at(start), at(end))
    assert bool(found) is collides


def test_what_spans_midnight_collides_on_both_days() -> None:
    night = agenda(period(22, 26))
    assert night.conflicts(at(23), at(24))
    assert night.conflicts(at(24), at(25))
    assert not night.conflicts(at(26), at(27))


def test_a_period_without_length_collides_with_nothing() -> None:
    assert not agenda(period(10, 10)).conflicts(at(9), at(11))


def test_only_what_counts_collides_and_the_first_comes_first() -> None:
    full = agenda(*(period(12 - number, 14, status) for number, status in enumerate(BusyStatus)))
    assert [one.status for one in full.conflicts(at(13), at(14))] == ["oof", "busy", "tentative"]
    assert [one.status for one in full.conflicts(at(13), at(14), statuses=[BusyStatus.FREE])] == ["free"]


@pytest.mark.parametrize("uid", ["own", "OWN", " own "])
def test_a_meeting_does_not_collide_with_its_own_placeholder(uid: str) -> None:
    assert not agenda(period(10, 11, BusyStatus.TENTATIVE, "own")).conflicts(at(10), at(11), uid=uid)


def test_without_a_uid_everything_collides() -> None:
    assert agenda(period(10, 11, uid="")).conflicts(at(10), at(11))


def test_one_instance_of_an_outlook_series_is_the_same_meeting() -> None:
    instance, master = f"{OUTLOOK}07EA0504{'1' * 40}", f"{OUTLOOK}00000000{'1' * 40}".lower()
    assert same_meeting_key(instance) == same_meeting_key(master)
    assert same_meeting_key("07EA0504" + master) != same_meeting_key("00000000" + master)


@pytest.mark.parametrize("odd", ["zzzzzzzz", "00000504", "-7EA0504"])
def test_what_is_no_date_in_a_uid_makes_it_another_meeting(odd: str) -> None:
    assert same_meeting_key(f"{OUTLOOK}{odd}{'1' * 40}") != same_meeting_key(f"{OUTLOOK}00000000{'1' * 40}")


def test_beyond_the_agenda_there_is_no_answer() -> None:
    with pytest.raises(ValueError, match="agenda covers"):
        agenda().conflicts(at(47), at(49))


MOMENTS = st.integers(0, 8)


@given(MOMENTS, MOMENTS, MOMENTS, MOMENTS)
def test_periods_overlap_if_they_share_a_minute(start: int, end: int, other_start: int, other_end: int) -> None:
    shared = set(range(start, end)) & set(range(other_start, other_end))
    assert overlap(at(start), at(end), at(other_start), at(other_end)) is bool(shared)
