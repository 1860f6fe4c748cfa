"""What came of an item."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rsvpq.policy import Left
from rsvpq.tasks.journal import Attached


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an item: ``result`` is one of a few words that are counted, ``note`` a sentence for people."""

    result: str
    note: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    #: Where the message was left alone: why. A later scan offers it again.
    left: Left | None = None
    #: Whether nothing came of what was begun, for the message was gone: its other copies are not dealt with by that.
    undone: bool = False
    #: Of the decision for which no entry of the journal was made.
    attached: Attached | None = None

    @property
    def left_alone(self) -> bool:
        """Whether nothing was done with the message, although it is there, or may be again."""
        return self.left is not None
