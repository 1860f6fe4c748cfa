"""Redis Sentinel: the primary is killed at work, and the work goes on by its successor: 0 lost, 0 twice."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from testbed.processes import until
from testbed.queue_server import ServerTls
from testbed.sentinel import SERVICE
from testbed.stack import Plan, Stack
from tests.support.certificates import Authority
from tests.support.running_stack import all_answered, busy_plan, require_answered_once, rsvpq


def by_plain_ports(directory: Path, request: pytest.FixtureRequest) -> Plan:  # noqa: ARG001 - as the other one
    return busy_plan(flower=True, sentinels=3)


def by_tls_with_client_certificates(directory: Path, request: pytest.FixtureRequest) -> Plan:
    ours = Authority(directory)
    binary: Path = request.getfixturevalue("tls_server_binary")
    tls = ServerTls(binary, ours.certificate("queue.example.com"), ours.file, requires_certificate=True)
    files = f'ca_bundle = "{ours.file}"\ncertificate = "{ours.certificate("rsvpq-host")}"\n'
    return busy_plan(flower=True, sentinels=3, redis_tls=tls, redis_settings=files)


@pytest.mark.parametrize("planned", [by_plain_ports, by_tls_with_client_certificates])
def test_after_a_failover_every_process_finds_the_new_primary_and_every_request_is_answered_once(
    tmp_path: Path, request: pytest.FixtureRequest, planned: Callable[[Path, pytest.FixtureRequest], Plan]
) -> None:
    with Stack(tmp_path, planned(tmp_path, request)) as stack:
        assert stack.group is not None
        triggered = rsvpq(stack, "scan", "--all")
        assert triggered.returncode == 0, triggered.stderr
        until(lambda: stack.exchange.ask("summary")["mutating"] >= 30, "the work has begun")
        first = stack.group.primary
        assert stack.group.fail_over(losing_s=0.3) is not first
        # What was not replicated may have been a scan.
        until(lambda: rsvpq(stack, "scan", "--all").returncode == 0, "a scan is triggered")
        until(lambda: all_answered(stack), "everything is answered and opened")
        require_answered_once(stack.exchange.ask("summary")["requests"])
        status = rsvpq(stack, "status")
        assert status.returncode == 0, status.stderr
        until(lambda: stack.ask_flower("/api/tasks"), "Flower has heard of the tasks")
        workers = until(lambda: _asked(stack), "Flower has asked the workers")
        options = [facts["stats"]["broker"]["transport_options"] for facts in workers.values()]
        assert {option["master_name"] for option in options} == {SERVICE}
        assert stack.secrets["redis"] not in str(workers)
        logs = "".join(log.read_text(errors="replace") for log in tmp_path.glob("*.log"))
        assert stack.secrets["redis"] not in logs
        lengths = stack.ask_flower("/api/queues/length")["active_queues"]
        assert {queue["messages"] for queue in lengths} == {0}


def _asked(stack: Stack) -> dict[str, Any]:
    """What Flower shows of the workers, once all have told it."""
    workers: dict[str, Any] = stack.ask_flower("/api/workers?refresh=1")
    return workers if len(workers) == 3 and all({"stats", "conf"} <= set(facts) for facts in workers.values()) else {}
