"""Hostile neighbors, and somebody elsewhere who must never hear of us."""

from collections.abc import Iterator

import pytest

from tests.support.dripping_server import DrippingServer, dripping_server
from tests.support.scripted_server import ScriptedServer, scripted_server


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
