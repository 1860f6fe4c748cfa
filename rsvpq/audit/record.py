"""Builds audit records: facts of a message, decisions, operator actions.

The audit is one Redis stream per namespace, ``{NAMESPACE}:audit``, which is only ever added to and trimmed at its old
end. The times are the stream's ids, on Redis' clock. Records of side effects are written by the scripts that write the
journal, in the same atomic step (``rsvpq/lanes/*.lua``); here is what Python prepares for them.
:mod:`rsvpq.audit.redaction` takes out what must not be stored, and :mod:`rsvpq.audit.log` reads the stream.

Every record is made of texts and says all about itself, so that nothing has to be joined:

- ``event``: decision, intent, done, failed, dead or operator
- ``item`` (the task id), ``kind``, ``mailbox``, ``server``, ``run`` (the scan that found it)
- ``uid``, ``organizer``, ``subject``, ``start`` of the meeting; ``occurrence``, where it is about one of a series
- ``decision``, ``rule``, ``reason``; ``step`` (accept, draft, send, open, remove), ``attempt``, ``result``, ``note``;
  ``who``
"""

import json
import os
import pwd
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rsvpq.audit.redaction import LONGEST_VALUE, Redaction
from rsvpq.lanes import DecisionBatch, DecisionRecord, Lane, Lanes, OperatorAction, Scope
from rsvpq.mail.messages import Mailbox, MeetingMessage
from rsvpq.mail.times import written

#: Journal steps that only read: not side effects, so not in the audit, and no end of one.
READING_STEPS = frozenset({"search", "pages", "recollected", "compose"})


@dataclass(frozen=True, slots=True)
class AuditedDecision:
    """A decision as stored in the audit: accept, open or skip; by which rule; why."""

    decision: str
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Audit:
    """Builds the audit records of one process.

    :param retention_s: how long records are kept, and decisions known.
    """

    lanes: Lanes
    redaction: Redaction
    retention_s: float

    def facts(self, mailbox: Mailbox, message: MeetingMessage, run: str) -> str:
        """The fields of this message that every record of its item has."""
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
        """The fields of a scan that every record of its item has."""
        return _facts(kind, self.redaction.address(mailbox.name), run[:LONGEST_VALUE])

    def decide(
        self, mailbox: Mailbox, scan: str, run: str, decided: Iterable[tuple[MeetingMessage, AuditedDecision | None]]
    ) -> int:
        """Record the decisions of one page of a scan, those that are new or changed; how many these were.

        The arguments are as for :meth:`decisions`.
        """
        decisions = self.decisions(mailbox, scan, run, decided)
        lane = Lane(mailbox.name, mailbox.server)
        return self.lanes.ledger.record_decisions(lane, decisions) if decisions.records else 0

    def decisions(
        self, mailbox: Mailbox, scan: str, run: str, decided: Iterable[tuple[MeetingMessage, AuditedDecision | None]]
    ) -> DecisionBatch:
        """Decisions as the audit stores them, redacted.

        :param decided: None for what is left to a worker to decide.
        :param scan: the item id of the scan; '' where it is a worker that decided.
        :param run: what the scans of one trigger have in common.
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
    """Who is at this terminal: the user of the operating system, and through sudo also the one who became it."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # as in a container that runs under a number
        name = f"uid {os.getuid()}"
    person = os.environ.get("SUDO_USER", "")
    return f"{person} as {name}"[:LONGEST_VALUE] if person else name


def _facts(*facts: str) -> str:
    """In the order in which audit() in Lua takes them."""
    return json.dumps(facts, ensure_ascii=False, separators=(",", ":"))
