"""What topics of a mailbox were settled with: it outlives the items, and a mailbox can restore it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rsvpq.lanes.batches import batched
from rsvpq.lanes.namespace import Namespace
from rsvpq.lanes.reading import number_of, value_of

#: Topics per call of the script.
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Memory:
    """What an item's topic is settled with from now on, instead of what was remembered when the item was started."""

    text: str
    before: str
    keep_s: float

    def to_args(self) -> tuple[Any, ...]:
        """Return the arguments of record.lua."""
        return (self.text, self.before, max(1, round(self.keep_s)))


class Topics:
    """The topics of all mailboxes."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace

    def remember(self, mailbox: str, settled: Mapping[str, str], keep_s: float, unreadable: int = 0) -> None:
        """Store what the mailbox says that topics were settled with, so far back; the ledger vouches for it then.

        :param unreadable: how many of its messages could not be read, which is counted.
        """
        pages = list(batched(list(settled.items()), _BATCH)) or [()]
        for number_of_page, page in enumerate(pages, start=1):
            args = (mailbox, max(1, round(keep_s)), int(number_of_page == len(pages)), unreadable)
            self._namespace.call("remember", *args, *(part for pair in page for part in pair))

    def recall(self, mailbox: str, topic: str) -> tuple[str, float]:
        """Return what a topic was settled with, '' for nothing; and how many seconds back nothing can be forgotten."""
        space, fields = self._namespace, ("identity", "remembers", "remembers_s")
        with space.redis.pipeline(transaction=False) as pipe:
            pipe.hmget(space.mailbox(mailbox), fields)
            identity, remembers, for_s = value_of(pipe.execute(raise_on_error=False)[0], (None,) * len(fields))
            pipe.get(space.key("topic", identity or mailbox, topic))
            pipe.hget(space.general, "start")
            text, start = (value_of(reply, None) for reply in pipe.execute(raise_on_error=False))
        return text or "", number_of(for_s) if start is not None and start == remembers else 0.0
