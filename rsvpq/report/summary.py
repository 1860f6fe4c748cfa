"""Count a period record by record, without keeping the records.

Memory grows with the number of mailboxes and organizers, and of messages that are decided on but not finished at that
point of the audit; not with the number of records.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from rsvpq.audit.log import AuditRecord
from rsvpq.audit.record import address_of
from rsvpq.mail.messages import Kind, Verdict
from rsvpq.report import model
from rsvpq.report.calendar import Calendar, Unit
from rsvpq.report.durations import Durations
from rsvpq.report.reasons import MOST_REASONS, OTHERS, reason_class

#: How many rows are shown of the slowest mailboxes, the busiest organizers and so on.
WORST = 10
#: How many operator actions are shown, the newest ones.
RECENT_ACTIONS = 50

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


@dataclass(slots=True)
class _Trouble:
    failed: int = 0
    dead: int = 0
    last_ms: int = 0
    last_error: str = ""

    def add(self, event: str, at_ms: int, error: str) -> None:
        self.failed += event == "failed"
        self.dead += event == "dead"
        self.last_ms, self.last_error = at_ms, error


@dataclass(slots=True)
class _Bar:
    answers: Counter[str] = field(default_factory=Counter)
    opened: int = 0
    failed: int = 0
    dead: int = 0


@dataclass(slots=True)
class _Organizer:
    name: str
    requests: int = 0
    answers: int = 0


class Summary:
    """Counts the records of a period in their order; :meth:`report` returns the figures."""

    def __init__(self, calendar: Calendar, unit: Unit) -> None:
        self.records = 0
        self.first_ms: int | None = None
        self.last_ms: int | None = None
        self._calendar, self._unit = calendar, unit
        self._decisions: Counter[tuple[str, str]] = Counter()
        self._rules: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()
        self._answers: Counter[str] = Counter()
        self._results: Counter[str] = Counter()
        self._opened = 0
        self._begun: dict[str, _Begun] = {}
        #: Messages whose answer is counted, and which are not finished yet.
        self._sent: set[str] = set()
        self._intents: dict[str, _Intent] = {}
        self._waits: defaultdict[str, Durations] = defaultdict(Durations)
        self._all_waits = Durations()
        self._unmeasured = 0
        self._mailboxes: set[str] = set()
        self._troubles: defaultdict[str, _Trouble] = defaultdict(_Trouble)
        self._failing: defaultdict[str, _Trouble] = defaultdict(_Trouble)
        self._trouble_results: Counter[str] = Counter()
        self._uncertain = 0
        self._organizers: dict[str, _Organizer] = {}
        self._actions = 0
        self._recent_actions: deque[model.RecentOperatorAction] = deque(maxlen=RECENT_ACTIONS)
        self._bars: defaultdict[int, _Bar] = defaultdict(_Bar)
        self._bar_start, self._bar_known = 0, ""
        self._count = {
            "decision": self._decision,
            "intent": self._intent,
            "done": self._done,
            "failed": self._trouble,
            "dead": self._trouble,
            "operator": self._action,
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
        decision = record.get("decision", "")
        key = (decision, reason_class(record.get("reason", "")))
        known = key in self._decisions or len(self._decisions) < MOST_REASONS
        self._decisions[key if known else (decision, OTHERS)] += 1
        self._rules[record.get("rule", "no rule")] += 1
        self._kinds[record.get("kind", "")] += 1
        if decision in _VERDICTS:
            self._begun[record["item"]] = _Begun(at_ms, decision)
        if record.get("kind") == Kind.REQUEST:
            self._organizer(record).requests += 1

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
            self._bar(record, at_ms).answers[begun.verdict] += 1
            self._organizer(record).answers += 1
            if begun.decided_ms is None:
                self._unmeasured += 1
            else:
                self._all_waits.add(at_ms - begun.decided_ms)
                self._waits[record.get("mailbox", "")].add(at_ms - begun.decided_ms)
        elif step == "open" and result not in _NOT_OURS:
            self._opened += 1
            self._bar(record, at_ms).opened += 1
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

    def _trouble(self, record: AuditRecord, at_ms: int) -> None:
        event, error = record["event"], record.get("reason", "")
        open_step = record.get("step", "")
        self._intents.pop(record["item"], None)
        name = reason_class(error)
        if name not in self._troubles and len(self._troubles) >= MOST_REASONS:
            name = OTHERS
        self._troubles[name].add(event, at_ms, error)
        self._failing[record.get("mailbox", "")].add(event, at_ms, error)
        self._trouble_results[f"{event}: {record.get('result', '')}"] += 1
        bar = self._bar(record, at_ms)
        if event == "dead":
            # If an operator retries a dead item, the time from its decision to the answer would mean nothing.
            begun = self._begun.get(record["item"])
            if begun:
                self._begun[record["item"]] = _Begun(None, begun.verdict)
            self._uncertain += bool(open_step)
            bar.dead += 1
        else:
            bar.failed += 1

    def _action(self, record: AuditRecord, at_ms: int) -> None:
        self._actions += 1
        who, step, reason, note = (record.get(name, "") for name in ("who", "step", "reason", "note"))
        everywhere = "a group" if note.startswith("group ") else "all"  # no field of a record has the name of a group
        scope = next((f"{name} {record[name]}" for name in ("mailbox", "server") if name in record), everywhere)
        self._recent_actions.append(model.RecentOperatorAction(at_ms, who, step, scope, reason, note))

    # -- keys ----------------------------------------------------------------------------------------------------

    def _organizer(self, record: AuditRecord) -> _Organizer:
        name = address_of(record.get("organizer", ""))
        return self._organizers.setdefault(name.casefold(), _Organizer(name))

    def _bar(self, record: AuditRecord, at_ms: int) -> _Bar:
        # Records come in order, and all records of a minute belong to one bar: look it up once a minute.
        minute = record["time"][:16]
        if minute != self._bar_known:
            self._bar_start, self._bar_known = self._calendar.start(at_ms, self._unit), minute
        return self._bars[self._bar_start]

    # -- the report ----------------------------------------------------------------------------------------------

    def report(self, period: model.Period) -> model.Report:
        """Return what was counted; ages are those at the end of the period."""
        waits = self._all_waits
        organizers = [model.Organizer(one.name, one.requests, one.answers) for one in self._organizers.values()]
        organizers.sort(key=lambda row: (-row.requests, -row.answers, row.organizer))
        return model.Report(
            period=period,
            decisions=self._decided(),
            answers={name: self._answers[name] for name in model.ANSWER_KINDS},
            opened=self._opened,
            results=_most(self._results),
            open_intents=len(self._intents),
            oldest_intents=self._oldest(period.until_ms),
            troubles=self._all_troubles(),
            waiting=model.WaitingTimes(waits.count, self._unmeasured, waits.percentile(0.5), waits.percentile(0.95)),
            mailboxes=len(self._mailboxes),
            slowest=self._slowest(),
            failing=self._most_failing(),
            organizers=tuple(organizers[:WORST]),
            deeds=self._actions,
            last_deeds=tuple(self._recent_actions),
            unit=self._unit,
            bars=self._all_bars(period),
        )

    def _decided(self) -> model.DecisionCounts:
        actions: Counter[str] = Counter()
        for (decision, _), count in self._decisions.items():
            actions[decision] += count
        reasons = sorted(self._decisions.items(), key=lambda entry: (-entry[1], entry[0]))
        return model.DecisionCounts(
            actions.total(),
            _most(actions),
            _most(self._rules),
            tuple(model.ReasonCount(*key, count) for key, count in reasons),
            self._kinds[Kind.CANCELLATION],
        )

    def _oldest(self, until_ms: int) -> tuple[model.OpenIntent, ...]:
        oldest = sorted(self._intents.items(), key=lambda entry: entry[1].since_ms)[:WORST]
        return tuple(
            model.OpenIntent(one.mailbox, one.step, one.subject, item, one.since_ms, (until_ms - one.since_ms) / 1000)
            for item, one in oldest
        )

    def _all_troubles(self) -> model.Troubles:
        reasons = sorted(self._troubles.items(), key=lambda entry: (-entry[1].dead, -entry[1].failed, entry[0]))
        return model.Troubles(
            sum(one.failed for one in self._troubles.values()),
            sum(one.dead for one in self._troubles.values()),
            self._uncertain,
            _most(self._trouble_results),
            tuple(model.TroubleCount(name, one.failed, one.dead, one.last_ms) for name, one in reasons),
        )

    def _slowest(self) -> tuple[model.SlowMailbox, ...]:
        rows = [
            model.SlowMailbox(name, waits.count, waits.percentile(0.5), waits.percentile(0.95))
            for name, waits in self._waits.items()
        ]
        return tuple(sorted(rows, key=lambda row: (-row.p95_s, -row.p50_s, row.mailbox))[:WORST])

    def _most_failing(self) -> tuple[model.FailingMailbox, ...]:
        rows = [
            model.FailingMailbox(name, one.failed, one.dead, one.last_ms, one.last_error)
            for name, one in self._failing.items()
        ]
        return tuple(sorted(rows, key=lambda row: (-row.dead, -row.failed, row.mailbox))[:WORST])

    def _all_bars(self, period: model.Period) -> tuple[model.Bar, ...]:
        if self.first_ms is None:
            return ()
        # Before the audit begins nothing is known; bars of zero would be wrong there.
        begins = max(period.since_ms, period.audit_begins_ms or 0)
        starts = sorted({*self._calendar.starts(begins, period.until_ms, self._unit), *self._bars})
        empty = _Bar()
        bars = ((start, self._bars.get(start, empty)) for start in starts)
        return tuple(
            model.Bar(start, {name: bar.answers[name] for name in model.ANSWER_KINDS}, bar.opened, bar.failed, bar.dead)
            for start, bar in bars
        )


def _most(counts: Counter[str]) -> Mapping[str, int]:
    """Sort by frequency, the most frequent first, then by name."""
    return dict(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])))
