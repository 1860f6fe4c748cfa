"""An outage of one server: its items are neither dead nor repeated in vain, and the other server notices nothing."""

from pathlib import Path

from rsvpq.settings import load_settings
from rsvpq.wiring import make_lanes
from testbed.processes import until
from testbed.simulated_exchange import World
from testbed.stack import Pace, Plan, Stack
from tests.support.running_stack import QUICK, QUICK_LEASES, require_answered_once, rsvpq, wait_until_answered

AWAY, WELL = "mail0", "mail1"
#: Without a breaker an item would be dead within seconds.
SOON_DEAD = '[retry]\nattempts = 4\nfirst_delay = "100ms"\nlongest_delay = "200ms"\n'


def test_a_server_that_answers_500_to_everything_is_held_until_it_returns(tmp_path: Path) -> None:
    world = World(mailboxes=16, requests=3, responses=1, servers=2, seed=9)
    plan = Plan(
        world, Pace(50, 20, 1), Pace(50, 20, 1), Pace(200, 50, 8), extra=QUICK_LEASES + SOON_DEAD, server_extra=QUICK
    )
    with Stack(tmp_path, plan) as stack:
        lanes = make_lanes(load_settings(stack.config))
        stack.exchange.have_faults([{"step": "any", "kind": "500-before", "server": 0}])
        assert rsvpq(stack, "scan", "--all").returncode == 0
        until(lambda: lanes.snapshot.status().servers[AWAY].held_s > 0, "the server is held")
        assert "failures in a row, in several mailboxes" in lanes.snapshot.status().servers[AWAY].held_why
        until(lambda: lanes.snapshot.status().servers[WELL].answered > 0, "the other server goes on")
        injected = stack.exchange.faults()[0]["injected"]
        until(lambda: stack.exchange.faults()[0]["injected"] > injected, "one item tries")
        stack.exchange.have_faults([])
        wait_until_answered(stack)
        status = lanes.snapshot.status()
        assert (status.dead, status.servers[WELL].held_s) == (0, 0)
        assert status.counts.get("dead", 0) == 0
        require_answered_once(stack.exchange.ask("summary")["requests"])
