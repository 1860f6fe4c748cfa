"""The budget of answers of a run: scans take from it, and return what was not answered."""

from dataclasses import dataclass

from rsvpq.lanes.namespace import Namespace

#: Seconds for which the budget of a run is kept: longer than any run takes.
COUNTED_S = 7 * 86_400


@dataclass(frozen=True, slots=True)
class RunBudget:
    """How many answers a run may still offer, for all its mailboxes together.

    Taken before an offer, and returned if a message was not new: a crash in between can only lead to fewer offers,
    never to more.
    """

    namespace: Namespace
    run: str
    most: int

    def take(self, wanted: int) -> int:
        """Take up to ``wanted`` answers; return how many were left to take."""
        taken: int = self.namespace.redis.incrby(self._key, wanted)
        self.namespace.redis.expire(self._key, COUNTED_S)
        over = min(wanted, max(0, taken - self.most))
        self.give_back(over)
        return wanted - over

    def give_back(self, unused: int) -> None:
        """Return unused answers, for other scans of the run."""
        if unused:
            self.namespace.redis.decrby(self._key, unused)

    def give_back_of(self, item: str) -> None:
        """Return the answer of an item that was offered and not answered; has an effect once for each item."""
        if self.namespace.redis.set(f"{self._key}:not:{item}", "1", nx=True, ex=COUNTED_S):
            self.give_back(1)

    @property
    def _key(self) -> str:
        return self.namespace.key("answers-of", self.run)
