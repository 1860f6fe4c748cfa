"""Which unsent answers the last scan of each mailbox saw: a Redis hash of mailbox -> JSON list."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rsvpq.lanes.namespace import Namespace


class StoredDrafts:
    """The drafts of one namespace, which are JSON objects here."""

    def __init__(self, namespace: Namespace) -> None:
        self._redis = namespace.redis
        self._key = namespace.key("drafts")

    def replace(self, mailbox: str, drafts: Sequence[Mapping[str, Any]]) -> None:
        """Store what there is in this mailbox now, in place of what was stored before."""
        if drafts:
            self._redis.hset(self._key, mailbox, json.dumps(drafts))
        else:
            self._redis.hdel(self._key, mailbox)

    def of(self, mailbox: str) -> list[Any]:
        """Return the drafts of one mailbox."""
        return _list(self._redis.hget(self._key, mailbox))

    def all(self) -> Iterator[tuple[str, list[Any]]]:
        """Yield the mailboxes that have any, with their drafts."""
        for mailbox, text in self._redis.hscan_iter(self._key):
            yield mailbox, _list(text)


def _list(text: str | None) -> list[Any]:
    """The list that was stored; an empty one where something else is."""
    try:
        found = json.loads(text or "[]")
    except (ValueError, RecursionError):
        return []
    return found if isinstance(found, list) else []
