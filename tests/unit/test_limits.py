"""Rates and limits as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsvpq.lanes.limits import Limits, Rate


@pytest.mark.parametrize(
    ("text", "per_second"),
    [("2/s", 2.0), ("0.5/s", 0.5), ("30/min", 0.5), ("500/h", 500 / 3600), (" 4 / min ", 4 / 60), ("007/s", 7.0)],
)
def test_a_rate_is_read_in_every_spelling(text: str, per_second: float) -> None:
    assert Rate.parse(text).per_second == pytest.approx(per_second)


@pytest.mark.parametrize(
    "text",
    ["", "2", "/s", "0/s", "0.0/min", "-1/s", "2/m", "2/sec", "2/S", "1e3/s", ".5/s", "2./s", "٣/s", "inf/s", "2/s x"],
)
def test_what_is_no_rate_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="such as 2/s or 30/min"):
        Rate.parse(text)


@given(st.integers(1, 10_000), st.sampled_from(("s", "min", "h")))
def test_a_printed_rate_is_the_same_rate_when_read_again(count: int, unit: str) -> None:
    rate = Rate.parse(f"{count}/{unit}")
    assert Rate.parse(str(rate)).per_second == pytest.approx(rate.per_second, rel=1e-5)


@given(st.integers(1, 999_999), st.sampled_from(("s", "min", "h")))
def test_a_printed_rate_means_the_same_to_the_lanes(count: int, unit: str) -> None:
    rate = Rate.parse(f"{count}/{unit}")
    assert Rate.parse(str(rate)).interval_us == pytest.approx(rate.interval_us, rel=1e-5, abs=1)


@pytest.mark.parametrize("text", ["120/s", "7/s", "999/s", "7/min", "59/h"])
def test_a_rate_that_the_lanes_have_is_printed_as_it_was_configured(text: str) -> None:
    """The lanes know it as whole microseconds from one item to the next."""
    assert str(Rate(1_000_000 / Rate.parse(text).interval_us)) == text


@pytest.mark.parametrize(
    ("text", "printed"), [("2/s", "2/s"), ("60/min", "1/s"), ("30/min", "30/min"), ("90/h", "1.5/min"), ("1/h", "1/h")]
)
def test_a_rate_is_printed_in_the_shortest_unit_that_makes_at_least_one(text: str, printed: str) -> None:
    assert str(Rate.parse(text)) == printed


@pytest.mark.parametrize("text", ["120/s", "7/s", "3/s", "11/min", "500/h", "1.5/min", "0.5/h", "2.25/s"])
def test_a_rate_that_is_read_from_its_interval_is_the_one_that_was_set(text: str) -> None:
    assert str(Rate.of_interval(Rate.parse(text).interval_us)) == str(Rate.parse(text))


@given(st.integers(1, 10**10))
def test_whatever_interval_is_kept_the_rate_that_is_shown_has_it(interval_us: int) -> None:
    assert Rate.of_interval(interval_us).interval_us == pytest.approx(interval_us, rel=1e-5, abs=1)


@pytest.mark.parametrize(
    ("text", "interval_us"), [("1/s", 1_000_000), ("3/s", 333_333), ("1/h", 3_600_000_000), ("999999/s", 1)]
)
def test_the_interval_is_whole_microseconds_and_at_least_one(text: str, interval_us: int) -> None:
    assert Rate.parse(text).interval_us == interval_us


def test_limits_have_the_smallest_burst_concurrency_and_even_weight_by_default() -> None:
    limits = Limits(Rate(1))
    assert (limits.burst, limits.concurrency, limits.weight) == (1, 1, 1.0)


@pytest.mark.parametrize("wrong", [{"burst": 0}, {"burst": -1}, {"concurrency": 0}, {"weight": 0}, {"weight": -0.5}])
def test_limits_that_would_stop_everything_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Limits(Rate(1), **wrong)
