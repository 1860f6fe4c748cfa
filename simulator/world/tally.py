"""What really happened to one seeded message: which deed, how often, first and last when.

The world keeps it while it changes; only the oracle reads it.  It knows nothing of HTTP or of what was answered.
"""

from dataclasses import dataclass
from enum import StrEnum

from simulator.world.clock import now


class Kind(StrEnum):
    """What a seeded message is, as the oracle groups them."""

    REQUEST = "request"
    RESPONSE = "response"
    CANCELLATION = "cancellation"
    TASK_REQUEST = "task-request"
    OTHER = "other"
    MAIL = "mail"
    #: An answer that a person wrote and has not sent.
    DRAFT = "draft"


class Deed(StrEnum):
    """Something that was done to a message, or to the draft that answers it."""

    ACCEPTED = "accepted"
    DECLINED = "declined"
    TENTATIVE = "tentative"
    DRAFTED = "drafted"
    SUBMITTED = "submitted"
    OPENED = "opened"
    MOVED = "moved"
    DELETED = "deleted"
    #: Somebody else removed it.
    TAKEN = "taken"
    #: The owner of the mailbox gave the answer, or sent it, himself.
    BY_HAND = "by_hand"


@dataclass(slots=True)
class Occurrence:
    """How often a deed was done, with the epoch seconds of the first and the last time."""

    count: int
    first: float
    last: float


class Tally:
    """The deeds done to one seeded message."""

    __slots__ = ("_deeds",)

    def __init__(self) -> None:
        # Empty for most of a hundred thousand messages, so no dictionary until something happens.
        self._deeds: dict[Deed, Occurrence] | None = None

    def record(self, deed: Deed) -> None:
        """Count a deed that has just been done."""
        if self._deeds is None:
            self._deeds = {}
        moment = now()
        occurrence = self._deeds.setdefault(deed, Occurrence(0, moment, moment))
        occurrence.count += 1
        occurrence.last = moment

    def of(self, deed: Deed) -> Occurrence | None:
        """The occurrences of a deed, None if it was never done."""
        return self._deeds.get(deed) if self._deeds else None

    def count(self, *deeds: Deed) -> int:
        """How often any of these was done."""
        return sum(self._deeds[deed].count for deed in deeds if deed in self._deeds) if self._deeds else 0

    @property
    def untouched(self) -> bool:
        """Whether nothing was ever done."""
        return self._deeds is None
