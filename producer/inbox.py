"""The whole Inbox, as everything that looks at a mailbox reads it."""

from collections.abc import Iterator, Sequence

from rsvpq.mail.messages import MeetingMessage
from rsvpq.mail.ports import OpenMailbox
from rsvpq.tasks.journal import Journal

#: Messages that are decided on between two steps that keep the lease.
DECIDED_AT_ONCE = 200


def read_inbox(box: OpenMailbox, journal: Journal) -> tuple[list[MeetingMessage], int]:
    """The meeting messages, in the server's order, and how many could not be read; each page is journalled.

    :raises ExchangeError: as the client says. :raises Paused: the mailbox is not to be looked at now.
    """
    journal.intend("search")
    found: list[MeetingMessage] = []
    unreadable = 0
    for number, page in enumerate(box.meeting_messages(), start=1):
        found += page.messages
        unreadable += page.unreadable
        journal.note("pages", number)
    return found, unreadable


def one_by_one(messages: Sequence[MeetingMessage], journal: Journal) -> Iterator[MeetingMessage]:
    """The messages, to be decided on: how many there are, and how long each takes, is up to those who write.

    :raises LeaseLost: the item is in other hands.
    """
    for number, message in enumerate(messages, start=1):
        yield message
        if number % DECIDED_AT_ONCE == 0:
            journal.note("decided", number)
