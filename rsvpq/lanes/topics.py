"""Remember what settled the topics of a mailbox: kept longer than the items, and restorable from the mailbox."""

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
    """What settles an item's topic from now on, in place of ``before``, which was known when the item was started."""

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
        """Store what settled topics, as read from the mailbox; the ledger then vouches for the last ``keep_s`` seconds.

        :param unreadable: how many messages of the mailbox could not be read; they are counted.
        """
        pages = list(batched(list(settled.items()), _BATCH)) or [()]
        for number_of_page, page in enumerate(pages, start=1):
            args = (mailbox, max(1, round(keep_s)), int(number_of_page == len(pages)), unreadable)
            self._namespace.call("remember", *args, *(part for pair in page for part in pair))

    def recall(self, mailbox: str, topic: str) -> tuple[str, float]:
        """Return what settled a topic ('' if unknown), and for how many seconds back nothing can be forgotten."""
        space, fields = self._namespace, ("identity", "remembers", "remembers_s")
        with space.redis.pipeline(transaction=False) as pipe:
            pipe.hmget(space.mailbox(mailbox), fields)
            identity, remembers, for_s = value_of(pipe.execute(raise_on_error=False)[0], (None,) * len(fields))
            pipe.get(space.key("topic", identity or mailbox, topic))
            pipe.hget(space.general, "start")
            text, start = (value_of(reply, None) for reply in pipe.execute(raise_on_error=False))
        return text or "", number_of(for_s) if start is not None and start == remembers else 0.0
