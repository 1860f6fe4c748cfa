"""Count a period record by record, without keeping the records.

Memory grows with the number of mailboxes and organizers, and of messages that are decided on but not finished at that
point of the audit; not with the number of records.
"""

from collections import Counter
from typing import NamedTuple

from rsvpq.audit.log import AuditRecord
from rsvpq.mail.messages import Kind, Verdict
from rsvpq.report import model
from rsvpq.report.calendar import Calendar, Unit
from rsvpq.report.tallies import (
    WORST,
    ActionTally,
    BarTally,
    DecisionTally,
    OrganizerTally,
    TroubleTally,
    WaitTally,
    most_frequent,
)

_VERDICTS = frozenset(Verdict)
#: Results that mean that somebody else dealt with the message, whatever step was open.
_NOT_OURS = frozenset({"gone", "left"})


class _Begun(NamedTuple):
    """A message to be answered: when that was decided (None: not in the period, or it died since), and the verdict."""

    decided_ms: int | None
    verdict: str


class _Intent(NamedTuple):
    mailbox: str
    step: str
    subject: str
    since_ms: int


class Summary:
    """Counts the records of a period in their order; :meth:`report` returns the figures."""

    def __init__(self, calendar: Calendar, unit: Unit) -> None:
        self.records = 0
        self.first_ms: int | None = None
        self.last_ms: int | None = None
        self._unit = unit
        self._mailboxes: set[str] = set()
        self._decisions = DecisionTally()
        self._waits = WaitTally()
        self._troubles = TroubleTally()
        self._organizers = OrganizerTally()
        self._actions = ActionTally()
        self._bars = BarTally(calendar, unit)
        self._answers: Counter[str] = Counter()
        self._opened = 0
        self._results: Counter[str] = Counter()
        self._intents: dict[str, _Intent] = {}
        self._begun: dict[str, _Begun] = {}
        #: Messages whose answer is counted, and which are not finished yet.
        self._sent: set[str] = set()
        self._count = {
            "decision": self._decision,
            "intent": self._intent,
            "done": self._done,
            "failed": self._failed,
            "dead": self._dead,
            "operator": self._actions.add,
        }

    def add(self, record: AuditRecord) -> None:
        """Count one record; for an unknown event, only the record and its mailbox are counted."""
        at_ms = int(record["id"].partition("-")[0])
        self.records += 1
        self.first_ms = at_ms if self.first_ms is None else self.first_ms
        self.last_ms = at_ms
        if "item" in record and "mailbox" in record:
            self._mailboxes.add(record["mailbox"])
        event = record.get("event", "")
        count = self._count.get(event)
        if count and ("item" in record or event == "operator"):
            count(record, at_ms)

    # -- events --------------------------------------------------------------------------------------------------

    def _decision(self, record: AuditRecord, at_ms: int) -> None:
        self._decisions.add(record)
        decision = record.get("decision", "")
        if decision in _VERDICTS:
            self._begun[record["item"]] = _Begun(at_ms, decision)
        if record.get("kind") == Kind.REQUEST:
            self._organizers.of(record).requests += 1

    def _intent(self, record: AuditRecord, at_ms: int) -> None:
        item, step = record["item"], record.get("step", "")
        self._intents[item] = _Intent(record.get("mailbox", ""), step, record.get("subject", ""), at_ms)
        if step in _VERDICTS:  # an answer that was begun is finished as it was begun, whatever is decided later
            begun = self._begun.get(item)
            self._begun[item] = _Begun(begun.decided_ms if begun else None, step)

    def _done(self, record: AuditRecord, at_ms: int) -> None:
        item, step, result = record["item"], record.get("step"), record.get("result")
        self._intents.pop(item, None)
        if result:
            self._results[result] += 1
        if begun := self._answer(item, step, result):
            self._sent.add(item)
            self._answers[begun.verdict] += 1
            self._bars.of(record, at_ms).answers[begun.verdict] += 1
            self._organizers.of(record).answers += 1
            waited_ms = None if begun.decided_ms is None else at_ms - begun.decided_ms
            self._waits.add(record.get("mailbox", ""), waited_ms)
        elif step == "open" and result not in _NOT_OURS:
            self._opened += 1
            self._bars.of(record, at_ms).opened += 1
        if result:
            self._begun.pop(item, None)
            self._sent.discard(item)

    def _answer(self, item: str, step: str | None, result: str | None) -> _Begun | None:
        """Return the beginning of an answer that this record shows as sent, None if it shows none or is its second one.

        Exchange Web Services send it with the verdict, without a step ``send``: the end of the message shows it.
        """
        begun = self._begun.get(item)
        if step == "send" and result not in _NOT_OURS:
            return begun or _Begun(None, "unknown")
        if result != "answered" or item in self._sent:
            return None
        return begun or (_Begun(None, step) if step in _VERDICTS else None)

    def _failed(self, record: AuditRecord, at_ms: int) -> None:
        self._intents.pop(record["item"], None)
        self._troubles.add(record, at_ms)
        self._bars.of(record, at_ms).failed += 1

    def _dead(self, record: AuditRecord, at_ms: int) -> None:
        self._intents.pop(record["item"], None)
        self._troubles.add(record, at_ms)
        self._bars.of(record, at_ms).dead += 1
        # If an operator retries a dead item, the time from its decision to the answer would mean nothing.
        if begun := self._begun.get(record["item"]):
            self._begun[record["item"]] = _Begun(None, begun.verdict)

    # -- the report ----------------------------------------------------------------------------------------------

    def report(self, period: model.Period) -> model.Report:
        """Return what was counted; ages are those at the end of the period."""
        return model.Report(
            period=period,
            decisions=self._decisions.counts(),
            answers={name: self._answers[name] for name in model.ANSWER_KINDS},
            opened=self._opened,
            results=most_frequent(self._results),
            open_intents=len(self._intents),
            oldest_intents=self._oldest(period.until_ms),
            troubles=self._troubles.troubles(),
            waiting=self._waits.times(),
            mailboxes=len(self._mailboxes),
            slowest=self._waits.slowest(),
            failing=self._troubles.most_failing(),
            organizers=self._organizers.busiest(),
            actions=self._actions.count,
            recent_actions=self._actions.recent(),
            unit=self._unit,
            bars=self._bars.bars(period) if self.records else (),
        )

    def _oldest(self, until_ms: int) -> tuple[model.OpenIntent, ...]:
        oldest = sorted(self._intents.items(), key=lambda entry: entry[1].since_ms)[:WORST]
        return tuple(
            model.OpenIntent(one.mailbox, one.step, one.subject, item, one.since_ms, (until_ms - one.since_ms) / 1000)
            for item, one in oldest
        )
