"""An installation that runs: its command line, and when its work is done."""

import subprocess
from collections.abc import Mapping
from typing import Any

from testbed.processes import RUN_S, until
from testbed.simulated_exchange import World
from testbed.stack import Pace, Plan, Stack
from tests.support.forked_command import run_rsvpq

#: Short timeouts, so that leases may be short and a killed worker's items come back soon.
QUICK = 'connect_timeout = "1s"\nread_timeout = "2s"\n'
QUICK_LEASES = '[lanes]\nrelease_lease = "5s"\nrun_lease = "7s"\n'
#: The simulator does at once what it does, so that nobody has to wait for two minutes whether an effect still shows.
QUICK_SETTLE = 'settle = "8s"\n'


def busy_plan(**others: Any) -> Plan:
    """Return a plan whose work takes long enough to kill something at it, and comes back soon: small and quick.

    :param others: as :class:`Plan` takes them.
    """
    world = World(mailboxes=12, requests=6, responses=3, servers=2, seed=11, latency_ms=20)
    paces = (Pace(50, 20, 1), Pace(50, 20, 1), Pace(200, 50, 8))
    return Plan(world, *paces, extra=f"{QUICK_LEASES}[retry]\n{QUICK_SETTLE}", server_extra=QUICK, **others)


def require_answered_once(requests: Mapping[str, int]) -> None:
    """Require of the oracle's count of requests that each was answered, and none twice."""
    assert requests["answered_once"] + requests["outdated"] == requests["seeded"]
    assert requests["answered_twice"] == 0


def rsvpq(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line against the stack: a fork for a stack of forks, else by its command."""
    if stack.plan.forked:
        return run_rsvpq(arguments, stack.environment)
    return stack.rsvpq(*arguments)


def all_answered(stack: Stack) -> bool:
    """Return whether every request was answered and every response opened, by the oracle."""
    stack.check()
    summary = stack.exchange.ask("summary")
    return (
        not summary["requests"]["waiting"] + summary["requests"]["accepted_unsent"] + summary["responses"]["unopened"]
    )


def wait_until_answered(stack: Stack, within_s: float = RUN_S) -> None:
    """Wait for :func:`all_answered`."""
    until(lambda: all_answered(stack), "everything is answered and opened", within_s=within_s, every_s=0.2)
