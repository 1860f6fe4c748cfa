"""What a real worker says to Redis about its tasks: every event that Flower wants, and little else."""

import base64
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from rsvpq.lanes import Release
from rsvpq.tasks import celery_app, contract
from rsvpq.tasks.events import INTERVAL_S, MOST_AT_ONCE
from rsvpq.wiring import apps
from testbed.fork_server import fork_server, python_part
from testbed.processes import Part, until
from testbed.queue_server import QueueServer, queue_server
from tests.support.installation import Installation

#: What Celery tells of a task that ran.
EVENTS = ("task-received", "task-started", "task-succeeded")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[QueueServer]:
    """A queue server of this test alone, since events go to whoever listens."""
    with queue_server(tmp_path) as server:
        yield server


@pytest.fixture
def installation(server: QueueServer, tmp_path: Path) -> Installation:
    """An installation on that server."""
    return Installation(tmp_path, server.url)


@pytest.fixture
def worker(installation: Installation) -> Iterator[Part]:
    """A worker for answers."""
    command = ["-m", "celery", "-A", "workers.app", "worker", "-Q", "answer", "-P", "threads", "-c", "4", "-l", "info"]
    log, env = installation.directory / "answer.log", {"RSVPQ_CONFIG": str(installation.config)}
    part = python_part("answer", command, forks=fork_server(), log=log, env=env)
    try:
        part.wait_for(lambda: " ready." in part.tail(100), "the worker is ready")
        yield part
    finally:
        part.end()


def releases_of(ids: Sequence[str]) -> list[Release]:
    """Releases that the ledger does not know, so that each task ends at once."""
    payload = {"kind": "request", "subject": "x"}
    return [Release(item, 1, contract.ANSWER_REQUEST, "adele", "mail1", payload) for item in ids]


def test_every_event_of_every_task_is_heard_in_few_messages(
    server: QueueServer, installation: Installation, worker: Part
) -> None:
    ids = [f"item-{number}" for number in range(100)]
    heard: Counter[tuple[str, str]] = Counter()
    messages, moments = 0, list[float]()
    with server.client() as client, client.pubsub() as channels:
        channels.psubscribe("*celeryev/task*")
        until(lambda: channels.get_message(timeout=0.1), "we listen")
        celery_app.publish(apps.make_app(installation.settings, "test"), releases_of(ids))

        def all_heard() -> bool:
            nonlocal messages
            events = events_in(channels.get_message(timeout=0.1))
            messages += bool(events)
            heard.update((event["uuid"], event["type"]) for event in events)
            moments.extend(event["timestamp"] for event in events)
            worker.check()
            return len(heard) == len(ids) * len(EVENTS)

        until(all_heard, "every event")
    assert heard == Counter((item, event) for item in ids for event in EVENTS)
    # One for each interval that the work took, for each batch that was full, for the cut intervals at both ends, and
    # for what a heartbeat takes with it.
    full, spans = len(heard) / MOST_AT_ONCE, (max(moments) - min(moments)) / INTERVAL_S
    assert messages <= 5 + full + 1.2 * spans


def test_what_a_worker_takes_is_not_written_down_again(
    server: QueueServer, installation: Installation, worker: Part
) -> None:
    ids = [f"item-{number}" for number in range(50)]
    with server.client() as client:
        celery_app.publish(apps.make_app(installation.settings, "test"), releases_of(ids))
        worker.wait_for(lambda: worker.tail(1000).count(" succeeded in ") == len(ids), "all tasks are done")
        # The transport's bookkeeping is one transaction when a message is taken, and one when it is acknowledged.
        transactions = client.info("commandstats").get("cmdstat_multi", {"calls": 0})["calls"]
    assert transactions < len(ids)


def events_in(message: Any) -> list[dict[str, Any]]:
    """The events of what a subscriber got."""
    if message is None or message["type"] != "pmessage":
        return []
    events: list[dict[str, Any]] = json.loads(base64.b64decode(json.loads(message["data"])["body"]))
    return events
