"""The figures of a report in their final order, ready to be shown in each of its three forms.

Moments are milliseconds since the epoch, durations seconds. The names of the fields are the keys of the JSON form, but
for a few (:mod:`rsvpq.report.json_form`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from rsvpq.report.calendar import Unit

#: The kinds of answers; ``unknown`` if neither the decision nor the command is in the period.
ANSWER_KINDS = ("accept", "tentative", "decline", "unknown")


@dataclass(frozen=True, slots=True)
class Period:
    """The period of a report, and how much of it the audit covers.

    :param since_ms, until_ms: the period, its end excluded.
    :param first_ms, last_ms: the first and the last record in it; None if there are none.
    :param audit_begins_ms: the oldest record that the audit still has; None if it has none.
    :param dropped: how many older records were dropped since the audit began; None if Redis does not report it.
    """

    since_ms: int
    until_ms: int
    records: int
    first_ms: int | None
    last_ms: int | None
    audit_begins_ms: int | None
    dropped: int | None

    @property
    def cut(self) -> bool:
        """Whether the audit begins after the period does."""
        return self.audit_begins_ms is None or self.audit_begins_ms > self.since_ms


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How often one decision was made for one reason."""

    decision: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class DecisionCounts:
    """Decisions by action, by rule and by reason; the most frequent first."""

    total: int
    by_action: Mapping[str, int]
    by_rule: Mapping[str, int]
    by_reason: tuple[ReasonCount, ...]
    cancellations: int


@dataclass(frozen=True, slots=True)
class OpenIntent:
    """A change to a mailbox that was begun, and whose end is not recorded."""

    mailbox: str
    step: str
    subject: str
    item: str
    since_ms: int
    age_s: float


@dataclass(frozen=True, slots=True)
class TroubleCount:
    """How often attempts failed and messages were given up for one reason, and when that last happened."""

    reason: str
    failed: int
    dead: int
    last_ms: int


@dataclass(frozen=True, slots=True)
class Troubles:
    """Attempts that failed, and messages that were given up.

    :param uncertain: dead messages whose last change to the mailbox was begun and may or may not have taken effect.
    """

    failed: int
    dead: int
    uncertain: int
    by_result: Mapping[str, int]
    by_reason: tuple[TroubleCount, ...]


@dataclass(frozen=True, slots=True)
class WaitingTimes:
    """The time from the decision to the answer; the percentiles are accurate to 1 %.

    :param unmeasured: answers whose decision is not in the period, or that were given up in between.
    """

    measured: int
    unmeasured: int
    p50_s: float
    p95_s: float


@dataclass(frozen=True, slots=True)
class SlowMailbox:
    """The time from the decision to the answer, in one mailbox."""

    mailbox: str
    answers: int
    p50_s: float
    p95_s: float


@dataclass(frozen=True, slots=True)
class FailingMailbox:
    """How often attempts failed and messages were given up in one mailbox, and the last error."""

    mailbox: str
    failed: int
    dead: int
    last_ms: int
    last_error: str


@dataclass(frozen=True, slots=True)
class Organizer:
    """An organizer: requests that were decided on, and answers that were sent."""

    organizer: str
    requests: int
    answers: int


@dataclass(frozen=True, slots=True)
class RecentOperatorAction:
    """One of the newest operator actions; ``action`` is its name."""

    at_ms: int
    who: str
    action: str
    scope: str
    reason: str
    note: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour or day: answers by verdict, responses opened, attempts that failed, messages given up."""

    start_ms: int
    answers: Mapping[str, int]
    opened: int
    failed: int
    dead: int

    @property
    def done(self) -> int:
        """How many answers were sent and responses opened."""
        return sum(self.answers.values()) + self.opened


@dataclass(frozen=True, slots=True)
class Report:
    """All figures of a period.

    ``answers`` and ``opened`` count changes to mailboxes; ``results`` counts finished messages by their result.
    """

    period: Period
    decisions: DecisionCounts
    answers: Mapping[str, int]
    opened: int
    results: Mapping[str, int]
    open_intents: int
    oldest_intents: tuple[OpenIntent, ...]
    troubles: Troubles
    waiting: WaitingTimes
    mailboxes: int
    slowest: tuple[SlowMailbox, ...]
    failing: tuple[FailingMailbox, ...]
    organizers: tuple[Organizer, ...]
    actions: int
    recent_actions: tuple[RecentOperatorAction, ...]
    unit: Unit
    bars: tuple[Bar, ...]
