"""All scan workers are killed while their scans hold every slot of the server: the answer workers get the slots."""

import signal
from pathlib import Path

from rsvpq import wiring
from rsvpq.settings import load_settings
from testbed.processes import until
from testbed.simulated_exchange import World
from testbed.stack import Pace, Plan, Stack
from tests.support.running_stack import QUICK, QUICK_LEASES, rsvpq

SLOTS = 2
#: A worker that is gone is noticed by this time, in quarters.
QUICK_LOOKS = '[health]\nstalled_after = "8s"\n'


def test_the_slots_of_killed_workers_are_free_for_the_others(tmp_path: Path) -> None:
    world = World(mailboxes=6, requests=3, responses=0, servers=1, seed=5)
    plan = Plan(world, server=Pace(1000, 100, SLOTS), extra=QUICK_LEASES + QUICK_LOOKS, server_extra=QUICK)
    with Stack(tmp_path, plan) as stack:
        lanes = wiring.make_lanes(load_settings(stack.config))

        def server() -> tuple[int, int, int]:
            """Released, running, pending."""
            now = lanes.snapshot.status().servers["mail0"]
            return now.released, now.running, now.pending

        stack.exchange.have_faults([{"step": "search", "kind": "hang"}])
        assert rsvpq(stack, "scan", "--all").returncode == 0
        until(lambda: server()[1] == SLOTS, "scans hold all slots")
        scan = stack.parts.pop("scan")
        scan.signal(signal.SIGKILL)
        scan.process.wait()
        stack.exchange.have_faults([])
        until(lambda: server() == (0, 0, 6), "no slot is taken, and none is taken again")
        assert "no worker 6 in 6" in rsvpq(stack, "status").stdout
        stack.start_worker("scan", "producer.app", 4)
        until(lambda: lanes.snapshot.counts().get("done:answered", 0) > 0, "all goes on")
