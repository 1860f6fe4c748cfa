"""Rules and the policy, as plain values that are made from the settings."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Literal

from rsvpq import __version__
from rsvpq.mail.messages import Kind
from rsvpq.policy.decision import Action

#: The value of a condition. Its type depends on the condition: see :data:`rsvpq.policy.conditions.CONDITIONS`.
Value = bool | int | timedelta | tuple[str, ...]

#: What can be decided on each kind of message.
DECISIONS: Mapping[Kind, tuple[Action, ...]] = {
    Kind.REQUEST: (Action.ACCEPT, Action.TENTATIVE, Action.DECLINE, Action.SKIP, Action.HOLD),
    Kind.RESPONSE: (Action.OPEN, Action.SKIP),
    Kind.CANCELLATION: (Action.PROCESS, Action.KEEP),
}

#: Whether a guard skips the messages that it finds, or leaves them to the rules.
GuardSetting = Literal["skip", "rules"]


@dataclass(frozen=True, slots=True)
class Rule:
    """What is decided if all conditions hold."""

    name: str
    decision: Action
    kind: Kind = Kind.REQUEST
    #: By their names in :data:`rsvpq.policy.conditions.CONDITIONS`.
    conditions: Mapping[str, Value] = field(default_factory=dict)
    #: The text of the answer, with placeholders; None leaves it to the policy. See :mod:`rsvpq.policy.answer_text`.
    answer_text: str | None = None


@dataclass(frozen=True)
class Policy:
    """The policy of an installation. The defaults are those of the settings."""

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
    #: The text of answers, with placeholders, unless the rule that decides has its own; '' for no text.
    answer_text: str = ""

    def fingerprint(self, group: str) -> str:
        """Return a text that changes whenever messages in a mailbox of this group may be decided on differently."""
        return f"{self._digest} {group}"

    @cached_property
    def _digest(self) -> str:
        # Another version of rsvpq may decide differently by the same rules, and may format this repr differently.
        return hashlib.sha256(f"{__version__} {self!r}".encode()).hexdigest()[:16]

    def rules_for(self, kind: Kind) -> tuple[Rule, ...]:
        """Return the rules for this kind of message, in their order."""
        return tuple(rule for rule in self.rules if rule.kind is kind)
