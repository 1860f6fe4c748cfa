"""A short run of what can be run for hours, with another seed each time: the note of a failure says which."""

import random

import pytest

from tests.fuzz import multistatus

#: A few seconds; `python -m tests.fuzz.multistatus 1000000` is the long run.
BODIES = 400


def test_only_rows_or_malformed_come_of_a_damaged_multistatus() -> None:
    counts = multistatus.run(BODIES, random.SystemRandom().randrange(1_000_000))
    assert counts.pop("much work") == 0
    assert counts.total() == BODIES
    # Damage that hurts nothing, or leaves nothing, would show nothing.
    assert {name for name, number in counts.items() if number > BODIES / 50} == {
        "malformed",
        "rows",
        "rows, some broken",
    }


def test_a_failure_says_how_it_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(body: bytes, size: int) -> str:
        raise KeyError(f"{len(body)} bytes in pieces of {size}")

    monkeypatch.setattr(multistatus, "outcome", broken)
    with pytest.raises(KeyError) as caught:
        multistatus.run(BODIES, 5)
    assert caught.value.__notes__[0].startswith("seed 5, in pieces of ")
