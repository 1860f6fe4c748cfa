"""A dry run says what a scan would do, does none of it, and is right; 'rsvpq explain' says why."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from rsvpq import wiring
from rsvpq.lanes import Lanes
from rsvpq.settings import load_settings
from testbed.processes import RUN_S, until
from testbed.simulated_exchange import World
from testbed.stack import Pace, Plan, Stack
from tests.support.running_stack import rsvpq
from tests.support.unfinished_items import unfinished

#: What a search for meeting messages finds.
MEETING_MESSAGES = {"request", "response", "cancellation", "other"}

MAILBOXES = 240
CAP = 5
#: What the simulator made up is old, private and external; live runs are not confirmed.
POLICY = f"""[policy]
internal_domains = ["example.com"]
external = "rules"
past = "rules"
max_age = "36500d"
most_answers_per_scan = {CAP}
most_answers_per_run = 100000

[[policy.rules]]
name = "too-long"
decision = "hold"
longer_than = "100m"

[[policy.rules]]
name = "outside"
decision = "decline"
external = true

[[policy.rules]]
name = "clash"
decision = "tentative"
conflict = true
recurring = false

[[policy.rules]]
name = "rest"
decision = "accept"
"""
READING = {"PROPFIND", "SEARCH"}
VERDICTS = ("accepted", "tentative", "declined")

Rows = list[dict[str, str]]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Some hundred mailboxes with calendars on two servers, one of them deep, under a pace."""
    world = World(mailboxes=MAILBOXES, requests=2, responses=1, deep=4 * CAP, servers=2, seed=7, calendar=3)
    plan = Plan(world, Pace(20, 5, 1), Pace(60, 20, 1), Pace(60, 20, 4), policy=POLICY, dispatchers=2)
    with Stack(tmp_path_factory.mktemp("dry-run"), plan) as started:
        yield started


@pytest.fixture(scope="module")
def lanes(stack: Stack) -> Lanes:
    return wiring.make_lanes(load_settings(stack.config))


@pytest.fixture(scope="module")
def forecast(stack: Stack, lanes: Lanes) -> Rows:
    """The dry run of everything, made before anything else; that it changed nothing is made sure of here."""
    ended = rsvpq(stack, "scan", "--dry-run", "--all", "--format", "jsonl")
    assert ended.returncode == 0, ended.stderr
    summary = stack.exchange.ask("summary")
    assert summary["mutating"] == 0
    assert set(summary["requests_by_verb"]) <= READING
    assert summary["pace"]["mailbox_violations"] == summary["pace"]["server_violations"] == 0
    assert summary["in_flight"]["over_limit"] == 0
    assert lanes.snapshot.counts()["done:dry-run"] == MAILBOXES
    assert "live runs are not confirmed here" in ended.stderr
    rows: Rows = [json.loads(line) for line in ended.stdout.splitlines()]
    assert f"answers that would be sent: {sum(bool(row['answer']) for row in rows)} (" in ended.stderr
    return rows


@pytest.fixture(scope="module")
def lived(stack: Stack, lanes: Lanes, forecast: Rows) -> list[dict[str, Any]]:
    """What the oracle saw of each message in a live run over the same mailboxes."""
    assert forecast
    assert rsvpq(stack, "confirm", "--yes").returncode == 0
    assert rsvpq(stack, "scan", "--all").returncode == 0
    until(lambda: lanes.snapshot.counts().get("done:scanned") == MAILBOXES, "every mailbox was scanned")
    until(lambda: unfinished(lanes) == 0, "everything is done", within_s=RUN_S, every_s=0.5)
    return stack.exchange.messages()


def test_every_meeting_message_is_reported_once(stack: Stack, forecast: Rows) -> None:
    seeded = Counter(one["mailbox"] for one in stack.exchange.messages() if one["kind"] in MEETING_MESSAGES)
    assert Counter(row["mailbox"] for row in forecast) == seeded
    assert len({row["item"] for row in forecast}) == len(forecast) > 2 * MAILBOXES


def test_decisions_are_final_but_for_what_is_over_the_cap(forecast: Rows) -> None:
    over = [row for row in forecast if row["held"] == "cap"]
    assert over
    assert {row["mailbox"] for row in over} == {deepest(forecast)}
    assert all(row["needs"] and not row["answer"] for row in over)
    assert not any(row["needs"] for row in forecast if not row["held"])
    assert {"accept", "decline", "hold", "open", "skip", "keep"} <= {row["decision"] for row in forecast}


def deepest(forecast: Rows) -> str:
    """The mailbox with the most messages."""
    return Counter(row["mailbox"] for row in forecast).most_common(1)[0][0]


def test_private_subjects_are_not_reported(stack: Stack, forecast: Rows) -> None:
    private = {(one["mailbox"], one["uid"]) for one in stack.exchange.messages() if one["private"] and one["uid"]}
    reported = {(row["mailbox"], row["uid"]): row["subject"] for row in forecast}
    assert private
    assert {reported[one] for one in private} == {""}
    assert any(reported.values())


def test_it_is_no_decision_and_leaves_one_record_of_who_asked(stack: Stack, forecast: Rows) -> None:
    ended = rsvpq(stack, "audit", "--format", "jsonl")
    records = [json.loads(line) for line in ended.stdout.splitlines()]
    dry_runs = [one for one in records if one.get("step") == "dry-run"]
    assert forecast
    assert dry_runs[0]["event"] == "operator"
    assert dry_runs[0]["note"] == f"mailboxes {MAILBOXES}"
    assert dry_runs[0]["who"]
    before = records[: records.index(dry_runs[0])]
    assert not [one for one in before if one["event"] == "decision"]


def test_one_mailbox_and_a_group_can_be_had_as_csv(stack: Stack, forecast: Rows) -> None:
    name = deepest(forecast)
    mutating = stack.exchange.ask("summary")["mutating"]
    one = rsvpq(stack, "scan", "--dry-run", name.upper(), "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(one.stdout, newline="")))
    assert one.returncode == 0
    assert [row["item"] for row in rows] == [row["item"] for row in forecast if row["mailbox"] == name]
    group = rsvpq(stack, "scan", "--dry-run", "--group", "en")
    members = {box["mailbox"] for box in stack.exchange.ask("mailboxes") if box["language"] == "en"}
    assert group.returncode == 0
    assert f"mailboxes: {len(members)}; " in group.stdout
    assert "answers that would be sent" in group.stdout
    assert stack.exchange.ask("summary")["mutating"] == mutating


def test_what_cannot_be_looked_at_is_named(stack: Stack, lanes: Lanes, forecast: Rows) -> None:
    one, other = list(dict.fromkeys(row["mailbox"] for row in forecast))[-2:]
    assert rsvpq(stack, "pause", "mailbox", one, "--reason", "for a test").returncode == 0
    ended = rsvpq(stack, "scan", "--dry-run", one, other, "--format", "jsonl")
    assert ended.returncode == 3
    assert f"{one}: the mailbox is paused: for a test" in ended.stderr
    assert {json.loads(line)["mailbox"] for line in ended.stdout.splitlines()} == {other}
    again = rsvpq(stack, "scan", "--dry-run", one)
    assert again.returncode == 1
    assert f"{one}: the mailbox is paused: for a test" in again.stderr
    done = lanes.snapshot.counts()["done:dry-run"]
    assert rsvpq(stack, "resume", "mailbox", one).returncode == 0
    until(lambda: lanes.snapshot.counts()["done:dry-run"] == done + 1, "the one that waited is looked at after all")


def test_a_request_is_explained_before_it_is_answered(stack: Stack, forecast: Rows) -> None:
    row = next(row for row in forecast if row["answer"] == "accept")
    ended = rsvpq(stack, "explain", row["mailbox"], "--uid", row["uid"], "--json")
    assert ended.returncode == 0, ended.stderr
    (story,) = [one for one in json.loads(ended.stdout)["messages"] if one["item"] == row["item"]]
    now = story["now"]
    assert (now["decision"], now["rule"], now["reason"]) == (row["decision"], row["rule"], row["reason"])
    results = {step["name"]: step["result"] for step in now["steps"]}
    assert results["rule rest"] == "matched"
    assert {results[name] for name in ("guard already-processed", "rule too-long", "rule outside")} == {"passed"}
    assert now["calendar"]["appointment"] is None
    assert (story["history"], story["ledger"]) == ([], None)


def test_the_live_run_sends_what_was_foretold(forecast: Rows, lived: list[dict[str, Any]]) -> None:
    sent = Counter({(one["mailbox"], one["uid"]): one["submitted"] for one in lived if one["submitted"]})
    foretold = Counter((row["mailbox"], row["uid"]) for row in forecast if row["answer"])
    assert sum(sent.values()) == sum(foretold.values()) > MAILBOXES / 2
    assert sent == foretold
    verdicts = Counter({word: sum(bool(one[word]) and bool(one["submitted"]) for one in lived) for word in VERDICTS})
    answers = Counter(row["answer"] for row in forecast if row["answer"])
    # An accepted meeting is in the calendar when the next request is answered: that one may become tentative.
    assert verdicts["accepted"] <= answers["accept"]
    assert verdicts["tentative"] >= answers["tentative"] > 0
    assert verdicts["declined"] == answers["decline"] > 0
    opened = sum(one["opened"] > 0 for one in lived if one["kind"] == "response")
    assert opened == sum(row["decision"] == "open" for row in forecast)


def test_what_has_left_the_inbox_is_explained_from_the_audit(
    stack: Stack, forecast: Rows, lived: list[dict[str, Any]]
) -> None:
    assert lived
    row = next(row for row in forecast if row["answer"] == "accept" and row["subject"].isprintable() and row["subject"])
    ended = rsvpq(stack, "explain", row["mailbox"], "--item", row["item"])
    assert ended.returncode == 0, ended.stderr
    assert "not in the Inbox (any more)" in ended.stdout
    for reported in (row["uid"], "intent   accept", "done     send, answered"):
        assert reported in ended.stdout
    assert rsvpq(stack, "explain", row["mailbox"], "--uid", "no such meeting").returncode == 1
