"""``rsvpq pause all`` as the kill switch: how much still reaches the servers after it, counted by them."""

from pathlib import Path
from typing import Any

from rsvpq import wiring
from rsvpq.audit.log import AuditLog, Filter
from rsvpq.settings import load_settings
from testbed.processes import until
from testbed.simulated_exchange import World
from testbed.stack import Pace, Plan, Stack
from tests.support.running_stack import rsvpq, wait_until_answered

#: What one message may still change after the pause: the step that it has written down (at most a marker on the
#: request, the command and a marker on the draft, or the MOVE), and the clearing away of what was sent before.
MOST_PER_MESSAGE = 4


def test_a_pause_lets_only_the_step_end_that_was_begun_and_a_resume_finishes_all(
    tmp_path: Path, record_property: Any
) -> None:
    ample = Pace(1000, 1000, 1)
    plan = Plan(World(20, 10, 2, servers=2, seed=11, latency_ms=40), ample, ample, Pace(1000, 1000, 8), flower=True)
    with Stack(tmp_path, plan) as stack:
        lanes = wiring.make_lanes(load_settings(stack.config))
        assert rsvpq(stack, "scan", "--all").returncode == 0
        until(lambda: stack.exchange.ask("summary")["mutating"] > 100, "many messages are being worked")

        stack.ask_flower(
            "/api/task/async-apply/ops.pause", {"kwargs": {"scope": "all", "reason": "stop", "who": "anna"}}
        )
        until(
            lambda: lanes.namespace.redis.hexists(f"{lanes.namespace.prefix}:cfg", "paused"),
            "everything is paused",
            every_s=0.001,
        )
        # In this order: nothing is taken any more, so these are all that could still change anything after the count.
        in_hand = lanes.namespace.redis.zcard(f"{lanes.namespace.prefix}:inflight")
        before = mutating(stack)
        until(
            lambda: not lanes.namespace.redis.zcard(f"{lanes.namespace.prefix}:inflight"),
            "everything is back in its lane",
        )
        after = mutating(stack)

        (pause,) = AuditLog(lanes).read(Filter(events=frozenset({"operator"})))
        paused_at = int(pause["id"].partition("-")[0]) / 1000
        last = max(moment for message in stack.exchange.messages() for moment in moments(message))
        record_property("seconds_to_the_last_effect", last - paused_at)
        record_property("requests_after_the_pause", after - before)
        print(f"last effect {last - paused_at:.3f} s after the pause; {after - before} requests; {in_hand} in hand")  # noqa: T201 - for the reader of -s
        assert pause["who"] == "anna by Flower/Celery"
        assert after - before <= MOST_PER_MESSAGE * in_hand
        status = lanes.snapshot.status()
        assert status.paused is not None
        assert status.unfinished > 0
        assert {reason for server in status.servers.values() for reason in server.waiting} == {"everything paused"}
        assert mutating(stack) == after

        assert rsvpq(stack, "resume", "all").returncode == 0
        wait_until_answered(stack)
        assert stack.exchange.ask("summary")["requests"]["answered_twice"] == 0


def mutating(stack: Stack) -> int:
    """Requests so far that may have changed something."""
    return int(stack.exchange.ask("summary")["mutating"])


def moments(message: dict[str, Any]) -> list[float]:
    """When something was last done to it, by the simulated server's clock."""
    return [moment for name, moment in message.items() if name.endswith("_last") and moment] + [0.0]
