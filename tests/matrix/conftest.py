"""One simulator for the whole matrix, and the table of what was tried."""

from collections.abc import Iterator

import pytest
from redis import Redis

from testbed.simulated_exchange import World
from tests.matrix.case import Bench, Tried

_TRIED = pytest.StashKey[list[Tried]]()

#: Mailboxes of every kind that a case may ask for.
WORLD = World(mailboxes=80, requests=3, responses=2, seed=21)


def pytest_configure(config: pytest.Config) -> None:
    """Start an empty table."""
    config.stash[_TRIED] = []


@pytest.fixture(scope="session")
def exchange_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """The simulator and its unused mailboxes."""
    bench = Bench(tmp_path_factory.mktemp("matrix"), WORLD)
    try:
        yield bench
    finally:
        bench.exchange.part.end()


@pytest.fixture
def bench(exchange_bench: Bench, redis: Redis, request: pytest.FixtureRequest) -> Iterator[Bench]:
    """The bench with an empty ledger, every switch at its default and no faults."""
    exchange_bench.reset(redis)
    yield exchange_bench
    request.config.stash[_TRIED] += exchange_bench.tried
    exchange_bench.tried.clear()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what was tried and what came of it."""
    tried = config.stash[_TRIED]
    if not tried:
        return
    terminalreporter.section(f"client against simulator: {len(tried)} cases")
    for row in tried:
        terminalreporter.write_line(row.line())
