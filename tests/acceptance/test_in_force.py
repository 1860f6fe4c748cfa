"""What is in force: that a queue has lost its only worker is said wherever an operator looks."""

import json
import signal
from pathlib import Path

from testbed.processes import until
from testbed.simulated_exchange import World
from testbed.stack import Plan, Stack
from tests.support.running_stack import rsvpq, wait_until_answered

START = "celery -A producer.app worker -Q scan -n scan@%h -P threads -c 8"


def workers_by_status(stack: Stack) -> dict[str, int]:
    """The number of workers of each queue."""
    shown = json.loads(rsvpq(stack, "status", "--json").stdout)["in_force"]
    return {queue: len(workers) for queue, workers in shown["workers"].items()}


def test_the_death_of_the_only_scan_worker_is_reported_everywhere(tmp_path: Path) -> None:
    with Stack(tmp_path, Plan(World(mailboxes=4, requests=2, servers=1, seed=3), answer_workers=1)) as stack:
        until(lambda: workers_by_status(stack) == {"scan": 1, "answer": 1, "ops": 0}, "all workers have reported")
        triggered = rsvpq(stack, "scan", "--all")
        assert (triggered.returncode, triggered.stderr) == (0, "")
        wait_until_answered(stack)
        assert "workers: scan 1, answer 1, ops 0!; dispatchers: 1" in rsvpq(stack, "status").stdout

        part = stack.parts.pop("scan")
        part.signal(signal.SIGKILL)
        part.process.wait()
        until(lambda: workers_by_status(stack)["scan"] == 0, "its report ends")
        status = rsvpq(stack, "status").stdout.splitlines()
        assert "workers: scan 0!, answer 1, ops 0!; dispatchers: 1" in status
        assert f"NO WORKER TAKES FROM THE QUEUE SCAN; start one: {START}" in status
        doctor = rsvpq(stack, "doctor", "--json")
        checks = json.loads(doctor.stdout)["processes"]
        failed = [(one["check"], one["remedy"]) for one in checks if one["level"] == "FAIL"]
        assert failed == [("worker scan", f"start one: {START}")]
        assert doctor.returncode != 0
        triggered = rsvpq(stack, "scan", "--all")
        assert triggered.returncode == 0
        assert triggered.stderr == f"no worker takes from the queue scan; start one: {START}\n"
