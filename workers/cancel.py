"""Process one cancellation: take the cancelled meeting out of the calendar, and the message out of the Inbox.

Outlook Web Access has a button for it whose command is not known, so it is done by moving: the appointment goes to
Deleted Items, where a person can get it back, and then the message. Doing it twice is harmless.
"""

from contextlib import suppress

from rsvpq.exchange.client import MailboxClient
from rsvpq.exchange.errors import Gone
from rsvpq.journal import Journal
from rsvpq.messages import MeetingMessage, Outcome
from rsvpq.policy import Action, Decide
from workers.look import left_alone, wanted


def process_cancellation(message: MeetingMessage, box: MailboxClient, journal: Journal, decide: Decide) -> Outcome:
    """Remove what was cancelled.

    :raises ExchangeError: as the client says.
    """
    there = wanted(message, box, decide, Action.PROCESS)
    if isinstance(there, Outcome):
        return there
    if there.recurring:
        return left_alone("one meeting of a series may be meant, or all of it")
    appointments = box.appointment_urls(there.uid)
    if len(appointments) > 1:
        return left_alone(f"the calendar has {len(appointments)} appointments of this meeting")
    journal.intend("remove")
    for href in appointments:
        with suppress(Gone):  # a person was quicker
            box.move_to_deleted_items(href)
    try:
        box.move_to_deleted_items(there.href)
    except Gone:
        return Outcome("processed", "somebody else cleaned it away")
    return Outcome("processed", "" if appointments else "the calendar has no such meeting")
