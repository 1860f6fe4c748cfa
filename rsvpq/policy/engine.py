"""Make a decision: try guards and rules in order until one decides.

1. The guards that do not use the calendar.
2. The first matching rule, if it leaves the message alone and matches without the calendar. So a scan, which does not
   read calendars, does not offer messages that a worker would leave alone.
3. The guards that use the calendar.
4. The first matching rule.

If a fact is not known yet, the decision is preliminary and names the facts that it needs. A message is decided on
twice: by the scan, and by the worker on fresh facts. A final decision of the scan stays the same, because step 2 never
uses the calendar, even if it is known.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from rsvpq.mail.messages import Kind, MeetingMessage
from rsvpq.policy.answer_text import answer_text
from rsvpq.policy.case import Case
from rsvpq.policy.conditions import match
from rsvpq.policy.decision import Action, Decision, Need, Reason
from rsvpq.policy.facts import Facts
from rsvpq.policy.guards import CALENDAR_GUARDS, FIRST_GUARDS, Finding, Guard
from rsvpq.policy.rules import Policy

_RESULTS = {True: "matched", False: "passed", None: "unknown"}
#: What is decided on a kind of message that has no rules.
_WITHOUT_RULES = {
    Kind.REQUEST: Finding(Action.ACCEPT, Reason.EVERY_REQUEST),
    Kind.RESPONSE: Finding(Action.OPEN, Reason.EVERY_RESPONSE),
    Kind.CANCELLATION: Finding(Action.PROCESS, Reason.EVERY_CANCELLATION),
}


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One guard or rule that was tried, its result (``matched``, ``passed`` or ``unknown``), and why."""

    name: str
    result: str
    why: str

    def __str__(self) -> str:
        return f"{self.result:<8} {self.name}: {self.why}"


@dataclass(frozen=True, slots=True)
class Trace:
    """A decision, and all guards and rules that were tried for it."""

    decision: Decision
    steps: tuple[TraceStep, ...]


def decide(policy: Policy, message: MeetingMessage, facts: Facts, now: datetime) -> Decision:
    """Decide what to do with the message.

    Pure: the same arguments give the same decision.

    :param now: aware, in any time zone.
    """
    return _Evaluation(Case(policy, message, facts, now), tracing=False).decision()


def held_for(why: str) -> Trace:
    """Return the decision to hold a message because deciding on it failed."""
    return Trace(Decision(Action.HOLD, Reason.NOT_DECIDED), (TraceStep("deciding", "matched", why),))


def trace_decision(policy: Policy, message: MeetingMessage, facts: Facts, now: datetime) -> Trace:
    """Decide as :func:`decide` does, and return every step of the evaluation."""
    evaluation = _Evaluation(Case(policy, message, facts, now), tracing=True)
    decision = evaluation.decision()
    return Trace(decision, tuple(evaluation.steps))


@dataclass(slots=True)
class _Evaluation:
    """One pass over the guards and rules; collects the facts it needs and, with ``tracing``, each step."""

    case: Case
    tracing: bool
    steps: list[TraceStep] = field(default_factory=list)
    needs: set[Need] = field(default_factory=set)

    def decision(self) -> Decision:
        case, settled = self.case, self.case.facts.settled
        if case.message.kind is Kind.REQUEST and case.wants_evidence():
            self.needs.add(Need.EVIDENCE)
        found = (
            self._first_of(FIRST_GUARDS)
            or self._skip_regardless_of_calendar()
            or self._calendar_guard()
            or self._first_rule()
        )
        observed = case.policy.mode == "observe"
        # A change of the meeting's text changes only its stamp.
        again = settled is not None and any(one.edition.sequence == case.message.sequence for one in settled.each)
        text = answer_text(case.policy, found.action, found.rule, case.facts.mailbox)
        return Decision(found.action, found.reason, found.rule, frozenset(self.needs), observed, again, text)

    def _first_of(self, guards: Iterable[Guard]) -> Finding | None:
        for guard in guards:
            if self.case.message.kind in guard.kinds:
                off = guard.setting and getattr(self.case.policy, guard.setting) == "rules"
                found = f'policy.{guard.setting} = "rules"' if off else guard.check(self.case)
                if isinstance(found, Finding):
                    self._note(f"guard {guard.name}", "matched", found.why)
                    return found
                self._note(f"guard {guard.name}", "passed", found)
        return None

    def _skip_regardless_of_calendar(self) -> Finding | None:
        ahead = _Evaluation(replace(self.case, ignore_calendar=True), tracing=self.tracing)
        found = ahead._first_rule()
        if found.action.leaves_alone:
            self.steps += ahead.steps
            return found
        # Needs that concern the calendar are determined again by the later steps, which may know it.
        self.needs |= ahead.needs & {Need.ATTENDEES}
        return None

    def _calendar_guard(self) -> Finding | None:
        case = self.case
        if case.message.kind is Kind.RESPONSE:
            return None
        # The end of a series that has begun decides whether it is over.
        unknown = case.facts.series_end is None and case.can_learn(Need.SERIES_END)
        if unknown and case.series_has_begun and case.policy.past != "rules":
            self.needs.add(Need.SERIES_END)
        if case.calendar is None and case.can_learn(Need.APPOINTMENT):
            self._note("calendar guards", "unknown", "the calendar was not read yet")
            self.needs.add(Need.APPOINTMENT)
            return None
        return self._first_of(CALENDAR_GUARDS)

    def _first_rule(self) -> Finding:
        kind = self.case.message.kind
        rules = self.case.policy.rules_for(kind)
        for rule in rules:
            found = match(rule, self.case)
            if self.tracing:
                self._note(f"rule {rule.name}", _RESULTS[found.holds], found.why)
            if found.holds:
                return Finding(rule.decision, Reason.RULE, rule.name)
            if found.holds is None:
                self.needs |= found.needs
                if found.needs:
                    return Finding(Action.UNDECIDED, Reason.MORE_FACTS)
                return Finding(Action.HOLD, Reason.FACTS_UNKNOWN, rule.name)
        if rules:
            self._note("no rule", "matched", f"no rule for a {kind} matches")
            return Finding(Action.SKIP, Reason.NO_RULE)
        self._note("no rules", "matched", f"there is no rule for a {kind}")
        return _WITHOUT_RULES[kind]

    def _note(self, name: str, result: str, why: str) -> None:
        if self.tracing:
            self.steps.append(TraceStep(name, result, why))
