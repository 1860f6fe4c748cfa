"""Redis is restored from a backup that was taken at work: the mailboxes show what was answered since, 0 twice."""

from pathlib import Path

from rsvpq import wiring
from rsvpq.settings import load_settings
from testbed.processes import until
from testbed.simulated_exchange import World
from testbed.stack import Pace, Plan, Stack
from tests.support.running_stack import QUICK, QUICK_LEASES, QUICK_SETTLE, rsvpq, wait_until_answered
from tests.support.unfinished_items import unfinished

#: One server of each kind: it removes a request that was answered, leaves it as it was, or moves it.
FATES = (
    {"request_fate": "removed"},
    {"request_fate": "left", "request_marks": "nothing"},
    {"request_fate": "deleted-items"},
)
PROCESSES = ("dispatcher-0", "scan", "answer-0")


def test_an_older_ledger_answers_nothing_again_and_loses_nothing(tmp_path: Path) -> None:
    world = World(mailboxes=6, requests=6, responses=1, servers=len(FATES), seed=17, latency_ms=20)
    pace = Pace(50, 20, 1)
    plan = Plan(
        world,
        pace,
        pace,
        Pace(200, 50, 8),
        extra=f"{QUICK_LEASES}[retry]\n{QUICK_SETTLE}",
        server_extra=QUICK,
        persist=True,
    )
    with Stack(tmp_path, plan) as stack:
        for server, switches in enumerate(FATES):
            stack.exchange.set_switches({**switches, "server": server})
        boxes = stack.exchange.ask("mailboxes")
        known, unknown = (
            [stack.mailbox_name(box) for box in half] for half in (boxes[: len(FATES)], boxes[len(FATES) :])
        )
        assert rsvpq(stack, "scan", *known).returncode == 0
        until(lambda: stack.exchange.ask("summary")["requests"]["answered_once"] >= 4, "some requests are answered")
        backup = stack.queue_server.back_up(tmp_path / "backup.rdb")
        assert rsvpq(stack, "scan", *unknown).returncode == 0  # the backup has nothing of these
        wait_until_answered(stack)
        answered = stack.exchange.ask("summary")["requests"]

        for name in PROCESSES:
            stack.parts.pop(name).end()
        stack.queue_server.restore(backup)
        stack.parts["queue server"] = stack.queue_server.part
        lanes = wiring.make_lanes(load_settings(stack.config))
        assert lanes.snapshot.counts()["done:answered"] < answered["answered_once"]  # it is older
        lanes.controls.pause("all", reason="restored")
        for name in PROCESSES:
            stack.restart(name)
        lanes.controls.resume("all")
        until(lambda: unfinished(lanes) == 0, "what the backup had under way is done")
        scanned = lanes.snapshot.counts().get("done:scanned", 0)
        assert rsvpq(stack, "scan", "--all").returncode == 0
        until(lambda: lanes.snapshot.counts()["done:scanned"] >= scanned + world.mailboxes, "all were scanned again")
        until(lambda: unfinished(lanes) == 0, "nothing is left to do")
        summary = stack.exchange.ask("summary")
        assert (summary["requests"]["answered_twice"], summary["forbidden"]) == (0, 0)
        assert summary["requests"]["answered_once"] == answered["answered_once"]
        assert (len(list(lanes.dead_items.all())), summary["responses"]["unopened"]) == (0, 0)
