"""A login that authenticates connections, from the settings to the answers, by both protocols."""

from pathlib import Path

from testbed.simulated_exchange import World
from testbed.stack import Pace, Plan, Stack
from tests.support.running_stack import rsvpq, wait_until_answered

QUICK = Pace(200, 50, 1)


def test_mailboxes_are_scanned_and_answered_with_an_account_that_logs_in_by_ntlm(tmp_path: Path) -> None:
    plan = Plan(
        World(mailboxes=8, requests=4, responses=2, organized=100, servers=2, seed=11),
        QUICK,
        QUICK,
        Pace(400, 100, 4),
        protocols=("webdav", "ews"),
        server_extra='auth = "ntlm"\n',
        exchange_options=("--auth", "ntlm"),
    )
    with Stack(tmp_path, plan) as stack:
        assert rsvpq(stack, "scan", "--all").returncode == 0
        wait_until_answered(stack)
        of_server = {box["mailbox"]: box["server"] for box in stack.exchange.ask("mailboxes")}
        answered = {of_server[one["mailbox"]] for one in stack.exchange.messages() if one["state"] == "answered_once"}
        assert answered == {0, 1}
        summary = stack.exchange.ask("summary")
        assert summary["requests"]["answered_twice"] == 0
        assert (summary["logins"]["good"] > 0, summary["logins"]["bad"]) == (True, 0)
