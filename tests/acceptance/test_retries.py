"""A server that is away: its items wait in their lanes, Flower says RETRY, and no attempt is lost."""

from pathlib import Path

from rsvpq import wiring
from rsvpq.settings import load_settings
from testbed.processes import until
from testbed.simulated_exchange import World
from testbed.stack import Plan, Stack
from tests.support.running_stack import rsvpq


def test_flower_shows_retry_while_a_server_is_away(tmp_path: Path) -> None:
    with Stack(tmp_path, Plan(World(6, servers=1, seed=2), flower=True, answer_workers=0)) as stack:
        lanes = wiring.make_lanes(load_settings(stack.config))
        stack.parts.pop("simulator").end()
        assert rsvpq(stack, "scan", "--all").returncode == 0

        def retried() -> bool:
            tasks = stack.ask_flower("/api/tasks?taskname=producer.scan_mailbox")
            return any(task["state"] == "RETRY" and "no connection" in task["exception"] for task in tasks.values())

        until(retried, "Flower shows a retry with its reason")

        def held_for_a_while() -> bool:
            server = lanes.snapshot.status().servers["mail0"]
            return server.in_flight == 0 and 20 < server.held_s <= 40

        until(held_for_a_while, "all are back, and the server is left alone")
        assert lanes.snapshot.status().unfinished == 6
        attempts = [
            lanes.namespace.redis.hget(key, "attempts")
            for key in lanes.namespace.redis.scan_iter(f"{lanes.namespace.prefix}:item:scan-*")
        ]
        assert {int(attempt or 0) for attempt in attempts} == {0}
        assert lanes.namespace.redis.llen("rsvpq:scan") == 0  # a retry publishes nothing
