"""Workers and dispatchers are killed at work: what they held comes back by its lease, and nothing is done twice."""

import signal
from pathlib import Path

import pytest

from testbed.processes import until
from testbed.stack import Stack
from tests.support.running_stack import busy_plan, require_answered_once, rsvpq, wait_until_answered


@pytest.mark.parametrize("victim", ["answer-0", "scan", "dispatcher-0"])
def test_a_killed_process_loses_nothing_and_doubles_nothing(tmp_path: Path, victim: str) -> None:
    with Stack(tmp_path, busy_plan(dispatchers=2)) as stack:
        assert rsvpq(stack, "scan", "--all").returncode == 0
        until(lambda: stack.exchange.ask("summary")["mutating"] >= 10, "the work has begun")
        part = stack.parts.pop(victim)
        part.signal(signal.SIGKILL)
        part.process.wait()
        if victim != "dispatcher-0":
            stack.start_worker(victim, "producer.app" if victim == "scan" else "workers.app", 16)
        wait_until_answered(stack)
        require_answered_once(stack.exchange.ask("summary")["requests"])
