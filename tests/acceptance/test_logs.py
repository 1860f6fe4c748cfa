"""The logs of a whole installation, in JSON: every line of every process parses, and they have each mailbox's story."""

import json
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from rsvpq import wiring
from rsvpq.settings import load_settings
from testbed.processes import free_port, until
from testbed.simulated_exchange import World
from testbed.stack import Plan, Stack
from tests.support.running_stack import rsvpq

NAME = "adele0"
#: Dead after two attempts, which are over in a moment.
EXTRA = '[log]\nformat = "json"\n[retry]\nattempts = 2\nfirst_delay = "1s"\nlongest_delay = "1s"\nsettle = "1s"\n'
#: What does not belong to rsvpq itself.
OTHERS = {"simulator", "queue server"}


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[dict[str, Any]]]]:
    """The parsed lines of each process, after a small job with a failing mailbox, and an end by SIGTERM."""
    plan = Plan(World(mailboxes=4, requests=2, servers=1, seed=3), flower=True, console=True, extra=EXTRA)
    with Stack(tmp_path_factory.mktemp("logs"), plan) as stack:
        metrics = stack.start("metrics", ["-m", "rsvpq.metrics", "--listen", f"127.0.0.1:{free_port()}"])
        metrics.wait_for(lambda: "started" in metrics.tail(), "the metrics are served")
        stack.exchange.have_faults([{"step": "accept", "kind": "500-before", "mailbox": NAME}])
        lanes = wiring.make_lanes(load_settings(stack.config))
        assert rsvpq(stack, "scan", "--all").returncode == 0

        def over() -> bool:
            status = lanes.snapshot.status()
            return bool(status.dead) and not status.unfinished and not status.later

        until(over, "all is answered or dead")
        ours = [stack.parts.pop(name) for name in tuple(stack.parts) if name not in OTHERS]
        for part in ours:
            part.signal(signal.SIGTERM)
        for part in ours:
            part.end()
        yield {part.name: [json.loads(line) for line in part.log.read_text().splitlines()] for part in ours}


def test_every_line_of_every_process_has_time_level_and_what_it_says(logs: dict[str, list[dict[str, Any]]]) -> None:
    assert set(logs) == {"dispatcher-0", "scan", "answer-0", "ops", "flower", "console", "metrics"}
    for name, lines in logs.items():
        assert lines, name
        for line in lines:
            assert line["time"].endswith("Z")
            assert line["level"] in {"INFO", "WARNING", "ERROR", "CRITICAL"}
            assert line.keys() & {"event", "message"}


def test_the_lines_of_one_mailbox_are_its_whole_story(logs: dict[str, list[dict[str, Any]]]) -> None:
    story = [line for lines in logs.values() for line in lines if line.get("mailbox") == NAME and "result" in line]
    story.sort(key=lambda line: line["time"])
    assert {(line["server"], len(line["run"])) for line in story} == {("mail0", 8)}
    assert all(line["ms"] >= 0 and line["attempt"] >= 1 and line["item"] for line in story)
    ends = [(line["event"], line["result"]) for line in story if line["event"] != "throttled"]
    assert ends[0] == ("done", "scanned")
    assert {("later", "later"), ("dead", "exhausted")} <= set(ends)
    (dead, *_) = [line for line in story if line["event"] == "dead"]
    assert dead["attempt"] == 2
    assert dead["reason"].endswith(" returned 500")


def test_the_others_were_answered_one_line_each(logs: dict[str, list[dict[str, Any]]]) -> None:
    answered = [line for line in logs["answer-0"] if line.get("result") == "answered"]
    assert answered
    assert len({line["item"] for line in answered}) == len(answered)
    assert NAME not in {line["mailbox"] for line in answered}


def test_a_worker_says_in_json_that_it_ends(logs: dict[str, list[dict[str, Any]]]) -> None:
    assert "worker: Warm shutdown (MainProcess)" in [line.get("message") for line in logs["answer-0"]]
