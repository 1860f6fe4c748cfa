"""A Redis Cluster is refused by everybody who starts, in words that say what to do."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.processes import WAIT_S
from testbed.queue_server import QueueServer
from tests.support.installation import Installation

REMEDY = "without cluster-enabled"
CELERY = [sys.executable, "-m", "celery", "-A"]
PROCESSES = {
    "dispatcher": [sys.executable, "-m", "producer.dispatcher"],
    "scan worker": [*CELERY, "producer.app", "worker", "-Q", "scan", "-P", "threads", "-c", "1"],
    "answer worker": [*CELERY, "workers.app", "worker", "-Q", "answer", "-P", "threads", "-c", "1"],
    "health": [sys.executable, "-m", "rsvpq.health", "dispatcher"],
    "metrics": [sys.executable, "-m", "rsvpq.metrics"],
    "console": [sys.executable, "-m", "rsvpq.console"],
    "status": Installation.command("status"),
    "scan": Installation.command("scan", "adele"),
    "pause": Installation.command("pause", "all"),
    "repair": Installation.command("repair"),
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueueServer]:
    """A cluster of one node that serves all slots."""
    server = QueueServer(tmp_path_factory.mktemp("cluster"), extra=["cluster-enabled yes"])
    try:
        with server.client() as client:
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        yield server
    finally:
        server.part.end()


def run(installation: Installation, command: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **installation.environment}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=WAIT_S)


@pytest.mark.parametrize("process", PROCESSES)
def test_whoever_starts_on_a_cluster_ends_as_with_wrong_settings(
    tmp_path: Path, cluster: QueueServer, process: str
) -> None:
    ended = run(Installation(tmp_path, cluster.url), PROCESSES[process])
    assert (ended.returncode, REMEDY in ended.stderr, "Traceback" in ended.stderr) == (2, True, False), ended.stderr


def test_the_doctor_says_so_and_looks_at_everything_else(tmp_path: Path, cluster: QueueServer) -> None:
    reported = run(Installation(tmp_path, cluster.url), Installation.command("doctor"))
    assert reported.returncode in (1, 3)
    assert REMEDY in reported.stdout
