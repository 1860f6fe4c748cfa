"""Open one meeting response, so that the server writes the attendee's status into the organizer's appointment.

Opening twice is harmless, so the journal only serves the pace and the pause. Exchange leaves the response in the Inbox;
what becomes of it is configured.
"""

from typing import Literal

from rsvpq.mail.errors import Gone, Unsupported
from rsvpq.mail.ports import Clear
from rsvpq.policy import Action
from rsvpq.tasks.outcome import Outcome
from workers.outcomes import GONE, left_alone, left_to_the_server
from workers.work import Work

After = Literal["keep", "move", "delete"]
_HOW = {"keep": Clear.MARK, "move": Clear.TRASH, "delete": Clear.DELETE}
_NOTES: dict[After, str] = {"keep": "", "move": "moved to Deleted Items", "delete": "deleted"}


def open_response(work: Work, after: After) -> Outcome:
    """Open the response, then keep it (marked as processed), move it to Deleted Items, or delete it.

    A counter-proposal is kept whatever is configured: the proposed time is nowhere else. A server without the command
    enters responses by itself.

    :raises Unsupported: only commands are allowed, and there are none.
    """
    if not work.box.commands:
        return left_to_the_server()
    there = work.box.refresh(work.message)
    if there is None:
        return GONE
    decided = work.decide(there)
    if not decided.is_to(Action.OPEN):
        return left_alone(decided)
    work.journal.intend("open", attached=decided.attached)
    try:
        work.box.absorb(there)
    except Unsupported:
        if work.box.commands:
            raise
        return left_to_the_server()
    try:
        return _clear(work.of(there), after)
    except Gone:
        return Outcome("opened", "somebody else cleaned it away")


def _clear(work: Work, after: After) -> Outcome:
    response, box = work.message, work.box
    if response.counter_proposal:
        box.clear(response, Clear.MARK)
        return Outcome("opened", "kept, for it proposes another time")
    if after == "delete" and not box.shows_as_absorbed(response):
        box.clear(response, Clear.TRASH)
        return Outcome("opened", "moved to Deleted Items, for the server does not show it as opened")
    box.clear(response, _HOW[after])
    return Outcome("opened", _NOTES[after])
