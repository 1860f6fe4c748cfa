"""Fields of the classes that hold switches: each has a meaning, and says how certain its default is."""

from dataclasses import field
from typing import Any, Literal, TypeVar

T = TypeVar("T")

Certainty = Literal["captured", "documented", "reported", "inferred", "open"]

EITHER = (False, True)


def choice(default: T, certainty: Certainty, meaning: str, uncertain: tuple[T, ...] = ()) -> T:
    """Return a field with its meaning; `uncertain` are the values that the public evidence leaves open."""
    facts = {"certainty": certainty, "meaning": meaning, "uncertain": uncertain}
    given: Any = field(default=default, metadata=facts)
    return given  # type: ignore[no-any-return]


def number(default: int, bounds: tuple[int, int], certainty: Certainty, meaning: str) -> int:
    """Return a field for a whole number within bounds."""
    facts = {"certainty": certainty, "meaning": meaning, "uncertain": (), "bounds": bounds}
    given: Any = field(default=default, metadata=facts)
    return given  # type: ignore[no-any-return]
