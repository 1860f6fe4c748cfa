"""Somebody revokes a message in Flower: it ends, is told as what it is, and nothing else waits for it."""

from pathlib import Path
from typing import Any

from rsvpq import wiring
from rsvpq.lanes import Lanes
from rsvpq.settings import load_settings
from rsvpq.tasks.refusals import REVOKED
from testbed.processes import until
from testbed.simulated_exchange import World
from testbed.stack import Pace, Plan, Stack
from tests.support.running_stack import QUICK, QUICK_LEASES, rsvpq


def lane_of(lanes: Lanes, mailbox: str) -> list[str]:
    """What waits there, by the ids that Flower shows."""
    return list(lanes.namespace.redis.lrange(f"{lanes.namespace.prefix}:lane:{mailbox}", 0, -1))


def revoke(stack: Stack, item: str) -> None:
    """As the button does, until the worker has heard of it: one that is only just starting hears nothing."""
    worker = stack.parts["answer-0"]

    def heard() -> bool:
        stack.ask_flower(f"/api/task/revoke/{item}", {})
        return f"Tasks flagged as revoked: {item}" in worker.tail(1000)

    worker.wait_for(heard, "the worker has heard of it")


def deepest(lanes: Lanes, stack: Stack) -> tuple[str, list[str]]:
    """The mailbox with most in its lane."""
    lanes_now = {box["mailbox"]: lane_of(lanes, box["mailbox"]) for box in stack.exchange.ask("mailboxes")}
    return max(lanes_now.items(), key=lambda pair: len(pair[1]))


def test_a_message_revoked_in_flower_ends_and_its_mailbox_goes_on(tmp_path: Path) -> None:
    world = World(mailboxes=3, requests=5, responses=2, servers=1, seed=12)
    plan = Plan(
        world, Pace(50, 20, 1), Pace(50, 20, 1), Pace(200, 50, 8),
        extra=QUICK_LEASES + "[retry]\nattempts = 3\n", server_extra=QUICK, flower=True,
    )  # fmt: skip
    with Stack(tmp_path, plan) as stack:
        lanes = wiring.make_lanes(load_settings(stack.config))
        stack.kill("answer-0")  # so that the lanes fill
        assert rsvpq(stack, "scan", "--all").returncode == 0
        until(lambda: lanes.snapshot.counts().get("done:scanned") == 3, "all are scanned")
        assert rsvpq(stack, "pause", "all", "--reason", "a test").returncode == 0
        stack.restart("answer-0")
        mailbox, lane = deepest(lanes, stack)
        revoked, behind = lane[0], lane[1:]
        assert len(behind) >= 2
        revoke(stack, revoked)
        assert rsvpq(stack, "resume", "all").returncode == 0
        until(lambda: states(lanes, behind) == {"done"}, "what is behind it is done", within_s=60)
        (dead,) = until(lambda: list(lanes.dead_items.all()), "the revoked one has ended", within_s=60)
        reason = f"was released 3 times and never started: {REVOKED}"
        assert (dead.id, dead.mailbox, dead.reason) == (revoked, mailbox, reason)
        assert effects(stack, mailbox, dead.payload["uid"], dead.payload["subject"]) == (0, 0)
        assert "never started" in rsvpq(stack, "dead").stdout


def states(lanes: Lanes, items: list[str]) -> set[Any]:
    """In which states they are."""
    return {lanes.namespace.redis.hget(f"{lanes.namespace.prefix}:item:{item}", "state") for item in items}


def effects(stack: Stack, mailbox: str, uid: str, subject: str) -> tuple[int, int]:
    """How often the oracle saw the message accepted and opened."""
    wanted = (mailbox, uid, subject)
    (found,) = [one for one in stack.exchange.messages() if (one["mailbox"], one["uid"], one["subject"]) == wanted]
    return found["accepted"], found["opened"]
