"""The whole Inbox, as everything that looks at a mailbox reads it."""

from rsvpq.exchange.client import MailboxClient
from rsvpq.journal import Journal
from rsvpq.messages import MeetingMessage


def read_inbox(box: MailboxClient, journal: Journal) -> list[MeetingMessage]:
    """The meeting messages, in the server's order; each page is journalled, which keeps the lease.

    :raises ExchangeError: as the client says. :raises Paused: the mailbox is not to be looked at now.
    """
    journal.intend("search")
    found: list[MeetingMessage] = []
    for number, messages in enumerate(box.meeting_messages(), start=1):
        found += messages
        journal.note("pages", number)
    return found
