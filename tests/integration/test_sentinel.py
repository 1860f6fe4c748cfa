"""Redis Sentinel: clients find the primary of the moment, and the ledger notices what that may not have heard of."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from celery import Celery
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from rsvpq import wiring
from rsvpq.doctor.results import REDIS, Level
from rsvpq.lanes import Item, Lane, Lanes
from rsvpq.lanes.limits import Limits, Rate
from rsvpq.lanes.namespace import NotReplicated
from rsvpq.metrics.reading import InstallationReader
from rsvpq.metrics.troubles import troubles
from rsvpq.settings import RedisSettings, load_settings
from rsvpq.settings.redis_client import COMMAND_S, make_redis, make_sentinels, sentinel_options
from rsvpq.tasks import celery_app
from testbed.processes import free_port, until
from testbed.queue_server import QueueServer
from testbed.sentinel import SERVICE, SentinelGroup, sentinel_group
from tests.support.doctor_installation import DoctorInstallation
from tests.support.prometheus_rules import firing
from tests.support.scrape import scrape

ALERTS = Path(__file__).parents[2] / "deploy/prometheus/alerts.yml"
RULES = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
PASSWORD = "p@ss:word/%1"


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SentinelGroup]:
    """A primary, a replica and three sentinels; each test but the last leaves them well."""
    folder = tmp_path_factory.mktemp("sentinel")
    with sentinel_group(folder, password="of-redis", sentinel_password="of-sentinels") as group:
        yield group


def settings_of(group: SentinelGroup, **changed: Any) -> RedisSettings:
    given = {
        "url": f"redis://{SERVICE}/0",
        "sentinels": [sentinel.address for sentinel in group.sentinels],
        "password": group.password,
        "sentinel_password": group.sentinel_password,
    }
    return RedisSettings.model_validate(given | changed)


def admin(group: SentinelGroup) -> Any:
    """A client of the primary that may do anything."""
    return group.primary.client()


def test_a_server_that_is_no_primary_any_more_gets_no_write(group: SentinelGroup) -> None:
    first = group.primary
    replica = next(server for server in group.servers if server is not first)
    redis: Any = make_redis(settings_of(group), retries=0)
    redis.set("before", "1")
    demoted, promoted = first.client(), replica.client()
    # By hand, so that the sentinels still name it: they believe in a primary for a while.
    promoted.replicaof("NO", "ONE")
    demoted.replicaof("127.0.0.1", replica.port)
    for _ in range(2):  # on the connection that it has, and on a new one
        with pytest.raises(RedisConnectionError, match=r"is a replica|is now a slave"):
            redis.set("lost", "1")
    demoted.replicaof("NO", "ONE")
    promoted.replicaof("127.0.0.1", first.port)
    redis.set("after", "1")
    group.wait_until_ready()
    redis.close()


def test_a_primary_that_only_its_sentinels_have_lost_is_left_by_all_who_still_reach_it(group: SentinelGroup) -> None:
    settings, deposed = settings_of(group), group.primary
    redis: Any = make_redis(settings)
    kept = redis.client()
    for client in (redis, kept):
        client.set("deposed", "0")
    with broker(settings).connection() as connection:
        channel: Any = connection.default_channel
        channel.client.set("deposed", "0")
        with group.cut_off() as successor:
            for name, client in {"a thread's": kept, "a pool's": redis}.items():
                until(lambda name=name, client=client: written(successor, client, name), f"{name} write is there")  # type: ignore[misc]
            with pytest.raises(RedisConnectionError, match=r"is not the primary any more, the sentinels say"):
                channel.client.set("deposed", "0")
            channel.client.set("deposed", "the broker's")
            assert successor.client().get("broker:deposed") == "the broker's"
    redis.close()
    deposed.client().replicaof("127.0.0.1", successor.port)  # as the sentinels do after ten seconds
    group.wait_until_ready()


def written(server: QueueServer, client: Any, value: str) -> bool:
    """Whether what a client writes now arrives at this server."""
    client.set("deposed", value)
    return bool(server.client().get("deposed") == value)


def test_a_sentinel_that_is_down_is_passed_over(group: SentinelGroup) -> None:
    away = group.sentinels[0]
    away.part.kill()
    sentinels = make_sentinels(settings_of(group))
    assert sentinels.discover_master(SERVICE)[1] == group.primary.port
    assert make_redis(settings_of(group)).ping()
    away.start()
    group.wait_until_ready()


def test_who_is_connected_works_on_while_no_sentinel_can_be_asked(group: SentinelGroup) -> None:
    redis: Any = make_redis(settings_of(group))
    redis.set("asked", "0")
    for sentinel in group.sentinels:
        sentinel.part.kill()
    asked_at = redis.connection_pool.proxy.ask_at
    until(lambda: redis.set("asked", "1") and redis.connection_pool.proxy.ask_at > asked_at, "they were asked again")
    redis.close()
    for sentinel in group.sentinels:
        sentinel.start()
    group.wait_until_ready()


def test_a_primary_without_enough_replicas_counts_as_away(group: SentinelGroup) -> None:
    client = admin(group)
    client.config_set("min-replicas-to-write", 2)
    try:
        lanes = Lanes(make_redis(settings_of(group), retries=0), "few")
        with pytest.raises(RedisConnectionError, match="Redis is not available: NOREPLICAS"):
            lanes.namespace.redis.set("refused", "1")
        with pytest.raises(RedisConnectionError, match="Redis is not available: NOREPLICAS"):
            lanes.ledger.report_threads("here:1", 8, ["scan"], 60)
    finally:
        client.config_set("min-replicas-to-write", 0)
    lanes.ledger.report_threads("here:1", 8, ["scan"], 60)
    assert lanes.registrations.consumers("scan") == {"here:1": 8}
    client.close()


def test_an_access_list_without_role_is_no_obstacle(group: SentinelGroup) -> None:
    client = admin(group)
    client.execute_command("ACL", "SETUSER", "default", "-role")
    try:
        assert make_redis(settings_of(group), retries=0).ping()
    finally:
        client.execute_command("ACL", "SETUSER", "default", "+role")
    client.close()


def test_an_intent_counts_when_the_replica_has_it_if_that_is_asked_for(group: SentinelGroup) -> None:
    replica = next(server for server in group.servers if server is not group.primary)
    lanes = Lanes(make_redis(settings_of(group)), "intents", intent_replicas=1)
    configure(lanes)
    lanes.ledger.offer(Lane("adele", "mail1"), [Item("a", "workers.answer_request", "answer", {})])
    (release,) = lanes.ledger.release()
    mine = (release.id, release.generation, "worker")
    lanes.ledger.start(*mine)
    lanes.namespace.redis.script_flush()
    assert lanes.ledger.record(*mine, {"accept": 1}, intent=True) == "ok"
    assert '"accept"' in str(replica.client().hget("{intents}:item:a", "journal"))
    replica.part.signal(signal.SIGSTOP)
    try:
        assert lanes.ledger.record(*mine, {"accept": 1, "done": 1}, intent=False) == "ok"  # nothing follows
        with pytest.raises(NotReplicated, match="0 of 1 replicas confirm the write within 1 s"):
            lanes.ledger.record(*mine, {"accept": 1, "done": 1, "submit": 1}, intent=True)
    finally:
        replica.part.signal(signal.SIGCONT)
    group.wait_until_ready()
    assert lanes.ledger.record(*mine, {"accept": 1, "done": 1, "submit": 1}, intent=True) == "ok"


def test_a_wrong_password_of_the_sentinels_is_named(group: SentinelGroup) -> None:
    with pytest.raises(RedisError, match=r"no sentinel names the primary of 'rsvpq-main'.*invalid username-password"):
        make_redis(settings_of(group, sentinel_password=PASSWORD), retries=0).ping()


def test_a_command_says_soon_that_all_sentinels_are_away() -> None:
    away = [f"127.0.0.1:{free_port()}" for _ in range(3)]
    began = time.monotonic()
    with pytest.raises(RedisConnectionError, match=r"no sentinel names the primary of 'main'(.*Connection refused){3}"):
        wiring.command_lanes(RedisSettings(url="redis://main/0", sentinels=away)).ping()
    assert COMMAND_S <= time.monotonic() - began < 2 * COMMAND_S  # it was tried again until then


def test_the_broker_follows_the_primary_with_every_login(group: SentinelGroup) -> None:
    redis = settings_of(group, url=f"redis://default@{SERVICE}/3")
    app = broker(redis)
    with app.connection() as connection:
        channel: Any = connection.default_channel
        channel.client.set("seen", "1")
    app.backend.client.set("stored", "1")  # type: ignore[attr-defined]  # of the backend for Redis
    client: Any = make_redis(redis)
    assert client.mget("broker:seen", "stored") == ["1", "1"]
    shown = str(app.conf.table(with_defaults=False, censored=True)) + app.backend.as_uri()
    assert group.password not in shown
    assert group.sentinel_password not in shown
    client.close()


def broker(redis: RedisSettings) -> Celery:
    """Celery on that Redis."""
    assert redis.password is not None
    return celery_app.make_celery(
        "test",
        redis.url,
        namespace="broker",
        password=redis.password.get_secret_value(),
        results=True,
        sentinels=celery_app.SentinelBroker(redis.sentinels, redis.service, sentinel_options(redis)),
    )


@pytest.fixture
def examined(tmp_path: Path, group: SentinelGroup) -> DoctorInstallation:
    """An installation on that Redis, with one server, which nobody can reach."""
    examined = DoctorInstallation(tmp_path)
    examined.redis = group.settings().splitlines()
    for key, password in (("password_file", group.password), ("sentinel_password_file", group.sentinel_password)):
        examined.redis.append(f'{key} = "{examined.secret(key, password)}"')
    examined.server("hq0", f"http://127.0.0.1:{free_port()}", "secret", mailbox="adele")
    return examined


def failover_checks(examined: DoctorInstallation) -> dict[str, tuple[Level, str]]:
    """What the doctor says of the failover."""
    names = ("sentinel", "sentinels", "primary", "quorum", "replica", "replicas", "failover")
    found = [one for notes in examined.examine().groups if notes.group == REDIS for one in notes.findings]
    return {one.check: (one.level, one.text) for one in found if one.check in names}


def test_the_doctor_finds_nothing_wrong_with_a_group_that_is_well(
    examined: DoctorInstallation, group: SentinelGroup
) -> None:
    found = failover_checks(examined)
    assert {check: level for check, (level, _) in found.items()} == dict.fromkeys(
        ("primary", "quorum", "replica"), Level.OK
    )
    assert found["primary"][1].startswith(f"127.0.0.1:{group.primary.port}; a failover begins when it was away for ")
    assert found["quorum"][1] == "2 of 3 sentinels, and they can elect"


def test_the_doctor_names_a_sentinel_that_is_down_or_not_listed(
    examined: DoctorInstallation, group: SentinelGroup
) -> None:
    away = group.sentinels[0]
    away.part.kill()
    level, text = failover_checks(examined)["sentinel"]
    assert (level, text.startswith(f"{away.address}: ")) == (Level.WARN, True)
    away.start()
    examined.redis[1] = f'sentinels = ["{group.sentinels[1].address}"]'
    group.wait_until_ready()
    assert failover_checks(examined)["sentinels"] == (Level.WARN, "1 in these settings, and they know of 3")


def test_the_doctor_says_if_no_sentinel_knows_the_service(examined: DoctorInstallation) -> None:
    examined.redis[0] = 'url = "redis://other/0"'
    found = failover_checks(examined)
    assert found["sentinel"][1].endswith("does not know other")
    assert found["failover"][0] is Level.FAIL


def test_the_doctor_says_why_a_replica_is_not_fit(examined: DoctorInstallation, group: SentinelGroup) -> None:
    replica = next(server for server in group.servers if server is not group.primary)
    client: Any = replica.client()
    client.config_set("maxmemory-policy", "allkeys-lru")
    client.config_set("appendonly", "no")
    try:
        level, text = failover_checks(examined)["replica"]
    finally:
        client.config_set("appendonly", "yes")
        client.config_set("maxmemory-policy", "noeviction")
    assert level is Level.WARN
    assert "keeps no AOF" in text
    assert "would evict" in text
    examined.redis.append("intent_replicas = 2")
    assert failover_checks(examined)["replicas"] == (Level.FAIL, "1 of the 2 that are needed: no answer begins")


def test_a_primary_without_a_replica_is_an_alert_and_a_warning(
    examined: DoctorInstallation, group: SentinelGroup
) -> None:
    replica = next(server for server in group.servers if server is not group.primary)
    examined.write()
    (rule,) = (rule for rule in RULES if rule["alert"] == "RsvpqRedisLacksReplicas")
    settings = load_settings(examined.config)
    assert not firing(rule["expr"], scrape(settings))
    replica.client().replicaof("NO", "ONE")
    try:
        assert firing(rule["expr"], scrape(settings))
        found = troubles(InstallationReader(settings).read(), lag_warning_s=60, lag_critical_s=60)
        assert "Redis lacks 1 of its replicas, see 'rsvpq doctor'" in {trouble.text for trouble in found}
    finally:
        replica.client().replicaof("127.0.0.1", group.primary.port)
        group.wait_until_ready()


def test_too_few_sentinels_for_a_failover_are_an_alert_and_a_warning(
    examined: DoctorInstallation, group: SentinelGroup
) -> None:
    examined.write()
    settings = load_settings(examined.config)
    (rule,) = (rule for rule in RULES if rule["alert"] == "RsvpqRedisLacksSentinels")
    first, second, _ = group.sentinels
    first.part.kill()
    try:
        until(lambda: is_noticed(group, down=1), "both others have noticed")
        assert not firing(rule["expr"], scrape(settings))
        second.part.kill()
        until(lambda: firing(rule["expr"], scrape(settings)), "the alert fires")
        found = troubles(InstallationReader(settings).read(), lag_warning_s=60, lag_critical_s=60)
        named = "too few sentinels of Redis are left to name another primary, see 'rsvpq doctor'"
        assert named in {trouble.text for trouble in found}
    finally:
        for sentinel in (first, second):
            if not sentinel.part.alive():
                sentinel.start()
        group.wait_until_ready()
    assert not firing(rule["expr"], scrape(settings))


def is_noticed(group: SentinelGroup, *, down: int) -> bool:
    """Whether each sentinel that lives counts so many others as down."""
    living: list[Any] = [sentinel.client() for sentinel in group.sentinels if sentinel.part.alive()]
    others = [client.sentinel_sentinels(SERVICE) for client in living]
    return all(sum(other["is_sdown"] for other in known) == down for known in others)


def test_an_access_list_without_ckquorum_raises_no_alarm(examined: DoctorInstallation, group: SentinelGroup) -> None:
    examined.write()
    clients: list[Any] = [sentinel.client() for sentinel in group.sentinels]
    for client in clients:
        client.execute_command("ACL", "SETUSER", "default", "-sentinel|ckquorum")
    try:
        assert scrape(load_settings(examined.config)).value("rsvpq_redis_can_elect") == 1
    finally:
        for client in clients:
            client.execute_command("ACL", "SETUSER", "default", "+sentinel|ckquorum")
            client.close()


def test_what_a_promoted_replica_may_not_have_heard_of_is_not_vouched_for(group: SentinelGroup) -> None:
    """Even if it was the primary before and still has its scripts: a change of roles ends no process."""
    first = group.primary
    replica = next(server for server in group.servers if server is not first)
    redis, other = admin(group), replica.client()
    lanes = Lanes(redis, "roles")
    configure(lanes)
    lanes.ledger.offer(
        Lane("adele", "mail1"), [Item(name, "workers.answer_request", "answer", {}, topic="budget") for name in "abcd"]
    )
    assert vouched_s(lanes) == 0  # nobody has read the mailbox yet
    lanes.topics.remember("adele", {}, 60)
    assert vouched_s(lanes) == 60
    other.replicaof("NO", "ONE")
    redis.replicaof("127.0.0.1", replica.port)
    until(lambda: redis.info("replication")["master_link_status"] == "up", "the former primary follows")
    redis.replicaof("NO", "ONE")
    other.replicaof("127.0.0.1", first.port)
    assert vouched_s(lanes) == 0
    lanes.topics.remember("adele", {}, 60)
    assert vouched_s(lanes) == 60
    group.wait_until_ready()


def configure(lanes: Lanes) -> None:
    """Enough for a mailbox of one server."""
    lanes.controls.configure(
        servers={"mail1": Limits(Rate(1000), 1000, 4)},
        mailbox=Limits(Rate(1000), 1000, 4),
        pools={"answer": 4},
        release_lease_s=60,
        run_lease_s=180,
        attempts=3,
    )


def vouched_s(lanes: Lanes) -> float:
    """For how long back nothing can be forgotten, as the next item is told."""
    release, *_ = lanes.ledger.release(1)
    return lanes.ledger.start(release.id, release.generation, "worker").vouched_s


def test_a_client_writes_to_the_successor_of_a_dead_primary_by_itself(group: SentinelGroup) -> None:
    redis: Any = make_redis(settings_of(group))
    kept = redis.client()  # one connection, as each thread of a worker has
    for client in (redis, kept):
        client.incr("written")
    successor = group.fail_over()
    for client in (redis, kept):
        client.incr("written")
    assert successor.client().get("written") == "4"
    redis.close()
