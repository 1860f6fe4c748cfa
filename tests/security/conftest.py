"""Hostile neighbours, and somebody elsewhere who must never hear of us."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from testbed.queue_server import QueueServer
from tests.integration.installation import Installation
from tests.integration.scripted_server import ScriptedServer, scripted_server
from tests.security.dripping_server import DrippingServer, dripping_server


@pytest.fixture
def scripted() -> Iterator[ScriptedServer]:
    """A server that plays what a test tells it to."""
    with scripted_server() as server:
        yield server


@pytest.fixture
def elsewhere() -> Iterator[ScriptedServer]:
    """A server that nobody should ask anything; it must not even be connected to."""
    with scripted_server() as server:
        yield server
        assert (server.connections, server.requests) == (0, [])


@pytest.fixture
def dripping() -> Iterator[DrippingServer]:
    """A server whose answers have no end."""
    with dripping_server() as server:
        yield server


@pytest.fixture
def installation(tmp_path: Path, redis: Redis, shared_queue_server: QueueServer) -> Installation:
    """Settings, a list of mailboxes and an empty queue, for processes of ours."""
    assert redis.dbsize() == 0
    return Installation(tmp_path, shared_queue_server.url)
