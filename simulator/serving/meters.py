"""Counters that every request passes: what is in flight, which verbs came, when which mailbox was worked.

Constant work per request; all thinking is left to `simulator.oracle.pace` and `simulator.oracle.summary`.
"""

from array import array
from collections import Counter, defaultdict

from simulator.serving.limits import Limit, Limits
from simulator.world.mailboxes import Mailbox


class Gauge:
    """The requests in flight, and the highest number so far."""

    __slots__ = ("current", "highest")

    def __init__(self) -> None:
        self.current = 0
        self.highest = 0

    def enter(self, limit: Limit) -> bool:
        """Count one more; whether the limit had been reached before it came."""
        full = limit.concurrency is not None and self.current >= limit.concurrency
        self.current += 1
        self.highest = max(self.highest, self.current)
        return full

    def leave(self) -> None:
        """Count one less."""
        self.current -= 1


class Meters:
    """Counters of the requests to the servers."""

    def __init__(self) -> None:
        self.limits = Limits()
        self.requests_by_verb: Counter[str] = Counter()
        self.mutating = 0
        #: Requests that arrived where the promised number was in flight already.
        self.over_limit = 0
        self.servers: defaultdict[int, Gauge] = defaultdict(Gauge)
        self.mailboxes: defaultdict[Mailbox, Gauge] = defaultdict(Gauge)
        #: Epoch seconds of each operation, in order of arrival.
        self.mailbox_operations: defaultdict[Mailbox, array[float]] = defaultdict(lambda: array("d"))
        self.server_operations: defaultdict[int, array[float]] = defaultdict(lambda: array("d"))

    def arrived(self, verb: str, server: int, mailbox: Mailbox | None, *, mutating: bool) -> None:
        """Count a complete request."""
        self.requests_by_verb[verb] += 1
        self.mutating += mutating
        full = self.servers[server].enter(self.limits.of_server(server))
        if mailbox is not None:
            full |= self.mailboxes[mailbox].enter(self.limits.of_mailbox(mailbox.name))
        self.over_limit += full

    def written(self, server: int, mailbox: Mailbox | None) -> None:
        """Count a written answer."""
        self.servers[server].leave()
        if mailbox is not None:
            self.mailboxes[mailbox].leave()

    def operation(self, mailbox: Mailbox, moment: float) -> None:
        """Count a scan of a mailbox, or an operation on one of its messages."""
        self.mailbox_operations[mailbox].append(moment)
        self.server_operations[mailbox.server].append(moment)
