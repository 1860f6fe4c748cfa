"""Totals of a comparison of two policies: what would change, from which decision to which."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rsvpq.ops.decision_change import DecisionChange
from rsvpq.settings import PolicySettings


class ChangedKey(NamedTuple):
    """A key that says how much is answered, and not what; as text, '' where it is not given."""

    key: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.key}: {self.before or 'none'} -> {self.after or 'none'}"


def changed_keys(before: PolicySettings, after: PolicySettings) -> list[ChangedKey]:
    """Return what a comparison of decisions does not show: whether and how much is answered."""
    one, other = map(_amounts, (before, after))
    keys = sorted(one.keys() | other.keys())
    return [
        ChangedKey(f"policy.{key}", one.get(key, ""), other.get(key, ""))
        for key in keys
        if one.get(key) != other.get(key)
    ]


def _amounts(policy: PolicySettings) -> dict[str, str]:
    return {"confirmed": str(policy.confirmed).lower(), **{key: str(cap) for key, cap in policy.caps().items()}}


class Transition(NamedTuple):
    """The decisions before and after, each with its reason."""

    before: str
    before_reason: str
    after: str
    after_reason: str

    def __str__(self) -> str:
        text = " with another text" if self.before == self.after else ""
        return f"{self.before} ({self.before_reason}) -> {self.after} ({self.after_reason}){text}"


@dataclass(slots=True)
class PolicyChanges:
    """What all mailboxes have reported that have reported yet, and ``keys`` that change beside the decisions."""

    keys: Sequence[ChangedKey] = ()
    mailboxes: int = 0
    messages: int = 0
    #: Messages on which the decision is the same, for another reason.
    other_reason: int = 0
    #: Messages that were not compared: deciding failed, or too many of their mailbox had to be examined.
    not_compared: int = 0
    #: Messages that could not be read.
    unreadable: int = 0
    _rows: defaultdict[Transition, list[DecisionChange]] = field(default_factory=lambda: defaultdict(list))

    @property
    def changed(self) -> int:
        """The number of messages that would be decided differently."""
        return sum(map(len, self._rows.values()))

    def add(self, rows: Iterable[DecisionChange], counts: Mapping[str, int]) -> None:
        """Add what one mailbox has reported."""
        self.mailboxes += 1
        self.messages += counts.get("found", 0)
        self.other_reason += counts.get("other_reason", 0)
        self.not_compared += counts.get("not_compared", 0)
        self.unreadable += counts.get("unreadable", 0)
        for row in rows:
            self._rows[Transition(row.before, row.before_reason, row.after, row.after_reason)].append(row)

    def by_transition(self) -> list[tuple[Transition, list[DecisionChange]]]:
        """Return the changed messages by what changes; the most frequent first."""
        return sorted(self._rows.items(), key=lambda one: (-len(one[1]), one[0]))

    def sentences(self) -> Iterator[str]:
        """Yield the totals as sentences."""
        yield f"mailboxes: {self.mailboxes}; messages: {self.messages}"
        yield f"messages that would be decided differently: {self.changed}"
        if self.other_reason:
            yield f"the same decision for another reason: {self.other_reason}"
        if self.unreadable:
            yield f"messages that could not be read: {self.unreadable}"
        for key in self.keys:
            yield f"also changed, and not shown by decisions: {key}"

    def to_dict(self, samples: int) -> dict[str, Any]:
        """Return a JSON-ready copy.

        :param samples: the most messages of each change.
        """
        changes = [
            {**transition._asdict(), "messages": len(rows), "samples": [row.to_dict() for row in rows[:samples]]}
            for transition, rows in self.by_transition()
        ]
        return {
            "mailboxes": self.mailboxes,
            "messages": self.messages,
            "changed": self.changed,
            "other_reason": self.other_reason,
            "not_compared": self.not_compared,
            "unreadable": self.unreadable,
            "changes": changes,
            "keys": [one._asdict() for one in self.keys],
        }
