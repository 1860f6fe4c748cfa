"""The baseline of the chaos table is a fair one: it does the job, and survives what Celery says that it survives."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from testbed.processes import until
from testbed.simulated_exchange import World
from testbed.stack import Plan
from tests.chaos.installation import Installation
from tests.chaos.plain import PlainStack

pytestmark = pytest.mark.slow

_PLAN = Plan(
    World(mailboxes=6, requests=5, responses=0, servers=2, seed=3, latency_ms=2), answer_threads=4, scan_threads=4
)


@contextmanager
def plain(directory: Path, **options: int) -> Iterator[PlainStack]:
    with PlainStack(directory, _PLAN, **options) as stack:
        yield stack


def requests(installation: Installation) -> dict[str, Any]:
    """What the oracle says of all requests."""
    found: dict[str, Any] = installation.exchange.ask("summary")["requests"]
    return found


def finished(installation: Installation) -> bool:
    """Whether the oracle has seen every request answered, and the installation knows it."""
    reported = requests(installation)
    return not reported["waiting"] + reported["accepted_unsent"] and installation.unfinished() == 0


def finished_or_scan(installation: Installation) -> bool:
    """As :func:`finished`; where it is not, ask for another scan."""
    done = finished(installation)
    if not done:
        installation.trigger()
    return done


def wait_until_finished(installation: Installation) -> None:
    until(lambda: finished(installation), "every request is answered", every_s=0.1)
    reported = requests(installation)
    assert reported["answered_once"] == reported["seeded"] > 20
    assert reported["answered_twice"] == 0


def scan(stack: PlainStack) -> None:
    """Trigger a scan, and wait until every Inbox was searched once more."""
    searches = _searches(stack) + _PLAN.world.mailboxes
    stack.trigger()
    until(lambda: _searches(stack) == searches, "every mailbox was scanned")


def _searches(stack: PlainStack) -> int:
    count: int = stack.exchange.ask("summary")["requests_by_verb"].get("SEARCH", 0)
    return count


def test_without_faults_nothing_is_lost_and_nothing_is_answered_twice_however_often_it_is_scanned(
    tmp_path: Path,
) -> None:
    with plain(tmp_path, seen_s=1) as stack:
        for _ in range(3):
            scan(stack)
            wait_until_finished(stack)
        assert stack.absorbed() == stack.given_up() == {}


def test_a_request_that_waits_is_enqueued_once_however_often_it_is_scanned(tmp_path: Path) -> None:
    with plain(tmp_path) as stack:
        stack.kill("answer-0")
        queue: Any = stack.queue_server.client()
        for _ in range(2):
            scan(stack)
            until(lambda: queue.llen("scan") + queue.hlen("unacked") == 0, "the scan has ended")
        assert queue.llen("answer") == stack.unfinished() == requests(stack)["seeded"]
        queue.close()


def test_what_a_killed_worker_was_at_is_delivered_again_and_answered_once(tmp_path: Path) -> None:
    with plain(tmp_path, visibility_timeout_s=3, seen_s=2) as stack:
        stack.exchange.have_faults([{"step": step, "kind": "hang-after", "times": 1} for step in ("accept", "submit")])
        stack.trigger()
        until(lambda: all(fault["injected"] for fault in stack.exchange.faults()), "a worker hangs after each step")
        stack.kill("answer-0")
        stack.restart("answer-0")
        until(lambda: stack.absorbed().get("redelivered"), "something is delivered again")
        # The death may also have lost the message that was being taken from the queue; that one needs another scan.
        until(lambda: finished_or_scan(stack), "every request is answered", every_s=2)
        assert requests(stack)["answered_twice"] == 0


def test_what_the_queue_has_lost_is_unfinished_until_a_scan_finds_it_again(tmp_path: Path) -> None:
    with plain(tmp_path, seen_s=2) as stack:
        stack.kill("answer-0")
        stack.trigger()
        queue = stack.queue_server.client()
        until(lambda: queue.llen("answer") == requests(stack)["seeded"], "every request is enqueued")
        # A worker that is killed right after BRPOP has taken the message away, and noted nowhere that it did.
        assert queue.rpop("answer")
        stack.restart("answer-0")
        until(lambda: requests(stack)["waiting"] == stack.unfinished() == 1, "all but the lost one are answered")
        until(lambda: not any(queue.scan_iter("plain:seen:*")), "the seen keys have ended")
        stack.trigger()
        wait_until_finished(stack)
        queue.close()


def test_what_cannot_be_answered_is_given_up_and_counted(tmp_path: Path) -> None:
    with plain(tmp_path, max_retries=1) as stack:
        stack.exchange.have_faults([{"step": "accept", "kind": "500-before"}])
        stack.trigger()
        seeded = requests(stack)["seeded"]
        until(lambda: stack.given_up() == {"BadStatus": seeded}, "every request is given up")
        until(lambda: stack.unfinished() == 0, "nothing waits")
        reported = requests(stack)
        assert reported["waiting"] + reported["outdated"] == seeded
