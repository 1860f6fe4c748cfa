"""Audit records that the scripts write: operator actions, and decisions on messages."""

import hashlib
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4


@dataclass(frozen=True, slots=True)
class OperatorAction:
    """An operator action: who, what (pause, resume, limit), why, with which values, and where.

    ``facts`` name the mailbox, ``server`` is the server; the token identifies a replay.
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
    """A decision on one message: item id, facts for the audit, decision, rule and reason.

    Without a decision the message is only noted as seen, and a worker decides.
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
    """The decisions of a scan, or of a worker; ``scan`` is the item id of the scan, '' for a worker.

    They are remembered for ``remember_s`` after the last scan.
    """

    scan: str
    records: tuple[DecisionRecord, ...]
    remember_s: float

    def to_args(self) -> list[Any]:
        """Return the arguments of record_decisions.lua and record.lua."""
        return [self.scan, max(1, round(self.remember_s)), *(part for one in self.records for part in one.to_args())]
