"""The metrics: what a scrape of a real ledger has, and what it has while Redis is away."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
import requests
from prometheus_client import CollectorRegistry, generate_latest
from redis import Redis

from rsvpq.lanes import Ending, Item, Lanes, ScanTotals
from rsvpq.lanes.limits import Rate
from rsvpq.mail.messages import Mailbox
from rsvpq.metrics.collector import InstallationCollector
from rsvpq.metrics.reading import InstallationReader
from rsvpq.tasks import contract
from testbed.fork_server import fork_server, python_part
from testbed.processes import WAIT_S, Part, free_port, until
from testbed.queue_server import QueueServer
from tests.support.forked_command import run_forked
from tests.support.installation import Installation, report_processes
from tests.support.redis_proxy import redis_proxy
from tests.support.scrape import Scrape, scrape

ADELE = Mailbox("adele", "mail1")
#: The names of the tasks that carry items.
WORKS = ("answer_request", "open_response", "process_cancellation", "scan_mailbox")
#: What a scrape has while Redis cannot be read.
WITHOUT_REDIS = {"rsvpq_up", "rsvpq_redis_up", "rsvpq_scrape_seconds", "rsvpq_build_info"}
#: The default of Prometheus' scrape_timeout.
PROMETHEUS_WAITS_S = 10


@pytest.fixture
def lanes(installation: Installation) -> Lanes:
    """Lanes in which one mailbox was scanned."""
    known = installation.lanes()
    known.ledger.offer_scans([(contract.lane_of(ADELE), contract.scan_item(ADELE, "first"))])
    finish(known, "done", "done:scanned", totals=ScanTotals(9, 7, 0, {"over-the-cap": 7}))
    return known


@pytest.fixture
def ours(tmp_path: Path, server: QueueServer) -> Iterator[Installation]:
    """An installation whose queue server is this test's alone."""
    with closing(Installation(tmp_path, server.url)) as installation:
        yield installation


def offer(lanes: Lanes, *items: str, mailbox: Mailbox = ADELE) -> None:
    lanes.ledger.offer(
        contract.lane_of(mailbox),
        [Item(item, contract.ANSWER_REQUEST, contract.ANSWER_QUEUE, {"kind": "request"}) for item in items],
    )


def finish(lanes: Lanes, how: Literal["done", "dead", "left", "later", "throttled"], label: str, **more: Any) -> None:
    """Let the next item end, or wait."""
    (release,) = lanes.ledger.release()
    lanes.ledger.start(release.id, release.generation, "worker")
    lanes.ledger.finish(release.id, release.generation, "worker", Ending(how, label=label, reason=label, **more))


def of(installation: Installation) -> Scrape:
    return scrape(installation.settings)


# -- what is counted -----------------------------------------------------------------------------------------------


def test_items_are_counted_by_server_and_state(installation: Installation, lanes: Lanes) -> None:
    offer(lanes, "a1", "a2", "a3", "a4")
    finish(lanes, "dead", "dead:refused")
    finish(lanes, "throttled", "throttled", delay_s=3600)
    lanes.ledger.release()

    found = of(installation)

    states = {state: found.value("rsvpq_lane_items", server="mail1", state=state) for state in ("dead", "later")}
    assert states == {"dead": 1, "later": 1}
    assert found.value("rsvpq_lane_items", server="mail1", state="released") == 1
    assert found.value("rsvpq_lane_items", server="mail1", state="pending") == 1
    assert found.value("rsvpq_lane_items", server="mail2", state="pending") == 0


def test_outcomes_are_counted_by_their_labels(installation: Installation, lanes: Lanes) -> None:
    assert of(installation).value("rsvpq_answers_total", server="mail1", result="answered") == 0
    offer(lanes, "a1", "a2", "a3", "a4")
    finish(lanes, "done", "done:answered")
    finish(lanes, "done", "done:opened")
    finish(lanes, "dead", "dead:refused")
    finish(lanes, "throttled", "throttled", delay_s=3600)

    found = of(installation)

    assert found.value("rsvpq_answers_total", server="mail1", result="answered") == 1
    assert found.value("rsvpq_other_results_total", server="mail1", result="opened") == 1
    assert found.value("rsvpq_skipped", server="mail1", reason="over-the-cap") == 7
    failures = ("dead", "throttled", "later")
    counted = {kind: found.value("rsvpq_failures_total", server="mail1", **{"class": kind}) for kind in failures}
    assert counted == {"dead": 1, "throttled": 1, "later": 0}
    assert found.value("rsvpq_failures_total", server="mail2", **{"class": "dead"}) == 0


def test_the_lag_is_that_of_the_oldest_and_zero_where_nothing_waits(installation: Installation, lanes: Lanes) -> None:
    assert of(installation).value("rsvpq_lag_seconds", server="mail1", quantile="1") == 0
    offer(an_hour_ago(lanes), "a1")
    offer(lanes, *(f"b{number}" for number in range(30)))

    found = of(installation)

    assert 3600 <= (found.value("rsvpq_lag_seconds", server="mail1", quantile="1") or 0) < 3600 + WAIT_S
    assert (found.value("rsvpq_lag_seconds", server="mail1", quantile="0.95") or 0) < 3600
    assert found.value("rsvpq_lag_seconds", server="mail2", quantile="1") == 0


def test_scans_have_ages_and_a_lag_of_their_own(installation: Installation, lanes: Lanes) -> None:
    offer_scan(an_hour_ago(lanes), Mailbox("bruno", "mail1"))

    found = of(installation)

    assert 3600 <= (found.value("rsvpq_scan_lag_seconds", server="mail1") or 0) < 3600 + WAIT_S
    assert found.value("rsvpq_mailboxes", server="mail1", state="never_scanned") == 1
    assert (found.value("rsvpq_scan_age_seconds", server="mail1", which="oldest") or WAIT_S) < WAIT_S
    assert found.value("rsvpq_scan_age_seconds", server="mail2", which="oldest") is None  # it has no mailbox yet


def test_each_paused_mailbox_is_counted_and_none_is_named(installation: Installation, lanes: Lanes) -> None:
    """More than the status names in one call to Redis."""
    names = [f"user{number:03}" for number in range(230)]
    with (installation.directory / "mailboxes.csv").open("a") as listed:
        listed.writelines(f"{name},mail1,\n" for name in names)
    lanes.ledger.offer_scans(
        [
            (contract.lane_of(Mailbox(name, "mail1")), contract.scan_item(Mailbox(name, "mail1"), "first"))
            for name in names
        ]
    )
    for name in names:
        lanes.controls.pause("mailbox", name, reason="on leave")

    found = of(installation)

    assert found.value("rsvpq_mailboxes", server="mail1", state="paused") == 230
    assert found.value("rsvpq_mailboxes", server="mail1", state="all") == 231
    values = {value for series in found.samples.values() for labels in series for _, value in labels}
    assert not {name for name in (*names, "adele") if any(name in value for value in values)}


def test_pauses_holds_and_other_limits_are_seen(installation: Installation, lanes: Lanes) -> None:
    lanes.controls.pause("all", reason="fire drill")
    lanes.controls.pause("server", "mail2", reason="new disks")
    lanes.controls.limit("server", "mail1", rate=Rate(1))
    lanes.controls.limit("mailbox", "adele", concurrency=1)
    redis: Any = lanes.namespace.redis
    for hash_name in ("server:mail1", "mailbox:adele"):
        redis.hset(f"{lanes.namespace.prefix}:{hash_name}", "hold", int((time.time() + 900) * 1e6))

    found = of(installation)

    assert found.value("rsvpq_paused", scope="all", server="", group="") == 1
    assert found.value("rsvpq_paused", scope="server", server="mail2", group="") == 1
    assert found.value("rsvpq_paused", scope="server", server="mail1", group="") == 0
    assert found.value("rsvpq_overrides") == 2
    assert 0 < (found.value("rsvpq_held_seconds", server="mail1") or 0) <= 900
    assert found.value("rsvpq_held_seconds", server="mail2") == 0
    assert found.value("rsvpq_mailboxes", server="mail1", state="held") == 1


def test_an_outage_differs_from_other_holds_by_the_failures_in_a_row(installation: Installation, lanes: Lanes) -> None:
    for number in range(6):
        offer(lanes, f"a{number}", mailbox=Mailbox(f"user{number}", "mail1"))
        finish(lanes, "later", "later", server_fault=True, delay_s=3600)

    found = of(installation)

    rows = {work: found.value("rsvpq_server_failures", server="mail1", work=work) for work in WORKS}
    assert rows == {**dict.fromkeys(WORKS, 0), "answer_request": 6}
    assert 0 < (found.value("rsvpq_held_seconds", server="mail1") or 0) <= 15
    assert found.value("rsvpq_server_failures", server="mail2", work="answer_request") == 0


def test_the_time_that_scripts_take_of_redis_is_counted(installation: Installation, lanes: Lanes) -> None:
    before = of(installation)
    offer(lanes, "a1")

    after = of(installation)

    for name in ("rsvpq_redis_script_calls_total", "rsvpq_redis_script_seconds_total"):
        assert (after.value(name) or 0) > (before.value(name) or 0) > 0


def test_messages_that_wait_for_a_person_are_counted_by_reason(installation: Installation, lanes: Lanes) -> None:
    offer(lanes, "a1")
    finish(lanes, "left", "done:left", on_hold="conflict", delay_s=3600, remember_s=7200)

    assert of(installation).value("rsvpq_on_hold", server="mail1", reason="conflict") == 1


def test_processes_are_counted_by_queue(installation: Installation, lanes: Lanes, redis: Redis) -> None:
    assert of(installation).total("rsvpq_workers") + of(installation).total("rsvpq_dispatchers") == 0
    report_processes(lanes, "scan", "answer")
    redis.rpush("rsvpq:answer", "a delivery")

    found = of(installation)

    workers = {queue: found.value("rsvpq_workers", queue=queue) for queue in ("scan", "answer", "ops")}
    assert workers == {"scan": 1, "answer": 1, "ops": 0}
    assert found.value("rsvpq_dispatchers") == 1
    assert found.value("rsvpq_queue_messages", queue="answer") == 1
    assert found.value("rsvpq_queue_messages", queue="ops") == 0


def test_whether_anything_is_answered_is_seen_beside_the_mode(installation: Installation, lanes: Lanes) -> None:
    found = of(installation)
    assert (found.value("rsvpq_answering"), found.value("rsvpq_mode", mode="respond")) == (1, 1)
    installation.write("[policy]\n")
    found = of(installation)
    assert (found.value("rsvpq_answering"), found.value("rsvpq_mode", mode="respond")) == (0, 1)
    lanes.controls.confirm("anna at noon")
    assert of(installation).value("rsvpq_answering") == 1


@pytest.mark.parametrize(
    ("schedules", "longest_s"),
    [
        ("", None),
        ('[[schedule]]\nevery = "15m"\ngroup = "sales"\n', None),
        ('[[schedule]]\nevery = "15m"\n[[schedule]]\nevery = "1h"\ngroup = "sales"\n', 3600),
    ],
)
def test_the_longest_schedule_is_there_if_every_mailbox_has_one(
    installation: Installation, schedules: str, longest_s: float | None
) -> None:
    installation.write(schedules)
    assert of(installation).value("rsvpq_schedule_seconds") == longest_s


def test_slots_and_items_in_flight_are_the_same_number(installation: Installation, lanes: Lanes) -> None:
    assert of(installation).value("rsvpq_in_flight", counted="slots") is None  # no dispatcher has compared them yet
    offer(lanes, "a1")
    lanes.ledger.release()
    lanes.repair.check_slots()

    found = of(installation)

    assert found.value("rsvpq_in_flight", counted="slots") == found.value("rsvpq_in_flight", counted="items") == 1
    assert found.value("rsvpq_broken_records") == found.value("rsvpq_slots_corrected_total") == 0


def offer_scan(lanes: Lanes, mailbox: Mailbox) -> None:
    lanes.ledger.offer_scans([(contract.lane_of(mailbox), contract.scan_item(mailbox, "first"))])


def an_hour_ago(lanes: Lanes) -> Lanes:
    return Lanes(lanes.namespace.redis, "rsvpq", now_us=lambda: int((time.time() - 3600) * 1e6))


# -- Redis ---------------------------------------------------------------------------------------------------------


def test_memory_has_a_limit_only_if_redis_has_one(ours: Installation, server: QueueServer) -> None:
    assert (of(ours).value("rsvpq_redis_memory_bytes") or 0) > 0
    assert of(ours).value("rsvpq_redis_memory_limit_bytes") is None
    with server.client() as client:
        client.config_set("maxmemory", "64mb")
    assert of(ours).value("rsvpq_redis_memory_limit_bytes") == 64 << 20


def test_without_permission_for_info_only_what_it_tells_is_missing(ours: Installation, server: QueueServer) -> None:
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "default", "-info")
    found = of(ours)
    assert (found.value("rsvpq_up"), found.value("rsvpq_dispatchers")) == (1, 0)
    assert found.value("rsvpq_redis_memory_bytes") is None
    assert found.value("rsvpq_redis_script_calls_total") is None


def test_nothing_looks_healthy_while_redis_is_away_or_refuses_to_be_read(
    ours: Installation, server: QueueServer
) -> None:
    report_processes(ours.lanes(), "scan", "answer")
    assert of(ours).value("rsvpq_up") == of(ours).value("rsvpq_redis_up") == 1
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "default", "-smembers")
    refused = of(ours)
    assert (refused.value("rsvpq_up"), refused.value("rsvpq_redis_up")) == (0, 1)
    assert set(refused.samples) == WITHOUT_REDIS
    server.part.signal(signal.SIGSTOP)
    try:
        frozen = of(ours)
    finally:
        server.part.signal(signal.SIGCONT)
    assert (frozen.value("rsvpq_up"), frozen.value("rsvpq_redis_up")) == (0, 0)
    assert 0 < (frozen.value("rsvpq_scrape_seconds") or 0) < PROMETHEUS_WAITS_S - 2
    server.part.end()
    away = of(ours)
    assert (away.value("rsvpq_up"), away.value("rsvpq_redis_up")) == (0, 0)
    assert set(away.samples) == WITHOUT_REDIS


@contextmanager
def scrapes(installation: Installation) -> Iterator[Callable[[int], list[tuple[Scrape, float]]]]:
    """What so many who scrape one process at the same time get, each with the seconds that it took."""
    registry = CollectorRegistry()

    def one(_: int) -> tuple[Scrape, float]:
        began = time.monotonic()
        return Scrape.of(generate_latest(registry).decode()), time.monotonic() - began

    with closing(InstallationReader(installation.settings)) as reader, ThreadPoolExecutor() as pool:
        registry.register(InstallationCollector(reader))
        yield lambda number: list(pool.map(one, range(number)))


def test_all_who_scrape_a_frozen_redis_hear_that_in_time(ours: Installation, server: QueueServer) -> None:
    with scrapes(ours) as scraped:
        assert [found.value("rsvpq_up") for found, _ in scraped(3)] == [1, 1, 1]
        server.part.signal(signal.SIGSTOP)
        try:
            frozen = scraped(3)
        finally:
            server.part.signal(signal.SIGCONT)
        assert [found.value("rsvpq_up") for found, _ in frozen] == [0, 0, 0]
        assert max(seconds for _, seconds in frozen) < PROMETHEUS_WAITS_S - 1
        until(lambda: scraped(1)[0][0].value("rsvpq_up") == 1, "Redis is read again")


def test_a_scrape_ends_in_time_however_slowly_redis_replies(tmp_path: Path, shared_queue_server: QueueServer) -> None:
    """No single reply is late enough to be given up."""
    with (
        redis_proxy(shared_queue_server.port) as proxy,
        closing(Installation(tmp_path, proxy.url)) as installation,
        scrapes(installation) as scraped,
    ):
        assert scraped(1)[0][0].value("rsvpq_up") == 1
        proxy.be_slow(0.9)
        for found, seconds in scraped(2):
            assert seconds < PROMETHEUS_WAITS_S - 1
            assert set(found.samples) == WITHOUT_REDIS
            assert found.value("rsvpq_up") == 0
        proxy.be_slow(0)
        assert scraped(1)[0][0].value("rsvpq_up") == 0, "what was begun before is too old"
        until(lambda: scraped(1)[0][0].value("rsvpq_up") == 1, "Redis is quick again")


# -- the process ---------------------------------------------------------------------------------------------------


def started(installation: Installation, port: int, host: str = "127.0.0.1") -> Part:
    program, log = ["-m", "rsvpq.metrics", "--listen", f"{host}:{port}"], installation.directory / "metrics.log"
    part = python_part("metrics", program, forks=fork_server(), log=log, env=installation.environment)
    try:
        part.wait_for(lambda: "event=started" in part.tail(), "it listens")
    except BaseException:
        part.end()
        raise
    return part


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_a_process_serves_what_it_reads_at_each_scrape(installation: Installation, lanes: Lanes, host: str) -> None:
    port = free_port()
    part = started(installation, port, host)
    try:
        url = f"http://{host}:{port}"
        reply = requests.get(f"{url}/metrics", timeout=WAIT_S)
        assert reply.headers["Content-Type"].startswith("text/plain")
        assert Scrape.of(reply.text).value("rsvpq_lane_items", server="mail1", state="pending") == 0
        offer(lanes, "a1")
        again = Scrape.of(requests.get(f"{url}/metrics", timeout=WAIT_S).text)
        assert again.value("rsvpq_lane_items", server="mail1", state="pending") == 1
        assert requests.get(f"{url}/healthcheck", timeout=WAIT_S).text == "OK\n"
        assert requests.get(f"{url}/", timeout=WAIT_S).status_code == 404
        os.kill(part.pid, signal.SIGTERM)
        assert part.process.wait(WAIT_S) == 0
    finally:
        part.end()


def test_a_process_that_was_started_without_redis_finds_it_later(ours: Installation, server: QueueServer) -> None:
    port = free_port()
    ours.lanes()
    server.part.end()
    part = started(ours, port)
    try:
        url = f"http://127.0.0.1:{port}/metrics"
        assert Scrape.of(requests.get(url, timeout=WAIT_S).text).value("rsvpq_redis_up") == 0
        server.start()
        until(lambda: Scrape.of(requests.get(url, timeout=WAIT_S).text).value("rsvpq_up") == 1, "Redis is found")
    finally:
        part.end()


def run(installation: Installation, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_forked(["-m", "rsvpq.metrics", *arguments], installation.environment)


def test_an_address_that_is_taken_is_named(installation: Installation) -> None:
    installation.write('[log]\nformat = "json"\n')
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        ended = run(installation, "--listen", address)
    line = json.loads(ended.stderr)
    assert (ended.returncode, line["level"], f"cannot listen on {address}" in ended.stderr) == (1, "CRITICAL", True)


@pytest.mark.parametrize("address", ["9808", "localhost", ":9808", "127.0.0.1:x", "127.0.0.1:99999", "::1:9808"])
def test_an_address_is_a_host_and_a_port(installation: Installation, address: str) -> None:
    ended = run(installation, "--listen", address)
    assert (ended.returncode, "127.0.0.1:9808" in ended.stderr) == (2, True), ended.stderr


def test_two_addresses_are_one_too_many(installation: Installation) -> None:
    ended = run(installation, "--listen", "127.0.0.1:9808", "--listen", "127.0.0.1:9809")
    assert (ended.returncode, "--listen is given twice" in ended.stderr) == (2, True), ended.stderr


def test_wrong_settings_end_it(installation: Installation) -> None:
    installation.config.write_text("mode = 3\n")
    ended = run(installation)
    assert (ended.returncode, "mode" in ended.stderr, "Traceback" in ended.stderr) == (2, True, False)
