"""Subscriptions: which folders are watched, and whether anything has happened since the last poll.

Nothing is recorded when something happens: a subscription keeps the folder's counters as they were.  They live in
memory and are forgotten with the service, as with the real one.  Knows no header and no XML.
"""

from dataclasses import dataclass
from enum import StrEnum
from itertools import count

from simulator.world.clock import now
from simulator.world.mailboxes import Folder

#: Seconds, where a client names no lifetime; MSDN (aa143133) leaves the default open.
DEFAULT_LIFETIME_S = 3600
#: Seconds that no client gets more than; evolution-exchange asks for up to 57600.
LONGEST_LIFETIME_S = 86_400


class Kind(StrEnum):
    """The event that a subscription waits for, as in the Notification-Type header."""

    UPDATE = "update"
    NEW_MEMBER = "update/newmember"
    DELETE = "delete"
    MOVE = "move"
    NEW_MAIL = "pragma/<http://schemas.microsoft.com/exchange/newmail>"


@dataclass(slots=True)
class Subscription:
    """A subscription, and the change up to which it was notified."""

    id: int
    folder: Folder
    kind: Kind
    lifetime_s: int
    expires: float
    mark: int

    def happened(self) -> bool:
        """Return whether something has happened since the last call."""
        before, self.mark = self.mark, _mark(self.folder, self.kind)
        return self.mark != before


class Subscriptions:
    """All subscriptions."""

    def __init__(self) -> None:
        self._by_id: dict[int, Subscription] = {}
        self._numbers = count(1)

    def add(self, folder: Folder, kind: Kind, lifetime_s: int) -> Subscription:
        """Add a subscription."""
        lifetime_s = min(lifetime_s, LONGEST_LIFETIME_S)
        number = next(self._numbers)
        subscription = Subscription(number, folder, kind, lifetime_s, now() + lifetime_s, _mark(folder, kind))
        self._by_id[number] = subscription
        return subscription

    def find(self, number: int) -> Subscription | None:
        """Return the subscription of this id unless it is over, and extend it."""
        subscription = self._by_id.get(number)
        if subscription is None:
            return None
        if subscription.expires < now():
            del self._by_id[number]
            return None
        subscription.expires = now() + subscription.lifetime_s
        return subscription

    def end(self, number: int) -> bool:
        """Remove a subscription; return whether it existed."""
        return self._by_id.pop(number, None) is not None

    def forget_all(self) -> None:
        """Remove all subscriptions, as a restart of the service does."""
        self._by_id.clear()


def _mark(folder: Folder, kind: Kind) -> int:
    match kind:
        case Kind.UPDATE:
            return folder.change
        case Kind.NEW_MEMBER | Kind.NEW_MAIL:
            return folder.article_to_come
        case Kind.DELETE | Kind.MOVE:
            # Which of the two it was is not kept.
            return folder.departures
