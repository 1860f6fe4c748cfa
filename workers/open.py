"""Open one meeting response, so that the server writes the attendee's status into the organizer's appointment.

Opening a response twice is harmless: the journal entry is only there so that a pause is obeyed and the step is
recorded. Exchange leaves the response in the Inbox; the settings say what to do with it then.
"""

from datetime import timedelta
from typing import Literal

from rsvpq.mail.errors import Gone, Unsupported
from rsvpq.mail.ports import Absorbing, Clear
from rsvpq.policy import Action
from rsvpq.tasks.journal import Decided, Outcome
from workers.outcomes import GONE, left_alone, left_to_the_server, not_absorbed
from workers.work import Work

After = Literal["keep", "move", "delete"]
_HOW = {"keep": Clear.MARK, "move": Clear.TRASH, "delete": Clear.DELETE}
_NOTES: dict[After, str] = {"keep": "", "move": "moved to Deleted Items", "delete": "deleted"}


def open_response(work: Work, after: After, absorbed_within: timedelta = timedelta(hours=1)) -> Outcome:
    """Open the response, then keep it (marked as processed), move it to Deleted Items, or delete it.

    A counter-proposal is always kept, because the proposed time is in no other place. A server without commands
    enters responses by itself; if it shows that it has, there is nothing to open, and the rest is done.

    :param absorbed_within: how long after its arrival a response may be left out of the calendar by such a server;
        after that, a person has to look at it.
    :raises Unsupported: only commands are allowed, and the server has none.
    """
    there = None if work.box.absorbing is Absorbing.UNSEEN else work.box.refresh(work.message)
    if there is None:
        return left_to_the_server() if work.box.absorbing is Absorbing.UNSEEN else GONE
    decided = work.decide(there)
    if not decided.calls_for(Action.OPEN):
        return left_alone(decided)
    work = work.with_message(there)
    if work.box.absorbing is Absorbing.BY_ITSELF:
        if not work.box.shows_as_absorbed(there):
            return not_absorbed(there, absorbed_within, decided)
        work.journal.intend("open", attached=decided.attached)
    elif not _absorb(work, decided):
        return left_to_the_server()
    try:
        return _clear(work, after)
    except Gone:
        return Outcome("opened", "somebody else removed it from the Inbox first")


def _absorb(work: Work, decided: Decided) -> bool:
    """Open the response; return False if it turns out that the server has no commands."""
    work.journal.intend("open", attached=decided.attached)
    try:
        work.box.absorb(work.message)
    except Unsupported:
        if work.box.absorbing is Absorbing.ON_COMMAND:
            raise
        return False
    return True


def _clear(work: Work, after: After) -> Outcome:
    response, box = work.message, work.box
    if response.counter_proposal:
        box.clear(response, Clear.MARK)
        return Outcome("opened", "kept, because it proposes another time")
    if after == "delete" and not box.shows_as_absorbed(response):
        box.clear(response, Clear.TRASH)
        return Outcome("opened", "moved to Deleted Items, because the server does not show it as opened")
    box.clear(response, _HOW[after])
    return Outcome("opened", _NOTES[after])
