"""Build audit records: facts of a message, decisions, operator actions.

The audit is one Redis stream per namespace, ``{NAMESPACE}:audit``: records are only added, and the oldest ones trimmed.
The times are the stream's ids, by Redis' clock. Records of side effects are written by the scripts that write the
journal, in the same atomic step (``rsvpq/lanes/*.lua``); this module prepares their fields.
:mod:`rsvpq.audit.redaction` removes what must not be stored, and :mod:`rsvpq.audit.log` reads the stream.

Every record consists of texts and is complete, so that nothing has to be joined:

- ``event``: decision, intent, done, failed, dead or operator
- ``item`` (the task id), ``kind``, ``mailbox``, ``server``, ``run`` (the scan that found it)
- ``uid``, ``organizer``, ``subject``, ``start`` of the meeting; ``occurrence``, if it is about one of a series
- ``decision``, ``rule``, ``reason``; ``step`` (accept, draft, send, open, remove), ``attempt``, ``result``, ``note``;
  ``who``
"""

import json
import os
import pwd
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from rsvpq.audit.redaction import LONGEST_VALUE, Redaction
from rsvpq.lanes import DecisionBatch, DecisionRecord, Lane, Lanes, OperatorAction, Scope
from rsvpq.mail.messages import Mailbox, MeetingMessage
from rsvpq.mail.times import written
from rsvpq.policy import Decision

#: Journal steps that only read. They are not in the audit, and do not end a side effect.
READING_STEPS = frozenset({"search", "pages", "recollected"})


@dataclass(frozen=True, slots=True)
class AuditedDecision:
    """A decision as stored in the audit: accept, open or skip; by which rule; why."""

    decision: str
    rule: str
    reason: str

    @classmethod
    def of(cls, decision: Decision) -> Self:
        """Return the record of a decision."""
        return cls(decision.word, decision.rule, decision.reason)


@dataclass(frozen=True, slots=True)
class Audit:
    """Builds the audit records of one process.

    :param retention_s: how long records are kept and decisions remembered, in seconds.
    """

    lanes: Lanes
    redaction: Redaction
    retention_s: float

    def facts(self, mailbox: Mailbox, message: MeetingMessage, run: str) -> str:
        """Return the fields of a message that every record of its item has, redacted, as JSON."""
        return _facts(
            message.kind,
            self.redaction.address(mailbox.name),
            run[:LONGEST_VALUE],
            message.uid[:LONGEST_VALUE],
            self.redaction.address(message.organizer),
            self.redaction.subject(message.subject, private=message.sensitivity.is_private),
            written(message.start),
            message.occurrence[:LONGEST_VALUE],
        )

    def scan_facts(self, mailbox: Mailbox, run: str, kind: str = "scan") -> str:
        """Return the fields of a scan that every record of its item has, redacted, as JSON."""
        return _facts(kind, self.redaction.address(mailbox.name), run[:LONGEST_VALUE])

    def decide(
        self, mailbox: Mailbox, scan: str, run: str, decided: Iterable[tuple[MeetingMessage, AuditedDecision | None]]
    ) -> int:
        """Record the new or changed decisions of one page of a scan, and return their number.

        The arguments are as for :meth:`decisions`.
        """
        decisions = self.decisions(mailbox, scan, run, decided)
        lane = Lane(mailbox.name, mailbox.server)
        return self.lanes.ledger.record_decisions(lane, decisions) if decisions.records else 0

    def decisions(
        self, mailbox: Mailbox, scan: str, run: str, decided: Iterable[tuple[MeetingMessage, AuditedDecision | None]]
    ) -> DecisionBatch:
        """Decisions as the audit stores them, redacted.

        :param decided: messages and decisions, None for those that a worker is to decide on.
        :param scan: the item id of the scan; '' if a worker decided.
        :param run: the id that all scans of one trigger share.
        """
        records = (
            DecisionRecord(
                message.identity(mailbox),
                self.facts(mailbox, message, run),
                *((record.decision, record.rule, record.reason) if record else ()),
            )
            for message, record in decided
        )
        return DecisionBatch(scan, tuple(records), self.retention_s)

    def action(
        self, what: str, scope: Scope, name: str, *, why: str = "", values: Mapping[str, object] | None = None
    ) -> OperatorAction:
        """An action of the operator at this terminal, to be recorded in the step that carries it out."""
        mailbox = self.redaction.address(name) if scope == "mailbox" else ""
        return OperatorAction(
            who=operator(),
            what=what,
            why=self.redaction.reason(why),
            values=", ".join(f"{key} {value}" for key, value in (values or {}).items() if value is not None),
            facts=_facts("", mailbox),
            server=name if scope == "server" else "",
        )


def operator() -> str:
    """Return the user of this process and, if run through sudo, also the user who called it."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a user id without a name, as in containers
        name = f"uid {os.getuid()}"
    person = os.environ.get("SUDO_USER", "")
    return f"{person} as {name}"[:LONGEST_VALUE] if person else name


def _facts(*facts: str) -> str:
    """In the order in which audit() in Lua takes them."""
    return json.dumps(facts, ensure_ascii=False, separators=(",", ":"))
