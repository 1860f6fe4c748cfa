"""Simulated worlds: one to read for each module, one for each test, and mailboxes whose switches are turned."""

from collections.abc import Iterator

import pytest

from tests.simulator.own_mailbox import Box, Boxes, boxes
from tests.simulator.raw_http import Simulator, running


@pytest.fixture(scope="module")
def world() -> Iterator[Simulator]:
    """A simulated world that the tests of one module only read."""
    with running("--mailboxes", "12", "--requests", "6", "--deep", "250", "--servers", "2") as started:
        yield started


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """A simulated world of the test's own."""
    with running("--mailboxes", "3", "--requests", "6") as started:
        yield started


@pytest.fixture(scope="module")
def many() -> Iterator[Boxes]:
    """Mailboxes of a simulator whose switches the tests of one module turn."""
    yield from boxes()


@pytest.fixture
def box(many: Boxes) -> Iterator[Box]:
    """One of them; the switches go back afterwards."""
    yield many.take()
    many.reset()
