"""What the scripts write into the audit beside what they do: operators' actions, and decisions on messages."""

import hashlib
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4


@dataclass(frozen=True, slots=True)
class OperatorAction:
    """What an operator did: who, what (pause, resume, limit), why, with which values, and where.

    ``facts`` name the mailbox, and ``server`` the server; a replay is known by the token.
    """

    who: str
    what: str
    why: str = ""
    values: str = ""
    facts: str = ""
    server: str = ""
    token: str = field(default_factory=lambda: uuid4().hex)

    def to_args(self) -> tuple[str, ...]:
        """Return the arguments of set.lua."""
        return (self.token, self.who, self.what, self.why, self.values, self.facts or "[]", self.server)


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """What was decided on one message: its item id, the audit's facts of it, what, by which rule, and why.

    Without a decision the message is only noted as seen: it is left to a worker.
    """

    id: str
    facts: str
    decision: str = ""
    rule: str = ""
    reason: str = ""

    def to_args(self) -> tuple[str, ...]:
        """Return the arguments of record_decisions.lua."""
        if not self.decision:
            return (self.id, "", self.facts, "", "", "")
        digest = hashlib.sha256("\0".join((self.decision, self.rule, self.reason)).encode()).hexdigest()[:16]
        return (self.id, digest, self.facts, self.decision, self.rule, self.reason)


@dataclass(frozen=True, slots=True)
class DecisionBatch:
    """What a scan decided, or later a worker; ``scan`` is the scan's item id, and '' where it was a worker.

    The decisions are known for ``remember_s`` if no scan comes again.
    """

    scan: str
    records: tuple[DecisionRecord, ...]
    remember_s: float

    def to_args(self) -> list[Any]:
        """Return the arguments of record_decisions.lua and record.lua."""
        return [self.scan, max(1, round(self.remember_s)), *(part for one in self.records for part in one.to_args())]
