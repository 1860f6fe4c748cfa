"""What the integration tests share: real servers of each kind, and lanes on a clock that a test can turn."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from rsvpq.lanes import Lanes
from rsvpq.lanes.limits import Limits, Rate
from testbed.queue_server import QueueServer
from testbed.simulated_exchange import World
from tests.integration.exchange_site import BehavingExchange, Site, simulated_site, site_of
from tests.integration.installation import Installation
from tests.integration.raw_simulator import Simulator, running
from tests.integration.scripted_server import ScriptedServer, scripted_server
from tests.integration.switched_box import Box, Boxes, boxes
from tests.integration.turned_lanes import Clock

#: Where the uncertain server behaves otherwise than the simulator's default, one server for each.
BEHAVIOURS: tuple[dict[str, object], ...] = (
    {"request_fate": "left"},
    {"request_fate": "deleted-items", "draft": "verdict"},
    {"command_answer": "redirect", "submission_status": 201},
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A simulator for the tests of one module."""
    world = World(mailboxes=100, requests=8, responses=3, deep=260, seed=5)
    yield from simulated_site(tmp_path_factory.mktemp("exchange"), world)


@pytest.fixture(scope="module")
def uncertain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A simulator with a server for each of :data:`BEHAVIOURS`."""
    world = World(mailboxes=60, requests=16, responses=3, servers=len(BEHAVIOURS), seed=6)
    yield from site_of(BehavingExchange(tmp_path_factory.mktemp("uncertain"), world, BEHAVIOURS))


@pytest.fixture
def scripted() -> Iterator[ScriptedServer]:
    """A server that plays what a test tells it to."""
    with scripted_server() as server:
        yield server


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


@pytest.fixture
def installation(tmp_path: Path, redis: Redis, shared_queue_server: QueueServer) -> Installation:
    """Settings, a list of mailboxes and an empty queue, for processes of ours."""
    assert redis.dbsize() == 0
    return Installation(tmp_path, shared_queue_server.url)


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
