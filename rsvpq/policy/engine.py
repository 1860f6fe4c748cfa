"""How a decision is made: guards and rules, one after the other, until one has something to say.

1. The guards that ask nothing of the calendar.
2. A rule that leaves the message alone, and needs no look into the calendar to be the first that matches. So a scan,
   which knows no calendar, does not offer what a worker would leave alone.
3. The guards that look into the calendar.
4. The first rule that matches.

A fact that is not known yet makes the decision a preliminary one, which names what it needs. The decision is made
twice: by the scan, and on fresh facts by the worker. What was final stays the same, because step 2 never sees the
calendar, even where it is known.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from rsvpq.mail.messages import Kind, MeetingMessage
from rsvpq.policy.case import Case
from rsvpq.policy.conditions import match
from rsvpq.policy.decision import Action, Decision, Need, Reason
from rsvpq.policy.facts import Facts
from rsvpq.policy.guards import CALENDAR_GUARDS, FIRST_GUARDS, Finding, Guard
from rsvpq.policy.rules import Policy

_RESULTS = {True: "matched", False: "passed", None: "unknown"}
#: What is decided about a kind of message for which there are no rules.
_WITHOUT_RULES = {
    Kind.REQUEST: Finding(Action.ACCEPT, Reason.EVERY_REQUEST),
    Kind.RESPONSE: Finding(Action.OPEN, Reason.EVERY_RESPONSE),
    Kind.CANCELLATION: Finding(Action.PROCESS, Reason.EVERY_CANCELLATION),
}


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One guard or rule that was tried: ``matched``, ``passed`` by, or ``unknown`` for want of a fact; and why."""

    name: str
    result: str
    why: str

    def __str__(self) -> str:
        return f"{self.result:<8} {self.name}: {self.why}"


@dataclass(frozen=True, slots=True)
class Trace:
    """A decision, and every guard and rule that was tried on the way to it."""

    decision: Decision
    steps: tuple[TraceStep, ...]


def decide(policy: Policy, message: MeetingMessage, facts: Facts, now: datetime) -> Decision:
    """What to do with the message.

    Pure: the same arguments give the same decision.

    :param now: aware, in any time zone.
    """
    return _Walk(Case(policy, message, facts, now), telling=False).decision()


def held_for(why: str) -> Trace:
    """The decision on a message on which none could be made."""
    return Trace(Decision(Action.HOLD, Reason.NOT_DECIDED), (TraceStep("deciding", "matched", why),))


def explain(policy: Policy, message: MeetingMessage, facts: Facts, now: datetime) -> Trace:
    """The same as :func:`decide`, and how it came to that."""
    walk = _Walk(Case(policy, message, facts, now), telling=True)
    decision = walk.decision()
    return Trace(decision, tuple(walk.steps))


class _Walk:
    """One way through the guards and rules; notes what it would need to know and, if it is to tell, each step."""

    def __init__(self, case: Case, *, telling: bool) -> None:
        self.steps: list[TraceStep] = []
        self._needs: set[Need] = set()
        self._case = case
        self._telling = telling

    def decision(self) -> Decision:
        if self._case.message.kind is Kind.REQUEST and self._case.wants_evidence():
            self._needs.add(Need.EVIDENCE)
        found = (
            self._first_of(FIRST_GUARDS) or self._left_alone_anyhow() or self._in_the_calendar() or self._first_rule()
        )
        observed = self._case.policy.mode == "observe"
        again = self._case.answers_again
        return Decision(found.action, found.reason, found.rule, frozenset(self._needs), observed, again)

    def _first_of(self, guards: Iterable[Guard]) -> Finding | None:
        for guard in guards:
            if self._case.message.kind in guard.kinds:
                found = guard.check(self._case)
                if isinstance(found, Finding):
                    self._note(f"guard {guard.name}", "matched", found.why)
                    return found
                self._note(f"guard {guard.name}", "passed", found)
        return None

    def _left_alone_anyhow(self) -> Finding | None:
        ahead = _Walk(self._case.blindfolded(), telling=self._telling)
        found = ahead._first_rule()
        if found.action.leaves_alone:
            self.steps += ahead.steps
            return found
        # What is asked of the calendar is asked again below, where it may be known.
        self._needs |= ahead._needs & {Need.ATTENDEES}
        return None

    def _in_the_calendar(self) -> Finding | None:
        if self._case.message.kind is Kind.RESPONSE:
            return None
        if self._case.wants_the_end_of_the_series():
            self._needs.add(Need.SERIES_END)
        if self._case.calendar is None and self._case.can_learn(Need.APPOINTMENT):
            self._note("guards of the calendar", "unknown", "the calendar was not looked at yet")
            self._needs.add(Need.APPOINTMENT)
            return None
        return self._first_of(CALENDAR_GUARDS)

    def _first_rule(self) -> Finding:
        kind = self._case.message.kind
        rules = self._case.policy.rules_for(kind)
        for rule in rules:
            found = match(rule, self._case)
            if self._telling:
                self._note(f"rule {rule.name}", _RESULTS[found.holds], found.why)
            if found.holds:
                return Finding(rule.decision, Reason.RULE, rule.name)
            if found.holds is None:
                self._needs |= found.needs
                if found.needs:
                    return Finding(Action.UNDECIDED, Reason.MORE_FACTS)
                return Finding(Action.HOLD, Reason.FACTS_UNKNOWN, rule.name)
        if rules:
            self._note("no rule", "matched", f"no rule for a {kind} matches")
            return Finding(Action.SKIP, Reason.NO_RULE)
        self._note("no rules", "matched", f"there is no rule for a {kind}")
        return _WITHOUT_RULES[kind]

    def _note(self, name: str, result: str, why: str) -> None:
        if self._telling:
            self.steps.append(TraceStep(name, result, why))
