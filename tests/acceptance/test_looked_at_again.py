"""What a worker held is looked at again when its reason may have gone, and everybody says the same of it.

A mailbox's calendar has rights of its own (MS-OXCPERM), and may answer 403 or 404 for a while; so does the switch
calendar_access.
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rsvpq import wiring
from rsvpq.lanes import Lanes
from rsvpq.settings import load_settings
from testbed.processes import until
from testbed.simulated_exchange import World
from testbed.stack import Plan, Stack
from tests.support.running_stack import rsvpq

POLICY = """[policy]
internal_domains = ["example.com"]
external = "rules"
private = "rules"
delegate_copies = "rules"
past = "rules"
max_age = "36500d"
cancellations = "process"
confirmed = true
most_answers_per_scan = 1000

[[policy.rules]]
name = "by-calendar"
decision = "hold"
conflict = CONFLICT

[[policy.rules]]
name = "rest"
decision = "accept"
"""
MAILBOXES = 4


@pytest.fixture
def stack(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stack]:
    """A few mailboxes with calendars; a rule holds what has a conflict there, or what has none."""
    world = World(mailboxes=MAILBOXES, requests=4, responses=1, servers=1, seed=3, calendar=6)
    with Stack(tmp_path, Plan(world, policy=POLICY.replace("CONFLICT", request.param))) as started:
        yield started


@pytest.fixture
def lanes(stack: Stack) -> Lanes:
    return wiring.make_lanes(load_settings(stack.config))


def scan(stack: Stack, lanes: Lanes) -> None:
    """Scan everything, and wait until everything has been worked."""
    scanned = lanes.snapshot.counts().get("done:scanned", 0) + MAILBOXES
    assert rsvpq(stack, "scan", "--all").returncode == 0
    until(lambda: lanes.snapshot.counts().get("done:scanned") == scanned, "all are scanned", within_s=60)
    until(lambda: lanes.snapshot.status().unfinished == 0, "everything is worked", within_s=60)


def left(lanes: Lanes) -> list[str]:
    """The items that were left alone."""
    keys = lanes.namespace.redis.scan_iter(f"{lanes.namespace.prefix}:item:*")
    return [key.rpartition(":")[2] for key in keys if lanes.namespace.redis.hget(key, "state") == "left"]


def on_hold(stack: Stack) -> Counter[str]:
    """What waits for a person, by reason, as an operator sees it."""
    servers = json.loads(rsvpq(stack, "status", "--json").stdout)["servers"].values()
    return sum((Counter(server["on_hold"]) for server in servers), Counter[str]())


def ledger_of(stack: Stack, mailbox: str, item: str) -> dict[str, Any]:
    """What is explained of one message: the ledger's word, and what would be decided now."""
    (story,) = json.loads(rsvpq(stack, "explain", mailbox, "--item", item, "--json").stdout)["messages"]
    return {**story["ledger"], "now": story["now"]["decision"]}


def dealt_with(stack: Stack) -> int:
    """How many requests were accepted, as the oracle saw it."""
    return sum(one["accepted"] for one in stack.exchange.messages())


def would_be_worked(stack: Stack) -> set[str]:
    """The items that a dry run says would be given to a worker."""
    lines = rsvpq(stack, "scan", "--dry-run", "--all", "--format", "jsonl").stdout.splitlines()
    rows = [json.loads(line) for line in lines]
    return {row["item"] for row in rows if not row["held"] and row["decision"] in ("accept", "process")}


def time_passes(lanes: Lanes, items: list[str]) -> None:
    """The time to look again comes, for these."""
    for item in items:
        lanes.namespace.redis.hset(f"{lanes.namespace.prefix}:item:{item}", "again", lanes.time_us())


@pytest.mark.parametrize("stack", ["true"], indirect=True)
def test_what_was_held_for_an_unreadable_calendar_is_answered_once_it_can_be_read(stack: Stack, lanes: Lanes) -> None:
    stack.exchange.set_switches({"calendar_access": "403"})
    scan(stack, lanes)
    held = left(lanes)
    assert dealt_with(stack) == 0
    assert held
    assert on_hold(stack) == {"calendar-unknown": len(held)}
    mailbox = lanes.namespace.redis.hget(f"{lanes.namespace.prefix}:item:{held[0]}", "mailbox")
    assert ledger_of(stack, mailbox, held[0])["reason"] == "hold (calendar-unknown)"
    reported = rsvpq(stack, "explain", mailbox, "--item", held[0]).stdout
    assert "ledger: left alone: hold (calendar-unknown); looked at again after 20" in reported
    assert "or when the policy changes" in reported

    stack.exchange.set_switches({"calendar_access": "full"})
    assert not would_be_worked(stack) & set(held)
    scan(stack, lanes)
    assert sorted(left(lanes)) == sorted(held)  # it is too early, and no scan gives a worker the same again

    time_passes(lanes, held)
    assert "looked at again by the next scan" in rsvpq(stack, "explain", mailbox, "--item", held[0]).stdout
    foreseen = would_be_worked(stack) & set(held)
    assert foreseen
    scan(stack, lanes)
    states = {item: lanes.namespace.redis.hget(f"{lanes.namespace.prefix}:item:{item}", "state") for item in held}
    assert {item for item, state in states.items() if state == "done"} == foreseen
    assert "calendar-unknown" not in on_hold(stack)
    assert dealt_with(stack) > 0


@pytest.mark.parametrize("stack", ["false"], indirect=True)
def test_what_a_rule_holds_is_looked_at_again_by_the_first_scan_under_another_policy(
    stack: Stack, lanes: Lanes
) -> None:
    scan(stack, lanes)
    held, before = left(lanes), on_hold(stack)["rule:by-calendar"]
    assert before > 0
    scan(stack, lanes)
    assert (sorted(left(lanes)), on_hold(stack)["rule:by-calendar"]) == (sorted(held), before)

    text = stack.config.read_text()
    stack.config.write_text(text.replace('decision = "hold"', 'decision = "tentative"'))
    for name in ("scan", "answer-0"):
        stack.restart(name)
    scan(stack, lanes)
    assert on_hold(stack)["rule:by-calendar"] == 0
    assert sum(one["tentative"] for one in stack.exchange.messages()) >= before
    assert stack.exchange.ask("summary")["requests"]["answered_twice"] == 0
