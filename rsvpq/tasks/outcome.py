"""The outcome of an item."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rsvpq.policy import Left
from rsvpq.tasks.journal import Attached


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of an item: ``result`` is one of a few words that are counted, ``note`` is for people."""

    result: str
    note: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    #: Why the message was left alone; None if it was not. A later scan offers it again.
    left: Left | None = None
    #: Whether an effect that was begun did not happen, because the message was gone: then it does not settle other
    #: copies of the message.
    undone: bool = False
    #: What is attached to the decision, if no journal entry was made for it.
    attached: Attached | None = None

    @property
    def left_alone(self) -> bool:
        """Whether nothing was done with the message, although it is there or may appear again."""
        return self.left is not None
