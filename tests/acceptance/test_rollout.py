"""A rollout group by group, at real processes: the simulated servers count whom rsvpq has answered."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rsvpq import wiring
from rsvpq.lanes import Lanes
from rsvpq.settings import load_settings
from testbed.processes import until
from testbed.simulated_exchange import World
from testbed.stack import EVERYTHING, Plan, Stack
from tests.support.running_stack import rsvpq
from tests.support.unfinished_items import unfinished


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An installation that nobody has confirmed; its groups are the languages of the mailboxes."""
    world = World(mailboxes=24, requests=3, responses=1, servers=2, seed=4)
    plan = Plan(world, policy=EVERYTHING.replace("confirmed = true\n", ""), protocols=("webdav", "ews"))
    with Stack(tmp_path_factory.mktemp("rollout"), plan) as running:
        yield running


@pytest.fixture
def lanes(stack: Stack) -> Lanes:
    return wiring.make_lanes(load_settings(stack.config))


def groups_of(stack: Stack) -> dict[str, str]:
    """The group of each mailbox."""
    return {box["mailbox"]: box["language"] for box in stack.exchange.ask("mailboxes")}


def requests_of(stack: Stack, group: str) -> list[dict[str, Any]]:
    """The requests in the mailboxes of a group that are to be answered, as the oracle tells them."""
    groups, messages = groups_of(stack), stack.exchange.messages()
    asked = [one for one in messages if one["kind"] == "request" and not one["outdated"]]
    return [one for one in asked if groups[one["mailbox"]] == group]


def answered(stack: Stack) -> set[str]:
    """The groups in whose mailboxes anything was answered or changed."""
    groups = groups_of(stack)
    return {groups[one["mailbox"]] for one in stack.exchange.messages() if one.get("accepted") or one.get("opened")}


def scan(stack: Stack, lanes: Lanes, *selected: str) -> None:
    """Scan to the end, with all that the scans offer."""
    before, names = lanes.snapshot.counts().get("done:scanned", 0), groups_of(stack)
    number = len([name for name, group in names.items() if selected == ("--all",) or group == selected[1]])
    assert rsvpq(stack, "scan", *selected).returncode == 0
    until(lambda: lanes.snapshot.counts().get("done:scanned", 0) == before + number, "the mailboxes are scanned")
    until(lambda: unfinished(lanes) == 0, "all that was offered is finished")


def test_what_another_policy_would_change_is_seen_before_anything_is_answered(stack: Stack) -> None:
    new = stack.directory / "new.toml"
    new.write_text(stack.plan.policy)
    same = rsvpq(stack, "policy", "diff", str(new), "--group", "en")
    assert (same.returncode, same.stderr) == (0, "")
    new.write_text(stack.plan.policy + '[[policy.rules]]\nname = "no"\ndecision = "decline"\n')
    other = rsvpq(stack, "policy", "diff", str(new), "--group", "en", "--json", "--samples", "1000")
    assert (other.returncode, other.stderr) == (3, "")
    found = json.loads(other.stdout)
    changed = {(row["mailbox"], row["uid"]) for change in found["changes"] for row in change["samples"]}
    assert {(one["mailbox"], one["uid"]) for one in requests_of(stack, "en")} <= changed
    assert {change["after"] for change in found["changes"]} == {"decline"}
    assert stack.exchange.ask("summary")["mutating"] == 0


def test_only_the_confirmed_group_is_answered_and_all_of_it(stack: Stack, lanes: Lanes) -> None:
    assert rsvpq(stack, "confirm", "--group", "en", "--yes").returncode == 0
    scan(stack, lanes, "--all")
    assert answered(stack) == {"en"}
    assert {request["accepted"] for request in requests_of(stack, "en")} == {1}
    assert lanes.snapshot.status().skipped["would-accept"] > 0


def test_what_was_queued_before_a_withdrawal_is_not_answered(stack: Stack, lanes: Lanes) -> None:
    stack.kill("answer-0")
    assert rsvpq(stack, "confirm", "--group", "de", "--yes").returncode == 0
    assert rsvpq(stack, "scan", "--group", "de").returncode == 0
    requests = requests_of(stack, "de")
    until(lambda: unfinished(lanes) >= len(requests), "the requests wait for a worker")
    assert rsvpq(stack, "confirm", "--withdraw", "--group", "de").returncode == 0
    stack.restart("answer-0")
    until(lambda: unfinished(lanes) == 0, "a worker has looked at each of them")
    assert {request["accepted"] for request in requests_of(stack, "de")} == {0}
    assert lanes.snapshot.counts()["done:left"] >= len(requests)  # later scans look at them again


def test_nothing_is_done_in_a_paused_group_until_it_is_resumed(stack: Stack, lanes: Lanes) -> None:
    assert rsvpq(stack, "confirm", "--group", "fr", "--yes").returncode == 0
    assert rsvpq(stack, "pause", "group", "fr", "--reason", "wrong rule").returncode == 0
    assert rsvpq(stack, "scan", "--group", "fr").returncode == 0
    members = [name for name, group in groups_of(stack).items() if group == "fr"]
    until(lambda: unfinished(lanes) == len(members), "the scans wait in their lanes")
    explained = rsvpq(stack, "explain", members[0])
    assert "group fr is paused: wrong rule" in explained.stderr
    assert {request["accepted"] for request in requests_of(stack, "fr")} == {0}
    assert rsvpq(stack, "resume", "group", "fr").returncode == 0
    until(lambda: {one["accepted"] for one in requests_of(stack, "fr")} == {1}, "the group goes on")
    assert "fr" in answered(stack)


def test_a_group_rests_in_the_quiet_hours_of_the_settings_and_goes_on_without_them(stack: Stack, lanes: Lanes) -> None:
    now, before = datetime.now(UTC), stack.config.read_text()
    quiet = f"{now - timedelta(minutes=1):%H:%M}-{now + timedelta(hours=1):%H:%M}"
    schedule = f'[[schedule]]\nevery = "1m"\ngroup = "hu"\nquiet = ["{quiet}"]\ntimezone = "UTC"\n'
    stack.config.write_text(before + schedule)
    stack.restart("dispatcher-0")
    until(lambda: list(lanes.snapshot.status().groups) == ["hu"], "the dispatcher has let the group rest")
    assert rsvpq(stack, "confirm", "--group", "hu", "--yes").returncode == 0
    assert rsvpq(stack, "scan", "--group", "hu").returncode == 0
    members = [name for name, group in groups_of(stack).items() if group == "hu"]
    until(lambda: unfinished(lanes) == len(members), "the scans wait in their lanes")
    assert "it has quiet hours for another" in rsvpq(stack, "explain", members[0]).stderr
    assert {request["accepted"] for request in requests_of(stack, "hu")} == {0}
    stack.config.write_text(before)
    stack.restart("dispatcher-0")
    until(lambda: {one["accepted"] for one in requests_of(stack, "hu")} == {1}, "the group goes on")
