"""Open one meeting response, so that Exchange writes the attendee's status into the organiser's appointment.

Opening twice is harmless, so the journal only serves the pace and the pause. Exchange leaves the response in the Inbox;
what becomes of it is configured.
"""

from typing import Literal

from rsvpq.mail.errors import Gone
from rsvpq.mail.messages import MeetingMessage, Outcome
from rsvpq.policy import Action, Decide
from rsvpq.tasks.journal import Journal
from rsvpq.webdav.mailbox import MailboxClient
from workers.look import wanted

After = Literal["keep", "move", "delete"]
_NOTES: dict[After, str] = {"keep": "", "move": "moved to Deleted Items", "delete": "deleted"}


def open_response(
    response: MeetingMessage, box: MailboxClient, journal: Journal, decide: Decide, after: After
) -> Outcome:
    """Open the response, then keep it (marked as processed), move it to Deleted Items, or delete it.

    A counter-proposal is kept whatever is configured: the proposed time is nowhere else.

    :raises ExchangeError: as the client says.
    """
    there = wanted(response, box, decide, Action.OPEN)
    if isinstance(there, Outcome):
        return there
    journal.intend("open")
    box.open(there)
    try:
        if there.counter_proposal:
            _clean_up(there, box, "keep")
            return Outcome("opened", "kept, for it proposes another time")
        if after == "delete" and not box.shows_as_opened(there):
            _clean_up(there, box, "move")
            return Outcome("opened", "moved to Deleted Items, for the server does not show it as opened")
        _clean_up(there, box, after)
    except Gone:
        return Outcome("opened", "somebody else cleaned it away")
    return Outcome("opened", _NOTES[after])


def _clean_up(response: MeetingMessage, box: MailboxClient, after: After) -> None:
    if after == "move":
        box.move_to_deleted_items(response)
    elif after == "delete":
        box.delete(response)
    else:
        box.retire(response)
