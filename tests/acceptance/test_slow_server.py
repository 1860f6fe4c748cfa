"""A slow server has its share of the workers and no more, and is asked by no more at once than it was promised."""

from pathlib import Path
from typing import Any

import pytest

from testbed.processes import until
from testbed.simulated_exchange import World
from testbed.stack import Pace, Plan, Stack
from tests.support.running_stack import QUICK, QUICK_LEASES, rsvpq, wait_until_answered

#: Nothing that is waited for ends by itself while a test lasts.
PATIENT_LEASES = '[lanes]\nrun_lease = "40m"\nlongest_run = "1h"\n'
PATIENT = 'read_timeout = "15m"\n'
DRIPS_MS = 600_000
SLOW, WELL = 0, 1
THREADS, SHARE = 4, 2


def untouched(message: dict[str, Any]) -> bool:
    """Whether nothing was done to it that somebody should do."""
    if message["kind"] == "response":
        return not message["opened"]
    return message["state"] in {"waiting", "accepted_unsent"}


def of_server(stack: Stack, server: int) -> list[dict[str, Any]]:
    """The messages in the mailboxes of one server."""
    names = {box["mailbox"] for box in stack.exchange.ask("mailboxes") if box["server"] == server}
    stack.check()
    return [message for message in stack.exchange.messages() if message["mailbox"] in names]


@pytest.mark.parametrize("step", ["search", "proppatch"], ids=["to scans", "to answers"])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_server_that_drips_leaves_the_others_their_threads(tmp_path: Path, step: str, workers: int) -> None:
    world = World(mailboxes=16, requests=3, responses=1, servers=2, seed=9)
    plan = Plan(
        world,
        Pace(50, 20, 1),
        Pace(50, 20, 1),
        Pace(200, 50, 3 * THREADS),
        answer_workers=workers,
        answer_threads=THREADS,
        scan_threads=THREADS,
        extra=PATIENT_LEASES,
        server_extra=PATIENT,
    )
    with Stack(tmp_path, plan) as stack:
        stack.exchange.have_faults([{"step": step, "kind": "drip", "server": SLOW, "ms": DRIPS_MS}])
        assert rsvpq(stack, "scan", "--all").returncode == 0
        until(lambda: not any(map(untouched, of_server(stack, WELL))), "the other server has its answers", every_s=0.5)
        [drip] = stack.exchange.faults()
        share = SHARE if workers == 1 or step == "search" else THREADS - 1
        assert drip["injected"] == share, (
            "as many wait for the slow one as may, and no other item has started meanwhile"
        )


def test_however_slow_a_server_is_no_more_ask_it_at_once_than_it_was_promised(tmp_path: Path) -> None:
    """Each request is quicker than its timeout, and some of them together are slower than the lease."""
    world = World(mailboxes=2, requests=1, responses=0, servers=1, seed=9)
    plan = Plan(
        world,
        Pace(50, 20, 1),
        Pace(50, 20, 1),
        Pace(200, 50, 2),
        answer_threads=8,
        dispatchers=2,
        extra=QUICK_LEASES,
        server_extra=QUICK,
    )
    with Stack(tmp_path, plan) as stack:
        stack.exchange.set_switches({"large_range": "507", "large_range_rows": 1})
        stack.exchange.have_faults([{"step": "any", "kind": "slow", "ms": 600}])
        assert rsvpq(stack, "scan", "--all").returncode == 0
        wait_until_answered(stack)
        summary = stack.exchange.ask("summary")
        assert summary["in_flight"]["over_limit"] == 0
        assert summary["in_flight"]["servers"]["0"] <= 2
        assert summary["requests"]["answered_twice"] == 0
