"""Answers that lie unsent in Drafts and may be a person's own: shown to the operator, never sent by guess.

Each scan writes down what it sees in its mailbox, in place of what the last one saw.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from rsvpq.lanes import Lanes
from rsvpq.mail.messages import Kind, MeetingMessage


class HeldDrafts:
    """The list, kept beside the lanes: a Redis hash of mailbox -> JSON list of drafts."""

    def __init__(self, lanes: Lanes) -> None:
        self._redis = lanes.redis
        self._key = f"{lanes.prefix}:drafts"

    def replace(self, mailbox: str, drafts: Sequence[MeetingMessage]) -> None:
        """What there is in this mailbox now."""
        if drafts:
            self._redis.hset(self._key, mailbox, json.dumps([draft.to_payload() for draft in drafts]))
        else:
            self._redis.hdel(self._key, mailbox)

    def of(self, mailbox: str) -> list[MeetingMessage]:
        """The drafts of one mailbox."""
        return _drafts(self._redis.hget(self._key, mailbox) or "[]")

    def all(self) -> Iterator[tuple[str, list[MeetingMessage]]]:
        """Mailboxes that have any, with their drafts."""
        for mailbox, text in self._redis.hscan_iter(self._key):
            yield mailbox, _drafts(text)


def _drafts(text: str) -> list[MeetingMessage]:
    """What was written, without what others have put beside it."""
    try:
        payloads = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return list(filter(None, map(_draft, payloads))) if isinstance(payloads, list) else []


def _draft(payload: Any) -> MeetingMessage | None:
    try:
        draft = MeetingMessage.from_payload(payload)
    except (KeyError, TypeError, ValueError):
        return None
    return draft if draft.kind is Kind.ANSWER else None
