"""What a look at a worker's queues finds, with messages that Celery has put there."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from celery import Celery
from celery.worker import state
from redis import Redis

from rsvpq.health.worker import Consumption
from rsvpq.tasks import celery_app, contract
from testbed.queue_server import QueueServer


class Busy:
    """A request in the hands of a thread."""


@pytest.fixture
def app(shared_queue_server: QueueServer) -> Iterator[Celery]:
    made = celery_app.make_celery("test", shared_queue_server.url, namespace="rsvpq")
    yield made
    made.close()


@pytest.fixture
def consumption(redis: Redis) -> Consumption:
    """Of a worker with two threads."""
    return Consumption(redis, celery_app.queue_keys("rsvpq", ["answer"]), SimpleNamespace(num_processes=2))


@pytest.mark.parametrize("priority", [None, 0, 3, 5, 9])
def test_messages_that_wait_are_found_whatever_their_priority(
    app: Celery, consumption: Consumption, priority: int | None
) -> None:
    assert consumption.stall_reason() == ""
    app.send_task(contract.ANSWER_REQUEST, kwargs={"generation": 1}, priority=priority)
    expected = "1 messages wait, 2 of 2 threads are free, none was received"
    assert [consumption.stall_reason(), consumption.stall_reason()] == [expected, expected]


def test_the_messages_of_another_queue_are_not_its_own(app: Celery, consumption: Consumption) -> None:
    app.send_task(contract.SCAN)
    assert consumption.stall_reason() == ""


def test_a_message_received_since_the_last_look_is_progress(app: Celery, consumption: Consumption) -> None:
    app.send_task(contract.ANSWER_REQUEST, kwargs={"generation": 1})
    consumption.note()
    assert consumption.stall_reason() == ""
    assert consumption.stall_reason() != ""


def test_without_a_free_thread_nothing_need_be_received(
    app: Celery, consumption: Consumption, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.send_task(contract.ANSWER_REQUEST, kwargs={"generation": 1})
    active: set[Busy] = {Busy(), Busy()}
    monkeypatch.setattr(state, "active_requests", active)
    assert consumption.stall_reason() == ""
    active.pop()
    assert "1 of 2 threads are free" in consumption.stall_reason()


@pytest.mark.parametrize("flag", ["should_stop", "should_terminate"])
def test_a_worker_that_is_to_end_need_receive_nothing(
    app: Celery, consumption: Consumption, monkeypatch: pytest.MonkeyPatch, flag: str
) -> None:
    app.send_task(contract.ANSWER_REQUEST, kwargs={"generation": 1})
    monkeypatch.setattr(state, flag, 0)  # an exit code
    assert consumption.stall_reason() == ""
