"""The lanes of one installation, put together from their parts."""

from collections.abc import Callable, Collection

from redis import Redis

from rsvpq.lanes.audit_stream import AuditStream
from rsvpq.lanes.budget import RunBudget
from rsvpq.lanes.controls import Controls
from rsvpq.lanes.dead_items import DeadItems
from rsvpq.lanes.drafts import StoredDrafts
from rsvpq.lanes.ledger import Ledger
from rsvpq.lanes.namespace import Namespace
from rsvpq.lanes.registrations import Registrations
from rsvpq.lanes.repair import Repair
from rsvpq.lanes.run_results import RunResults
from rsvpq.lanes.schedule import ScheduleClaims
from rsvpq.lanes.snapshot import Snapshot
from rsvpq.lanes.topics import Topics


class Lanes:
    """Everything that is kept in Redis under one namespace, Celery's queues aside.

    :param redis: a client with ``decode_responses=True``, and ``encoding_errors`` as
        :data:`rsvpq.lanes.reading.LENIENT` says.
    :param namespace: prefix of every key.
    :param now_us: a clock for tests, in microseconds; in production Redis' own clock decides.
    :param works: the tasks that there are, where an item of any other is to be set aside; every task will do for none.
    """

    def __init__(
        self,
        redis: Redis,
        namespace: str = "rsvpq",
        *,
        now_us: Callable[[], int] | None = None,
        works: Collection[str] = (),
    ) -> None:
        self.namespace = Namespace(redis, namespace, now_us=now_us)
        self.ledger = Ledger(self.namespace, works)
        self.controls = Controls(self.namespace)
        self.dead_items = DeadItems(self.namespace)
        self.topics = Topics(self.namespace)
        self.snapshot = Snapshot(self.namespace)
        self.repair = Repair(self.namespace)
        self.audit_stream = AuditStream(self.namespace)
        self.drafts = StoredDrafts(self.namespace)
        self.registrations = Registrations(self.namespace)
        self.schedule = ScheduleClaims(self.namespace)

    def time_us(self) -> int:
        """Return the time by the clock that all times of the ledger are of, in microseconds."""
        return self.namespace.time_us()

    def ping(self) -> None:
        """Ask Redis for a sign of life.

        :raises RedisError: it gives none.
        """
        self.namespace.redis.ping()

    def run_budget(self, run: str, most: int) -> RunBudget:
        """Return the answers that a run may still begin."""
        return RunBudget(self.namespace, run, most)

    def run_results(self, run: str) -> RunResults:
        """Return what the mailboxes of a run report."""
        return RunResults(self.namespace, run)
