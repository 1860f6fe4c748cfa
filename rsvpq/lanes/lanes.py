"""The lanes of one installation, composed of their parts."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from redis import Redis

from rsvpq.lanes.audit_stream import AuditStream
from rsvpq.lanes.certificates import Certificates
from rsvpq.lanes.controls import Controls
from rsvpq.lanes.dead_items import DeadItems
from rsvpq.lanes.drafts import StoredDrafts
from rsvpq.lanes.last_scans import LastScan, read_last_scans
from rsvpq.lanes.later_items import LaterItem, find_later_items, read_later_items
from rsvpq.lanes.ledger import Ledger, RunBudget, Topics
from rsvpq.lanes.namespace import Namespace
from rsvpq.lanes.registrations import Registrations, ScheduleClaims, TaskClaims
from rsvpq.lanes.repair import Repair
from rsvpq.lanes.revisions import Revisions
from rsvpq.lanes.run_results import RunResults
from rsvpq.lanes.schema import LedgerSchema
from rsvpq.lanes.snapshot import Snapshot


class Lanes:
    """All data that is kept in Redis under one namespace, except Celery's queues.

    :param redis: a client with ``decode_responses=True`` and with ``encoding_errors`` set to
        :data:`rsvpq.lanes.reading.LENIENT`.
    :param namespace: prefix of every key.
    :param now_us: a clock for tests, in microseconds; by default the clock of Redis is used.
    :param works: the names of the known tasks; items of other tasks are set aside. If empty, all tasks are accepted.
    :param intent_replicas: how many replicas must have an intent before its effect may follow.
    """

    def __init__(
        self,
        redis: Redis,
        namespace: str = "rsvpq",
        *,
        now_us: Callable[[], int] | None = None,
        works: Collection[str] = (),
        intent_replicas: int = 0,
    ) -> None:
        self.namespace = Namespace(redis, namespace, now_us=now_us)
        self.ledger = Ledger(self.namespace, works, intent_replicas)
        self.controls = Controls(self.namespace)
        self.dead_items = DeadItems(self.namespace)
        self.topics = Topics(self.namespace)
        self.snapshot = Snapshot(self.namespace)
        self.repair = Repair(self.namespace)
        self.audit_stream = AuditStream(self.namespace)
        self.drafts = StoredDrafts(self.namespace)
        self.registrations = Registrations(self.namespace)
        self.schedule = ScheduleClaims(self.namespace)
        self.tasks = TaskClaims(self.namespace)
        self.revisions = Revisions(self.namespace)
        self.schema = LedgerSchema(self.namespace)
        self.certificates = Certificates(self.namespace)

    @property
    def connection(self) -> Redis:
        """The client of Redis, for what others keep beside the ledger: Celery's queues."""
        client: Redis = self.namespace.redis
        return client

    def time_us(self) -> int:
        """Return the time by the clock of the ledger, in microseconds."""
        return self.namespace.time_us()

    def ping(self) -> None:
        """Check that Redis replies.

        :raises RedisError: Redis cannot be reached, or does not reply.
        """
        self.namespace.redis.ping()

    def last_scans(self, mailboxes: Iterable[str]) -> Iterator[LastScan]:
        """Yield the last scan of each of these mailboxes; takes about 0.1 s for 10,000."""
        return read_last_scans(self.namespace, mailboxes)

    def later_items(self, most: int | None = None) -> Iterator[LaterItem]:
        """Yield the items that are between two attempts, the next one first; see :func:`read_later_items`."""
        return read_later_items(self.namespace, most)

    def scans_between_attempts(self, mailboxes: Sequence[str]) -> dict[str, LaterItem]:
        """Return the scans of these mailboxes that are between two attempts, by the name of the mailbox."""
        scans = filter(None, self.snapshot.scans_under_way(mailboxes).values())
        return {item.mailbox: item for item in find_later_items(self.namespace, list(scans))}

    def run_budget(self, run: str, most: int, group: str = "", most_of_group: int | None = None) -> RunBudget:
        """Return the budget of answers of a run, for the mailboxes of a group.

        :param most_of_group: how many of them the group may have; None for no budget of its own.
        """
        space = self.namespace
        whole = RunBudget(space.redis, space.key("answers-of", run), most)
        if most_of_group is None:
            return whole
        return RunBudget(space.redis, space.key("answers-of", run, "in", group), most_of_group, whole)

    def run_results(self, run: str) -> RunResults:
        """Return the results that the mailboxes of a run report."""
        return RunResults(self.namespace.redis, self.namespace.key("findings", run))
