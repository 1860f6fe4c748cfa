"""What a person sees in Flower, looked at in headless Chromium."""

import html
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from rsvpq import wiring
from rsvpq.settings import load_settings
from testbed.processes import WAIT_S, until
from testbed.simulated_exchange import World
from testbed.stack import Plan, Stack
from tests.support.running_stack import rsvpq, wait_until_answered

_OFFLINE = ["--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A few mailboxes, answered."""
    with Stack(tmp_path_factory.mktemp("flower"), Plan(World(4, 2, 1, servers=1, seed=5), flower=True)) as started:
        assert rsvpq(started, "scan", "--all").returncode == 0
        wait_until_answered(started)
        lanes = wiring.make_lanes(load_settings(started.config))
        until(lambda: lanes.snapshot.counts().get("done:scanned") == 4, "all are scanned")
        yield started


def look(chromium: str, url: str, profile: Path) -> str:
    """The page as the browser shows it once its scripts have run."""
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    command = [chromium, "--headless", "--disable-gpu", *sandbox, *_OFFLINE, f"--user-data-dir={profile}"]
    run = subprocess.run(
        [*command, "--virtual-time-budget=10000", "--dump-dom", url],
        capture_output=True,
        text=True,
        check=True,
        timeout=WAIT_S,
    )
    return html.unescape(run.stdout)


def test_every_message_is_a_row_with_readable_arguments(stack: Stack, chromium: str, tmp_path: Path) -> None:
    address = stack.flower_url.replace("//", f"//{stack.flower_user}:{stack.secrets['flower']}@")
    page = look(chromium, f"{address}/tasks", tmp_path)
    rows = [row for row in re.findall(r"<tr.*?</tr>", page, re.DOTALL) if "workers." in row]
    messages = [message for message in stack.exchange.messages() if message["kind"] in {"request", "response"}]
    assert len(rows) == len(messages) < 15  # one page of Flower's table
    shown = " ".join(rows)
    for message in messages:
        assert f"mailbox={message['mailbox']} subject={message['subject'][:40]}" in shown
        assert f"kind={message['kind']} server=mail{message['server']} generation=" in shown
    assert "SUCCESS" in shown


def test_nobody_sees_anything_without_the_password(stack: Stack, chromium: str, tmp_path: Path) -> None:
    page = look(chromium, f"{stack.flower_url}/tasks", tmp_path)
    assert "workers." not in page
    assert "adele" not in page


def test_no_page_shows_a_secret(stack: Stack, chromium: str, tmp_path: Path) -> None:
    address = stack.flower_url.replace("//", f"//{stack.flower_user}:{stack.secrets['flower']}@")
    for number, path in enumerate(["/workers", "/tasks", "/broker", "/worker/answer-0@" + os.uname().nodename]):
        page = look(chromium, address + path, tmp_path / str(number))
        assert "Flower" in page
        for name, secret in stack.secrets.items():
            assert secret not in page, f"the {name} password is on {path}"


def test_an_operators_task_shows_what_was_asked_and_its_result(stack: Stack, chromium: str, tmp_path: Path) -> None:
    asked = {"scope": "server", "name": "mail0", "reason": "new disks", "who": "anna"}
    task_id = stack.ask_flower("/api/task/async-apply/ops.pause", {"kwargs": asked})["task-id"]
    until(lambda: stack.ask_flower(f"/api/task/result/{task_id}")["state"] == "SUCCESS", "the task has ended")
    until(lambda: stack.ask_flower(f"/api/task/info/{task_id}")["state"] == "SUCCESS", "Flower has heard of it")
    address = stack.flower_url.replace("//", f"//{stack.flower_user}:{stack.secrets['flower']}@")
    page = look(chromium, f"{address}/task/{task_id}", tmp_path)
    for shown in ("ops.pause", "SUCCESS", "paused: server mail0", "reason=new disks", "who=anna"):
        assert shown in page, shown
    for name, secret in stack.secrets.items():
        assert secret not in page, f"the {name} password is shown"
