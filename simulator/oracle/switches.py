"""Switches by name: what there is, what each can be, and how text or JSON becomes a Behavior.

A misspelled name or value is an error and never a default: a test that switched nothing would pass.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from random import Random
from typing import Literal, get_args, get_origin, get_type_hints

from simulator.behavior import Behavior

Setting = str | bool | int

#: The name under which a seed sets all that public evidence leaves open.
UNCERTAIN = "uncertain"


class SwitchError(ValueError):
    """There is no such switch, or it has no such value."""


@dataclass(frozen=True, slots=True)
class Switch:
    """One field of Behavior as a person sees it."""

    name: str
    default: Setting
    #: Every allowed value; empty for whole numbers.
    choices: tuple[Setting, ...]
    #: The least and the greatest whole number.
    bounds: tuple[int, int] | None
    meaning: str
    certainty: str
    #: The values that a seed of the uncertain chooses from; empty where there is evidence.
    uncertain: tuple[Setting, ...]

    @property
    def range(self) -> str:
        """The choices as text."""
        if self.bounds:
            return f"{self.bounds[0]}..{self.bounds[1]}"
        return " | ".join(map(spelled, self.choices))

    def parse(self, given: object) -> Setting:
        """Return the value of a switch from JSON or text of the command line."""
        if self.bounds is None:
            for choice in self.choices:
                if given is choice or (isinstance(given, str | int) and spelled(given) == spelled(choice)):
                    return choice
        elif (number := _whole(given)) is not None and self.bounds[0] <= number <= self.bounds[1]:
            return number
        raise SwitchError(f"{self.name} is one of {self.range}, not {given!r}")


@cache
def switches() -> dict[str, Switch]:
    """Return all switches by name, in the order of Behavior."""
    hints = get_type_hints(Behavior)
    found = {}
    for one in fields(Behavior):
        facts = one.metadata
        bounds = facts.get("bounds")
        choices = () if bounds else _choices(hints[one.name])
        default = getattr(Behavior(), one.name)
        switch = Switch(one.name, default, choices, bounds, facts["meaning"], facts["certainty"], facts["uncertain"])
        found[one.name] = switch
    return found


def spelled(value: Setting) -> str:
    """Return a value as it is written on the command line."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def value_of(behavior: Behavior, name: str) -> Setting:
    """Return the value of a switch."""
    value: Setting = getattr(behavior, name)
    return value


def changed(behavior: Behavior, changes: Mapping[str, object]) -> Behavior:
    """Return the behavior with these switches set; `uncertain` is applied first, so that the others override it."""
    parsed: dict[str, Setting] = {}
    if UNCERTAIN in changes:
        parsed |= uncertain(changes[UNCERTAIN])
    known = switches()
    for name, value in changes.items():
        if name == UNCERTAIN:
            continue
        if name not in known:
            raise SwitchError(f"there is no switch {name!r}")
        parsed[name] = known[name].parse(value)
    return _replaced(behavior, parsed)


def uncertain(seed: object) -> dict[str, Setting]:
    """Return a value for every switch that the evidence leaves open, chosen by the seed."""
    number = _whole(seed)
    if number is None:
        raise SwitchError(f"{UNCERTAIN} is a whole number, not {seed!r}")
    chosen = {}
    for switch in switches().values():
        if switch.uncertain:
            # A chance of its own for each, so that a new switch does not change what a seed means for the others.
            chosen[switch.name] = Random(f"{number}/{switch.name}").choice(switch.uncertain)  # noqa: S311 - repeatable
    return chosen


def parse_assignment(text: str) -> tuple[str, str]:
    """Parse `NAME=VALUE` of the command line; :func:`changed` checks the names and values."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise SwitchError(f"expected NAME=VALUE, found {text!r}")
    return name, value


def table() -> str:
    """Return every switch as a table in Markdown."""
    lines = ["| switch | values | default | meaning | certainty |", "| --- | --- | --- | --- | --- |"]
    for switch in switches().values():
        values = switch.range.replace(" | ", ", ")
        open_point = "*" if switch.uncertain else ""
        lines.append(
            f"| `{switch.name}`{open_point} | {values} | {spelled(switch.default)} "
            f"| {switch.meaning} | {switch.certainty} |"
        )
    return "\n".join(lines) + "\n"


def _replaced(behavior: Behavior, parsed: Mapping[str, Setting]) -> Behavior:
    # Each value was parsed as its own field's: the types hold although mypy cannot follow.
    return replace(behavior, **parsed)  # type: ignore[arg-type]


def _choices(hint: object) -> tuple[Setting, ...]:
    if hint is bool:
        return (False, True)
    if get_origin(hint) is not Literal:
        raise TypeError(hint)
    return get_args(hint)


def _whole(given: object) -> int | None:
    if isinstance(given, bool) or not isinstance(given, int | str):
        return None
    try:
        return int(given)
    except ValueError:
        return None
