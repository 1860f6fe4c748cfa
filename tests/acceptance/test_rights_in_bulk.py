"""The rights on all mailboxes are probed within the limits, while answers go on."""

import json
from pathlib import Path

from testbed.simulated_exchange import World
from testbed.stack import Pace, Plan, Stack
from tests.support.running_stack import rsvpq, wait_until_answered


def test_every_mailbox_is_probed_while_answers_go_on_and_no_limit_is_passed(tmp_path: Path) -> None:
    world = World(mailboxes=12, requests=2, responses=0, deep=40, servers=2, seed=4, organized=100)
    plan = Plan(world, Pace(20, 5, 1), Pace(20, 5, 1), Pace(30, 10, 3), protocols=("webdav", "ews"))
    with Stack(tmp_path, plan) as stack:
        boxes = stack.exchange.ask("mailboxes")
        closed = next(box["mailbox"] for box in boxes if box["server"] == 0 and not box["deep"])
        with (tmp_path / "mailboxes.csv").open("a") as file:
            file.write("nobody@example.com,mail1,,,\n")
        stack.exchange.have_faults([{"step": "search", "kind": "401", "mailbox": closed}])
        assert rsvpq(stack, "scan", *(stack.mailbox_name(box) for box in boxes if box["deep"])).returncode == 0
        probed = rsvpq(stack, "doctor", "--all", "--json")
        assert probed.returncode == 3, probed.stderr
        found = json.loads(probed.stdout)
        failed = {row["mailbox"]: row["result"] for row in found["rows"]}
        assert failed == {closed: "refused", "nobody@example.com": "gone"}
        # A mailbox whose answers are on their way is not disturbed.
        assert found["results"]["ok"] + len(found["unprobed"]) == len(boxes) - 1
        rows = json.loads(rsvpq(stack, "mailboxes", "--state", "refused", "--json").stdout)["rows"]
        assert [row["mailbox"] for row in rows] == [closed]
        stack.exchange.have_faults([])
        assert rsvpq(stack, "scan", "--all").returncode == 0
        wait_until_answered(stack)
        summary = stack.exchange.ask("summary")
        assert (summary["pace"]["mailbox_violations"], summary["pace"]["server_violations"]) == (0, 0)
        assert summary["in_flight"]["over_limit"] == 0
