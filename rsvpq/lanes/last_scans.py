"""Read what the last scan of each mailbox found over its caps, and when it ended; changes nothing."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from rsvpq.lanes.namespace import Namespace
from rsvpq.lanes.reading import age_s, whole

_FIELDS = ("scanned", "capped", "cap", "capped_at")


class LastScan(NamedTuple):
    """The last scan of the Inbox of a mailbox.

    ``scanned_s`` is its age in seconds, None if there was none. ``capped`` messages were held back over ``cap``, for
    ``capped_s`` seconds by every scan.
    """

    mailbox: str
    scanned_s: float | None
    capped: int
    cap: str
    capped_s: float | None


def read_last_scans(namespace: Namespace, mailboxes: Iterable[str]) -> Iterator[LastScan]:
    """Yield the last scan of each of these mailboxes."""
    now_us = namespace.time_us()
    for mailbox, (scanned, capped, cap, capped_at) in namespace.mailbox_fields(list(mailboxes), _FIELDS):
        yield LastScan(mailbox, age_s(scanned, now_us), whole(capped), cap or "", age_s(capped_at, now_us))
