"""Answers that lie unsent in Drafts and may be a person's own: shown to the operator, never sent by guess.

Each scan stores what it sees in its mailbox, in place of what the last one saw.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rsvpq.lanes import Lanes
from rsvpq.mail.messages import Kind, MeetingMessage


class HeldDrafts:
    """The list of unsent answers, kept beside the lanes."""

    def __init__(self, lanes: Lanes) -> None:
        self._stored = lanes.drafts

    def replace(self, mailbox: str, drafts: Sequence[MeetingMessage]) -> None:
        """Store what there is in this mailbox now."""
        self._stored.replace(mailbox, [draft.to_payload() for draft in drafts])

    def of(self, mailbox: str) -> list[MeetingMessage]:
        """Return the drafts of one mailbox."""
        return _drafts(self._stored.of(mailbox))

    def all(self) -> Iterator[tuple[str, list[MeetingMessage]]]:
        """Yield the mailboxes that have any, with their drafts."""
        for mailbox, payloads in self._stored.all():
            yield mailbox, _drafts(payloads)


def _drafts(payloads: Iterable[Any]) -> list[MeetingMessage]:
    """The drafts among the payloads; what another program has stored beside them is left out."""
    return list(filter(None, map(_draft, payloads)))


def _draft(payload: Any) -> MeetingMessage | None:
    try:
        draft = MeetingMessage.from_payload(payload)
    except (KeyError, TypeError, ValueError):
        return None
    return draft if draft.kind is Kind.RESPONSE else None
