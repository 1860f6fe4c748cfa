"""The main job through the queue: found, answered once, within the limits, and visible."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rsvpq import wiring
from rsvpq.lanes import Lanes
from rsvpq.settings import load_settings
from testbed.processes import until
from testbed.stack import Stack
from tests.support.running_stack import rsvpq, wait_until_answered


@pytest.fixture(scope="module")
def worked(stack: Stack) -> dict[str, Any]:
    """The oracle's summary after one scan of everything."""
    triggered = rsvpq(stack, "scan", "--all")
    assert triggered.returncode == 0, triggered.stderr
    wait_until_answered(stack)
    lanes = wiring.make_lanes(load_settings(stack.config))
    until(
        lambda: lanes.snapshot.counts().get("done:scanned") == stack.plan.world.mailboxes, "every mailbox was scanned"
    )
    summary: dict[str, Any] = stack.exchange.ask("summary")
    return summary


def test_every_request_is_answered_exactly_once(worked: dict[str, Any]) -> None:
    requests = worked["requests"]
    assert requests["answered_once"] + requests["outdated"] == requests["seeded"] > 100
    assert (requests["answered_twice"], requests["accepted_unsent"], requests["waiting"]) == (0, 0, 0)


def test_every_response_is_opened_once_and_moved_away_unless_it_proposes_a_time(worked: dict[str, Any]) -> None:
    responses = worked["responses"]
    assert responses["opened"] == responses["seeded"] > responses["moved"] > 0.7 * responses["seeded"]
    assert (responses["opened_more_than_once"], responses["deleted"]) == (0, 0)


def test_what_is_not_for_us_is_left_alone_and_counted_with_its_reason(stack: Stack, worked: dict[str, Any]) -> None:
    skipped = wiring.make_lanes(load_settings(stack.config)).snapshot.status().skipped
    for kind, reason in {
        "cancellation": "cancellation",
        "other": "unknown-class",
    }.items():
        assert worked["untouched"][kind] == worked["seeded"][kind] == skipped[reason] > 0
    # No meeting messages, so no scan finds them.
    for kind in ("mail", "task-request"):
        assert worked["untouched"][kind] == worked["seeded"][kind] > 0


def test_no_mailbox_and_no_server_is_pressed_over_its_limits(stack: Stack, worked: dict[str, Any]) -> None:
    assert worked["in_flight"]["mailbox"]["max"] == 1
    assert max(worked["in_flight"]["servers"].values()) <= stack.plan.server.concurrency
    assert worked["in_flight"]["over_limit"] == 0
    assert (worked["pace"]["mailbox_violations"], worked["pace"]["server_violations"]) == (0, 0)


def test_there_is_one_task_for_each_message_with_readable_arguments(stack: Stack, worked: dict[str, Any]) -> None:
    messages = {message["subject"] for message in stack.exchange.messages() if message["kind"] == "request"}
    seeded = worked["requests"]["answered_once"]

    def shown() -> dict[str, Any] | None:
        found: dict[str, Any] = stack.ask_flower("/api/tasks?taskname=workers.answer_request&limit=1000")
        return found if len(found) >= seeded else None

    tasks = until(shown, "Flower has heard of every task")
    assert len(tasks) == seeded
    for task in tasks.values():
        arguments = task["kwargs"]
        assert all(f"'{name}': " in arguments for name in ("mailbox", "server", "kind", "subject", "generation"))
    one = max(messages, key=len)
    assert any(one.encode("ascii", "ignore").decode()[:20] in task["kwargs"] for task in tasks.values())


def test_another_scan_finds_the_answers_that_have_arrived_since_and_nothing_else(
    stack: Stack, worked: dict[str, Any]
) -> None:
    # Some organizers have mailboxes here: the answers that the first scan caused are new responses in these. What was
    # out of date beside a newer request is so by the calendar, too, now that the other is answered.
    lanes = wiring.make_lanes(load_settings(stack.config))
    seeded = worked["requests"]["seeded"] + worked["responses"]["seeded"]
    for scans in (2, 3):
        assert rsvpq(stack, "scan", "--all").returncode == 0
        all_scanned = scans * stack.plan.world.mailboxes
        until(partial(_has_scanned, lanes, all_scanned), f"every mailbox was scanned {scans} times")
        circle = until(partial(_closed_circle, stack), "every answer that arrived is opened")
        # An answer to an invitation that was superseded meanwhile updates nobody.
        assert 0 < circle["attendees_updated"] <= circle["answers_delivered"]
        assert lanes.snapshot.counts()["scan:offered"] == seeded + circle["answers_delivered"]
    assert stack.exchange.ask("summary")["requests"]["answered_once"] == worked["requests"]["answered_once"]


def _has_scanned(lanes: Lanes, times: int) -> bool:
    return lanes.snapshot.counts().get("done:scanned") == times


def _closed_circle(stack: Stack) -> dict[str, int] | None:
    circle: dict[str, int] = stack.exchange.ask("summary")["circle"]
    return circle if circle["delivered_opened"] == circle["answers_delivered"] else None


def test_no_secret_is_in_flower_redis_logs_or_command_lines(stack: Stack, worked: dict[str, Any]) -> None:
    assert worked
    redis = stack.queue_server.client()
    dump = "\n".join(str(key) + str(redis.dump(key)) for key in redis.scan_iter())
    places = {
        "Flower": json.dumps(stack.ask_flower("/api/tasks?limit=10000")) + json.dumps(stack.ask_flower("/api/workers")),
        "Redis": dump,
        "command lines": "".join(Path(f"/proc/{part.pid}/cmdline").read_text() for part in stack.parts.values()),
        **{log.name: log.read_text() for log in stack.directory.glob("*.log")},
    }
    for place, text in places.items():
        for name, secret in stack.secrets.items():
            assert secret not in text, f"the {name} password is in {place}"
