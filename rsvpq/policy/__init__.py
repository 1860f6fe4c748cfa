"""Decide what to do with a message: a pure function of the message, the facts, the rules and the time.

Start reading at :func:`rsvpq.policy.engine.decide`. ``docs/policy.md`` describes the same for operators.
"""

from rsvpq.mail.editions import Edition
from rsvpq.policy.decision import Action, Decision, Left, Need, Reason, answer_to
from rsvpq.policy.engine import Trace, TraceStep, decide, held_for, trace_decision
from rsvpq.policy.facts import CalendarView, Facts, Newest
from rsvpq.policy.organizer import arranged, is_from, is_internal
from rsvpq.policy.rules import DECISIONS, Policy, Rule

__all__ = [
    "DECISIONS",
    "Action",
    "CalendarView",
    "Decision",
    "Edition",
    "Facts",
    "Left",
    "Need",
    "Newest",
    "Policy",
    "Reason",
    "Rule",
    "Trace",
    "TraceStep",
    "answer_to",
    "arranged",
    "decide",
    "held_for",
    "is_from",
    "is_internal",
    "trace_decision",
]
