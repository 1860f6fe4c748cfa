"""`rsvpq config apply` on a running installation: a changed rule is in force within seconds, and nothing is lost."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from testbed.processes import free_port, until
from testbed.simulated_exchange import World
from testbed.stack import EVERYTHING, Pace, Plan, Stack
from tests.support.running_stack import rsvpq, wait_until_answered


def rule(decision: str) -> str:
    """A rule for every request."""
    return f'[[policy.rules]]\nname = "every-request"\ndecision = "{decision}"\n'


def verdicts(stack: Stack) -> Counter[str]:
    """How many requests were answered with each verdict."""
    found: Counter[str] = Counter()
    for message in stack.exchange.messages():
        if message["kind"] == "request":
            found += Counter({word: message[word] for word in ("accepted", "tentative", "declined")})
    return found


def revisions(stack: Stack) -> list[dict[str, Any]]:
    """What the doctor says of the settings that processes run with; it may exit with any code."""
    checks = json.loads(rsvpq(stack, "doctor", "--json").stdout)["processes"]
    return [one for one in checks if one["check"] == "revision"]


def test_a_changed_rule_is_in_force_within_ten_seconds_and_no_item_is_lost(tmp_path: Path) -> None:
    world = World(mailboxes=10, requests=8, responses=1, servers=2, seed=5, latency_ms=3)
    # So slow that answers are under way for a while.
    slow = Pace(2, 2, 1)
    plan = Plan(world, slow, slow, policy=EVERYTHING + rule("tentative"), answer_workers=2, dispatchers=2)
    with Stack(tmp_path, plan) as stack:
        stack.start("metrics", ["-m", "rsvpq.metrics", "--listen", f"127.0.0.1:{free_port()}"])
        until(lambda: len(revisions(stack)) == 1 and _processes(revisions(stack)) == 6, "all six processes report")
        stack.config.write_text(stack.config.read_text().replace(rule("tentative"), rule("accept")))
        (found,) = revisions(stack)
        assert (found["level"], found["remedy"]) == ("WARN", "to bring these into force: rsvpq config apply")
        # However long the commands take, one server has everything left to do when the rule changes.
        assert rsvpq(stack, "pause", "server", "mail1").returncode == 0
        assert rsvpq(stack, "scan", "--all").returncode == 0
        until(lambda: verdicts(stack)["tentative"] > 3, "some requests are answered by the rule that is in force")
        applied = rsvpq(stack, "config", "apply")  # exits with 3 if a process takes longer than ten seconds
        (warning,) = applied.stderr.splitlines()  # that of the check; none is about a process
        assert (applied.returncode, "schedule: none" in warning) == (0, True)
        assert applied.stdout.endswith(": 6 processes run with it\n")
        by_then = verdicts(stack)["tentative"]
        assert [one["level"] for one in revisions(stack)] == ["OK"]

        assert rsvpq(stack, "resume", "server", "mail1").returncode == 0
        wait_until_answered(stack)
        after = verdicts(stack)
        # What was under way when the rule changed keeps the first: one message of each mailbox at most.
        assert after["tentative"] <= by_then + world.mailboxes
        assert after["accepted"] > after["declined"] == 0
        requests = stack.exchange.ask("summary")["requests"]
        assert requests["answered_once"] + requests["outdated"] == requests["seeded"]
        assert requests["answered_once"] == after.total()
        status = json.loads(rsvpq(stack, "status", "--json").stdout)
        assert (status["dead"], status["in_force"]["differences"]) == (0, [])


def _processes(found: list[dict[str, Any]]) -> int:
    return len(found[0]["text"].split(", "))
