"""Build audit records: facts of a message, decisions, operator actions; redacted where ``audit.hide`` says so.

The audit is one Redis stream per namespace, ``{NAMESPACE}:audit``: records are only added, and the oldest ones trimmed.
The times are the stream's ids, by Redis' clock. Records of side effects are written by the scripts that write the
journal, in the same atomic step (``rsvpq/lanes/*.lua``); this module prepares their fields, and :mod:`rsvpq.audit.log`
reads the stream.

Every record consists of texts and is complete, so that nothing has to be joined:

- ``event``: decision, intent, done, failed, dead or operator
- ``item`` (the task id), ``kind``, ``mailbox``, ``server``, ``run`` (the scan that found it)
- ``uid``, ``organizer``, ``subject``, ``start`` of the meeting; ``occurrence``, if it is about one of a series
- ``decision``, ``rule``, ``reason``; ``step`` (accept, draft, send, open, remove), ``attempt``, ``result``, ``note``;
  ``who``
"""

import hmac
import json
import os
import pwd
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, Self

from rsvpq.lanes import DecisionBatch, DecisionRecord, Lane, Lanes, OperatorAction, Scope
from rsvpq.mail.errors import ExchangeError
from rsvpq.mail.messages import Mailbox, MeetingMessage, written
from rsvpq.mail.persons import person_in
from rsvpq.policy import Decision
from rsvpq.text import shortened

Hidden = Literal["subjects", "addresses"]

#: The most characters of a value. Senders can write longer ones, but a million records have to fit into memory.
LONGEST_VALUE = 200
#: The same of a reason, which is long only for failures; what is longer ends with an ellipsis.
LONGEST_RECORDED_REASON = 300
LONGEST_SUBJECT = 120

#: A path, a quotation or an address. From the first one on, a reason may reveal a subject or a person.
_REVEALING = re.compile(r"""["'/]|(?<!\S)\S*@""")
_STATUS = re.compile(r" (?:answered|returned) \d{3}\b")


@dataclass(frozen=True, slots=True)
class Redaction:
    """Replaces fields by a keyed digest (HMAC-SHA256), or leaves them out.

    :param hide: ``subjects``, ``addresses`` (mailboxes, organizers), both or nothing.
    :param key: the key of the digests.
    """

    hide: frozenset[Hidden] = frozenset()
    key: bytes = b""

    def address(self, text: str) -> str:
        """Redact a mailbox or an organizer. The digest of ``"Name" <address>`` is that of the address."""
        return self._digest(address_of(text)) if "addresses" in self.hide else text[:LONGEST_VALUE]

    def subject(self, text: str, *, private: bool = False) -> str:
        """Redact a subject. A private one is left out, because whoever has the key could guess it from a digest."""
        if private:
            return ""
        return self._digest(text) if "subjects" in self.hide else text[:LONGEST_SUBJECT]

    def reason(self, text: str, *, private: bool = False) -> str:
        """Redact a reason: leave out what could reveal something that is hidden.

        Exchange names messages after their subjects, so a path reveals the subject.
        """
        revealing = _REVEALING.search(text) if private or self.hide else None
        if revealing is None:
            return shortened(text, LONGEST_RECORDED_REASON)
        status = _STATUS.findall(text, revealing.start())
        return f"{shortened(text[: revealing.start()].rstrip(), LONGEST_VALUE)} (hidden){status[-1] if status else ''}"

    def error(self, error: Exception, *, private: bool = False) -> str:
        """Redact an error to a reason. The text of an unexpected error may hold anything, so it is left out."""
        name = type(error).__name__
        if not isinstance(error, ExchangeError) and (private or self.hide):
            return name
        return self.reason(f"{name}: {error}", private=private)

    def _digest(self, text: str) -> str:
        return hmac.digest(self.key, text.casefold().encode(), "sha256").hex()[:16] if text else ""


def address_of(text: str) -> str:
    """Return the address in ``"Name" <address>`` or ``mailto:address``; the text itself if it has none."""
    address = person_in(text).address
    return address if "@" in address else text


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
        shown = {"group": name, **(values or {})} if scope == "group" else values or {}
        return OperatorAction(
            who=operator(),
            what=what,
            why=self.redaction.reason(why),
            values=", ".join(f"{key} {value}" for key, value in shown.items() if value is not None),
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
