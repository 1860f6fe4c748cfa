"""The dispatcher: what time has made due is released once, whoever asks, and also after Redis was away."""

import logging
import os
import signal
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from kombu.exceptions import OperationalError
from redis import Redis
from redis.exceptions import RedisError

from producer.dispatcher import Dispatcher, Plan
from producer.schedule import ScheduledScan
from rsvpq.health.register import register_of
from rsvpq.lanes import Ending, Lane, Lanes, Release
from rsvpq.lanes.limits import Limits, Rate
from rsvpq.mail.messages import Mailbox
from rsvpq.tasks import celery_app, contract
from rsvpq.timetable import Timetable
from testbed.processes import WAIT_S, Part, until
from testbed.queue_server import QueueServer, queue_server, server_binary
from tests.support.installation import Installation, queued
from tests.support.lanes_with_clock import Clock, hold, ledger, offer, released

#: A period so long that none begins during a test.
LONG_S = 1e9


class Sink:
    """Where releases and triggers go instead of to Celery."""

    def __init__(self) -> None:
        self.releases: list[Release] = []
        self.groups: list[str | None] = []

    def publish(self, releases: Iterable[Release]) -> None:
        """Keep released items."""
        self.releases += releases

    def trigger(self, group: str | None) -> None:
        """Keep triggers."""
        self.groups.append(group)

    @property
    def ids(self) -> list[str]:
        """What was released."""
        return [release.id for release in self.releases]


@pytest.fixture
def sink() -> Sink:
    return Sink()


def dispatcher_of(lanes: Lanes, sink: Sink, schedules: Sequence[ScheduledScan] = ()) -> Dispatcher:
    # On lanes whose clock is turned, that much time has passed.
    return Dispatcher(
        lanes,
        sink.publish,
        sink.trigger,
        Plan(schedules, partial(give_limits, lanes)),
        steady=lambda: lanes.time_us() / 1e6,
    )


def give_limits(lanes: Lanes) -> None:
    """What the settings would say: hardly a limit."""
    lanes.controls.configure(
        servers={"mail1": Limits(Rate(100_000), 100_000, 100_000)},
        mailbox=Limits(Rate(1000), 10, 10),
        pools={"answer": 100_000},
        release_lease_s=60,
        run_lease_s=180,
        attempts=3,
    )


@contextmanager
def running(*dispatchers: Dispatcher) -> Iterator[None]:
    """Dispatchers at work in threads; told to end, each begins no further round."""
    stop = threading.Event()
    threads = [threading.Thread(target=dispatcher.run, args=(stop,)) for dispatcher in dispatchers]
    for thread in threads:
        thread.start()
    try:
        yield
        assert all(thread.is_alive() for thread in threads), "a dispatcher has died"
    finally:
        stop.set()
        rounds = [dispatcher.rounds for dispatcher in dispatchers]
        for thread in threads:
            thread.join(WAIT_S)
    assert not any(thread.is_alive() for thread in threads)
    # One may have been about to begin when it was told to.
    assert all(dispatcher.rounds <= begun + 1 for dispatcher, begun in zip(dispatchers, rounds, strict=True))


def test_what_has_become_due_is_released_and_published(lanes: Lanes, clock: Clock, sink: Sink) -> None:
    dispatcher = dispatcher_of(lanes, sink)
    hold(lanes, "mailbox", 30, item="a")
    assert not dispatcher.release()
    assert sink.ids == []
    clock.turn(31)
    dispatcher.release()
    assert sink.ids == ["a"]


def test_an_item_that_waits_for_another_attempt_is_released_when_its_delay_ends(
    lanes: Lanes, clock: Clock, sink: Sink
) -> None:
    release = released(lanes, "a")
    lanes.ledger.start("a", release.generation, "worker")
    lanes.ledger.finish("a", release.generation, "worker", Ending("later", label="later", delay_s=30))
    dispatcher = dispatcher_of(lanes, sink)
    clock.turn(29)
    dispatcher.release()
    assert sink.ids == []
    clock.turn(2)
    dispatcher.release()
    assert [(release.id, release.generation) for release in sink.releases] == [("a", 2)]


def test_an_item_whose_lease_has_ended_is_taken_back_and_released_again(lanes: Lanes, clock: Clock, sink: Sink) -> None:
    released(lanes, "a")
    dispatcher = dispatcher_of(lanes, sink)
    clock.turn(61)
    dispatcher.sweep()
    dispatcher.release()
    assert [(release.id, release.generation) for release in sink.releases] == [("a", 2)]


def test_a_worker_that_is_lost_on_the_last_attempt_leaves_a_dead_item(lanes: Lanes, clock: Clock, sink: Sink) -> None:
    dispatcher = dispatcher_of(lanes, sink)
    offer(lanes, "a")
    for _ in range(3):
        dispatcher.release()
        lanes.ledger.start("a", sink.releases[-1].generation, "worker")
        clock.turn(181)
        dispatcher.sweep()
    assert ledger(lanes, "a")["state"] == "dead"


def test_a_full_release_says_that_there_may_be_more(redis: Redis, clock: Clock, sink: Sink) -> None:
    lanes = wide_lanes(redis, clock.now_us)
    offer_many(lanes, 150)
    dispatcher = dispatcher_of(lanes, sink)
    assert [dispatcher.release() for _ in range(3)] == [True, False, False]
    assert len(set(sink.ids)) == 150


def wide_lanes(redis: Redis, now_us: Callable[[], int] | None = None) -> Lanes:
    """Lanes that let everything go at once."""
    lanes = Lanes(redis, "test", now_us=now_us)
    give_limits(lanes)
    return lanes


def offer_many(lanes: Lanes, number: int) -> None:
    """Offer an item in each of so many mailboxes."""
    for index in range(number):
        offer(lanes, f"item-{index}", mailbox=f"mailbox-{index}")


def test_two_dispatchers_release_nothing_twice(redis: Redis) -> None:
    sinks = Sink(), Sink()
    pair = [dispatcher_of(wide_lanes(redis), sink) for sink in sinks]
    with running(*pair):
        offer_many(wide_lanes(redis), 400)
        until(lambda: len(sinks[0].ids) + len(sinks[1].ids) >= 400, "everything is released")
    counts = Counter(sinks[0].ids + sinks[1].ids)
    assert len(counts) == 400
    assert set(counts.values()) == {1}


def test_a_dispatcher_reports_that_it_is_alive(lanes: Lanes, sink: Sink) -> None:
    with running(dispatcher_of(lanes, sink)):
        register = register_of(lanes, "dispatcher")
        until(register.alive, "it reports")
    assert register.alive() == [os.getpid()]
    assert 0 < lanes.namespace.redis.ttl(lanes.namespace.key("alive", "dispatcher", socket.gethostname())) <= 15


def test_a_scheduled_scan_is_triggered(lanes: Lanes, sink: Sink) -> None:
    schedules = [ScheduledScan(Timetable(LONG_S), None), ScheduledScan(Timetable(LONG_S), "sales")]
    with running(dispatcher_of(lanes, sink, schedules), dispatcher_of(lanes, sink, schedules)):
        until(lambda: len(sink.groups) >= 2, "both are triggered")
        until(register_of(lanes, "dispatcher").alive, "a sweep has ended")
    assert Counter(sink.groups) == {None: 1, "sales": 1}


def test_a_trigger_that_cannot_be_sent_does_not_end_the_dispatcher(lanes: Lanes, sink: Sink) -> None:
    triggers: list[str | None] = []

    def trigger(group: str | None) -> None:
        triggers.append(group)
        raise OperationalError("the broker is away")

    dispatcher = Dispatcher(
        lanes, sink.publish, trigger, Plan([ScheduledScan(Timetable(LONG_S), "sales")], partial(give_limits, lanes))
    )
    with running(dispatcher):
        until(lambda: triggers, "it tries to trigger")
        offer(lanes, "a")
        until(lambda: sink.ids, "it releases all the same")


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[QueueServer]:
    """A queue server that a test may stop and start."""
    with queue_server(tmp_path, persist=True) as server:
        yield server


def started_again(directory: Path) -> Part:
    """The same server anew, with its data."""
    command = [server_binary(), str(directory / "queue-server.conf")]
    return Part("queue server", command, log=directory / "queue-server.log", env={})


def test_redis_may_be_away_for_a_moment(own_server: QueueServer, tmp_path: Path, sink: Sink) -> None:
    with own_server.client() as client:
        lanes = wide_lanes(client)
        with running(dispatcher_of(lanes, sink)):
            offer(lanes, "before")
            until(lambda: sink.ids == ["before"], "it is at work")
            own_server.part.end()
            until(lambda: not server_answers(own_server), "the queue server is away")
            again = started_again(tmp_path)
            try:
                again.wait_for(lambda: server_answers(own_server), "the queue server is back")
                with own_server.client() as other:
                    offer(wide_lanes(other), "after", mailbox="bruno")
                until(lambda: sink.ids == ["before", "after"], "it goes on by itself")
            finally:
                again.end()


def server_answers(server: QueueServer) -> bool:
    """Whether it can be asked."""
    try:
        with server.client() as client:
            return bool(client.ping())
    except RedisError:
        return False


@pytest.mark.parametrize("names", ["a", "ab"])
def test_what_cannot_be_published_is_logged_and_left_to_the_lease(
    own_server: QueueServer, caplog: pytest.LogCaptureFixture, names: str
) -> None:
    app = celery_app.make_celery("test", own_server.url, namespace="rsvpq")
    payload = {"kind": "request", "subject": "x"}
    releases = [Release(name, 1, contract.ANSWER_REQUEST, "adele", "mail1", payload) for name in names]
    celery_app.publish(app, releases)
    with own_server.client() as client:
        assert {message["id"] for message in queued(client, "answer")} == set(names)
    own_server.part.end()
    with caplog.at_level(logging.WARNING):
        celery_app.publish(app, releases)
    assert f"event=publish-uncertain items={len(names)}" in caplog.text


def test_limits_that_were_changed_come_into_force_at_the_start(lanes: Lanes, sink: Sink) -> None:
    server = f"{lanes.namespace.prefix}:server:mail1"
    assert lanes.namespace.redis.hget(server, "concurrency") == "4"
    with running(dispatcher_of(lanes, sink)):
        until(lambda: lanes.namespace.redis.hget(server, "concurrency") == "100000", "the new limits are in force")


def test_without_limits_nothing_is_released(redis: Redis) -> None:
    lanes = Lanes(redis, "test")
    offer(lanes, "a")
    assert not lanes.controls.configured()
    assert lanes.ledger.release() == ()
    give_limits(lanes)
    assert lanes.controls.configured()
    assert [release.id for release in lanes.ledger.release()] == ["a"]


@pytest.mark.parametrize("paused_since", [False, True])
def test_limits_that_redis_has_lost_come_back_by_themselves(lanes: Lanes, sink: Sink, paused_since: bool) -> None:
    before = lanes.namespace.redis.hgetall(f"{lanes.namespace.prefix}:cfg")
    give_limits(lanes)
    wanted = lanes.namespace.redis.hgetall(f"{lanes.namespace.prefix}:cfg")
    assert wanted != before
    with running(dispatcher_of(lanes, sink)):
        lanes.namespace.redis.flushall()  # ours: this very server was started by these tests
        if paused_since:
            lanes.controls.pause("all", reason="x")
            wanted["paused"] = "x"
        offer(lanes, "a")
        until(lanes.controls.configured, "the limits are back")
        assert lanes.namespace.redis.hgetall(f"{lanes.namespace.prefix}:cfg").items() >= wanted.items()
        lanes.controls.resume("all")
        until(lambda: sink.ids, "it goes on with them")
    assert sink.ids == ["a"]


# -- as a process --------------------------------------------------------------------------------------------------


@pytest.fixture
def process(installation: Installation) -> Iterator[Part]:
    """A dispatcher with a schedule, at work."""
    installation.write('[[schedule]]\nevery = "10000h"\ngroup = "legal"\n')
    part = installation.dispatcher()
    try:
        lanes = installation.lanes()
        part.wait_for(register_of(lanes, "dispatcher").alive, "the dispatcher reports")
        yield part
    finally:
        part.end()


def test_a_process_brings_the_configured_limits_back_after_redis_lost_everything(
    process: Part, installation: Installation, redis: Redis
) -> None:
    lanes = installation.lanes()
    wanted = {key: redis.hgetall(key) for key in ("{rsvpq}:cfg", "{rsvpq}:pools", "{rsvpq}:server:mail1")}
    redis.flushall()  # ours: this very server was started by these tests
    process.wait_for(lanes.controls.configured, "the limits are back")
    assert {key: redis.hgetall(key) for key in wanted} == wanted
    assert "event=limits-lost" in process.tail(100)


def test_the_process_releases_triggers_and_ends_on_a_signal(
    process: Part, installation: Installation, redis: Redis
) -> None:
    lanes = installation.lanes()
    lanes.ledger.offer(Lane("adele", "mail1"), [contract.scan_item(Mailbox("adele", "mail1"), "run")])
    process.wait_for(lambda: queued(redis, "scan")[1:], "it publishes")
    assert sorted(message["task"] for message in queued(redis, "scan")) == [contract.SCAN, contract.SCAN_MAILBOX]
    process.signal(signal.SIGTERM)
    assert process.process.wait(WAIT_S) == 0
    assert "Traceback" not in process.tail(100)


def test_scheduled_scans_do_not_pile_up_while_no_worker_takes_any(installation: Installation, redis: Redis) -> None:
    """After a weekend they would be thousands, and each scan would wait behind them."""
    installation.write('[[schedule]]\nevery = "1s"\n\n[[schedule]]\nevery = "1s"\ngroup = "legal"\n')
    part = installation.dispatcher()
    try:
        part.wait_for(lambda: "event=scan-waits group=legal" in part.tail(100), "a second one is due")
        part.wait_for(lambda: "event=scan-waits group=(all)" in part.tail(100), "a second one is due")
        assert [message["task"] for message in queued(redis, "scan")] == [contract.SCAN] * 2
    finally:
        part.end()
