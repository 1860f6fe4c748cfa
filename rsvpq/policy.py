"""What to do with a message: a pure function of the message and the rules, with a reason for every decision."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from rsvpq.messages import Kind, MeetingMessage


class Action(StrEnum):
    """What is done with a message."""

    ACCEPT = "accept"
    OPEN = "open"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Decision:
    """An action and the code of the reason for it."""

    action: Action
    reason: str


_SKIPPED_KINDS = {
    Kind.CANCELLATION: "cancellation",
    Kind.TASK_REQUEST: "task-request",
    Kind.OTHER: "unknown-class",
}


def decide(message: MeetingMessage, mode: Literal["observe", "respond"]) -> Decision:
    """The decision for one message found by a scan."""
    if message.kind in _SKIPPED_KINDS:
        return Decision(Action.SKIP, _SKIPPED_KINDS[message.kind])
    if message.processed:
        return Decision(Action.SKIP, "already-processed")
    if mode == "observe":
        return Decision(Action.SKIP, "observe-mode")
    action = Action.ACCEPT if message.kind is Kind.REQUEST else Action.OPEN
    return Decision(action, f"every-{message.kind}")
