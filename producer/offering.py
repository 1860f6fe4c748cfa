"""Offer what a scan found to the lane of its mailbox, within the caps on answers."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence

from rsvpq.lanes.budget import RunBudget
from rsvpq.mail.editions import organizer_of
from rsvpq.mail.messages import Kind, MeetingMessage

#: Messages per round trip: one script holds Redis for a few milliseconds.
BATCH = 100
#: Responses and cancellations that one scan offers, behind the requests. A lane is not scanned anew before it is empty,
#: and who sends thousands of them must not keep it from being so for hours.
MOST_OTHERS = 1000


def in_fair_order(
    messages: Sequence[MeetingMessage], left_before: Collection[MeetingMessage] = ()
) -> list[MeetingMessage]:
    """The messages in the order in which they may use up a cap: each sender in turn, and of each the first one first.

    Who sends hundreds keeps nobody else's waiting. What was left alone before, and mostly will be again, comes last.

    :param left_before: those of which the ledger knows that.
    """
    new = [message for message in messages if message not in left_before]
    again = [message for message in messages if message in left_before]
    return [*_in_turn(new), *_in_turn(again)]


def _in_turn(messages: Sequence[MeetingMessage]) -> list[MeetingMessage]:
    ranks: dict[tuple[str, ...], int] = {}
    turns = Counter[int]()
    places = []
    for place, message in enumerate(messages):
        rank = ranks.setdefault((organizer_of(message), message.from_another, *message.sent_by), len(ranks))
        places.append((turns[rank], rank, place))
        turns[rank] += 1
    # Sorted, and not taken in turn from a list for each sender: of thousands, nearly all may be at their end.
    return [messages[place] for _, _, place in sorted(places)]


def offer_within_caps(
    messages: Sequence[MeetingMessage],
    offer: Callable[[list[MeetingMessage]], int],
    most: int,
    budget: RunBudget,
) -> tuple[int, int]:
    """Offer the messages: of requests no more new ones than the caps allow, then of others :data:`MOST_OTHERS`.

    :param messages: of each kind the first ones are offered first.
    :param offer: puts messages into the lane; says how many were new to it.
    :param most: the cap of one scan. :param budget: that of the run.
    :returns: how many were new, and how many were held back.
    """
    requests = [message for message in messages if message.kind is Kind.REQUEST]
    answers = 0
    while requests:
        granted = budget.take(min(BATCH, len(requests), most - answers))
        if not granted:
            break
        fresh = offer(requests[:granted])
        budget.give_back(granted - fresh)
        requests, answers = requests[granted:], answers + fresh
    others = [message for message in messages if message.kind is not Kind.REQUEST]
    new = 0
    while others and new < MOST_OTHERS:
        size = min(BATCH, MOST_OTHERS - new)
        new += offer(others[:size])
        others = others[size:]
    return new + answers, len(requests) + len(others)
