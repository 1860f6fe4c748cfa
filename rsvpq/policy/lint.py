"""Find rules that can never decide: impossible ones, and those that come after a rule that matches more.

Only certain flaws are reported, so a rule without a flaw may still never match.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from rsvpq.mail.messages import Kind, Sensitivity
from rsvpq.mail.persons import comparable_domain
from rsvpq.policy.conditions import CONDITIONS, shown
from rsvpq.policy.organizer import domain_of, is_internal, is_literal, is_one_of
from rsvpq.policy.rules import Policy, Rule

_PRIVATE = {str(one) for one in Sensitivity if one.is_private}
#: A pair of conditions, and the difference that the second must exceed the first by.
_RANGES = (
    ("starts_after", "starts_within", 0),
    ("longer_than", "shorter_than", 0),
    ("attendees_more_than", "attendees_fewer_than", 1),
)


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with one rule; ``condition`` is '' if it concerns the rule as a whole."""

    index: int
    condition: str
    text: str


def flaws(policy: Policy, known_groups: Collection[str], known_domains: Collection[str]) -> Iterator[Flaw]:
    """Find the first flaw of each rule, in the order of the rules.

    :param known_groups: the groups of the mailboxes.
    :param known_domains: the domains of the mailboxes' addresses, which are internal too.
    """
    internal = (*policy.internal_domains, *known_domains)
    for index, rule in enumerate(policy.rules):
        found = next(_flaws_of(rule, policy, known_groups, internal), None) or _covered(index, policy.rules)
        if found:
            yield Flaw(index, *found)


def _flaws_of(
    rule: Rule, policy: Policy, groups: Collection[str], internal: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    yield from _stopped_by_guards(rule, policy)
    for above, below, gap in _RANGES:
        low: Any = rule.conditions.get(above)
        high: Any = rule.conditions.get(below)
        if low is not None and high is not None and (high - low <= gap if gap else high <= low):
            text = f"leaves no range above {above} = {shown(low)}; raise it, or lower {above}"
            yield below, f"is {shown(high)}, which {text}"
    words, private = set(_words(rule, "sensitivity")), rule.conditions.get("private")
    if words and ((private is True and not words & _PRIVATE) or (private is False and words <= _PRIVATE)):
        yield "sensitivity", f"contradicts private = {shown(private)}; keep one of the two"
    yield from _contradicting_organizer(rule, internal)
    wanted = _words(rule, "group")
    if wanted and not {word.casefold() for word in wanted} & {group.casefold() for group in groups}:
        yield "group", f"names the group {shown(wanted)}, which has no mailboxes; correct the name, or add mailboxes"


def _stopped_by_guards(rule: Rule, policy: Policy) -> Iterator[tuple[str, str]]:
    for key, name, setting, value in (
        ("external", "external", policy.external, True),
        ("private", "private", policy.private, True),
        ("delegate_copies", "delegate_copy", policy.delegate_copies, True),
        ("no_response_requested", "response_requested", policy.no_response_requested, False),
    ):
        from_attendee = rule.kind is Kind.RESPONSE and name != "delegate_copy"
        if rule.conditions.get(name) is value and setting == "skip" and not from_attendee:
            yield name, _decided_by_guard(key, "skip")
    if set(_words(rule, "update")) == {"details-only"} and policy.details_only != "rules":
        yield "update", _decided_by_guard("details_only", policy.details_only)
    words = _words(rule, "sensitivity")
    if words and set(words) <= _PRIVATE and policy.private == "skip" and rule.kind is not Kind.RESPONSE:
        yield "sensitivity", _decided_by_guard("private", "skip")


def _decided_by_guard(key: str, value: str) -> str:
    return f'is never tried, because policy.{key} = "{value}" decides first; set that to "rules", or remove this rule'


def _contradicting_organizer(rule: Rule, internal: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    addresses, domains = _words(rule, "organizer"), _words(rule, "organizer_domain")
    literal = [address for address in addresses if is_literal(address)]
    exact = bool(domains) and len(literal) == len(addresses)
    if addresses and exact and not any(is_one_of(comparable_domain(domain_of(one)), domains) for one in literal):
        yield "organizer_domain", "is not the domain of any address in organizer; keep one of the two"
    if rule.conditions.get("external") is False:
        for name, named in (("organizer_domain", domains), ("organizer", tuple(map(domain_of, addresses)))):
            certain = bool(named) and all(named) and all(map(is_literal, named))
            if certain and not any(is_internal(f"@{domain}", "", internal) for domain in named):
                yield name, "names no internal domain, but external = false; add the domain to policy.internal_domains"


def _covered(index: int, rules: tuple[Rule, ...]) -> tuple[str, str] | None:
    rule = rules[index]
    for earlier in rules[:index]:
        if earlier.kind is rule.kind and all(
            name in rule.conditions and CONDITIONS[name].covers(wanted, rule.conditions[name])
            for name, wanted in earlier.conditions.items()
        ):
            text = f"is never reached: {earlier.name!r} comes first and matches everything that it matches"
            return "", f"{text}; move it before that rule, or remove it"
    return None


def _words(rule: Rule, name: str) -> tuple[str, ...]:
    value = rule.conditions.get(name, ())
    return value if isinstance(value, tuple) else ()
