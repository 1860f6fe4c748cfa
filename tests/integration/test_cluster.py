"""A Redis Cluster is refused by everybody who starts, in words that say what to do."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.processes import free_port
from testbed.queue_server import QueueServer
from tests.support.forked_command import run_forked
from tests.support.installation import Installation

REMEDY = "without cluster-enabled"
CELERY = ["-m", "celery", "-A"]
PROCESSES = {
    "dispatcher": ["-m", "producer.dispatcher"],
    "scan worker": [*CELERY, "producer.app", "worker", "-Q", "scan", "-P", "threads", "-c", "1"],
    "answer worker": [*CELERY, "workers.app", "worker", "-Q", "answer", "-P", "threads", "-c", "1"],
    "health": ["-m", "rsvpq.health", "dispatcher"],
    "metrics": ["-m", "rsvpq.metrics"],
    "console": ["-m", "rsvpq.console"],
    "status": ["rsvpq", "status"],
    "scan": ["rsvpq", "scan", "adele"],
    "pause": ["rsvpq", "pause", "all"],
    "repair": ["rsvpq", "repair"],
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueueServer]:
    """A cluster of one node that serves all slots."""
    server = QueueServer(
        tmp_path_factory.mktemp("cluster"), extra=["cluster-enabled yes", f"cluster-port {free_port()}"]
    )
    try:
        with server.client() as client:
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        yield server
    finally:
        server.part.end()


@pytest.mark.parametrize("process", PROCESSES)
def test_whoever_starts_on_a_cluster_ends_as_with_wrong_settings(
    tmp_path: Path, cluster: QueueServer, process: str
) -> None:
    ended = run_forked(PROCESSES[process], Installation(tmp_path, cluster.url).environment)
    assert (ended.returncode, REMEDY in ended.stderr, "Traceback" in ended.stderr) == (2, True, False), ended.stderr


def test_the_doctor_says_so_and_looks_at_everything_else(tmp_path: Path, cluster: QueueServer) -> None:
    reported = Installation(tmp_path, cluster.url).rsvpq("doctor")
    assert reported.returncode in (1, 3)
    assert REMEDY in reported.stdout
