"""JSON and nothing else: what anybody puts into a queue is not run, and the workers go on."""

import json
import pickle
import uuid
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from redis import Redis

from rsvpq.tasks import celery_app, contract
from testbed.processes import WAIT_S, Part, until
from tests.support.installation import Installation

#: Where Celery's control commands are published.
PIDBOX = "rsvpq:/0.celery.pidbox"


class Trap:
    """Touches a file when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._file,)


@pytest.fixture
def worker(installation: Installation) -> Iterator[Part]:
    options = ["-Q", "answer,scan,ops", "-P", "threads", "-c", "1", "-l", "info"]
    command = [installation.command()[0].replace("/rsvpq", "/celery"), "-A", "producer.app", "worker", *options]
    part = Part("worker", command, log=installation.directory / "worker.log", env=installation.environment)
    part.wait_for(lambda: " ready." in part.tail(100), "the worker is ready")
    yield part
    part.end()


def envelope(octets: bytes, content_type: str, queue_name: str) -> str:
    """A message as kombu puts it into Redis."""
    identity = str(uuid.uuid4())
    return json.dumps(
        {
            "body": b64encode(octets).decode(),
            "content-encoding": "binary",
            "content-type": content_type,
            "headers": {"task": contract.OPS_STATUS, "id": identity, "lang": "py", "root_id": identity},
            "properties": {
                "body_encoding": "base64",
                "correlation_id": identity,
                "delivery_info": {"exchange": "", "routing_key": queue_name},
                "delivery_mode": 2,
                "delivery_tag": identity,
                "priority": 0,
            },
        }
    )


def pickled(trap: Trap) -> bytes:
    return pickle.dumps([[trap], {}, {}])


def yamled(trap: Trap) -> bytes:
    return f"!!python/object/apply:os.mkdir [{trap._file}]".encode()


def plainly(text: str) -> Callable[[Trap], bytes]:
    return lambda _: text.encode()


TRAPS = [
    ("application/x-python-serialize", pickled),
    ("application/x-yaml", yamled),
    ("application/json", pickled),  # a lie
    ("application/x-unheard-of", pickled),
    ("application/data", pickled),
    *(("application/json", plainly(text)) for text in ("5", "null", '"x"', "[]", "[1, 2, 3]", "{}", "[[], {}, 5]")),
    ("application/json", plainly("[" * 100_000)),
]


def require_service(worker: Part, installation: Installation) -> None:
    """The worker still works what it is given."""
    app = celery_app.make_celery("test", installation.redis_url, namespace="rsvpq", results=True)
    try:
        assert "servers" in app.send_task(contract.OPS_STATUS).get(timeout=WAIT_S)
    finally:
        app.close()
    assert worker.alive()


@pytest.mark.parametrize("way", ["queue", "control"])
def test_no_message_but_json_is_read_and_the_worker_goes_on(
    way: str, tmp_path: Path, worker: Part, redis: Redis, installation: Installation
) -> None:
    file = tmp_path / "sprung"
    for content_type, written in TRAPS:
        octets = written(Trap(file))
        if way == "queue":
            redis.lpush("rsvpq:ops", envelope(octets, content_type, "ops"))
        else:
            redis.publish("rsvpq:/0.celery.pidbox", envelope(octets, content_type, "pidbox"))

    app = celery_app.make_celery("test", installation.redis_url, namespace="rsvpq", results=True)
    try:
        assert "servers" in app.send_task(contract.OPS_STATUS).get(timeout=WAIT_S)
    finally:
        app.close()
    assert not file.exists()
    assert worker.alive()
    reported = worker.tail(1000)
    if way == "queue":
        assert reported.count("ecode message body") == len(TRAPS)


def whole(**changes: Any) -> str:
    """A message as it should be, but for this; a name with a dot is of a part."""
    message = json.loads(envelope(b"[[], {}, {}]", "application/json", "ops"))
    for name, value in changes.items():
        *way, last = name.split("__")
        part = message
        for step in way:
            part = part[step]
        if value is ...:
            part.pop(last, None)
        else:
            part[last] = value
    return json.dumps(message)


#: Values where another type is expected.
ODD: tuple[Any, ...] = (None, 5, True, "x", [], ["x"], {}, {"x": 1}, "\x00" * 3)
BROKEN = [
    *("", " ", "x", "{", "[" * 100_000, "\x00", "5", "null", '"x"', "[]", "{}", '{"properties": 5}', "\ud83d"),
    *('{"properties": {}}', '{"__type__": "uuid", "__value__": 5}', '{"__type__": "datetime", "__value__": {}}'),
    *(
        whole(**{part: value})
        for part in (
            *("properties", "headers", "body", "content-type", "content-encoding", "properties__delivery_tag"),
            *("properties__delivery_info", "properties__body_encoding", "properties__correlation_id"),
            *("properties__delivery_info__routing_key", "properties__reply_to", "properties__priority"),
            *("headers__task", "headers__id", "headers__eta", "headers__expires", "headers__timelimit"),
            *("headers__group", "headers__retries", "headers__root_id", "headers__argsrepr", "headers__compression"),
        )
        for value in (*ODD, ...)
    ),
]


@pytest.mark.parametrize("way", ["queue", "control"])
def test_an_entry_that_is_no_message_ends_no_worker(
    way: str, worker: Part, redis: Redis, installation: Installation
) -> None:
    """Other programs may write anything to Redis; a worker that ended would cost its items an attempt."""
    for entry in BROKEN:
        octets = entry.encode("utf-8", "surrogatepass")
        if way == "queue":
            redis.lpush("rsvpq:ops", octets)
        else:
            redis.publish("rsvpq:/0.celery.pidbox", octets)

    require_service(worker, installation)
    reported = worker.tail(100_000)
    assert reported.count(" ready.") == 1
    assert "Unrecoverable" not in reported


@pytest.mark.parametrize("method", ["add_consumer", "cancel_consumer"])
def test_a_command_about_a_queue_that_there_is_not_ends_no_worker(
    method: str, worker: Part, redis: Redis, installation: Installation
) -> None:
    """What it names is looked at by the worker's loop, where nobody expects an error."""
    client: Any = redis
    until(client.pubsub_numpat, "the worker listens for commands")
    odd: tuple[Any, ...] = (5, None, ["ops"], {"x": 1}, "nowhere", "")
    for command in (
        *({"queue": queue_name} for queue_name in odd),
        *({"queue": "nowhere", "exchange_type": kind} for kind in odd),
    ):
        text = json.dumps({"method": method, "arguments": command}).encode()
        redis.publish(PIDBOX, envelope(text, "application/json", "pidbox"))
    worker.wait_for(lambda: worker.tail(100_000).count("event=no-queue") == 2 * len(odd), "all were looked at")
    require_service(worker, installation)


def break_the_brokers_keys(redis: Redis) -> None:
    """Put something else in the place of each."""
    for key, kind in celery_app.key_types("rsvpq").items():
        redis.delete(key)
        redis.rpush(key, "a stranger's") if kind == "string" else redis.set(key, "a stranger's")


@pytest.mark.parametrize("moment", ["before it starts", "while it works"])
def test_keys_of_the_broker_that_are_something_else_stop_no_worker_for_good(
    moment: str, redis: Redis, installation: Installation, request: pytest.FixtureRequest
) -> None:
    """Celery reconnects without end over one such key, or takes message after message and loses them."""
    if moment == "before it starts":
        break_the_brokers_keys(redis)
    dispatcher = installation.dispatcher()
    try:
        worker: Part = request.getfixturevalue("worker")
        if moment == "while it works":
            break_the_brokers_keys(redis)
        until(lambda: not ours_of_another_type(redis), "they are set aside")
        app = celery_app.make_celery("test", installation.redis_url, namespace="rsvpq", results=True)
        try:
            assert "servers" in app.send_task(contract.OPS_STATUS).get(timeout=WAIT_S)
        finally:
            app.close()
    finally:
        dispatcher.end()
    assert worker.alive()
    assert redis.lrange("{rsvpq}:aside:rsvpq:unacked_mutex", 0, -1) == ["a stranger's"]
    assert installation.lanes().snapshot.status().order.broken == len(celery_app.key_types("rsvpq"))


def ours_of_another_type(redis: Redis) -> list[str]:
    types = celery_app.key_types("rsvpq")
    return [key for key, kind in types.items() if redis.type(key) not in ("none", kind)]


def test_the_traps_spring_where_they_are_allowed(tmp_path: Path) -> None:
    pickle.loads(pickled(Trap(tmp_path / "pickle")))  # noqa: S301 - our own
    yaml.unsafe_load(yamled(Trap(tmp_path / "yaml")))
    assert (tmp_path / "pickle").exists()
    assert (tmp_path / "yaml").exists()
