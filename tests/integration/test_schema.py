"""The mark of the schema: whoever meets a later one refuses in clear words; an earlier one is upgraded or refused."""

from pathlib import Path

import pytest
from redis import Redis

from rsvpq import wiring
from rsvpq.lanes import Lanes
from rsvpq.lanes.schema import SCHEMA, LedgerSchema, schema_key
from rsvpq.settings.usable_redis import SchemaRefused
from testbed.processes import until
from tests.support.doctor_installation import DoctorInstallation
from tests.support.forked_command import run_forked
from tests.support.installation import Installation

KEY = schema_key("rsvpq")
LATER = "from a later version of rsvpq"
CELERY = ["-m", "celery", "-A"]
PROCESSES = {
    "dispatcher": ["-m", "producer.dispatcher"],
    "scan worker": [*CELERY, "producer.app", "worker", "-Q", "scan", "-P", "threads", "-c", "1"],
    "answer worker": [*CELERY, "workers.app", "worker", "-Q", "answer", "-P", "threads", "-c", "1"],
    "metrics": ["-m", "rsvpq.metrics"],
    "health": ["-m", "rsvpq.health", "dispatcher"],
}
COMMANDS = (("status",), ("scan", "adele"), ("pause", "all"), ("resume", "all"), ("config", "apply"), ("dead",))


def schema(redis: Redis, newest: int, oldest: int = 0) -> LedgerSchema:
    """The schema of another version."""
    return LedgerSchema(Lanes(redis).namespace, newest, oldest)


def test_the_first_use_marks_a_namespace(installation: Installation, redis: Redis) -> None:
    assert installation.rsvpq("status").returncode == 0
    assert redis.get(KEY) is None  # a look marks nothing
    installation.lanes()
    assert redis.get(KEY) == str(SCHEMA)


@pytest.mark.parametrize("process", PROCESSES)
def test_a_process_that_meets_a_later_schema_does_not_start(
    installation: Installation, redis: Redis, process: str
) -> None:
    redis.set(KEY, SCHEMA + 1)
    ended = run_forked(PROCESSES[process], installation.environment)
    assert (ended.returncode, LATER in ended.stderr, "Traceback" in ended.stderr) == (2, True, False), ended.stderr
    assert redis.get(KEY) == str(SCHEMA + 1)
    assert redis.keys("{rsvpq}:*") == [KEY]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_that_meets_a_later_schema_does_nothing(
    installation: Installation, redis: Redis, command: tuple[str, ...]
) -> None:
    redis.set(KEY, SCHEMA + 1)
    ended = installation.rsvpq(*command)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert f"'rsvpq' at {installation.redis_url} has schema {SCHEMA + 1} in Redis, {LATER}" in ended.stderr
    assert redis.keys("*") == [KEY]


def test_a_running_process_ends_when_a_later_version_begins(installation: Installation, redis: Redis) -> None:
    dispatcher = installation.dispatcher()
    try:
        until(lambda: redis.get(KEY) == str(SCHEMA), "the dispatcher has marked the namespace")
        redis.set(KEY, SCHEMA + 1)
        until(lambda: dispatcher.process.poll() is not None, "the dispatcher ends")
        assert dispatcher.process.returncode == 2
        # By the look of each second, or by a new connection before it.
        assert f"has schema {SCHEMA + 1} in Redis, {LATER}" in dispatcher.tail(100)
    finally:
        dispatcher.end()
    assert redis.get(KEY) == str(SCHEMA + 1)


def test_the_doctor_names_a_later_schema(tmp_path: Path, installation: Installation, redis: Redis) -> None:
    redis.set(KEY, SCHEMA + 1)
    (tmp_path / "doctor").mkdir()
    examined = DoctorInstallation(tmp_path / "doctor", installation.redis_url)
    examined.server("hq0", "http://127.0.0.1:9", "secret")
    assert LATER in examined.examine().one("redis", "schema").text


def test_what_was_there_before_marks_is_upgraded(installation: Installation, redis: Redis) -> None:
    installation.lanes().controls.pause("all", reason="as before")
    redis.delete(KEY)
    assert Lanes(redis).schema.problem() == ""
    installation.lanes()
    assert redis.get(KEY) == str(SCHEMA)


def test_a_later_version_upgrades_what_it_can_read(redis: Redis) -> None:
    assert schema(redis, 1).mark() == ""
    assert schema(redis, 3, oldest=1).mark() == ""
    assert redis.get(KEY) == "3"
    assert schema(redis, 1).problem().startswith(f"has schema 3 in Redis, {LATER}; this one reads up to 1")


def test_a_later_version_refuses_what_is_too_old_for_it(installation: Installation, redis: Redis) -> None:
    assert schema(redis, 1).mark() == ""
    refused = "has schema 1 in Redis, and this version of rsvpq upgrades 2 or later: start an earlier version first"
    later = schema(redis, 3, oldest=2)
    assert (later.mark(), later.problem(), redis.get(KEY)) == (refused, refused, "1")
    redis.delete(KEY)
    installation.lanes()
    redis.delete(KEY)  # as versions did that wrote no mark
    assert later.mark().startswith("has schema 0 in Redis")
    redis.flushdb()
    assert (later.mark(), redis.get(KEY)) == ("", "3")


def test_an_earlier_version_does_not_write_over_a_later_mark(installation: Installation, redis: Redis) -> None:
    lanes = installation.lanes()
    redis.set(KEY, SCHEMA + 1)
    with pytest.raises(SchemaRefused, match=LATER):
        wiring.configure(lanes, installation.settings)
    assert redis.get(KEY) == str(SCHEMA + 1)


@pytest.mark.parametrize("broken", ["none", "", "list"])
def test_a_broken_mark_is_written_again(installation: Installation, redis: Redis, broken: str) -> None:
    if broken == "list":
        redis.rpush(KEY, "x")
    else:
        redis.set(KEY, broken)
    assert installation.rsvpq("status").returncode == 0
    installation.lanes()
    assert redis.get(KEY) == str(SCHEMA)


def test_a_redis_that_was_emptied_is_marked_again_by_the_dispatcher(installation: Installation, redis: Redis) -> None:
    dispatcher = installation.dispatcher()
    try:
        until(lambda: redis.get(KEY) and redis.hget("{rsvpq}:cfg", "attempts"), "the dispatcher has begun")
        redis.flushdb()
        until(lambda: redis.get(KEY), "it has marked it again")
    finally:
        dispatcher.end()
