"""A scan may be triggered in every way that docs/triggering.md shows; each is run here as it stands there."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from redis import Redis

from rsvpq import wiring
from rsvpq.lanes import Lanes
from rsvpq.settings import load_settings
from testbed.processes import WAIT_S, until
from testbed.simulated_exchange import World
from testbed.stack import Plan, Stack
from tests.support.running_stack import rsvpq

PLAIN_CLIENT = """
import sys
from celery import Celery
client = Celery(broker=sys.argv[1])
client.conf.broker_transport_options = {"global_keyprefix": "rsvpq:"}
client.send_task("producer.scan", kwargs={"mailboxes": ["adele0"]}, queue="scan")
"""

#: What the worker logs of a trigger at its end.
ENDED = "(?:succeeded|raised)"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Only the producer and Flower, in observe mode: scans are what is tested here."""
    plan = Plan(World(mailboxes=6, servers=1, seed=3), mode="observe", flower=True, answer_workers=0)
    with Stack(tmp_path_factory.mktemp("triggers"), plan) as started:
        yield started


@pytest.fixture
def lanes(stack: Stack) -> Lanes:
    return wiring.make_lanes(load_settings(stack.config))


def scans(lanes: Lanes) -> int:
    return lanes.snapshot.counts().get("done:scanned", 0)


def wait_for_scans(lanes: Lanes, number: int) -> None:
    until(lambda: scans(lanes) >= number, f"{number} scans are done")
    assert scans(lanes) == number


def triggers_logged(stack: Stack, what: str) -> int:
    """How many triggers the scan worker says that it has received, or that have ended."""
    return len(re.findall(rf"Task producer\.scan\[[^\]]+\] {what}", stack.parts["scan"].log.read_text()))


def test_the_command_line_scans_all_a_group_or_named_mailboxes(stack: Stack, lanes: Lanes) -> None:
    before = scans(lanes)
    assert "scan of 6 mailboxes triggered" in rsvpq(stack, "scan", "--all").stdout
    wait_for_scans(lanes, before + 6)
    assert "scan of 1 mailbox triggered" in rsvpq(stack, "scan", "ADELE0").stdout
    wait_for_scans(lanes, before + 7)
    group = rsvpq(stack, "scan", "--group", "en")
    size = int(group.stdout.split()[2])
    wait_for_scans(lanes, before + 7 + size)


def test_celery_call_scans(stack: Stack, lanes: Lanes) -> None:
    before = scans(lanes)
    command = [sys.executable, "-m", "celery", "-A", "producer.app", "call", "producer.scan"]
    arguments = ["--kwargs", '{"mailboxes": ["adele0"]}']
    subprocess.run([*command, *arguments], env={**os.environ, **stack.environment}, check=True, timeout=WAIT_S)
    wait_for_scans(lanes, before + 1)


@pytest.mark.parametrize("verb", ["async-apply", "send-task"])
def test_flowers_api_scans(stack: Stack, lanes: Lanes, verb: str) -> None:
    before = scans(lanes)
    task = stack.ask_flower(f"/api/task/{verb}/producer.scan", {"kwargs": {"mailboxes": ["adele0"]}})
    assert "task-id" in task
    wait_for_scans(lanes, before + 1)


def test_an_empty_list_of_mailboxes_is_refused_and_not_taken_for_all(stack: Stack) -> None:
    before = triggers_logged(stack, ENDED)
    stack.ask_flower("/api/task/send-task/producer.scan", {"kwargs": {"mailboxes": []}})
    until(lambda: triggers_logged(stack, ENDED) > before, "the trigger has ended")
    assert "producer.scan: mailboxes: names none; leave it out to scan all" in stack.parts["scan"].log.read_text()


def test_flowers_api_refuses_who_has_no_password(stack: Stack) -> None:
    answer = requests.post(f"{stack.flower_url}/api/task/send-task/producer.scan", json={}, timeout=WAIT_S)
    assert answer.status_code == 401


def test_a_plain_celery_client_scans(stack: Stack, lanes: Lanes, tmp_path: Path) -> None:
    before = scans(lanes)
    broker = f"redis://:{stack.secrets['redis']}@127.0.0.1:{stack.queue_server.port}/0"
    # In an empty directory and without our settings: such a client knows a name, a queue and a prefix, nothing else.
    subprocess.run([sys.executable, "-c", PLAIN_CLIENT, broker], cwd=tmp_path, check=True, timeout=WAIT_S)
    wait_for_scans(lanes, before + 1)


def test_observe_mode_answers_and_opens_nothing(stack: Stack, lanes: Lanes) -> None:
    before = scans(lanes)
    assert rsvpq(stack, "scan", "--all").returncode == 0
    wait_for_scans(lanes, before + 6)
    assert stack.exchange.ask("summary")["mutating"] == 0
    assert lanes.snapshot.status().skipped["would-accept"] > 0


def test_a_mailbox_that_is_being_scanned_is_not_scanned_twice(stack: Stack, lanes: Lanes) -> None:
    before, triggers = scans(lanes), triggers_logged(stack, "received")
    assert rsvpq(stack, "pause", "mailbox", "adele0").returncode == 0
    for _ in range(3):
        assert rsvpq(stack, "scan", "adele0").returncode == 0
    redis: Redis = stack.queue_server.client()
    until(lambda: triggers_logged(stack, ENDED) >= triggers + 3, "the triggers have done what they do")
    until(lambda: redis.llen(f"{lanes.namespace.prefix}:lane:adele0") == 1, "one scan waits in the lane")
    assert rsvpq(stack, "resume", "mailbox", "adele0").returncode == 0
    wait_for_scans(lanes, before + 1)


def test_a_schedule_scans_by_itself(tmp_path: Path) -> None:
    schedule = '[[schedule]]\nevery = "1s"\ngroup = "en"\n'
    plan = Plan(World(mailboxes=6, servers=1, seed=3), mode="observe", extra=schedule, answer_workers=0, dispatchers=2)
    with Stack(tmp_path, plan) as started:
        lanes = wiring.make_lanes(load_settings(started.config))
        until(lambda: scans(lanes) >= 4, "the group was scanned again and again")
