"""An outage of one server: its items are neither dead nor repeated in vain, and the other server notices nothing."""

from pathlib import Path

from rsvpq.lanes import Lanes
from rsvpq.settings import load_settings
from rsvpq.tasks import contract
from rsvpq.wiring import make_lanes
from testbed.processes import until
from testbed.simulated_exchange import World
from testbed.stack import EVERYTHING, Pace, Plan, Stack
from tests.support.running_stack import QUICK, QUICK_LEASES, require_answered_once, rsvpq, wait_until_answered

#: So many failures in a row hold what fails.
FAILURES = 6
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
        holds = until(lambda: lanes.snapshot.status().servers[AWAY].holds, "what fails is held")
        assert "failures in a row, in several mailboxes" in holds[0].why
        until(lambda: lanes.snapshot.status().servers[WELL].answered > 0, "the other server goes on")
        injected = stack.exchange.faults()[0]["injected"]
        until(lambda: stack.exchange.faults()[0]["injected"] > injected, "one item tries")
        stack.exchange.have_faults([])
        wait_until_answered(stack)
        status = lanes.snapshot.status()
        assert (status.dead, status.servers[WELL].holds) == (0, [])
        assert status.counts.get("dead", 0) == 0
        require_answered_once(stack.exchange.ask("summary")["requests"])


def scan_all(stack: Stack, lanes: Lanes) -> None:
    """Scan all mailboxes whose lane is empty, and wait until one scan of the server that is half away has succeeded."""
    before = lanes.snapshot.status().servers[AWAY].counts.get("done:scanned", 0)
    assert rsvpq(stack, "scan", "--all").returncode == 0
    until(lambda: lanes.snapshot.status().servers[AWAY].counts.get("done:scanned", 0) > before, "a scan succeeds")


def test_a_server_that_finds_messages_but_answers_none_keeps_its_scans_and_loses_no_item(tmp_path: Path) -> None:
    """Outlook Web Access is away, and WebDAV is not. One group of mailboxes is answered, all others only scanned."""
    world = World(mailboxes=24, requests=3, responses=1, servers=2, seed=4)
    paces = (Pace(1, 1, 1), Pace(1, 1, 1), Pace(200, 50, 8))
    policy = EVERYTHING.replace("confirmed = true\n", "")
    plan = Plan(world, *paces, policy=policy, extra=QUICK_LEASES + SOON_DEAD, server_extra=QUICK)
    with Stack(tmp_path, plan) as stack:
        lanes = make_lanes(load_settings(stack.config))
        faults = [{"step": step, "kind": "500-before", "server": 0} for step in ("accept", "open")]
        stack.exchange.have_faults(faults)
        assert rsvpq(stack, "confirm", "--group", "en", "--yes").returncode == 0
        for _ in range(40):
            scan_all(stack, lanes)
        status = lanes.snapshot.status()
        assert status.counts.get("dead", 0) == 0
        assert {hold.work for hold in status.servers[AWAY].holds} <= {contract.ANSWER_REQUEST, contract.OPEN_RESPONSE}
        assert status.servers[AWAY].breakers[contract.ANSWER_REQUEST].failures >= FAILURES
        stack.exchange.have_faults([])
        until(lambda: not lanes.snapshot.status().servers[AWAY].breakers, "the outage is over")
