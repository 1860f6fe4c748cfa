"""``rsvpq doctor`` on what is ours: how Redis is set up, what runs and waits, who may read which file."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from rsvpq import wiring
from rsvpq.doctor import redis_server as redis_checks
from rsvpq.doctor.results import PROCESSES, REDIS, SETTINGS, ExitCode, Level, Notes
from rsvpq.lanes import Ending, Item, Lanes
from rsvpq.lanes.limits import Limits, Rate
from rsvpq.mail.messages import Mailbox
from rsvpq.settings import RedisSettings, load_settings
from rsvpq.tasks import contract
from rsvpq.wiring.revisions import LiveSettings
from testbed.processes import free_port, until
from testbed.queue_server import QueueServer, queue_server
from tests.support.doctor_installation import Diagnosis, DoctorInstallation
from tests.support.installation import report_processes
from tests.support.login_sites import PASSWORD, login_site

#: As deploy/redis.conf has it.
WELL = {"maxmemory": "64mb", "client-output-buffer-limit": "pubsub 134217728 67108864 60"}
ADELE = Mailbox("adele", "hq0")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[QueueServer]:
    """A queue server as it should be, whose settings a test may change."""
    with queue_server(tmp_path, persist=True) as started:
        client = admin(started)
        for name, value in WELL.items():
            client.config_set(name, value)
        yield started
        client.close()


@pytest.fixture
def examined(tmp_path: Path, server: QueueServer) -> DoctorInstallation:
    """An installation with one server, which nobody can reach."""
    examined = DoctorInstallation(tmp_path, server.url)
    examined.server("hq0", f"http://127.0.0.1:{free_port()}", "secret", mailbox="adele")
    return examined


@pytest.fixture
def lanes(server: QueueServer) -> Iterator[Lanes]:
    """The lanes of that installation."""
    client = admin(server)
    lanes = Lanes(client, "rsvpq")
    lanes.controls.configure(
        servers={"hq0": Limits(Rate(1000), 1000, 4)},
        mailbox=Limits(Rate(1000), 1000, 1),
        pools={"scan": 4, "answer": 4},
        release_lease_s=60,
        run_lease_s=180,
        attempts=3,
    )
    yield lanes
    client.close()


def admin(server: QueueServer) -> Any:
    """A client that may do anything."""
    return server.client()


def finish(lanes: Lanes, state: Literal["done", "dead", "throttled"], label: str, delay_s: float = 0) -> None:
    """Let the next item end, or wait."""
    (release,) = lanes.ledger.release()
    lanes.ledger.start(release.id, release.generation, "worker")
    lanes.ledger.finish(
        release.id, release.generation, "worker", Ending(state, label=label, reason=label, delay_s=delay_s)
    )


def troubles(reported: Diagnosis, group: str) -> list[tuple[str, Level]]:
    """What is neither well nor left out."""
    return [(check, level) for check, level in reported.checks(group).items() if level in {Level.WARN, Level.FAIL}]


# -- Redis ---------------------------------------------------------------------------------------------------------


def test_a_redis_as_we_deploy_it_has_no_trouble_and_is_not_written_to(
    examined: DoctorInstallation, server: QueueServer, lanes: Lanes
) -> None:
    lanes.ledger.offer(contract.lane_of(ADELE), [Item("a1", "workers.answer_request", "answer", {})])
    client = admin(server)
    before, changes = client.info("commandstats"), client.info("persistence")["rdb_changes_since_last_save"]
    reported = examined.examine()
    after = client.info("commandstats")
    assert client.info("persistence")["rdb_changes_since_last_save"] == changes
    client.close()
    assert troubles(reported, REDIS) == []
    used = {name.removeprefix("cmdstat_") for name, stats in after.items() if stats != before.get(name)}
    connecting = {"auth", "client|setinfo", "command", "hello", "ping", "select"}
    reading = {"get", "hget", "hgetall", "hlen", "hmget", "lindex", "llen", "scan", "smembers", "zcard", "zrange"}
    reading |= {"config|get", "info", "time", "zrangebyscore", "script|load", "evalsha"}  # a script that reads
    assert used <= connecting | reading, used


@pytest.mark.parametrize(
    ("name", "value", "check", "level"),
    [
        ("maxmemory-policy", "allkeys-lru", "eviction", Level.FAIL),
        ("maxmemory-policy", "volatile-ttl", "eviction", Level.FAIL),
        ("maxmemory", "0", "memory", Level.WARN),
        ("maxmemory", "1mb", "memory", Level.WARN),
        ("appendonly", "no", "durability", Level.WARN),
        ("appendfsync", "no", "durability", Level.WARN),
        ("client-output-buffer-limit", "pubsub 33554432 8388608 60", "flower", Level.WARN),
        ("client-output-buffer-limit", "pubsub 0 0 0", "flower", Level.WARN),
    ],
)
def test_each_setting_that_is_wrong_is_the_only_trouble(
    examined: DoctorInstallation, server: QueueServer, name: str, value: str, check: str, level: Level
) -> None:
    client = admin(server)
    client.config_set(name, value)
    client.close()
    reported = examined.examine("hq0")
    assert troubles(reported, REDIS) == [(check, level)]
    assert reported.one(REDIS, check).remedy


def test_what_was_thrown_away_is_reported_even_if_nothing_is_any_more(
    examined: DoctorInstallation, server: QueueServer
) -> None:
    client = admin(server)
    client.config_set("maxmemory-policy", "allkeys-lru")
    client.config_set("maxmemory", "2mb")
    for number in range(100):
        client.set(f"other:{number}", "x" * 100_000)
    client.config_set("maxmemory", "64mb")
    client.config_set("maxmemory-policy", "noeviction")
    reported = examined.examine()
    client.close()
    assert troubles(reported, REDIS) == [("evicted", Level.FAIL)]
    assert reported.code is ExitCode.BROKEN


def test_a_replica_takes_no_writes(examined: DoctorInstallation, server: QueueServer) -> None:
    client = admin(server)
    client.replicaof("127.0.0.1", free_port())
    client.close()
    assert ("role", Level.FAIL) in troubles(examined.examine(), REDIS)


def test_what_may_not_be_asked_is_left_out(examined: DoctorInstallation, server: QueueServer) -> None:
    client = admin(server)
    client.execute_command("ACL", "SETUSER", "default", "-config")
    client.close()
    reported = examined.examine()
    assert troubles(reported, REDIS) == []
    assert reported.level(REDIS, "flower") is Level.SKIP


def test_a_redis_that_cannot_be_reached_leaves_the_servers_to_be_looked_at(tmp_path: Path) -> None:
    examined = DoctorInstallation(tmp_path, f"redis://127.0.0.1:{free_port()}/0")
    with login_site(tmp_path, "basic") as site:
        examined.server("hq0", site.exchange.urls[0], PASSWORD, mailbox=site.mailboxes()[0]["mailbox"])
        reported = examined.examine()
    assert reported.checks(REDIS) == {"reachable": Level.FAIL}
    assert reported.checks(PROCESSES) == {"all": Level.SKIP}
    assert reported.level("hq0", "inbox") is Level.OK
    assert "Redis" not in reported.one("hq0", "clock").text
    assert reported.code is ExitCode.BROKEN


@pytest.mark.parametrize(("password", "level"), [("right", Level.OK), ("not-this", Level.FAIL), ("", Level.FAIL)])
def test_a_password_of_redis_is_tried_and_not_shown(tmp_path: Path, password: str, level: Level) -> None:
    with queue_server(tmp_path, password="right") as server:
        examined = DoctorInstallation(tmp_path, server.url)
        examined.server("hq0", "http://127.0.0.1:9", "secret")
        if password:
            examined.redis.append(f'password_file = "{examined.secret("redis", password)}"')
        reported = examined.examine()
        assert reported.level(REDIS, "reachable") is level
        if level is Level.FAIL:
            assert reported.one(REDIS, "reachable").remedy == "correct [redis] password_file"
        assert not password or all(password not in found.text for notes in reported.groups for found in notes.findings)


@pytest.mark.parametrize(
    ("url", "password", "level", "text"),
    [
        ("redis://redis.example.com", None, Level.WARN, "over the network without a password and without TLS"),
        ("rediss://redis.example.com", None, Level.WARN, "over the network without a password"),
        ("redis://redis.example.com", "secret", Level.WARN, "over the network without TLS"),
        ("rediss://redis.example.com", "secret", Level.OK, "over the network, with a password and TLS"),
        ("redis://[::1]:6379/0", None, Level.OK, "on this machine, without a password"),
        ("redis://localhost", "secret", Level.OK, "on this machine, with a password"),
        ("unix:///run/redis.sock?db=0", None, Level.OK, "on this machine, without a password"),
    ],
)
def test_who_can_get_at_redis_is_reported(url: str, password: str | None, level: Level, text: str) -> None:
    notes = Notes(REDIS)
    given = {"url": url} | ({"password": password} if password else {})
    redis_checks._access(RedisSettings.model_validate(given), notes)
    (found,) = notes.findings
    assert (found.level, found.text) == (level, text)


@pytest.mark.parametrize(
    ("number", "level"),
    [("6.0.16", Level.FAIL), ("6.2.0", Level.WARN), ("7.0.0", Level.OK), ("10.1", Level.OK), ("", Level.FAIL)],
)
def test_a_redis_that_is_too_old_is_reported(number: str, level: Level) -> None:
    notes = Notes(REDIS)
    redis_checks._version({"redis_version": number}, notes)
    assert [found.level for found in notes.findings] == [level]


def test_other_installations_are_reported(examined: DoctorInstallation, server: QueueServer, lanes: Lanes) -> None:
    assert examined.examine().level(REDIS, "namespace") is Level.OK
    client = admin(server)
    Lanes(client, "second").controls.pause("all", "", reason="to be there")
    assert "{second}" in examined.examine().one(REDIS, "namespace").text
    client.sadd(f"{lanes.namespace.prefix}:servers", "mail7")
    found = examined.examine().one(REDIS, "namespace")
    client.close()
    assert (found.level, ": mail7" in found.text) == (Level.WARN, True)


# -- processes -----------------------------------------------------------------------------------------------------


def test_processes_that_report_are_listed_on_whatever_host(examined: DoctorInstallation, lanes: Lanes) -> None:
    needed = ("dispatcher", "worker scan", "worker answer")
    before = examined.examine()
    assert [before.level(PROCESSES, name) for name in needed] == [Level.FAIL] * 3
    assert before.one(PROCESSES, "worker scan").remedy.endswith("celery -A producer.app worker -Q scan -P threads")
    lanes.registrations.report("dispatcher", "other", 4711, 3600)
    redis: Any = lanes.namespace.redis
    redis.zadd(f"{lanes.namespace.prefix}:alive:dispatcher:other", {4712: time.time() - 1})
    lanes.ledger.report_threads("other:4713", 16, ["answer"], 3600)
    reported = examined.examine()
    assert [reported.level(PROCESSES, name) for name in needed] == [Level.OK, Level.FAIL, Level.OK]
    assert reported.one(PROCESSES, "dispatcher").text == "other:4711"
    assert reported.one(PROCESSES, "worker answer").text == "other:4713 (16 threads)"


def test_a_ledger_that_nobody_uses_is_reported_with_the_time_of_its_controls(
    examined: DoctorInstallation, lanes: Lanes
) -> None:
    report_processes(lanes, "scan", "answer", "ops")
    assert "ledger" not in examined.examine().checks(PROCESSES)
    redis: Any = lanes.namespace.redis
    for key in redis.scan_iter("{rsvpq}:alive:*"):
        redis.delete(key)
    redis.zadd("{rsvpq}:hosts:dispatcher", {"here": 1_800_000_000, "there": 1_800_000_060})
    found = examined.examine().one(PROCESSES, "ledger")
    assert (found.level, found.text.partition(":")[0]) == (Level.WARN, "last used 2027-01-15 08")
    assert "pauses, limits and the confirmation are as they were then" in found.text


def test_a_worker_whose_report_is_no_longer_valid_takes_from_no_queue(
    examined: DoctorInstallation, lanes: Lanes
) -> None:
    lanes.ledger.report_threads("here:4711", 8, ["scan"], 0.001)
    until(lambda: not lanes.registrations.consumers("scan"), "the report ends")
    assert examined.examine().level(PROCESSES, "worker scan") is Level.FAIL


def test_whether_live_runs_are_confirmed_is_reported(examined: DoctorInstallation, lanes: Lanes) -> None:
    examined.mode = "respond"
    reported = examined.examine().one(PROCESSES, "answering")
    assert (reported.level, reported.remedy) == (Level.WARN, "rsvpq scan --dry-run, then rsvpq confirm")
    assert reported.text.startswith("NOTHING IS ANSWERED: live runs are not confirmed")
    lanes.controls.confirm("anna at noon")
    reported = examined.examine().one(PROCESSES, "answering")
    assert (reported.level, reported.text) == (Level.OK, "answering, confirmed by anna at noon")


def test_what_waits_long_or_is_stopped_or_dead_is_reported(examined: DoctorInstallation, lanes: Lanes) -> None:
    examined.write()
    report_processes(lanes, "scan", "answer", "ops", settings=load_settings(examined.config, {}))
    assert troubles(examined.examine(), PROCESSES) == []
    lanes.ledger.offer_scans([(contract.lane_of(ADELE), contract.scan_item(ADELE, "first"))])
    finish(lanes, "done", "done:scanned")
    lanes.ledger.offer(
        contract.lane_of(ADELE), [Item(name, "workers.answer_request", "answer", {}) for name in ("a1", "a2")]
    )
    finish(lanes, "dead", "dead:refused")
    reported = examined.examine()
    assert reported.level(PROCESSES, "lanes") is Level.OK
    assert reported.one(PROCESSES, "dead").text == "1 item ended without an outcome"
    redis: Any = lanes.namespace.redis
    redis.rpush("rsvpq:answer", "a delivery")
    lanes.controls.pause("all", "", reason="holiday")
    lanes.controls.pause("server", "hq0", reason="backup")
    redis.hset(f"{lanes.namespace.prefix}:server:hq0", "hold", int((time.time() + 3600) * 1e6))
    reported = examined.examine()
    found = {check for check, _ in troubles(reported, PROCESSES)}
    assert found == {"paused", "held", "dead"}
    assert [one.text for one in reported.all(PROCESSES, "paused")] == ["everything: holiday", "hq0: backup"]
    assert reported.one(PROCESSES, "queues").text == "scan 0, answer 1 with Celery"


def test_with_which_settings_each_process_runs_is_compared(examined: DoctorInstallation, lanes: Lanes) -> None:
    examined.write()
    report_processes(lanes, "scan")
    text = examined.examine().all(PROCESSES, "revision")[0].text
    assert text.endswith("does not report its settings, as an earlier version")
    before = load_settings(examined.config, {})
    report_processes(lanes, "scan", settings=before)
    found = examined.examine().one(PROCESSES, "revision")
    assert (found.level, found.text[:34]) == (Level.OK, "dispatcher here:4711, scan here:47")

    examined.mode = "respond"
    found = examined.examine().one(PROCESSES, "revision")
    assert (found.level, found.remedy) == (Level.WARN, "to bring these into force: rsvpq config apply")

    live = LiveSettings(load_settings(examined.config, {}), wiring.make_list(before), lanes, lambda *_: None)
    lanes.revisions.report("here:4711", live.report("here:4711", "dispatcher").to_text(), 60)
    levels = [found.level for found in examined.examine().all(PROCESSES, "revision")]
    assert levels == [Level.OK, Level.FAIL]  # two rules at once are worse than old ones

    live.problem = "the settings on this host have another digest"
    lanes.revisions.report("here:4711", live.report("here:4711", "dispatcher").to_text(), 60)
    reported = examined.examine()
    kept, *_ = [found.text for found in reported.all(PROCESSES, "revision") if found.level is Level.FAIL]
    assert kept.endswith(f": {live.problem}")
    assert reported.code is not ExitCode.HEALTHY


def test_another_list_on_another_host_is_only_a_warning(examined: DoctorInstallation, lanes: Lanes) -> None:
    examined.write()
    report_processes(lanes, "scan", settings=load_settings(examined.config, {}))
    examined.list("bruno,hq0")
    found = examined.examine().one(PROCESSES, "revision")
    assert (found.level, found.remedy) == (Level.WARN, "bring the list to all hosts")


@pytest.mark.parametrize("waits", ["a message in its lane", "a message between two attempts", "a scan"])
def test_how_long_the_oldest_has_waited_is_the_lag_of_the_status(
    examined: DoctorInstallation, lanes: Lanes, waits: str
) -> None:
    two_hours_ago = Lanes(lanes.namespace.redis, "rsvpq", now_us=lambda: int((time.time() - 7210) * 1e6))
    two_hours_ago.ledger.offer_scans([(contract.lane_of(ADELE), contract.scan_item(ADELE, "first"))])
    if waits != "a scan":
        finish(lanes, "done", "done:scanned")
        two_hours_ago.ledger.offer(contract.lane_of(ADELE), [Item("a1", "workers.answer_request", "answer", {})])
    if waits == "a message between two attempts":
        finish(lanes, "throttled", "throttled", delay_s=600)
    reported = examined.examine().one(PROCESSES, "lanes")
    assert (reported.level, reported.text.partition("; ")[2]) == (Level.WARN, "the oldest has waited 120 min")
    server = lanes.snapshot.status().servers["hq0"]
    assert 7200 <= (server.lag_s or server.scan_lag_s or 0) < 7300


def test_where_nothing_waits_there_is_no_oldest(examined: DoctorInstallation, lanes: Lanes) -> None:
    lanes.ledger.offer_scans([(contract.lane_of(ADELE), contract.scan_item(ADELE, "first"))])
    finish(lanes, "done", "done:scanned")
    assert examined.examine().one(PROCESSES, "lanes").text == "0 pending, 0 in flight, 0 between attempts"


# -- files ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "level"), [(0o600, Level.OK), (0o640, Level.OK), (0o644, Level.FAIL), (0o602, Level.FAIL)]
)
def test_a_secret_that_others_can_read_or_change_fails(examined: DoctorInstallation, mode: int, level: Level) -> None:
    examined.secret("hq0", "secret", mode)
    found = examined.examine().one(SETTINGS, "secrets")
    assert found.level is level
    assert (found.remedy == f"chmod o-rw '{examined.directory / 'hq0'}'") is (level is Level.FAIL)


def test_settings_that_hold_a_password_are_a_secret_too(examined: DoctorInstallation) -> None:
    examined.redis.append('password = "secret"')
    examined.write()
    examined.config.chmod(0o644)
    found = [one.text for one in examined.examine().all(SETTINGS, "secrets") if one.level is Level.FAIL]
    assert found == [f"{examined.config} can be read by everybody"]


def test_a_list_that_cannot_be_read_does_not_end_it(examined: DoctorInstallation) -> None:
    examined.list("bruno,hq7")
    reported = examined.examine()
    assert reported.level(SETTINGS, "mailboxes") is Level.FAIL
    assert reported.level("hq0", "connection") is Level.FAIL
