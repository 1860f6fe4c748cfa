"""One server for the tests of each module and backend, and a mailbox for each of them.

A new backend is a harness, and a line in :data:`HARNESSES`.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from rsvpq.mail.ports import OpenMailbox
from tests.backends.ews import ews_harness
from tests.backends.harness import Harness, Opened, opened
from tests.backends.webdav import webdav_harness

HARNESSES: Mapping[str, Callable[[Path], Iterator[Harness]]] = {
    "webdav": webdav_harness,
    "ews": ews_harness,
}


#: Backends of servers that enter responses by themselves, so that there is nothing to absorb.
ABSORBING_BY_THEMSELVES = {"ews"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out sentences on absorbing for backends that have nothing to absorb."""
    items[:] = [item for item in items if not _is_about_nothing(item)]


def _is_about_nothing(item: pytest.Item) -> bool:
    given = getattr(getattr(item, "callspec", None), "id", "")
    backend, _, effect = given.partition("-")
    return backend in ABSORBING_BY_THEMSELVES and effect == "absorb"


@pytest.fixture(scope="module", params=list(HARNESSES))
def exchange(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    """Each of the backends, in front of a server of its own."""
    yield from HARNESSES[request.param](tmp_path_factory.mktemp(request.param))


@pytest.fixture
def at(exchange: Harness) -> Iterator[Opened[OpenMailbox]]:
    """A mailbox of the test's own."""
    with opened(exchange, exchange.take()) as found:
        yield found
