"""The decision for each kind of message, and its reason."""

from typing import Literal

import pytest

from rsvpq.messages import Kind, MeetingMessage
from rsvpq.policy import Action, Decision, decide

Mode = Literal["observe", "respond"]


def message(kind: Kind, *, processed: bool = False) -> MeetingMessage:
    return MeetingMessage(kind, "IPM.Any", "/exchange/adele/Inbox/a.EML", "rid:1", processed=processed)


@pytest.mark.parametrize(
    ("kind", "processed", "mode", "action", "reason"),
    [
        (Kind.REQUEST, False, "respond", Action.ACCEPT, "every-request"),
        (Kind.RESPONSE, False, "respond", Action.OPEN, "every-response"),
        (Kind.REQUEST, True, "respond", Action.SKIP, "already-processed"),
        (Kind.RESPONSE, True, "respond", Action.SKIP, "already-processed"),
        (Kind.REQUEST, False, "observe", Action.SKIP, "observe-mode"),
        (Kind.RESPONSE, False, "observe", Action.SKIP, "observe-mode"),
        (Kind.REQUEST, True, "observe", Action.SKIP, "already-processed"),
        (Kind.CANCELLATION, False, "respond", Action.SKIP, "cancellation"),
        (Kind.TASK_REQUEST, False, "respond", Action.SKIP, "task-request"),
        (Kind.OTHER, False, "respond", Action.SKIP, "unknown-class"),
        (Kind.OTHER, True, "observe", Action.SKIP, "unknown-class"),
    ],
)
def test_the_table_of_decisions(kind: Kind, processed: bool, mode: Mode, action: Action, reason: str) -> None:
    assert decide(message(kind, processed=processed), mode) == Decision(action, reason)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("processed", [True, False])
def test_observing_acts_on_nothing(kind: Kind, processed: bool) -> None:
    assert decide(message(kind, processed=processed), "observe").action is Action.SKIP
