"""A list in which mailboxes stand twice, by alias and by address: no request is answered twice, and the list is named.

An alias is what stands before the @ of an SMTP address of the mailbox (KB324306), and both lead to it.
"""

import csv
import json
from collections.abc import Iterator

import pytest

from rsvpq import wiring
from rsvpq.settings import load_settings
from testbed.processes import until
from testbed.simulated_exchange import World
from testbed.stack import Pace, Plan, Stack
from tests.support.running_stack import rsvpq, wait_until_answered

#: So that names of one mailbox would be worked side by side.
QUICK = Pace(200, 50, 1)


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An installation that has each mailbox in its list under each of its names."""
    world = World(mailboxes=8, requests=6, responses=2, seed=3, latency_ms=40)
    with Stack(tmp_path_factory.mktemp("twice"), Plan(world, QUICK, QUICK, Pace(400, 100, 8))) as stack:
        # What is answered stays where two names find it, so only the claims keep the second from answering it.
        stack.exchange.set_switches({"request_fate": "left", "draft_delay_ms": 300})
        listed = {box["mailbox"].casefold() for box in stack.exchange.ask("mailboxes")}
        with (stack.directory / "mailboxes.csv").open("a", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            for box in stack.exchange.ask("mailboxes"):
                names = {box["address"], box["address"].partition("@")[0]} - listed
                rows.writerows([name, "mail0", "", "", ""] for name in sorted(names))
        yield stack


def test_no_request_is_answered_twice_and_both_names_are_reported(twice: Stack) -> None:
    assert rsvpq(twice, "scan", "--all").returncode == 0
    lanes = wiring.make_lanes(load_settings(twice.config))
    listed = len((twice.directory / "mailboxes.csv").read_text(encoding="utf-8").splitlines()) - 1
    until(
        lambda: (
            lanes.snapshot.counts().get("done:scanned", 0) + lanes.snapshot.counts().get("dead:refused", 0) == listed
        ),
        "every name was scanned or refused",
    )
    wait_until_answered(twice)
    summary = twice.exchange.ask("summary")
    assert summary["requests"]["answered_twice"] == 0
    failed = json.loads(rsvpq(twice, "mailboxes", "--state", "failed", "--json").stdout)["rows"]
    assert len(failed) == listed - twice.plan.world.mailboxes
    reasons = {row["mailbox"]: row["symptoms"][0]["reason"] for row in failed}
    assert all("are one mailbox" in reason and name in reason for name, reason in reasons.items())


def test_a_check_of_the_list_names_what_may_be_one_mailbox(twice: Stack) -> None:
    reported = rsvpq(twice, "config", "check")
    assert reported.returncode == 0
    assert "may be two names of one mailbox, and so may 7 more pairs; list it once" in reported.stdout
