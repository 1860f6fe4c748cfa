"""The audit of a whole run, held against what the simulated servers saw."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from rsvpq import wiring
from rsvpq.settings import load_settings
from testbed.processes import until
from testbed.simulated_exchange import World
from testbed.stack import Pace, Plan, Stack
from tests.support.running_stack import rsvpq, wait_until_answered
from tests.support.unfinished_items import unfinished


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A small installation that has scanned everything twice."""
    world = World(mailboxes=8, requests=3, responses=2, deep=12, servers=2, seed=11)
    plan = Plan(world, Pace(50, 20, 1), Pace(100, 20, 1), Pace(100, 20, 4))
    with Stack(tmp_path_factory.mktemp("stack"), plan) as stack:
        lanes = wiring.make_lanes(load_settings(stack.config))

        def scanned(times: int) -> bool:
            return lanes.snapshot.counts().get("done:scanned") == times

        for number in (1, 2):
            assert rsvpq(stack, "scan", "--all").returncode == 0
            until(partial(scanned, number * 8), "every mailbox was scanned")
            wait_until_answered(stack)
            until(lambda: unfinished(lanes) == 0, "the ledger knows it, too")
        yield stack


@pytest.fixture(scope="module")
def records(worked: Stack) -> list[dict[str, Any]]:
    """The whole audit, as an operator exports it."""
    return [json.loads(line) for line in rsvpq(worked, "audit", "--format", "jsonl").stdout.splitlines()]


def test_the_results_are_what_the_servers_saw(worked: Stack, records: list[dict[str, Any]]) -> None:
    summary = worked.exchange.ask("summary")
    results = Counter(one["result"] for one in records if one["event"] == "done" and "result" in one)
    delivered = summary["circle"][
        "delivered_opened"
    ]  # answers to organizers in these mailboxes, found by the second scan
    assert results["opened"] == summary["responses"]["opened"] + delivered > 0
    assert results["answered"] + results["accepted"] == summary["requests"]["answered_once"] > 0


def test_every_intent_has_its_end_and_every_message_its_decision(records: list[dict[str, Any]]) -> None:
    by_item = defaultdict(list)
    for one in records:
        by_item[one["item"]].append(one)
    assert len(by_item) > 30
    for story in by_item.values():
        assert story[0]["event"] == "decision"
        intended = [one["step"] for one in story if one["event"] == "intent"]
        ended = [one["step"] for one in story if one["event"] == "done" and "step" in one]
        assert intended == ended
        assert bool(intended) == (story[0]["decision"] in {"accept", "open"})


def test_a_second_scan_repeats_no_decision(records: list[dict[str, Any]]) -> None:
    recorded = Counter((one["item"], one["decision"], one["reason"]) for one in records if one["event"] == "decision")
    assert set(recorded.values()) == {1}


def test_every_record_can_be_found_by_mailbox_organizer_and_meeting(records: list[dict[str, Any]]) -> None:
    for one in records:
        assert one["mailbox"]
        assert one["server"]
        assert one["run"]
        if one["kind"] == "request":
            assert one["uid"]
            assert one["organizer"]
