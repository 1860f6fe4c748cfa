"""A mailbox that the account may not open: an operator finds it by one command, with the reason and the remedy."""

import json
from functools import partial
from pathlib import Path
from typing import Any

from rsvpq import wiring
from rsvpq.audit.log import AuditLog, Filter
from rsvpq.lanes import Lanes
from rsvpq.settings import load_settings
from testbed.processes import until
from testbed.simulated_exchange import World
from testbed.stack import Plan, Stack
from tests.support.running_stack import rsvpq

NAME = "adele0"


def unwell(stack: Stack) -> dict[str, Any]:
    """The mailboxes that are not well, by name."""
    found = json.loads(rsvpq(stack, "mailboxes", "--json").stdout)
    return {row["mailbox"]: row for row in found["rows"]}


def refusals(stack: Stack) -> int:
    """How many searches the server has refused."""
    (fault,) = stack.exchange.faults()
    return int(fault["injected"])


def have_ended(lanes: Lanes, scans: int) -> bool:
    """Whether so many scans have succeeded."""
    return lanes.snapshot.counts().get("done:scanned") == scans


def test_a_refused_mailbox_is_listed_within_one_scan_and_recorded_once(tmp_path: Path) -> None:
    plan = Plan(World(mailboxes=4, requests=2, servers=1, seed=3), mode="observe", answer_workers=0)
    with Stack(tmp_path, plan) as stack:
        lanes = wiring.make_lanes(load_settings(stack.config))
        stack.exchange.have_faults([{"step": "search", "kind": "401", "server": 0, "mailbox": NAME}])
        for number in (1, 2, 3):
            assert rsvpq(stack, "scan", "--all").returncode == 0
            until(partial(have_ended, lanes, 3 * number), "the others are scanned")
            if number == 1:
                until(lambda: unwell(stack), "the refused one is listed")
                assert rsvpq(stack, "resume", "mailbox", NAME).returncode == 0
                until(lambda: refusals(stack) == 2, "it was tried again")
        rows = unwell(stack)
        assert list(rows) == [NAME]
        assert rows[NAME]["states"] == ["refused", "never"]
        refused = rows[NAME]["symptoms"][0]
        assert "returned 401, though the password is right" in refused["reason"]
        assert "give the account rights on this mailbox" in refused["remedy"]
        assert rows[NAME]["held_s"] > 0

        records = list(AuditLog(lanes).read(Filter(events=frozenset({"failed"}))))
        assert [(one["mailbox"], one["kind"], one["result"]) for one in records] == [(NAME, "scan", "throttled")]
        assert json.loads(rsvpq(stack, "report", "--format", "json").stdout)["troubles"]["failed"] == 1
        explained = rsvpq(stack, "explain", NAME)
        assert explained.returncode == 1
        assert f"{NAME}: it is held for another " in explained.stderr
        assert "returned 401" in explained.stderr
