"""Rules and the policy around them, as the settings give them: values only."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Literal

from rsvpq import __version__
from rsvpq.mail.messages import Kind
from rsvpq.policy.decision import Action

#: The value of a condition; which type each has is told by :data:`rsvpq.policy.conditions.CONDITIONS`.
Value = bool | int | timedelta | tuple[str, ...]

#: What can be decided about each kind of message.
DECISIONS: Mapping[Kind, tuple[Action, ...]] = {
    Kind.REQUEST: (Action.ACCEPT, Action.TENTATIVE, Action.DECLINE, Action.SKIP, Action.HOLD),
    Kind.RESPONSE: (Action.OPEN, Action.SKIP),
    Kind.CANCELLATION: (Action.PROCESS, Action.KEEP),
}

#: What is done about messages of some sort before any rule is asked.
GuardSetting = Literal["skip", "rules"]


@dataclass(frozen=True, slots=True)
class Rule:
    """All conditions hold: this is what is decided."""

    name: str
    decision: Action
    kind: Kind = Kind.REQUEST
    #: By the names of :data:`rsvpq.policy.conditions.CONDITIONS`.
    conditions: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Policy:
    """What an installation has laid down; the defaults are those of the settings."""

    mode: Literal["observe", "respond"] = "observe"
    rules: tuple[Rule, ...] = ()
    internal_domains: tuple[str, ...] = ()
    external: GuardSetting = "skip"
    private: GuardSetting = "skip"
    delegate_copies: GuardSetting = "skip"
    past: GuardSetting = "skip"
    max_age: timedelta = timedelta(days=14)
    no_response_requested: GuardSetting = "rules"
    details_only: Literal["repeat", "rules", "skip"] = "repeat"
    unknown_calendar: Literal["hold", "rules"] = "hold"
    busy_when: tuple[str, ...] = ("busy", "oof")
    cancellations: Literal["keep", "process"] = "keep"

    def fingerprint(self, group: str) -> str:
        """A text that is another as soon as a message in a mailbox of this group may be decided on otherwise."""
        return f"{self._digest} {group}"

    @cached_property
    def _digest(self) -> str:
        # Another version may decide otherwise by the same rules. What is compared was written by this repr, too.
        return hashlib.sha256(f"{__version__} {self!r}".encode()).hexdigest()[:16]

    def rules_for(self, kind: Kind) -> tuple[Rule, ...]:
        """The rules that speak of this kind, in their order."""
        return tuple(rule for rule in self.rules if rule.kind is kind)
