"""rsvpq as an operator runs it: every process real, judged by the simulated servers."""

import os
import shutil
from collections.abc import Iterator

import pytest

from testbed.simulated_exchange import World
from testbed.stack import Pace, Plan, Stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A whole installation with Flower over three servers, started by an operator's commands, for one module."""
    world = World(mailboxes=24, requests=4, responses=3, deep=60, servers=3, seed=7, latency_ms=1)
    plan = Plan(world, Pace(20, 10, 1), Pace(60, 20, 1), Pace(60, 20, 4), flower=True, dispatchers=2, forked=False)
    with Stack(tmp_path_factory.mktemp("stack"), plan) as started:
        yield started


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's path; its absence is a failure in CI, and a skip with the reason elsewhere."""
    found = shutil.which("chromium")
    if found is None and os.environ.get("CI"):
        pytest.fail("Chromium is missing; CI must install it (apt-get install chromium)")
    if found is None:
        pytest.skip("no Chromium here (Debian: apt-get install chromium)")
    return found
