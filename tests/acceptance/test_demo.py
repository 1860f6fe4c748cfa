"""The demo, as a newcomer runs it."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from testbed.processes import RUN_S, WAIT_S, Part, until
from testbed.queue_server import queue_server

COMMAND = [sys.executable, "-m", "demo", "--mailboxes", "12", "--deep", "40"]


@pytest.fixture
def mark() -> str:
    """What the environment of everything that this test starts says; other runs of it may be on this machine."""
    return uuid4().hex


def children_of(mark: str) -> list[int]:
    """The processes that a demo has started, and itself."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if f"DEMO_UNDER_TEST={mark}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def test_it_ends_by_itself_and_reports_what_the_servers_saw(tmp_path: Path, mark: str) -> None:
    environment = {**os.environ, "DEMO_UNDER_TEST": mark, "TMPDIR": str(tmp_path)}
    run = subprocess.run(COMMAND, env=environment, capture_output=True, text=True, check=False, timeout=RUN_S)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "as promised: nothing lost, nothing twice, no limit passed" in run.stdout
    assert "mail0 WebDAV, mail1 WebDAV, mail2 Exchange Web Services" in run.stdout
    opened, entered = (int(number) for number in re.findall(r"(\d+) (?:opened|entered) by", run.stdout))
    assert min(opened, entered) > 0
    assert f"{opened + entered} seeded: {opened} opened" in run.stdout
    assert "Flower: http://127.0.0.1:" in run.stdout
    assert "console: http://127.0.0.1:" in run.stdout
    assert children_of(mark) == []
    assert list(tmp_path.glob("rsvpq-demo-*")) == []


def test_it_ends_all_that_it_started_when_interrupted(tmp_path: Path, mark: str) -> None:
    environment = {"DEMO_UNDER_TEST": mark, "TMPDIR": str(tmp_path)}
    demo = Part("demo", [*COMMAND, "--keep"], log=tmp_path / "demo.log", env=environment)
    try:
        demo.wait_for(lambda: "everything stays up" in demo.tail(), "the demo stays up", within_s=RUN_S)
        assert len(children_of(mark)) >= 8
        os.kill(demo.pid, signal.SIGINT)
        os.kill(demo.pid, signal.SIGHUP)  # impatience, or a terminal that closes
        assert demo.process.wait(WAIT_S) == 0, "which is how it is meant to end"
        until(lambda: not children_of(mark), "every process has ended")
        assert list(tmp_path.glob("rsvpq-demo-*")) == []
    finally:
        demo.end()


def test_it_uses_a_redis_that_is_there_and_leaves_no_key_behind(tmp_path: Path) -> None:
    with queue_server(tmp_path) as server:
        client = server.client()
        client.set("somebody-elses", "untouched")
        environment = {**os.environ, "RSVPQ_REDIS_URL": server.url, "TMPDIR": str(tmp_path)}
        run = subprocess.run(COMMAND, env=environment, capture_output=True, text=True, check=False, timeout=RUN_S)
        assert run.returncode == 0, run.stdout + run.stderr
        assert client.get("somebody-elses") == "untouched"
        assert [key for key in client.scan_iter() if "demo" in str(key)] == []
