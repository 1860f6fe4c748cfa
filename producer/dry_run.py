"""What a scan of a mailbox would come to, found out without doing any of it: nothing is offered, nothing is written.

The same steps as :mod:`producer.scan` and, for what that would offer, the look into the calendar that a worker takes
before it does anything. What one message changes for another is not foreseen: two requests for the same hour are both
compared with the calendar as it is now.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from producer.inbox import one_by_one, read_inbox
from rsvpq.mail.messages import Kind, MeetingMessage
from rsvpq.ops.forecast import Forecast
from rsvpq.policy import Decision, Newest, Version
from rsvpq.tasks.journal import Journal
from rsvpq.webdav.mailbox import MailboxClient


class Tell(Protocol):
    """Puts into words what would be done with a message."""

    def __call__(self, message: MeetingMessage, decision: Decision, held: str = "") -> Forecast:
        """The words; ``held`` is what holds the message back."""


@dataclass(frozen=True, slots=True)
class Ways:
    """How a dry run finds out what it has to know.

    ``first`` decides as a scan does, beside the newest version of the meeting in this Inbox; ``last`` as a worker does,
    on all that matters. ``known`` says in which state the ledger has messages already, by position; ``newest`` finds
    the newest version of each meeting, and ``order`` is that in which messages are offered.
    """

    first: Callable[[MeetingMessage, Version | None], Decision]
    last: Callable[[MeetingMessage, Version | None], Decision]
    known: Callable[[Collection[MeetingMessage]], Mapping[MeetingMessage, str]]
    tell: Tell
    newest: Callable[[Iterable[MeetingMessage]], Newest] = Newest
    order: Callable[[Sequence[MeetingMessage]], list[MeetingMessage]] = list


def forecast(box: MailboxClient, journal: Journal, ways: Ways, most: int) -> tuple[list[Forecast], dict[str, int]]:
    """What would be done with each message of the Inbox, in its order, and counts: what was found and offered.

    :param most: the requests that one scan offers, and the messages for which the mailbox is asked for more.
    :raises ExchangeError: as the client says.
    """
    found, unreadable = read_inbox(box, journal), box.unreadable
    newest = ways.newest(found)
    first = {message: ways.first(message, newest.of(message)) for message in one_by_one(found, journal)}
    wanted = [message for message, decision in first.items() if decision.acts]
    known = ways.known(wanted)
    new = [message for message in wanted if message not in known]
    requests = ways.order([message for message in new if message.kind is Kind.REQUEST])
    offered, over_the_cap = set(requests[:most]), set(requests[most:])
    looked_at = _worth_a_look(new, offered, first, most)
    told = []
    for message, preliminary in first.items():
        decision = preliminary
        held = known.get(message, "cap" if message in over_the_cap else "")
        if message in looked_at:
            journal.intend("search", message.href)  # each look is a chance to pause, and keeps the lease
            decision = ways.last(message, newest.of(message))
        told.append(ways.tell(message, decision, held))
    return told, {"found": len(found), "requests": len(offered), "unreadable": unreadable}


def _worth_a_look(
    new: list[MeetingMessage],
    offered: Collection[MeetingMessage],
    first: Mapping[MeetingMessage, Decision],
    most: int,
) -> set[MeetingMessage]:
    """Those that are not decided for good and would be worked on, the requests first."""
    open_ones = [one for one in new if not first[one].final and (one in offered or one.kind is not Kind.REQUEST)]
    return set(sorted(open_ones, key=lambda one: one.kind is not Kind.REQUEST)[:most])
