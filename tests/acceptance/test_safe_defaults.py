"""What an operator is spared who has set nothing but mode = "respond": each guard, seen at the simulated servers."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rsvpq import wiring
from rsvpq.lanes import Lanes
from rsvpq.settings import load_settings
from testbed.processes import until
from testbed.simulated_exchange import World
from testbed.stack import Plan, Stack
from tests.support.running_stack import rsvpq
from tests.support.unfinished_items import unfinished

FORTNIGHT_S = 14 * 86_400


def lanes_of(stack: Stack) -> Lanes:
    """The lanes of the installation."""
    return wiring.make_lanes(load_settings(stack.config))


def scan_everything(stack: Stack) -> Counter[str]:
    """One scan of all mailboxes, worked to the end; what it counted, and what it left alone by reason."""
    lanes = lanes_of(stack)
    before = Counter(lanes.snapshot.counts())
    assert rsvpq(stack, "scan", "--all").returncode == 0
    until(lambda: _scans(lanes) == before["done:scanned"] + stack.plan.world.mailboxes, "every mailbox was scanned")
    until(lambda: unfinished(lanes) == 0, "all that was offered is finished")
    skipped = {f"skipped:{reason}": count for reason, count in lanes.snapshot.status().skipped.items()}
    return Counter(lanes.snapshot.counts()) - before + Counter(skipped)


def _scans(lanes: Lanes) -> int:
    return lanes.snapshot.counts().get("done:scanned", 0)


def requests_of(stack: Stack) -> list[dict[str, Any]]:
    """The requests, as the oracle tells them."""
    return [message for message in stack.exchange.messages() if message["kind"] == "request"]


def answered(stack: Stack) -> list[dict[str, Any]]:
    """Those that somebody accepted."""
    return [request for request in requests_of(stack) if request["accepted"]]


def strict(more: str = "confirmed = true\n") -> str:
    """The defaults, and who belongs to the house."""
    return f'[policy]\ninternal_domains = ["example.com"]\n{more}'


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, Counter[str]]]:
    """An installation with the default guards that has scanned once, and what it counted."""
    world = World(mailboxes=60, requests=8, responses=2, servers=2, seed=4)
    with Stack(tmp_path_factory.mktemp("guarded"), Plan(world, policy=strict())) as stack:
        yield stack, scan_everything(stack)


REFUSED: dict[str, Callable[[dict[str, Any]], bool]] = {
    "private": lambda request: request["private"],
    "delegate-copy": lambda request: request["received_for"] is not None,
    "past": lambda request: request["ends_at"] is not None and request["ends_at"] <= request["seeded_at"],
    "too-old": lambda request: request["received_at"] < request["seeded_at"] - FORTNIGHT_S,
    "external-organizer": lambda request: not request["organizer"].endswith("@example.com"),
    "out-of-date": lambda request: request["outdated"],
}


@pytest.mark.parametrize("reason", [reason for reason in REFUSED if reason != "external-organizer"])
def test_a_guard_leaves_such_requests_alone(guarded: tuple[Stack, Counter[str]], reason: str) -> None:
    stack, counts = guarded
    such = [request for request in requests_of(stack) if REFUSED[reason](request)]
    assert such, "the simulator made up none"
    assert counts[f"skipped:{reason}"] > 0
    assert not [request for request in such if request["accepted"] or request["submitted"]]


def test_everything_else_is_answered(guarded: tuple[Stack, Counter[str]]) -> None:
    stack, _ = guarded
    free = [one for one in requests_of(stack) if not any(refused(one) for refused in REFUSED.values())]
    assert len(free) > 50
    assert {request["accepted"] for request in free} == {1}


def test_without_internal_domains_strangers_are_left_alone(tmp_path: Path) -> None:
    world = World(mailboxes=12, requests=6, responses=1, seed=4)
    with Stack(
        tmp_path, Plan(world, policy='[policy]\nconfirmed = true\ninternal_domains = ["corp.example"]\n')
    ) as stack:
        counts = scan_everything(stack)
        assert counts["skipped:external-organizer"] > 10
        # A mailbox whose name is an address has a domain of its own, which is internal to it.
        assert all("@" in request["mailbox"] for request in answered(stack))


def test_a_live_run_has_to_be_confirmed_once(tmp_path: Path) -> None:
    with Stack(tmp_path, Plan(World(mailboxes=6, requests=4, responses=2, seed=4), policy=strict(""))) as stack:
        reported = rsvpq(stack, "scan", "--all")
        assert "live runs are not confirmed here" in reported.stderr
        until(lambda: _scans(lanes_of(stack)) == 6, "every mailbox was scanned")
        assert stack.exchange.ask("summary")["mutating"] == 0
        assert lanes_of(stack).snapshot.status().skipped["would-accept"] > 0

        reported = rsvpq(stack, "confirm", "--yes", "--reason", "looked at the dry run")
        assert (reported.returncode, reported.stderr) == (0, "")
        assert "answers cannot be recalled" in reported.stdout
        until(lambda: scan_everything(stack)["done:answered"] > 0, "requests are answered")
        (action,) = rsvpq(stack, "audit", "--event", "operator", "--format", "jsonl").stdout.splitlines()
        assert '"confirm"' in action
        assert "looked at the dry run" in action

        assert rsvpq(stack, "confirm", "--withdraw").returncode == 0
        assert lanes_of(stack).controls.confirmed() == ""


def test_a_scan_and_a_run_answer_no_more_than_their_caps(tmp_path: Path) -> None:
    caps = "confirmed = true\nmost_answers_per_scan = 2\nmost_answers_per_run = 7\n"
    with Stack(tmp_path, Plan(World(mailboxes=10, requests=6, responses=2, seed=4), policy=strict(caps))) as stack:
        counts = scan_everything(stack)
        first = answered(stack)
        assert counts["skipped:over-the-cap"] > 0
        assert len(first) == 7
        assert max(Counter(request["mailbox"] for request in first).values()) == 2
        scan_everything(stack)
        assert len(answered(stack)) == 14
