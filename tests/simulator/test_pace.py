"""The simulator's judgment of pace, against counting by hand."""

from hypothesis import given
from hypothesis import strategies as st

from simulator.oracle.pace import WINDOWS_S, violations
from simulator.serving.limits import Limit


def by_hand(times: list[float], limit: Limit, jitter_s: float) -> list[float]:
    found = []
    for index, moment in enumerate(times):
        for window_s in WINDOWS_S:
            inside = sum(moment - window_s < earlier for earlier in times[: index + 1])
            allowed = limit.operations_in(window_s + jitter_s)
            if allowed is not None and inside > allowed:
                found.append(moment)
                break
    return found


@given(
    st.lists(st.floats(0, 100), max_size=60).map(sorted),
    st.builds(Limit, st.none() | st.floats(0, 2), st.integers(0, 5)),
    st.floats(0, 0.5),
)
def test_violations_are_those_found_by_hand(times: list[float], limit: Limit, jitter_s: float) -> None:
    found = list(violations(times, limit, jitter_s, "mailbox", "x"))
    assert [violation.at for violation in found] == by_hand(times, limit, jitter_s)
    assert all(violation.operations > violation.allowed for violation in found)


def test_a_rate_a_little_too_high_shows_in_the_long_window_only() -> None:
    steady = [number / 1.2 for number in range(200)]
    assert not list(violations(steady[:30], Limit(1, 5), 0, "mailbox", "x"))
    found = list(violations(steady, Limit(1, 5), 0, "mailbox", "x"))
    assert {violation.window_s for violation in found} == {60.0}


def test_a_burst_shows_in_the_short_window() -> None:
    burst = [100.0 + number / 1000 for number in range(8)]
    (found, *_) = violations(burst, Limit(1, 5), 0, "mailbox", "x")
    assert (found.window_s, found.operations, found.allowed) == (1.0, 7, 6)
