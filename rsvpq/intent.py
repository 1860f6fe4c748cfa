"""What is written on a request before it is answered: the journal's copy in the mailbox, for when Redis is lost.

The store takes any property of any namespace (MSDN, "Defining Custom Properties"), so the request itself says that an
answer was begun, and the draft of the answer says which request it answers. Both markers stay in the mailbox.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from rsvpq.messages import Verdict


@dataclass(frozen=True, slots=True)
class Intent:
    """An answer that was begun.

    :param identity: the item it is. :param begun: when, by the worker's clock. :param before: the repl-uids of drafts
        that were there before and could be mistaken for the answer: a person's.
    """

    identity: str
    verdict: Verdict
    begun: datetime
    before: tuple[str, ...] = ()

    @classmethod
    def now(cls, identity: str, verdict: Verdict, before: Collection[str]) -> Self:
        """An answer that begins now."""
        return cls(identity, verdict, datetime.now(UTC), tuple(before))

    def to_text(self) -> str:
        """The value of the marker."""
        moment = self.begun.strftime("%Y-%m-%dT%H:%M:%SZ")
        return " ".join((self.identity, self.verdict, moment, *self.before))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The intent a marker tells; None for none, or for what is not our marker."""
        words = text.split()
        try:
            identity, verdict, moment, *before = words
            begun = datetime.strptime(moment, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
            return cls(identity, Verdict(verdict), begun, tuple(before))
        except ValueError:
            return None
