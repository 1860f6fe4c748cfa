"""What to do with a message: a pure function of the message, the facts about its mailbox, the rules and the time.

Read :mod:`rsvpq.policy.engine` first, whose ``decide`` that function is; ``docs/policy.md`` tells operators the same.
The ``decide`` of this package is for callers that know nothing but the message and the mode.
"""

from rsvpq.policy.by_mode import decide
from rsvpq.policy.decision import Action, Decision, Need, Reason
from rsvpq.policy.engine import Step, Trace, explain
from rsvpq.policy.facts import CalendarView, Facts, Version, latest_versions
from rsvpq.policy.rules import DECISIONS, Policy, Rule

__all__ = [
    "DECISIONS",
    "Action",
    "CalendarView",
    "Decision",
    "Facts",
    "Need",
    "Policy",
    "Reason",
    "Rule",
    "Step",
    "Trace",
    "Version",
    "decide",
    "explain",
    "latest_versions",
]
