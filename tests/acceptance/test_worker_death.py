"""Workers and dispatchers are killed at work: what they held comes back by its lease, and nothing is done twice."""

import signal
from pathlib import Path

import pytest

from testbed.processes import until
from testbed.simulated_exchange import World
from testbed.stack import Pace, Plan, Stack
from tests.support.running_stack import QUICK, QUICK_LEASES, QUICK_SETTLE, rsvpq, wait_until_answered


@pytest.mark.parametrize("victim", ["answer-0", "scan", "dispatcher-0"])
def test_a_killed_process_loses_nothing_and_doubles_nothing(tmp_path: Path, victim: str) -> None:
    world = World(mailboxes=12, requests=6, responses=3, servers=2, seed=11, latency_ms=20)
    plan = Plan(
        world,
        Pace(50, 20, 1),
        Pace(50, 20, 1),
        Pace(200, 50, 8),
        extra=f"{QUICK_LEASES}[retry]\n{QUICK_SETTLE}",
        server_extra=QUICK,
        dispatchers=2,
    )
    with Stack(tmp_path, plan) as stack:
        assert rsvpq(stack, "scan", "--all").returncode == 0
        until(lambda: stack.exchange.ask("summary")["mutating"] >= 10, "the work has begun")
        part = stack.parts.pop(victim)
        part.signal(signal.SIGKILL)
        part.process.wait()
        if victim != "dispatcher-0":
            stack.start_worker(victim, "producer.app" if victim == "scan" else "workers.app", 16)
        wait_until_answered(stack)
        requests = stack.exchange.ask("summary")["requests"]
        assert requests["answered_once"] + requests["outdated"] == requests["seeded"]
        assert requests["answered_twice"] == 0
