"""The unsent answers that the last scan of each mailbox found: a Redis hash of mailbox -> JSON list."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rsvpq.lanes.namespace import Namespace


class StoredDrafts:
    """The drafts of one namespace, stored as JSON objects."""

    def __init__(self, namespace: Namespace) -> None:
        self._redis = namespace.redis
        self._key = namespace.key("drafts")

    def replace(self, mailbox: str, drafts: Sequence[Mapping[str, Any]]) -> None:
        """Store the drafts of a mailbox, in place of those stored before."""
        if drafts:
            self._redis.hset(self._key, mailbox, json.dumps(drafts))
        else:
            self._redis.hdel(self._key, mailbox)

    def of(self, mailbox: str) -> list[Any]:
        """Return the stored drafts of a mailbox."""
        return _list(self._redis.hget(self._key, mailbox))

    def all(self) -> Iterator[tuple[str, list[Any]]]:
        """Yield each mailbox with stored drafts, and its drafts."""
        for mailbox, text in self._redis.hscan_iter(self._key):
            yield mailbox, _list(text)


def _list(text: str | None) -> list[Any]:
    """Return the stored list; an empty one if the value is not a JSON list."""
    try:
        found = json.loads(text or "[]")
    except (ValueError, RecursionError):
        return []
    return found if isinstance(found, list) else []
