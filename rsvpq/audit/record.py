"""What the audit records, and what it does not: facts of a message, decisions, operators' actions, hidden values.

The audit is one Redis stream per namespace, ``{NAMESPACE}:audit``, which is only ever added to and trimmed at its old
end. The times are the stream's ids, on Redis' clock. Records of side effects are written by the scripts that write the
journal, in the same atomic step (``rsvpq/lanes/*.lua``); here is what Python prepares for them. :mod:`rsvpq.audit.log`
reads it.

Every record is made of texts and says all about itself, so that nothing has to be joined:

- ``event``: decision, intent, done, failed, dead or operator
- ``item`` (the task id), ``kind``, ``mailbox``, ``server``, ``run`` (the scan that found it)
- ``uid``, ``organizer``, ``subject``, ``start`` of the meeting; ``occurrence``, where it is about one of a series
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
from typing import Literal

from rsvpq.lanes import DecisionBatch, DecisionRecord, Lane, Lanes, OperatorAction, Scope
from rsvpq.mail.errors import ExchangeError
from rsvpq.mail.messages import Mailbox, MeetingMessage, is_private
from rsvpq.mail.persons import person_in

Hidden = Literal["subjects", "addresses"]

#: Journal steps that look and change nothing: not side effects, so not in the audit, and no end of one.
LOOKS = frozenset({"search", "pages", "recollected"})
#: The most characters of a value; what is longer was written by a stranger, and a million records have to fit.
LONGEST = 200
LONGEST_SUBJECT = 120

#: From the first path, quotation or address on, a reason may name a message by its subject, or somebody.
_TELLING = re.compile(r"""["'/]|(?<!\S)\S*@""")
_STATUS = re.compile(r" answered \d{3}\b")


@dataclass(frozen=True, slots=True)
class Discretion:
    """What is hidden behind a keyed digest.

    :param hide: ``subjects``, ``addresses`` (mailboxes, organisers), both or nothing. :param key: of the digests.
    """

    hide: frozenset[Hidden] = frozenset()
    key: bytes = b""

    def address(self, text: str) -> str:
        """A mailbox or an organiser as the audit may have it; of ``"Name" <address>`` the digest is the address'."""
        return self._digest(address_of(text)) if "addresses" in self.hide else text[:LONGEST]

    def subject(self, text: str, *, private: bool = False) -> str:
        """A subject as the audit may have it: a private one not even as a digest, which could be guessed."""
        if private:
            return ""
        return self._digest(text) if "subjects" in self.hide else text[:LONGEST_SUBJECT]

    def reason(self, text: str, *, private: bool = False) -> str:
        """A reason as the audit may have it; where something is hidden, without what could name it.

        Exchange names messages after their subjects, so a path tells the subject.
        """
        if not private and not self.hide:
            return text[:LONGEST]
        telling = _TELLING.search(text)
        if telling is None:
            return text[:LONGEST]
        status = _STATUS.findall(text, telling.start())
        return f"{text[: telling.start()].rstrip()[:LONGEST]} (hidden){status[-1] if status else ''}"

    def error(self, error: Exception, *, private: bool = False) -> str:
        """An error as a reason; the text of one that nobody foresaw may hold anything."""
        name = type(error).__name__
        if not isinstance(error, ExchangeError) and (private or self.hide):
            return name
        return self.reason(f"{name}: {error}", private=private)

    def _digest(self, text: str) -> str:
        return hmac.digest(self.key, text.casefold().encode(), "sha256").hex()[:16] if text else ""


@dataclass(frozen=True, slots=True)
class Told:
    """What was decided on a message, as the audit is told: accept, open or skip; by which rule; why."""

    decision: str
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Audit:
    """What one process tells the audit.

    :param retention_s: how long records are kept, and decisions known.
    """

    lanes: Lanes
    discretion: Discretion
    retention_s: float

    def facts(self, mailbox: Mailbox, message: MeetingMessage, run: str) -> str:
        """What every record of this message's item tells of it."""
        private = is_private(message.sensitivity)
        return _facts(
            message.kind,
            self.discretion.address(mailbox.name),
            run[:LONGEST],
            message.uid[:LONGEST],
            self.discretion.address(message.organizer),
            self.discretion.subject(message.subject, private=private),
            message.start[:LONGEST],
            message.occurrence[:LONGEST],
        )

    def scan_facts(self, mailbox: Mailbox, run: str, kind: str = "scan") -> str:
        """What every record of a scan's item tells of it."""
        return _facts(kind, self.discretion.address(mailbox.name), run[:LONGEST])

    def decide(
        self, mailbox: Mailbox, scan: str, run: str, decided: Iterable[tuple[MeetingMessage, Told | None]]
    ) -> int:
        """Tell the decisions of one page of a scan, those that are new or changed; how many these were.

        The arguments are as for :meth:`decisions`.
        """
        decisions = self.decisions(mailbox, scan, run, decided)
        lane = Lane(mailbox.name, mailbox.server)
        return self.lanes.ledger.record_decisions(lane, decisions) if decisions.records else 0

    def decisions(
        self, mailbox: Mailbox, scan: str, run: str, decided: Iterable[tuple[MeetingMessage, Told | None]]
    ) -> DecisionBatch:
        """Decisions as the audit may have them.

        :param decided: None for what is left to a worker to decide.
        :param scan: the item id of the scan; '' where it is a worker that decided.
        :param run: what the scans of one trigger have in common.
        """
        records = (
            DecisionRecord(
                message.identity(mailbox),
                self.facts(mailbox, message, run),
                *((told.decision, told.rule, told.reason) if told else ()),
            )
            for message, told in decided
        )
        return DecisionBatch(scan, tuple(records), self.retention_s)

    def action(
        self, what: str, scope: Scope, name: str, *, why: str = "", values: Mapping[str, object] | None = None
    ) -> OperatorAction:
        """Describe what the operator at this terminal does, to be recorded with the doing."""
        mailbox = self.discretion.address(name) if scope == "mailbox" else ""
        return OperatorAction(
            who=operator(),
            what=what,
            why=self.discretion.reason(why),
            values=", ".join(f"{key} {value}" for key, value in (values or {}).items() if value is not None),
            facts=_facts("", mailbox),
            server=name if scope == "server" else "",
        )


def address_of(text: str) -> str:
    """The address in ``"Name" <address>`` or ``mailto:address``; the text itself where there is none."""
    address = person_in(text).address
    return address if "@" in address else text


def operator() -> str:
    """Who is at this terminal: the user of the operating system, and through sudo also the one who became it."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # as in a container that runs under a number
        name = f"uid {os.getuid()}"
    person = os.environ.get("SUDO_USER", "")
    return f"{person} as {name}"[:LONGEST] if person else name


def _facts(*facts: str) -> str:
    """In the order in which audit() in Lua takes them."""
    return json.dumps(facts, ensure_ascii=False, separators=(",", ":"))
