"""The decision by kind and mode alone, for callers that know neither rules nor facts."""

from typing import Literal

from rsvpq.messages import Kind, MeetingMessage
from rsvpq.policy.decision import Action, Decision

_SKIPPED_KINDS = {
    Kind.CANCELLATION: "cancellation",
    Kind.TASK_REQUEST: "task-request",
    Kind.OTHER: "unknown-class",
}


def decide(message: MeetingMessage, mode: Literal["observe", "respond"]) -> Decision:
    """The decision for one message found by a scan; :meth:`rsvpq.policy.Policy.decide` knows more."""
    if message.kind in _SKIPPED_KINDS:
        return Decision(Action.SKIP, _SKIPPED_KINDS[message.kind])
    if message.processed:
        return Decision(Action.SKIP, "already-processed")
    if mode == "observe":
        return Decision(Action.SKIP, "observe-mode")
    action = Action.ACCEPT if message.kind is Kind.REQUEST else Action.OPEN
    return Decision(action, f"every-{message.kind}")
