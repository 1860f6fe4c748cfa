"""The demo, as a newcomer runs it."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest
from redis import Redis

from rsvpq import wiring
from rsvpq.settings import load_settings
from testbed.processes import RUN_S, WAIT_S, Part, until
from testbed.queue_server import QueueServer

ROOT = Path(__file__).parents[2]
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


def test_it_ends_all_that_it_started_when_interrupted_and_leaves_no_key_in_a_redis_that_was_there(
    tmp_path: Path, redis: Redis, shared_queue_server: QueueServer, mark: str
) -> None:
    redis.set("somebody-elses", "untouched")
    environment = {"DEMO_UNDER_TEST": mark, "TMPDIR": str(tmp_path), "RSVPQ_REDIS_URL": shared_queue_server.url}
    demo = Part("demo", [*COMMAND, "--keep"], log=tmp_path / "demo.log", env=environment)
    try:
        demo.wait_for(lambda: "everything stays up" in demo.tail(), "the demo stays up", within_s=RUN_S)
        assert len(children_of(mark)) >= 8
        assert [key for key in redis.scan_iter() if "demo" in str(key)]
        os.kill(demo.pid, signal.SIGINT)
        os.kill(demo.pid, signal.SIGHUP)  # impatience, or a terminal that closes
        assert demo.process.wait(WAIT_S) == 0, "which is how it is meant to end"
        until(lambda: not children_of(mark), "every process has ended")
        assert list(tmp_path.glob("rsvpq-demo-*")) == []
        assert redis.get("somebody-elses") == "untouched"
        assert [key for key in redis.scan_iter() if "demo" in str(key)] == []
    finally:
        demo.end()


class Terminal:
    """A terminal in which a command runs in the foreground, as a person sees it."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.shown = ""
        self.pid, self._end = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], command, {**os.environ, **environment})  # noqa: S606 - no shell

    def read_until(self, words: str) -> None:
        """Read what is shown until these words are."""
        deadline = time.monotonic() + RUN_S
        while words not in self.shown:
            ready, _, _ = select.select([self._end], [], [], deadline - time.monotonic())
            assert ready, f"{words!r} was not shown:\n{self.shown}"
            self.shown += os.read(self._end, 10_000).decode()

    def press(self, key: str) -> None:
        """Press a key."""
        os.write(self._end, key.encode())

    def exit_code(self) -> int:
        """Read to the end, and return the exit code."""
        with suppress(OSError):  # the other end is closed
            while text := os.read(self._end, 10_000):
                self.shown += text.decode()
        os.close(self._end)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_the_tour_starts_again_what_is_killed_and_ends_well_by_ctrl_c(tmp_path: Path, mark: str) -> None:
    python = Path(sys.executable)
    made = ["-o", f"{tmp_path}/demo.stamp", f"VENV={tmp_path}", f"BIN={python.parent}"]  # nothing is installed
    command = ["make", "-C", str(ROOT), *made, "demo", "TOUR=1", "MAILBOXES=12"]
    terminal = Terminal(command, {"DEMO_UNDER_TEST": mark, "TMPDIR": str(tmp_path), "COLUMNS": "200"})
    try:
        terminal.read_until("flower\r\n")
        terminal.read_until("ops\r\n")
        pids = {name: int(pid) for pid, name in re.findall(r"^ +(\d+)  ([a-z0-9 -]+)\r$", terminal.shown, re.MULTILINE)}
        assert pids.keys() >= {"scan", "answer-0", "dispatcher-0", "queue server", "flower", "ops"}
        for name in ("queue server", "scan", "answer-0", "dispatcher-0"):
            os.kill(pids[name], signal.SIGKILL)
            terminal.read_until(f"{name} (process {pids[name]}) has ended; started again as process ")
        config = re.search(r"RSVPQ_CONFIG=(\S+)", terminal.shown)
        assert config is not None
        lanes = wiring.make_lanes(load_settings(Path(config[1])))
        until(lambda: lanes.registrations.consumers("scan"), "the scan worker takes from its queue again")
        terminal.press("\x03")
        assert terminal.exit_code() == 0, terminal.shown
        assert "everything that was started is ended now" in terminal.shown
        until(lambda: not children_of(mark), "every process has ended")
    finally:
        for pid in children_of(mark):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
