"""rsvpq as an operator runs it: every process real, judged by the simulated servers."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.processes import PATIENCE_S, RUN_S, until
from testbed.simulated_exchange import World
from testbed.stack import Pace, Plan, Stack

#: Short timeouts, so that leases may be short and a killed worker's items come back soon.
QUICK = 'connect_timeout = "1s"\nread_timeout = "2s"\n'
QUICK_LEASES = '[lanes]\nrelease_lease = "5s"\nrun_lease = "7s"\n'


def rsvpq(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line against the stack."""
    command = [str(Path(sys.executable).with_name("rsvpq")), *arguments]
    environment = {**os.environ, **stack.environment}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE_S)


def all_answered(stack: Stack) -> bool:
    """Whether the oracle has seen every request answered and every response opened."""
    stack.check()
    summary = stack.exchange.ask("summary")
    return (
        not summary["requests"]["waiting"] + summary["requests"]["accepted_unsent"] + summary["responses"]["unopened"]
    )


def wait_until_answered(stack: Stack, within_s: float = RUN_S) -> None:
    """Wait for :func:`all_answered`."""
    until(lambda: all_answered(stack), "everything is answered and opened", within_s=within_s, every_s=0.2)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A whole installation with Flower over three servers, shared by the tests of one module."""
    world = World(mailboxes=24, requests=4, responses=3, deep=60, servers=3, seed=7, latency_ms=1)
    plan = Plan(world, Pace(20, 10, 1), Pace(60, 20, 1), Pace(60, 20, 4), flower=True, dispatchers=2)
    with Stack(tmp_path_factory.mktemp("stack"), plan) as started:
        yield started
