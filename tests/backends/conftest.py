"""One server for the tests of each module and backend, and a mailbox for each of them."""

from collections.abc import Iterator

import pytest

from rsvpq.mail.ports import OpenMailbox
from tests.backends.backends import BACKENDS
from tests.backends.harness import Harness, Opened, opened


@pytest.fixture(scope="module", params=list(BACKENDS))
def exchange(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    """Each of the backends, in front of a server of its own."""
    yield from BACKENDS[request.param].start(tmp_path_factory.mktemp(request.param))


@pytest.fixture
def at(exchange: Harness) -> Iterator[Opened[OpenMailbox]]:
    """A mailbox of the test's own."""
    with opened(exchange, exchange.take()) as found:
        yield found
