"""The state of this interface between requests, apart from the mailboxes."""

from dataclasses import dataclass, field

from simulator.webdav.locks import Locks
from simulator.webdav.subscriptions import Subscriptions


@dataclass(slots=True)
class Memory:
    """The memory of all servers: they have one store."""

    locks: Locks = field(default_factory=Locks)
    subscriptions: Subscriptions = field(default_factory=Subscriptions)
