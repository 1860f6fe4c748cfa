"""What happened to one seeded message: which action, how often, and when first and last.

The world keeps it while it changes; only the oracle reads it.  It knows nothing of HTTP or of what was answered.
"""

from dataclasses import dataclass
from enum import StrEnum

from simulator.world.clock import now


class Kind(StrEnum):
    """The kind of a seeded message, as the oracle groups them."""

    REQUEST = "request"
    RESPONSE = "response"
    CANCELLATION = "cancellation"
    TASK_REQUEST = "task-request"
    OTHER = "other"
    MAIL = "mail"
    #: An answer that a person wrote and has not sent.
    DRAFT = "draft"


class Action(StrEnum):
    """Something that was done to a message, or to the draft that answers it."""

    ACCEPTED = "accepted"
    DECLINED = "declined"
    TENTATIVE = "tentative"
    DRAFTED = "drafted"
    SUBMITTED = "submitted"
    OPENED = "opened"
    MOVED = "moved"
    DELETED = "deleted"
    #: A client marked it as finished.
    MARKED = "marked"
    #: The server entered a response with the organizer's meeting by itself.
    ENTERED = "entered"
    #: The server refused to have it answered here, because it is a delegate's copy.
    REFUSED = "refused"
    #: Somebody else removed it.
    TAKEN = "taken"
    #: The owner of the mailbox gave the answer, or sent it, himself.
    BY_HAND = "by_hand"


@dataclass(slots=True)
class Occurrence:
    """How often an action was done, with the epoch seconds of the first and the last time."""

    count: int
    first: float
    last: float


class Tally:
    """The actions done to one seeded message."""

    __slots__ = ("_actions",)

    def __init__(self) -> None:
        # Empty for most of a hundred thousand messages, so no dictionary until something happens.
        self._actions: dict[Action, Occurrence] | None = None

    def record(self, action: Action) -> None:
        """Count a action that has just been done."""
        if self._actions is None:
            self._actions = {}
        moment = now()
        occurrence = self._actions.setdefault(action, Occurrence(0, moment, moment))
        occurrence.count += 1
        occurrence.last = moment

    def of(self, action: Action) -> Occurrence | None:
        """Return the occurrences of an action; None if it was never done."""
        return self._actions.get(action) if self._actions else None

    def count(self, *actions: Action) -> int:
        """Return how often any of these actions was done."""
        return sum(self._actions[action].count for action in actions if action in self._actions) if self._actions else 0

    @property
    def untouched(self) -> bool:
        """Whether nobody ever did anything; what the server does by itself does not count."""
        return self._actions is None or self._actions.keys() == {Action.ENTERED}
