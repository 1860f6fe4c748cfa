"""What the integration tests share: real servers of each kind, and lanes on a clock that a test can turn."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from rsvpq.lanes import Lanes
from rsvpq.lanes.limits import Limits, Rate
from testbed.queue_server import QueueServer, queue_server
from testbed.simulated_exchange import World
from tests.support.exchange_site import BehavingExchange, Site, simulated_site, site_of
from tests.support.lanes_with_clock import Clock
from tests.support.scripted_server import ScriptedServer, scripted_server

#: Where the uncertain server behaves otherwise than the simulator's default, one server for each.
BEHAVIORS: tuple[dict[str, object], ...] = (
    {"request_fate": "left"},
    {"request_fate": "deleted-items", "draft": "verdict"},
    {"command_answer": "redirect", "submission_status": 201},
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[QueueServer]:
    """A queue server of the test's own, which it may end."""
    directory = tmp_path / "queue"
    directory.mkdir()
    with queue_server(directory) as started:
        yield started


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A simulator for the tests of one module."""
    world = World(mailboxes=100, requests=8, responses=3, deep=260, seed=5)
    yield from simulated_site(tmp_path_factory.mktemp("exchange"), world)


@pytest.fixture(scope="module")
def uncertain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A simulator with a server for each of :data:`BEHAVIORS`."""
    world = World(mailboxes=60, requests=16, responses=3, servers=len(BEHAVIORS), seed=6)
    yield from site_of(BehavingExchange(tmp_path_factory.mktemp("uncertain"), world, BEHAVIORS))


@pytest.fixture
def elsewhere() -> Iterator[ScriptedServer]:
    """Another such server, which nobody should ask anything."""
    with scripted_server() as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still until it is turned."""
    return Clock()


@pytest.fixture
def lanes(redis: Redis, clock: Clock) -> Lanes:
    """Lanes of two servers on the test's clock: one item at a time in a mailbox, three attempts, hardly a pace."""
    lanes = Lanes(redis, "test", now_us=clock.now_us)
    lanes.controls.configure(
        servers={"mail1": Limits(Rate(1000), 1000, 4), "mail2": Limits(Rate(1000), 1000, 4)},
        mailbox=Limits(Rate(1000), 1000, 1),
        pools={"scan": 4, "answer": 4},
        release_lease_s=60,
        run_lease_s=180,
        attempts=3,
    )
    return lanes
