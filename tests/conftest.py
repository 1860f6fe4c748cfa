"""What several kinds of tests share: servers of their own, and an environment that cannot leak in."""

import gc
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from redis import Redis
from tornado.web import RequestHandler

from testbed.queue_server import QueueServer, queue_server
from tests.support.examples import register_profiles
from tests.support.installation import Installation
from tests.support.scripted_server import ScriptedServer, scripted_server

register_profiles()

#: What takes longest comes first: files are handed out in this order, and the last ones should be short.
_ROOMS = ("matrix", "acceptance", "chaos", "security", "integration", "backends", "simulator", "fuzz", "unit")
#: Rooms and fixtures of tests that start processes, each some of its own, or for a file a simulator of many mailboxes:
#: a quick run hands out single tests, and each of its workers would start one.
_SLOW_ROOMS = {"matrix", "acceptance", "chaos", "security"}
_SLOW_FIXTURES = {
    "cluster",
    "examined",
    "exchange",
    "installation",
    "many",
    "ntlm",
    "simulator",
    "site",
    "stack",
    "uncertain",
}


def pytest_configure() -> None:
    """Handle Ctrl-C even if the parent ignores it, as a shell does for background jobs; children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put what takes long first, and mark what `make quick` leaves out."""

    def room(item: pytest.Item) -> str:
        return item.path.relative_to(config.rootpath / "tests").parts[0]

    for item in items:
        if room(item) in _SLOW_ROOMS or _SLOW_FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: _ROOMS.index(room(item)) if room(item) in _ROOMS else 0)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("RSVPQ_", "SIMULATOR_"))]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True, scope="module")
def _found_where_it_was_left_open() -> Iterator[None]:
    """Let a file that leaves a socket open fail itself, and not the test that runs when the garbage collector does."""
    yield
    gc.collect()


@pytest.fixture
def tornado_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo what Flower's configuration does to all of Tornado: the console of other tests runs in this process too."""
    monkeypatch.setattr(RequestHandler, "clear", RequestHandler.clear)


@pytest.fixture(scope="session")
def shared_queue_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueueServer]:
    """One queue server for all tests that need only a clean namespace; use ``redis`` for that."""
    with queue_server(tmp_path_factory.mktemp("queue-server")) as server:
        yield server


@pytest.fixture(scope="session")
def tls_server_binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Redis that is built with TLS; its absence is a failure in CI, and a skip with the reason elsewhere.

    The program that checks files is the server under another name.
    """
    found = shutil.which("redis-check-rdb")
    if found is None and os.environ.get("CI"):
        pytest.fail("a Redis with TLS is missing; CI must install it (apt-get install redis-tools)")
    if found is None:
        pytest.skip("no Redis with TLS here (Debian: apt-get install redis-tools)")
    binary = tmp_path_factory.mktemp("redis-with-tls") / "redis-server"
    binary.symlink_to(found)
    return binary


@pytest.fixture
def redis(shared_queue_server: QueueServer) -> Iterator[Redis]:
    """An empty database of the tests' own server."""
    client = shared_queue_server.client()
    client.flushdb()  # ours: this very server was started by these tests
    yield client
    client.close()


@pytest.fixture
def log_directory(tmp_path: Path) -> Path:
    """Where a test's parts write their logs."""
    path = tmp_path / "logs"
    path.mkdir()
    return path


@pytest.fixture
def scripted() -> Iterator[ScriptedServer]:
    """A server that plays what a test tells it to."""
    with scripted_server() as server:
        yield server


@pytest.fixture
def installation(tmp_path: Path, redis: Redis, shared_queue_server: QueueServer) -> Iterator[Installation]:
    """Settings, a list of mailboxes and an empty queue, for processes of ours."""
    assert redis.dbsize() == 0
    with closing(Installation(tmp_path, shared_queue_server.url)) as ours:
        yield ours
