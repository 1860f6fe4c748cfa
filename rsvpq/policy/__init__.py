"""What to do with a message: a pure function of the message, the facts about its mailbox, the rules and the time.

Read :mod:`rsvpq.policy.engine` first, whose ``decide`` that function is; ``docs/policy.md`` tells operators the same.
"""

from rsvpq.mail.editions import Version
from rsvpq.policy.decision import Action, Decision, Left, Need, Reason, answer_to
from rsvpq.policy.engine import Trace, TraceStep, decide, explain, held_for
from rsvpq.policy.facts import CalendarView, Facts, Newest
from rsvpq.policy.organizer import arranged, is_from, is_internal
from rsvpq.policy.rules import DECISIONS, Policy, Rule

__all__ = [
    "DECISIONS",
    "Action",
    "CalendarView",
    "Decision",
    "Facts",
    "Left",
    "Need",
    "Newest",
    "Policy",
    "Reason",
    "Rule",
    "Trace",
    "TraceStep",
    "Version",
    "answer_to",
    "arranged",
    "decide",
    "explain",
    "held_for",
    "is_from",
    "is_internal",
]
