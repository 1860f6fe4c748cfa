"""The report of a whole run, held against what the simulated servers saw and against a naive count of the export."""

import html
import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from email.utils import parseaddr
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from rsvpq import wiring
from rsvpq.settings import load_settings
from testbed.processes import RUN_S, until
from testbed.simulated_exchange import World
from testbed.stack import Pace, Plan, Stack
from tests.support.running_stack import QUICK_SETTLE, rsvpq
from tests.support.unfinished_items import unfinished

ZONE = "Asia/Kolkata"
RETRY = '[retry]\nattempts = 2\nfirst_delay = "100ms"\nlongest_delay = "200ms"\n' + QUICK_SETTLE

Records = list[dict[str, Any]]


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An installation of some hundred messages; one mailbox refuses every command, another one has hiccups."""
    plan = Plan(
        World(mailboxes=16, requests=12, responses=5, servers=2, seed=23),
        *(Pace(50, 20, 1), Pace(100, 20, 1), Pace(200, 20, 6)),
        extra=RETRY,
    )
    with Stack(tmp_path_factory.mktemp("stack"), plan) as stack:
        boxes = [box["mailbox"] for box in stack.exchange.ask("mailboxes") if box["messages"]["request"] > 2]
        stack.exchange.have_faults(
            [
                {"step": "accept", "kind": "500-before", "mailbox": boxes[0]},
                {"step": "accept", "kind": "500-before", "mailbox": boxes[1], "times": 1},
            ]
        )
        lanes = wiring.make_lanes(load_settings(stack.config))
        assert rsvpq(stack, "scan", "--all").returncode == 0
        until(lambda: lanes.snapshot.counts().get("done:scanned") == 16, "every mailbox was scanned")
        until(lambda: unfinished(lanes) == 0, "nothing is left to do", within_s=RUN_S, every_s=0.2)
        assert rsvpq(stack, "pause", "server", "mail0", "--reason", "<b>patch day</b>").returncode == 0
        yield stack


@pytest.fixture(scope="module")
def records(worked: Stack) -> Records:
    """The whole audit, as an operator exports it."""
    return [json.loads(line) for line in rsvpq(worked, "audit", "--format", "jsonl").stdout.splitlines()]


@pytest.fixture(scope="module")
def figures(worked: Stack, records: Records) -> dict[str, Any]:
    """The report, as a program reads it."""
    ended = rsvpq(worked, "report", "--format", "json", "--timezone", ZONE, "--group-by", "hour")
    assert (ended.returncode, ended.stderr) == (0, "")
    found: dict[str, Any] = json.loads(ended.stdout)
    assert found["period"]["records"] == len(records) > 1000
    return found


def _of(records: Records, **wanted: str) -> Records:
    return [one for one in records if all(one.get(name) == value for name, value in wanted.items())]


def test_what_was_done_is_what_the_servers_saw(worked: Stack, figures: dict[str, Any]) -> None:
    messages = worked.exchange.messages()
    submitted = sum(one["submitted"] for one in messages if one["kind"] == "request")
    delivered = worked.exchange.ask("summary")["circle"]["delivered_opened"]
    opened = sum(one["opened"] for one in messages if one["kind"] == "response")
    assert figures["answers"] == {"accept": submitted, "tentative": 0, "decline": 0, "unknown": 0}
    assert submitted > 50
    assert figures["opened"] == opened + delivered > 30
    seeded = Counter(one["kind"] for one in messages)
    assert figures["decisions"]["cancellations"] == seeded["cancellation"] > 0
    asked = [one for one in messages if one["kind"] == "request" and not one["outdated"]]
    untouched = sum(not one["accepted"] for one in asked)
    assert figures["troubles"]["dead"] == untouched > 2


def test_the_decisions_are_those_of_a_naive_count(figures: dict[str, Any], records: Records) -> None:
    made = _of(records, event="decision")
    decisions = figures["decisions"]
    assert decisions["total"] == len(made)
    assert decisions["by_action"] == Counter(one["decision"] for one in made)
    assert decisions["by_rule"] == Counter(one.get("rule", "no rule") for one in made)
    reported = {(one["decision"], one["reason"]): one["count"] for one in decisions["by_reason"]}
    assert reported == Counter((one["decision"], one["reason"]) for one in made)
    assert figures["mailboxes"] == len({one["mailbox"] for one in made})


def test_results_troubles_and_open_intents_are_those_of_a_naive_count(
    figures: dict[str, Any], records: Records
) -> None:
    assert figures["results"] == Counter(one["result"] for one in _of(records, event="done") if "result" in one)
    troubles = figures["troubles"]
    failed, dead = _of(records, event="failed"), _of(records, event="dead")
    assert (troubles["failed"], troubles["dead"]) == (len(failed), len(dead))
    assert troubles["uncertain"] == sum("step" in one for one in dead)
    assert troubles["by_result"] == Counter(f"{one['event']}: {one['result']}" for one in failed + dead)
    assert sum(one["failed"] for one in troubles["by_reason"]) == len(failed) > 1
    assert sum(one["dead"] for one in troubles["by_reason"]) == len(dead)
    intents, ends = _of(records, event="intent"), [one for one in records if one["event"] in ("done", "failed", "dead")]
    last_intent = {one["item"]: records.index(one) for one in intents}
    last_end = {one["item"]: records.index(one) for one in ends}
    assert figures["open_intents"] == sum(last_end.get(item, -1) < at for item, at in last_intent.items()) == 0


def test_failing_mailboxes_have_their_last_error(figures: dict[str, Any], records: Records) -> None:
    by_mailbox: defaultdict[str, Records] = defaultdict(list)
    for one in _of(records, event="failed") + _of(records, event="dead"):
        by_mailbox[one["mailbox"]].append(one)
    assert len(by_mailbox) == len(figures["failing"]) == 2
    for row in figures["failing"]:
        events = sorted(by_mailbox[row["mailbox"]], key=lambda one: tuple(map(int, one["id"].split("-"))))
        assert (row["failed"], row["dead"]) == tuple(len(_of(events, event=name)) for name in ("failed", "dead"))
        assert row["last_error"] == events[-1]["reason"]
        assert datetime.fromisoformat(row["last"]) == datetime.fromisoformat(events[-1]["time"])
    assert [row["dead"] > 0 for row in figures["failing"]] == [True, False]


def test_the_time_to_answer_is_that_of_a_naive_count(figures: dict[str, Any], records: Records) -> None:
    decided = {one["item"]: datetime.fromisoformat(one["time"]) for one in _of(records, decision="accept")}
    waits: defaultdict[str, list[float]] = defaultdict(list)
    for one in _of(records, event="done", step="send"):
        wait = (datetime.fromisoformat(one["time"]) - decided[one["item"]]).total_seconds()
        waits[""].append(wait)
        waits[one["mailbox"]].append(wait)
    waiting = figures["waiting"]
    assert (waiting["measured"], waiting["unmeasured"]) == (len(waits[""]), 0)
    for row, mailbox in ((waiting, ""), *((row, row["mailbox"]) for row in figures["slowest"])):
        for name, share in (("p50_s", 0.5), ("p95_s", 0.95)):
            exact = sorted(waits[mailbox])[math.ceil(share * len(waits[mailbox])) - 1]
            assert row[name] == pytest.approx(exact, rel=0.0101, abs=0.001)
    slowest = [row["p95_s"] for row in figures["slowest"]]
    assert len(slowest) == min(10, len(waits) - 1)
    assert slowest == sorted(slowest, reverse=True)


def test_the_busiest_organizers_are_those_of_a_naive_count(figures: dict[str, Any], records: Records) -> None:
    def by_organizer(found: Records) -> Counter[str]:
        return Counter(parseaddr(one["organizer"])[1].casefold() for one in found)

    requests = by_organizer(_of(records, event="decision", kind="request"))
    answers = by_organizer(_of(records, event="done", step="send"))
    rows = figures["organizers"]
    assert [row["requests"] for row in rows] == [count for _, count in requests.most_common(10)]
    for row in rows:
        name = row["organizer"].casefold()
        assert (row["requests"], row["answers"]) == (requests[name], answers[name])


def test_the_bars_are_the_hours_of_the_zone(figures: dict[str, Any], records: Records) -> None:
    def by_hour(**wanted: str) -> Counter[datetime]:
        moments = (datetime.fromisoformat(one["time"]).astimezone(ZoneInfo(ZONE)) for one in _of(records, **wanted))
        return Counter(moment.replace(minute=0, second=0, microsecond=0) for moment in moments)

    assert figures["timezone"] == ZONE
    bars = {datetime.fromisoformat(bar["start"]): bar for bar in figures["bars"]}
    assert all(start.utcoffset() and start.minute == 0 for start in bars)
    for name, counts in (
        ("opened", by_hour(event="done", step="open")),
        ("failed", by_hour(event="failed")),
        ("dead", by_hour(event="dead")),
    ):
        assert {start: bar[name] for start, bar in bars.items() if bar[name]} == counts
    answers = {start: bar["answers"]["accept"] for start, bar in bars.items() if bar["answers"]["accept"]}
    assert answers == by_hour(event="done", step="send")


def test_an_operator_s_action_is_reported(figures: dict[str, Any], records: Records) -> None:
    (reported,) = _of(records, event="operator")
    (action,) = figures["last_deeds"]
    assert figures["deeds"] == 1
    assert (action["who"], action["deed"], action["scope"]) == (reported["who"], "pause", "server mail0")
    assert action["reason"] == "<b>patch day</b>"


def test_the_text_and_the_page_have_the_same_figures(worked: Stack, figures: dict[str, Any]) -> None:
    text = rsvpq(worked, "report").stdout
    page = rsvpq(worked, "report", "--format", "html").stdout
    sent, dead = sum(figures["answers"].values()), figures["troubles"]["dead"]
    begin = f"{sent:,} answers sent and {figures['opened']:,} responses opened in {figures['mailboxes']} mailboxes. "
    for form in (text, html.unescape(page)):
        joined = " ".join(form.split())
        assert begin + f"{dead} items given up" in joined
        assert all(one["mailbox"] in form for one in figures["slowest"] + figures["failing"])
        assert all(one["organizer"] in form for one in figures["organizers"])
    assert "<b>patch day</b>" not in page
    assert "&lt;b&gt;patch day&lt;/b&gt;" in page


def test_a_part_of_the_period_is_counted_alone(worked: Stack, records: Records) -> None:
    middle = records[len(records) // 2]
    until_then = rsvpq(worked, "report", "--format", "json", "--until", middle["time"])
    from_then = rsvpq(worked, "report", "--format", "json", "--since", middle["time"])
    before, after = json.loads(until_then.stdout), json.loads(from_then.stdout)
    assert before["period"]["records"] == sum(one["time"] < middle["time"] for one in records)
    assert before["period"]["records"] + after["period"]["records"] == len(records)
    begun = {one["item"] for one in records if one["time"] < middle["time"] and one.get("decision") == "accept"}
    later = [one for one in records if one["time"] >= middle["time"]]
    assert after["waiting"]["unmeasured"] == sum(one["item"] in begun for one in _of(later, event="done", step="send"))
    assert after["waiting"]["unmeasured"] > 0
