"""What is between two attempts because one has failed: why, and for how long."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from rsvpq.lanes import Lanes
from rsvpq.lanes.later_items import LaterItem
from rsvpq.report.reasons import reason_class
from rsvpq.tasks import contract
from rsvpq.text import age, counted

#: The most items that are read for a status; so many reasons more would not change what has to be done.
_MOST = 2000


@dataclass(frozen=True, slots=True)
class Repeated:
    """Items of one server that are tried again for the same reason, at most 2000 of those that are due first.

    ``since_s`` is the age of the oldest in seconds, None if unknown; ``next_s`` the time until the next attempt.
    """

    server: str
    reason: str
    items: int
    mailboxes: int
    since_s: float | None
    next_s: float

    def __str__(self) -> str:
        since = f", the oldest for {age(self.since_s)}" if self.since_s else ""
        where = f"{self.server}: {counted(self.items, 'item')} in {counted(self.mailboxes, 'mailbox')}{since}"
        return f"between attempts on {where}: {self.reason}"


def repeated(lanes: Lanes, mailboxes: Collection[str] | None = None) -> list[Repeated]:
    """Return what is between two attempts by server and reason, the most items first.

    :param mailboxes: only the items of these; None for all.
    """
    groups: defaultdict[tuple[str, str], list[LaterItem]] = defaultdict(list)
    for item in lanes.later_items(_MOST):
        if mailboxes is None or item.mailbox in mailboxes:
            groups[item.server, reason_class(item.reason)].append(item)
    largest = sorted(groups.items(), key=lambda group: -len(group[1]))
    return [
        Repeated(
            server,
            reason,
            len(items),
            len({item.mailbox for item in items}),
            max((item.offered_s for item in items if item.offered_s is not None), default=None),
            min(item.next_s for item in items),
        )
        for (server, reason), items in largest
    ]


@dataclass(frozen=True, slots=True)
class FailingMessages:
    """The messages of a mailbox whose attempts fail and are repeated.

    :param since_s: the age of the oldest in seconds, None if unknown. :param reason: what the reason of the one that is
        tried next has in common with others.
    """

    count: int
    since_s: float | None
    reason: str


def failing_messages(items: Iterable[LaterItem]) -> dict[str, FailingMessages]:
    """Return the messages that are between two attempts because one has failed, by the name of their mailbox."""
    found: dict[str, FailingMessages] = {}
    for item in items:
        if item.attempts and item.work != contract.SCAN_MAILBOX:
            before = found.get(item.mailbox) or FailingMessages(0, None, reason_class(item.reason))
            since_s = max(before.since_s or 0.0, item.offered_s or 0.0) or None
            found[item.mailbox] = FailingMessages(before.count + 1, since_s, before.reason)
    return found
