"""The conditions of rules: which fact each one reads, when it holds, and when it implies another."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from operator import attrgetter, eq, ge, gt, le, lt
from typing import Any

from rsvpq.mail.messages import Kind
from rsvpq.mail.persons import comparable_pattern
from rsvpq.policy import organizer
from rsvpq.policy.case import Case, Clash
from rsvpq.policy.decision import Need
from rsvpq.policy.organizer import is_one_of
from rsvpq.policy.rules import Rule, Value


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition that a rule can have."""

    #: Reads the fact: a Need if it is not known yet, None if the server does not show it.
    read: Callable[[Case], Any]
    #: Whether the condition holds; called with the fact, then with the rule's value.
    holds: Callable[[Any, Any], bool]
    #: Whether the first value certainly matches everything that the second matches.
    covers: Callable[[Any, Any], bool] = eq
    kinds: frozenset[Kind] = frozenset({Kind.REQUEST, Kind.RESPONSE, Kind.CANCELLATION})


def _is_one_of(word: str, words: tuple[str, ...]) -> bool:
    return word.casefold() in map(str.casefold, words)


def _has_words_of(wider: tuple[str, ...], narrower: tuple[str, ...]) -> bool:
    return all(_is_one_of(word, wider) for word in narrower)


def _covers_patterns(wider: tuple[str, ...], narrower: tuple[str, ...]) -> bool:
    return all(any(organizer.covers(one, other) for one in wider) for other in narrower)


def _covers_addresses(wider: tuple[str, ...], narrower: tuple[str, ...]) -> bool:
    return _covers_patterns(tuple(map(comparable_pattern, wider)), tuple(map(comparable_pattern, narrower)))


def _clashes(clash: Clash, wanted: bool | tuple[str, ...]) -> bool:
    return clash.counts == wanted if isinstance(wanted, bool) else clash.worst in wanted


def _covers_clash(wider: bool | tuple[str, ...], narrower: bool | tuple[str, ...]) -> bool:
    if isinstance(wider, bool) or isinstance(narrower, bool):
        return wider is narrower
    return set(narrower) <= set(wider)


_REQUEST = frozenset({Kind.REQUEST})
_RESPONSE = frozenset({Kind.RESPONSE})

#: By their names in the settings.
CONDITIONS: Mapping[str, Condition] = {
    "organizer": Condition(attrgetter("organizer"), is_one_of, _covers_addresses),
    "organizer_domain": Condition(attrgetter("organizer_domain"), is_one_of, _covers_addresses),
    "external": Condition(attrgetter("external"), eq),
    "own_meeting": Condition(attrgetter("own_meeting"), eq, kinds=_RESPONSE),
    "group": Condition(attrgetter("facts.group"), _is_one_of, _has_words_of),
    "subject": Condition(attrgetter("message.subject"), organizer.fits, _covers_patterns),
    "starts_within": Condition(attrgetter("starts_in"), le, ge),
    "starts_after": Condition(attrgetter("starts_in"), gt, le),
    "longer_than": Condition(attrgetter("duration"), gt, le),
    "shorter_than": Condition(attrgetter("duration"), lt, ge),
    "all_day": Condition(attrgetter("message.all_day"), eq),
    "recurring": Condition(attrgetter("message.recurring"), eq),
    "private": Condition(attrgetter("message.sensitivity.is_private"), eq),
    "sensitivity": Condition(attrgetter("message.sensitivity"), _is_one_of, _has_words_of),
    "attendees_more_than": Condition(attrgetter("attendees"), gt, le),
    "attendees_fewer_than": Condition(attrgetter("attendees"), lt, ge),
    "delegate_copy": Condition(attrgetter("delegate_copy"), eq),
    "response_requested": Condition(attrgetter("message.response_requested"), eq, kinds=_REQUEST),
    "conflict": Condition(attrgetter("clash"), _clashes, _covers_clash, kinds=_REQUEST),
    "update": Condition(attrgetter("update"), _is_one_of, _has_words_of, kinds=_REQUEST),
}


@dataclass(frozen=True, slots=True)
class Match:
    """Whether the conditions of a rule hold; None if that is not known.

    ``needs`` are facts that can still be read and would settle it. ``conditions`` names the condition that does not
    hold, or those that are not known; ``fact`` is what the condition that does not hold was compared with.
    """

    holds: bool | None
    rule: Rule
    conditions: tuple[str, ...] = ()
    fact: Any = None
    needs: frozenset[Need] = frozenset()

    @property
    def why(self) -> str:
        """The result in words. Formatted only on request, because scans try many rules without a trace."""
        if self.holds is None:
            return "; ".join(f"{name} is not known" for name in self.conditions)
        if self.holds:
            return "all conditions hold" if self.rule.conditions else "has no conditions"
        (name,) = self.conditions
        return f"{name} = {shown(self.rule.conditions[name])}, but is {shown(self.fact)}"


def match(rule: Rule, case: Case) -> Match:
    """Try a rule. It does not match if one condition does not hold, even if others are not known."""
    unknown: list[str] = []
    needs: set[Need] = set()
    for name, wanted in rule.conditions.items():
        fact = CONDITIONS[name].read(case)
        if fact is None or isinstance(fact, Need):
            unknown.append(name)
            if isinstance(fact, Need) and case.can_learn(fact):
                needs.add(fact)
        elif not CONDITIONS[name].holds(fact, wanted):
            return Match(False, rule, (name,), fact)
    if unknown:
        return Match(None, rule, tuple(unknown), needs=frozenset(needs))
    return Match(True, rule)


def shown(value: Value | str | Clash) -> str:
    """Format a value or a fact as in the settings."""
    match value:
        case bool():
            return str(value).lower()
        case tuple():
            return " or ".join(f'"{one}"' for one in value)
        case str():
            return f'"{value}"'
        case Clash():
            return f'"{value.worst}"' + (", which counts as busy" if value.counts else "")
        case timedelta():
            return _length(value)
        case _:
            return str(value)


def _length(length: timedelta) -> str:
    if length < timedelta():
        return f"minus {_length(-length)}"
    hours, rest = divmod(int(length.total_seconds()), 3600)
    days, hours = divmod(hours, 24)
    parts = ((days, "d"), (hours, "h"), (rest // 60, "m"), (rest % 60, "s"))
    return " ".join(f"{count}{unit}" for count, unit in parts if count) or "0s"
