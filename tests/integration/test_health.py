"""A process that is alive and no longer works is noticed and started again; one that is only busy or waits is not."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from redis import Redis

from rsvpq.health.register import register_of
from rsvpq.health.watchdog import LOOKS, STALLED
from rsvpq.mail.messages import ItemRef, Kind, Mailbox, MeetingMessage
from rsvpq.tasks import celery_app, contract
from testbed.fork_server import fork_server, python_part
from testbed.processes import WAIT_S, Part, free_port, until
from testbed.queue_server import QueueServer
from tests.support.forked_command import run_forked
from tests.support.installation import Installation
from tests.support.redis_proxy import RedisProxy, redis_proxy
from tests.support.supervisor import Notices, supervised

#: Short, so that a test need not wait; a look every 100 ms.
STALLED_AFTER = '[health]\nstalled_after = "1200ms"\n'


@pytest.fixture
def proxy(shared_queue_server: QueueServer) -> Iterator[RedisProxy]:
    with redis_proxy(shared_queue_server.port) as opened:
        yield opened


@pytest.fixture
def through_proxy(installation: Installation, proxy: RedisProxy) -> Installation:
    """The installation, whose processes reach Redis through the proxy."""
    installation.redis_url = proxy.url
    installation.write(STALLED_AFTER)
    return installation


@pytest.fixture
def notices(tmp_path: Path) -> Iterator[Notices]:
    listening = Notices(tmp_path)
    yield listening
    listening.close()


@pytest.fixture
def app(installation: Installation) -> Iterator[Celery]:
    """Who sends tasks and commands to the workers."""
    installation.write(STALLED_AFTER)
    made = celery_app.make_celery("test", installation.redis_url, namespace="rsvpq")
    yield made
    made.close()


def start(installation: Installation, arguments: list[str], notices: Notices, **environment: str) -> Part:
    given = {"RSVPQ_CONFIG": str(installation.config), "PYTHONUNBUFFERED": "1", "NOTIFY_SOCKET": notices.address}
    log, env = installation.directory / "part.log", {**given, **environment}
    return python_part("part", ["-m", *arguments], forks=fork_server(), log=log, env=env)


def start_worker(
    installation: Installation, notices: Notices, threads: int = 2, app: str = "workers.app", **environment: str
) -> Part:
    """A worker of answers, ready."""
    options = ["-Q", "answer", "-n", "answer@%h", "-P", "threads", "-c", str(threads), "-l", "info"]
    command = ["celery", "-A", app, "worker", *options, "--without-gossip", "--without-mingle"]
    part = start(installation, command, notices, **environment)
    before = notices.heard().count("READY=1")
    part.wait_for(lambda: notices.heard().count("READY=1") > before, "the worker is ready")
    return part


def send(app: Celery, number: int) -> None:
    """So many deliveries of items that the ledger does not know: nothing is done for them."""
    with app.connection_for_write() as connection:
        for index in range(number):
            app.send_task(
                contract.ANSWER_REQUEST, kwargs={"generation": 1}, task_id=f"unknown-{index}", connection=connection
            )


def deafen(app: Celery) -> None:
    """Cancel the queue of the worker; a command that comes before it listens for commands is lost, and given again."""
    until(lambda: app.control.cancel_consumer("answer", reply=True, timeout=2), "the worker is deaf")


def waiting(redis: Redis) -> int:
    client: Any = redis
    return int(client.llen("rsvpq:answer"))


# -- workers -------------------------------------------------------------------------------------------------------


def test_a_worker_that_is_deaf_ends_and_its_successor_does_the_work(
    installation: Installation, app: Celery, redis: Redis, notices: Notices
) -> None:
    with supervised(lambda: start_worker(installation, notices)) as supervisor:
        deafen(app)
        deaf = supervisor.part
        notices.hear(2 * LOOKS, deaf)  # with nothing to do, that does no harm
        send(app, 3)
        assert supervisor.next_exit("the deaf worker ends") == STALLED
        assert "event=stalled reason='3 messages wait, 2 of 2 threads are free, none was received" in deaf.tail(100)
        assert "asynloop" in deaf.tail(100)  # the stack of its main thread
        until(lambda: not waiting(redis), "its successor takes the messages")
        notices.hear(2 * LOOKS, supervisor.part)


def test_a_worker_that_is_deaf_is_not_healthy_and_systemd_hears_nothing(
    installation: Installation, app: Celery, notices: Notices
) -> None:
    installation.write('[health]\nstalled_after = "6000s"\n')  # so that it does not end meanwhile
    part = start_worker(installation, notices)
    try:
        assert health(installation, "worker").stdout == f"worker: process {part.pid}\n"
        assert notices.heard() == ["WATCHDOG=1", "READY=1"]
    finally:
        part.end()
    installation.write('[health]\nstalled_after = "12s"\n')
    part = start_worker(installation, notices)
    try:
        deafen(app)
        send(app, 1)
        register = register_of(installation.lanes(), "worker")
        part.wait_for(lambda: not register.alive(), "its last report is no longer believed")
        heard = len(notices.heard())
        assert health(installation, "worker").returncode == 1
        assert len(notices.heard()) == heard
    finally:
        part.end()


def test_a_worker_that_is_fed_faster_than_it_works_is_not_ended(
    installation: Installation, app: Celery, redis: Redis, notices: Notices
) -> None:
    send(app, 8000)
    part = start_worker(installation, notices)
    try:
        notices.hear(2 * LOOKS, part)
        assert waiting(redis), "it was to have more than it can do in that time"
        redis.ltrim("rsvpq:answer", 0, 99)
        part.wait_for(lambda: not waiting(redis), "it has taken everything")
    finally:
        part.end()


@pytest.fixture
def silent_server() -> Iterator[socket.socket]:
    """A mail server that lets everybody in and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def start_busy_worker(installation: Installation, notices: Notices, silent_server: socket.socket, threads: int) -> Part:
    """A worker with one request under way, which takes as long as the silent server likes."""
    url = f"http://127.0.0.1:{silent_server.getsockname()[1]}/exchange/"
    part = start_worker(installation, notices, threads, RSVPQ_SERVERS__MAIL1__URL=url)
    lanes = installation.lanes()
    request = MeetingMessage(Kind.REQUEST, ItemRef("rid:1", ("/exchange/adele/Inbox/1.EML", "")))
    adele = Mailbox("adele", "mail1")
    item = contract.message_item(adele, request)
    offered = lanes.ledger.offer(contract.lane_of(adele), [item], release=1)
    app = celery_app.make_celery("test", installation.redis_url, namespace="rsvpq")
    celery_app.publish(app, offered.released)
    app.close()
    client = lanes.namespace.redis
    part.wait_for(lambda: client.hget(f"{{rsvpq}}:item:{item.id}", "state") == "running", "the request is under way")
    return part


def test_a_worker_whose_threads_are_all_busy_is_not_ended(
    installation: Installation, app: Celery, redis: Redis, notices: Notices, silent_server: socket.socket
) -> None:
    part = start_busy_worker(installation, notices, silent_server, threads=1)
    try:
        send(app, 5)
        notices.hear(2 * LOOKS, part)
        assert waiting(redis)
    finally:
        silent_server.close()
        part.end()


def test_a_worker_that_is_to_end_may_finish_what_it_does(
    installation: Installation, app: Celery, redis: Redis, notices: Notices, silent_server: socket.socket
) -> None:
    part = start_busy_worker(installation, notices, silent_server, threads=2)
    try:
        os.kill(part.pid, signal.SIGTERM)
        part.wait_for(lambda: "Warm shutdown" in part.tail(), "it is told to end")
        send(app, 5)
        notices.hear(2 * LOOKS, part)
        assert waiting(redis)
    finally:
        silent_server.close()
        assert part.process.wait(WAIT_S) == 0


@pytest.mark.parametrize("away", ["refuses", "is silent"])
def test_a_worker_whose_redis_is_away_is_not_ended(
    through_proxy: Installation, proxy: RedisProxy, notices: Notices, away: str
) -> None:
    part = start_worker(through_proxy, notices)
    try:
        proxy.close() if away == "refuses" else proxy.keep_silent()
        if away == "refuses":
            notices.hear(2 * LOOKS, part)
            proxy.open()
        else:
            notices.hear(2, part)  # each look waits for its socket's timeout
            proxy.speak()
        behind_proxy = Redis.from_url(proxy.url)
        until(behind_proxy.ping, "Redis is back")
        behind_proxy.close()
        notices.hear(2 * LOOKS, part)
    finally:
        part.end()


def test_a_worker_that_celery_gives_up_ends_by_itself(
    installation: Installation, app: Celery, redis: Redis, notices: Notices
) -> None:
    breaking = "tests.support.worker_with_failing_consumer"
    with supervised(lambda: start_worker(installation, notices, app=breaking)) as supervisor:
        app.send_task(contract.ANSWER_REQUEST, kwargs={"generation": 1}, task_id="break")
        given_up = supervisor.part
        assert supervisor.next_exit("the worker ends") == 1
        assert "CRITICAL/MainProcess] Unrecoverable error" in given_up.tail(100)
        send(app, 3)
        until(lambda: not waiting(redis), "its successor takes the messages")


# -- dispatchers ---------------------------------------------------------------------------------------------------


def test_a_dispatcher_that_hangs_ends_and_its_successor_does_the_work(
    through_proxy: Installation, proxy: RedisProxy, redis: Redis, notices: Notices
) -> None:
    with supervised(lambda: start(through_proxy, ["producer.dispatcher"], notices)) as supervisor:
        notices.hear(2 * LOOKS, supervisor.part)
        assert notices.heard()[0] == "READY=1"
        hanging = supervisor.part
        proxy.keep_silent()
        assert supervisor.next_exit("the dispatcher that hangs ends") == STALLED
        assert "event=stalled reason='round " in hanging.tail(100)
        assert "self.lanes.ledger.release()" in hanging.tail(100)  # where it hung
        proxy.speak()
        redis.delete(through_proxy.lanes().namespace.key("alive", "dispatcher", socket.gethostname()))
        supervisor.part.wait_for(
            lambda: register_of(through_proxy.lanes(), "dispatcher").alive(), "its successor reports"
        )


def test_a_dispatcher_whose_redis_refuses_is_not_ended(
    through_proxy: Installation, proxy: RedisProxy, notices: Notices
) -> None:
    through_proxy.write('[health]\nstalled_after = "6s"\n')  # a round lasts a second while Redis is away
    part = start(through_proxy, ["producer.dispatcher"], notices)
    try:
        register = register_of(through_proxy.lanes(), "dispatcher")
        part.wait_for(register.alive, "it reports")
        proxy.close()
        notices.hear(6, part)
        proxy.open()
        notices.hear(LOOKS, part)
    finally:
        part.end()


# -- the health check ----------------------------------------------------------------------------------------------


def health(installation: Installation, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_forked(["-m", "rsvpq.health", *arguments], installation.environment)


@pytest.mark.parametrize("role", ["worker", "dispatcher"])
def test_the_health_check_believes_a_report_as_long_as_it_lasts(installation: Installation, role: str) -> None:
    register = register_of(installation.lanes(), role)  # type: ignore[arg-type]
    register.report(3600)
    other = "dispatcher" if role == "worker" else "worker"
    assert (health(installation, role).returncode, health(installation, other).returncode) == (0, 1)
    register.report(0.001)
    until(lambda: not register.alive(), "the report is no longer believed")
    checked = health(installation, role)
    assert (checked.returncode, checked.stderr) == (1, f"no {role} on this host has reported progress lately\n")


def test_the_health_check_says_when_redis_cannot_be_asked(installation: Installation) -> None:
    installation.redis_url = f"redis://127.0.0.1:{free_port()}/0"
    installation.write()
    checked = health(installation, "worker")
    assert checked.returncode == 1
    assert checked.stderr.startswith("cannot query Redis: ")


def test_the_health_check_says_what_is_wrong_with_the_settings(installation: Installation) -> None:
    installation.write("[health]\nstalled_after = 60\n")
    checked = health(installation, "worker")
    assert checked.returncode == 2
    assert "health.stalled_after: " in checked.stderr
    assert health(installation, "flower").returncode == 2


def test_what_no_process_has_reported_is_no_process_and_goes(installation: Installation) -> None:
    lanes = installation.lanes()
    register, key = register_of(lanes, "worker"), lanes.namespace.key("alive", "worker", socket.gethostname())
    lanes.namespace.redis.zadd(key, {"nobody": "inf", "1": "inf"})
    register.report(60)
    assert register.alive() == [os.getpid()]
    lanes.namespace.redis.zadd(key, {"nobody": "inf"})
    assert register.alive() == [os.getpid()]
