"""Offer what a scan found to the lane of its mailbox, within the caps on answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from rsvpq.lanes import Lanes
from rsvpq.messages import Kind, MeetingMessage

#: Messages per round trip: one script holds Redis for a few milliseconds.
BATCH = 100
#: How long the answers of a run are counted, in seconds: longer than any run takes.
COUNTED_S = 7 * 86_400


@dataclass(frozen=True, slots=True)
class RunBudget:
    """How many answers a run may still offer, over all of its mailboxes.

    Taken before the offer and given back where a message was not new: whatever dies in between, it is too few that are
    offered and never too many.
    """

    lanes: Lanes
    run: str
    most: int

    def take(self, wanted: int) -> int:
        """Take up to so many; how many there were."""
        taken: int = self.lanes.redis.incrby(self._key, wanted)
        self.lanes.redis.expire(self._key, COUNTED_S)
        over = min(wanted, max(0, taken - self.most))
        self.give_back(over)
        return wanted - over

    def give_back(self, unused: int) -> None:
        """Let other scans of the run have them."""
        if unused:
            self.lanes.redis.decrby(self._key, unused)

    @property
    def _key(self) -> Any:
        return f"{self.lanes.prefix}:answers-of:{self.run}"


def offer_within_caps(
    messages: Sequence[MeetingMessage],
    offer: Callable[[list[MeetingMessage]], int],
    most: int,
    budget: RunBudget,
) -> tuple[int, int]:
    """Offer the messages; of requests no more new ones than the caps allow, the first ones first.

    :param offer: puts messages into the lane; says how many were new to it.
    :param most: the cap of one scan. :param budget: that of the run.
    :returns: how many were new, and how many were held back.
    """
    others = iter([message for message in messages if message.kind is not Kind.REQUEST])
    new = 0
    while batch := list(islice(others, BATCH)):
        new += offer(batch)
    requests = [message for message in messages if message.kind is Kind.REQUEST]
    answers = 0
    while requests:
        granted = budget.take(min(BATCH, len(requests), most - answers))
        if not granted:
            break
        fresh = offer(requests[:granted])
        budget.give_back(granted - fresh)
        requests, answers = requests[granted:], answers + fresh
    return new + answers, len(requests)
