"""The parts of a summary: each counts one kind of fact, and returns the figures that the report has of it."""

from collections import Counter, defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from rsvpq.audit.log import AuditRecord
from rsvpq.audit.record import address_of
from rsvpq.mail.messages import Kind
from rsvpq.report import model
from rsvpq.report.calendar import Calendar, Unit
from rsvpq.report.durations import Durations
from rsvpq.report.reasons import MOST_REASONS, OTHERS, reason_class

#: How many rows are shown of the slowest mailboxes, the busiest organizers and so on.
WORST = 10
#: How many operator actions are shown, the newest ones.
RECENT_ACTIONS = 50


class DecisionTally:
    """Decisions by action, reason, rule and kind of message."""

    def __init__(self) -> None:
        self._decisions: Counter[tuple[str, str]] = Counter()
        self._rules: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()

    def add(self, record: AuditRecord) -> None:
        """Count a decision."""
        decision = record.get("decision", "")
        key = (decision, reason_class(record.get("reason", "")))
        known = key in self._decisions or len(self._decisions) < MOST_REASONS
        self._decisions[key if known else (decision, OTHERS)] += 1
        self._rules[record.get("rule", "no rule")] += 1
        self._kinds[record.get("kind", "")] += 1

    def counts(self) -> model.DecisionCounts:
        """Return how many there were of each."""
        actions: Counter[str] = Counter()
        for (decision, _), count in self._decisions.items():
            actions[decision] += count
        reasons = sorted(self._decisions.items(), key=lambda entry: (-entry[1], entry[0]))
        return model.DecisionCounts(
            actions.total(),
            most_frequent(actions),
            most_frequent(self._rules),
            tuple(model.ReasonCount(*key, count) for key, count in reasons),
            self._kinds[Kind.CANCELLATION],
        )


class WaitTally:
    """The time from each decision to its answer."""

    def __init__(self) -> None:
        self._all = Durations()
        self._by_mailbox: defaultdict[str, Durations] = defaultdict(Durations)
        self._unmeasured = 0

    def add(self, mailbox: str, waited_ms: int | None) -> None:
        """Count an answer; None if it is not known when it was decided."""
        if waited_ms is None:
            self._unmeasured += 1
        else:
            self._all.add(waited_ms)
            self._by_mailbox[mailbox].add(waited_ms)

    def times(self) -> model.WaitingTimes:
        """Return the times of all mailboxes."""
        every = self._all
        return model.WaitingTimes(every.count, self._unmeasured, every.percentile(0.5), every.percentile(0.95))

    def slowest(self) -> tuple[model.SlowMailbox, ...]:
        """Return the mailboxes that waited longest."""
        rows = [
            model.SlowMailbox(name, waits.count, waits.percentile(0.5), waits.percentile(0.95))
            for name, waits in self._by_mailbox.items()
        ]
        return tuple(sorted(rows, key=lambda row: (-row.p95_s, -row.p50_s, row.mailbox))[:WORST])


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


class TroubleTally:
    """Attempts that failed and messages that were given up, by reason, mailbox and result."""

    def __init__(self) -> None:
        self._by_reason: defaultdict[str, _Trouble] = defaultdict(_Trouble)
        self._by_mailbox: defaultdict[str, _Trouble] = defaultdict(_Trouble)
        self._results: Counter[str] = Counter()
        self._uncertain = 0

    def add(self, record: AuditRecord, at_ms: int) -> None:
        """Count one of them."""
        event, error = record["event"], record.get("reason", "")
        name = reason_class(error)
        if name not in self._by_reason and len(self._by_reason) >= MOST_REASONS:
            name = OTHERS
        self._by_reason[name].add(event, at_ms, error)
        self._by_mailbox[record.get("mailbox", "")].add(event, at_ms, error)
        self._results[f"{event}: {record.get('result', '')}"] += 1
        self._uncertain += event == "dead" and bool(record.get("step", ""))

    def troubles(self) -> model.Troubles:
        """Return all of them."""
        reasons = sorted(self._by_reason.items(), key=lambda entry: (-entry[1].dead, -entry[1].failed, entry[0]))
        return model.Troubles(
            sum(one.failed for one in self._by_reason.values()),
            sum(one.dead for one in self._by_reason.values()),
            self._uncertain,
            most_frequent(self._results),
            tuple(model.TroubleCount(name, one.failed, one.dead, one.last_ms) for name, one in reasons),
        )

    def most_failing(self) -> tuple[model.FailingMailbox, ...]:
        """Return the mailboxes that had most of them."""
        rows = [
            model.FailingMailbox(name, one.failed, one.dead, one.last_ms, one.last_error)
            for name, one in self._by_mailbox.items()
        ]
        return tuple(sorted(rows, key=lambda row: (-row.dead, -row.failed, row.mailbox))[:WORST])


@dataclass(slots=True)
class _Organizer:
    name: str
    requests: int = 0
    answers: int = 0


class OrganizerTally:
    """Requests and answers by organizer."""

    def __init__(self) -> None:
        self._organizers: dict[str, _Organizer] = {}

    def of(self, record: AuditRecord) -> _Organizer:
        """Return the numbers of the organizer that a record names."""
        name = address_of(record.get("organizer", ""))
        return self._organizers.setdefault(name.casefold(), _Organizer(name))

    def busiest(self) -> tuple[model.Organizer, ...]:
        """Return those with most requests."""
        rows = [model.Organizer(one.name, one.requests, one.answers) for one in self._organizers.values()]
        return tuple(sorted(rows, key=lambda row: (-row.requests, -row.answers, row.organizer))[:WORST])


class ActionTally:
    """Operator actions: how many, and the newest ones."""

    def __init__(self) -> None:
        self.count = 0
        self._recent: deque[model.RecentOperatorAction] = deque(maxlen=RECENT_ACTIONS)

    def add(self, record: AuditRecord, at_ms: int) -> None:
        """Count an action."""
        self.count += 1
        who, step, reason, note = (record.get(name, "") for name in ("who", "step", "reason", "note"))
        everywhere = "a group" if note.startswith("group ") else "all"  # no field of a record has the name of a group
        scope = next((f"{name} {record[name]}" for name in ("mailbox", "server") if name in record), everywhere)
        self._recent.append(model.RecentOperatorAction(at_ms, who, step, scope, reason, note))

    def recent(self) -> tuple[model.RecentOperatorAction, ...]:
        """Return the newest ones, the oldest of them first."""
        return tuple(self._recent)


@dataclass(slots=True)
class _Bar:
    answers: Counter[str] = field(default_factory=Counter)
    opened: int = 0
    failed: int = 0
    dead: int = 0


class BarTally:
    """What was done in each hour or day."""

    def __init__(self, calendar: Calendar, unit: Unit) -> None:
        self._calendar, self._unit = calendar, unit
        self._bars: defaultdict[int, _Bar] = defaultdict(_Bar)
        #: The start of the bar of the last record, and the minute of that record.
        self._start, self._minute = 0, ""

    def of(self, record: AuditRecord, at_ms: int) -> _Bar:
        """Return the bar of a record."""
        # Records come in order, and all records of a minute belong to one bar: look it up once a minute.
        minute = record["time"][:16]
        if minute != self._minute:
            self._start, self._minute = self._calendar.start(at_ms, self._unit), minute
        return self._bars[self._start]

    def bars(self, period: model.Period) -> tuple[model.Bar, ...]:
        """Return all bars of a period."""
        # Before the audit begins nothing is known; bars of zero would be wrong there.
        begins = max(period.since_ms, period.audit_begins_ms or 0)
        starts = sorted({*self._calendar.starts(begins, period.until_ms, self._unit), *self._bars})
        empty = _Bar()
        bars = ((start, self._bars.get(start, empty)) for start in starts)
        return tuple(
            model.Bar(start, {name: bar.answers[name] for name in model.ANSWER_KINDS}, bar.opened, bar.failed, bar.dead)
            for start, bar in bars
        )


def most_frequent(counts: Counter[str]) -> Mapping[str, int]:
    """Sort by frequency, the most frequent first, then by name."""
    return dict(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])))
