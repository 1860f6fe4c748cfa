"""What an operator does through Celery: by Flower's HTTP API and by ``celery call``, against real processes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from rsvpq import wiring
from rsvpq.audit.log import AuditLog, Filter
from rsvpq.lanes import Ending, Item, Lane, Lanes
from rsvpq.settings import load_settings
from testbed.processes import WAIT_S, until
from testbed.simulated_exchange import World
from testbed.stack import Plan, Stack
from tests.support.running_stack import rsvpq

ADELE = Lane("adele0", "mail0")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """No answer workers: what is in the lanes stays there."""
    plan = Plan(World(mailboxes=4, servers=1, seed=3), mode="observe", flower=True, answer_workers=0, scan_threads=1)
    with Stack(tmp_path_factory.mktemp("ops"), plan) as started:
        assert rsvpq(started, "scan", "--all").returncode == 0
        lanes = wiring.make_lanes(load_settings(started.config))
        until(lambda: lanes.snapshot.counts().get("done:scanned") == 4, "all are scanned")
        yield started


@pytest.fixture
def lanes(stack: Stack) -> Lanes:
    return wiring.make_lanes(load_settings(stack.config))


def ask(stack: Stack, task: str, **arguments: Any) -> dict[str, Any]:
    """Start a task by Flower's API, and what Flower says once it has ended."""
    task_id = stack.ask_flower(f"/api/task/async-apply/{task}", {"kwargs": arguments})["task-id"]

    def ended() -> dict[str, Any] | None:
        answer: dict[str, Any] = stack.ask_flower(f"/api/task/result/{task_id}")
        return answer if answer["state"] in ("SUCCESS", "FAILURE") else None

    return until(ended, f"{task} has ended")


def result(stack: Stack, task: str, **arguments: Any) -> Any:
    """The result of a task that must succeed."""
    answer = ask(stack, task, **arguments)
    assert answer["state"] == "SUCCESS", answer
    return answer["result"]


def kill(lanes: Lanes, item_id: str) -> None:
    """Have an item end in ``dead``; its mailbox is paused then, so that what is retried stays in the lane."""
    payload = {"kind": "request", "subject": f"About {item_id}"}
    lanes.ledger.offer(ADELE, [Item(item_id, "workers.answer_request", "answer", payload)])
    lanes.controls.resume("mailbox", ADELE.name)
    until(
        lambda: lanes.namespace.redis.hget(f"{lanes.namespace.prefix}:item:{item_id}", "state") == "released",
        "it is released",
    )
    generation = int(lanes.namespace.redis.hget(f"{lanes.namespace.prefix}:item:{item_id}", "generation"))
    lanes.ledger.start(item_id, generation, "a test")
    lanes.ledger.record(item_id, generation, "a test", {"accept": [], "send": "rid:7"}, intent=True)
    lanes.ledger.finish(
        item_id, generation, "a test", Ending("dead", label="dead:refused", reason="the server says no")
    )
    lanes.controls.pause("mailbox", ADELE.name, reason="only the test works here")


def operator_records(lanes: Lanes) -> list[tuple[str, str, str]]:
    records = AuditLog(lanes).read(Filter(events=frozenset({"operator"})))
    return [(record["step"], record["who"], record.get("reason", "")) for record in records]


def test_the_status_is_the_command_lines(stack: Stack) -> None:
    reported = result(stack, "ops.status")
    assert reported["servers"]["mail0"]["mailboxes"] == 4
    assert set(reported) == set(json.loads(rsvpq(stack, "status", "--json").stdout))


def test_a_pause_and_a_resume_are_recorded_in_the_audit_with_their_caller(stack: Stack, lanes: Lanes) -> None:
    assert result(stack, "ops.pause", scope="server", name="mail0", reason="disks", who="brian") == (
        "paused: server mail0"
    )
    paused = result(stack, "ops.status")["servers"]["mail0"]["paused"]
    assert (paused["reason"], paused["by"]) == ("disks", "brian by Flower/Celery")
    assert result(stack, "ops.resume", scope="server", name="mail0") == "resumed: server mail0"
    assert operator_records(lanes)[-2:] == [
        ("pause", "brian by Flower/Celery", "disks"),
        ("resume", "Flower/Celery", ""),
    ]


def outcome(stack: Stack, lanes: Lanes, task: str, task_id: str, **arguments: Any) -> dict[str, Any]:
    """Send a task under this id, and return its stored result; Flower would show the first one of that id."""
    key = f"rsvpq:celery-task-meta-{task_id}"
    lanes.namespace.redis.delete(key)
    stack.ask_flower(f"/api/task/async-apply/{task}", {"kwargs": arguments, "task_id": task_id})
    stored: dict[str, Any] = json.loads(until(lambda: lanes.namespace.redis.get(key), f"{task} has ended"))
    return stored


def test_a_task_that_is_delivered_again_is_neither_carried_out_nor_recorded_again(stack: Stack, lanes: Lanes) -> None:
    """Otherwise a pause could come back after it was undone, and the audit would not say by whom."""
    asked = {"scope": "server", "name": "mail0", "reason": "fire", "who": "dora"}
    before = operator_records(lanes)
    assert outcome(stack, lanes, "ops.pause", "one", **asked)["status"] == "SUCCESS"
    assert outcome(stack, lanes, "ops.resume", "one", **asked)["result"] == "resumed: server mail0"  # another task
    again = outcome(stack, lanes, "ops.pause", "one", **asked)
    assert (again["status"], "begun before" in str(again["result"])) == ("FAILURE", True)
    assert result(stack, "ops.status")["servers"]["mail0"]["paused"] is None
    assert [step for step, _, _ in operator_records(lanes)[len(before) :]] == ["pause", "resume"]


def test_a_task_that_has_changed_nothing_may_be_sent_again(stack: Stack, lanes: Lanes) -> None:
    for _ in range(2):
        assert "no server" in str(outcome(stack, lanes, "ops.pause", "wrong", scope="server", name="mail9")["result"])


def test_a_group_is_paused_by_its_name(stack: Stack) -> None:
    (group,) = {box["language"] for box in stack.exchange.ask("mailboxes") if box["mailbox"] == ADELE.name}
    paused = result(stack, "ops.pause", scope="group", name=group, reason="wrong rule", who="brian", lasts="2h")
    assert paused.startswith(f"paused: group {group}, until ")
    shown = result(stack, "ops.status")["groups"][group]["paused"]
    assert (shown["reason"], shown["by"]) == ("wrong rule", "brian by Flower/Celery")
    assert result(stack, "ops.resume", scope="group", name=group) == f"resumed: group {group}"
    assert result(stack, "ops.status")["groups"] == {}


def test_a_limit_is_in_force_and_shown_with_its_lane(stack: Stack) -> None:
    result(stack, "ops.limit", scope="mailbox", name="ADELE0", rate="3/min", burst=2)
    reported = result(stack, "ops.mailbox", name="adele0")
    limits = reported["limits"]
    assert (limits["rate"], limits["burst"], limits["concurrency"], limits["by"]) == ("3/min", 2, None, "Flower/Celery")
    assert "set by Flower/Celery" in result(stack, "ops.limit", scope="mailbox", name="adele0")
    result(stack, "ops.limit", scope="mailbox", name="adele0", reset=True)
    assert result(stack, "ops.mailbox", name="adele0")["limits"] is None


def test_mailboxes_that_are_not_well_are_listed(stack: Stack, lanes: Lanes) -> None:
    nothing: dict[str, Any] = {"states": {}, "held_servers": {}, "paused_groups": {}, "obstacles": [], "rows": []}
    found = result(stack, "ops.mailboxes")
    (missing,) = found.pop("missing")
    assert missing.startswith("no worker takes from the queue answer; start one: ")
    assert found == {"mailboxes": 4, "unwell": 0, **nothing}
    lanes.controls.pause("mailbox", ADELE.name, reason="on leave")
    found = result(stack, "ops.mailboxes", server="mail0", state="paused", older_than="1h", most=1)
    assert (found["unwell"], [row["mailbox"] for row in found["rows"]]) == (1, ["adele0"])
    assert found["rows"][0]["symptoms"][0]["remedy"] == "rsvpq resume mailbox adele0"
    lanes.controls.resume("mailbox", ADELE.name)


def test_dead_items_are_listed_shown_retried_and_dropped(stack: Stack, lanes: Lanes) -> None:
    for item in ("first", "second"):
        kill(lanes, item)
    assert {row["item"] for row in result(stack, "ops.dead_list", mailbox="adele0")["dead"]} == {"first", "second"}
    (group,) = result(stack, "ops.dead_summary", server="mail0")["groups"]
    assert (group["count"], group["reason"]) == (2, result(stack, "ops.dead_list")["dead"][0]["reason"])
    shown = result(stack, "ops.dead_show", item="first")
    assert shown["journal"] == {"accept": [], "send": "rid:7"}
    assert "Sent Items" in shown["advice"]
    assert result(stack, "ops.dead_retry", items=["first"], who="carla") == {"retried": 1, "left": {}}
    assert result(stack, "ops.top") == {"lanes": [{"mailbox": "adele0", "pending": 1}]}
    assert [row["item"] for row in result(stack, "ops.mailbox", name="adele0")["next"]] == ["first"]
    assert result(stack, "ops.dead_drop", server="mail0", reason="SAYS NO") == {"dropped": 1, "left": {}}
    assert result(stack, "ops.dead_list") == {"dead": [], "total": 0}
    assert [who for step, who, _ in operator_records(lanes) if step == "retry"] == ["carla by Flower/Celery"]


@pytest.mark.parametrize(
    ("task", "arguments", "complaint"),
    [
        ("ops.pause", {"scope": "everything"}, "unknown scope 'everything': use all, server, group or mailbox"),
        ("ops.limit", {"scope": "group", "name": "en", "rate": "1/s"}, "limits apply to a server or a mailbox"),
        ("ops.pause", {"scope": "server", "name": "mail9"}, "no server 'mail9'; the settings have: mail0"),
        ("ops.pause", {"scope": "mailbox", "name": "adelle0"}, "is not in the list; did you mean adele0?"),
        ("ops.limit", {"scope": "server", "name": "mail0", "rate": "fast"}, "such as 2/s or 30/min"),
        ("ops.limit", {"scope": "server", "name": "mail0", "speed": 1}, "unknown limit speed"),
        ("ops.dead_show", {"item": "nobody"}, "no dead item 'nobody'"),
        ("ops.dead_drop", {}, "name the items, or ask for all"),
        ("ops.mailboxes", {"state": "ill"}, "no state 'ill': use one of refused, gone, "),
        ("ops.mailboxes", {"older_than": "soon"}, "older_than: "),
        ("ops.dead_list", {"server": "mail9"}, "no server 'mail9'; did you mean mail"),
        ("ops.top", {"most": 0}, "most: 0 is not a whole number above zero"),
        ("ops.pause", {"scope": "all", "lasts": 60}, "lasts: 60 is not a text; write one in quotes"),
        ("ops.pause", {"scope": "server", "name": ["mail0"]}, "name: ['mail0'] is not a text"),
        ("ops.resume", {"scope": "all", "lasts": "2h"}, "ops.resume: got an unexpected keyword argument 'lasts'"),
        ("ops.limit", {"scope": "server", "name": "mail0", "rate": 5}, "rate: 5 is not a text"),
        (
            "ops.limit",
            {"scope": "server", "name": "mail0", "reset": "false"},
            "reset: 'false' is neither true",
        ),
        ("ops.dead_drop", {"items": [1]}, "items: [1] is not a list of texts"),
        ("ops.dead_drop", {"server": None}, "server: None is not a text"),
        ("ops.mailbox", {}, "ops.mailbox: missing a required argument: 'name'"),
    ],
)
def test_what_is_asked_wrongly_fails_with_the_remedy(
    stack: Stack, task: str, arguments: dict[str, Any], complaint: str
) -> None:
    answer = ask(stack, task, **arguments)
    assert answer["state"] == "FAILURE"
    assert complaint in str(answer["result"])


def test_celery_call_does_the_same(stack: Stack, lanes: Lanes) -> None:
    command = [sys.executable, "-m", "celery", "-A", "producer.app", "call", "ops.pause"]
    arguments = ["--kwargs", '{"scope": "all", "reason": "by celery call"}']
    subprocess.run([*command, *arguments], env={**os.environ, **stack.environment}, check=True, timeout=WAIT_S)
    until(
        lambda: lanes.namespace.redis.hget(f"{lanes.namespace.prefix}:cfg", "paused") == "by celery call",
        "everything is paused",
    )
    result(stack, "ops.resume", scope="all")


def test_only_the_operators_tasks_keep_results_and_for_an_hour(stack: Stack, lanes: Lanes) -> None:
    result(stack, "ops.top")
    keys = list(lanes.namespace.redis.scan_iter("*celery-task-meta*"))
    stored = [json.loads(lanes.namespace.redis.get(key)) for key in keys]
    assert stored
    assert lanes.snapshot.counts()["done:scanned"] >= 4  # which have left none
    assert all(key.startswith("rsvpq:") for key in keys)
    assert all(0 < lanes.namespace.redis.ttl(key) <= 3600 for key in keys)
    scans = [entry for entry in stored if str(entry["result"]).startswith("scanned")]
    assert scans == []
