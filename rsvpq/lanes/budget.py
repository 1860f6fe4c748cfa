"""How many answers a run may still begin: taken by the scans of its mailboxes, given back for what was not answered."""

from dataclasses import dataclass

from rsvpq.lanes.namespace import Namespace

#: How long the answers of a run are counted, in seconds: longer than any run takes.
COUNTED_S = 7 * 86_400


@dataclass(frozen=True, slots=True)
class RunBudget:
    """How many answers a run may still offer, over all of its mailboxes.

    Taken before the offer and given back where a message was not new: whatever dies in between, it is too few that are
    offered and never too many.
    """

    namespace: Namespace
    run: str
    most: int

    def take(self, wanted: int) -> int:
        """Take up to so many; how many there were."""
        taken: int = self.namespace.redis.incrby(self._key, wanted)
        self.namespace.redis.expire(self._key, COUNTED_S)
        over = min(wanted, max(0, taken - self.most))
        self.give_back(over)
        return wanted - over

    def give_back(self, unused: int) -> None:
        """Let other scans of the run have them."""
        if unused:
            self.namespace.redis.decrby(self._key, unused)

    def give_back_of(self, item: str) -> None:
        """The same of one item that was offered and not answered; of each only once, however often it is given back."""
        if self.namespace.redis.set(f"{self._key}:not:{item}", "1", nx=True, ex=COUNTED_S):
            self.give_back(1)

    @property
    def _key(self) -> str:
        return self.namespace.key("answers-of", self.run)
