"""Process one cancellation: remove the canceled meeting from the calendar, and the message from the Inbox.

Some servers have an operation for this. Others have a button whose command is not known; there both are
moved: first the appointment goes to Deleted Items, where a person can get it back, then the message. Doing this twice
is harmless, but removing the wrong appointment is not. So an appointment is removed only if message and calendar show
that it is the one that was canceled.
"""

from contextlib import suppress

from rsvpq.mail.calendar import Appointment, CalendarUnknown, instance_date
from rsvpq.mail.editions import Edition, same_occurrence
from rsvpq.mail.errors import Gone, NotAnswerable, Unsupported
from rsvpq.mail.messages import MeetingMessage
from rsvpq.mail.ports import Clear
from rsvpq.policy import Action, arranged
from rsvpq.tasks.journal import Outcome
from workers.outcomes import GONE, left_alone, left_to_a_person
from workers.work import Work


class _UncertainError(Exception):
    """It is not certain which appointment a cancellation is about; with the reason, for people."""


def process_cancellation(work: Work) -> Outcome:
    """Remove the canceled meeting."""
    there = work.box.refresh(work.message)
    if there is None:
        return GONE
    decided = work.decide(there)
    if not decided.calls_for(Action.PROCESS):
        return left_alone(decided)
    try:
        canceled = _canceled(there, work.box.appointments(there.uid))
    except _UncertainError as error:
        return left_to_a_person(str(error), decided)
    work.journal.intend("remove", attached=decided.attached)
    note = "" if canceled else "the calendar has no such meeting"
    try:
        if canceled is not None and _is_removed_with_message(work.with_message(there), canceled):
            return Outcome("processed")
        work.box.clear(there, Clear.TRASH)
    except NotAnswerable as refusal:
        return left_to_a_person(str(refusal), decided)
    except Gone:
        note = "somebody else removed it from the Inbox first"
    return Outcome("processed", note)


def _is_removed_with_message(work: Work, canceled: Appointment) -> bool:
    """Remove the appointment; return whether the message went with it, by the server's own operation.

    :raises Gone: the message is not there any more.
    """
    try:
        work.box.remove_canceled(work.message)
    except Unsupported:
        with suppress(Gone):  # a person was quicker
            work.box.remove_appointment(canceled)
        return False
    return True


def _canceled(message: MeetingMessage, found: list[Appointment] | CalendarUnknown) -> Appointment | None:
    """Return the appointment that the message certainly cancels; None if the calendar does not have it.

    :raises _UncertainError: it may be another appointment, or several, or it cannot be moved by itself.
    """
    known = _known(found)
    meant = _of_occurrence(message, known) if message.occurrence else _of_whole(message, known)
    if len(meant) > 1:
        raise _UncertainError(f"the calendar has {len(meant)} appointments of this meeting")
    edition = Edition.of(message)
    for one in meant:
        booked = Edition(one.sequence, one.stamp)
        if edition.is_older_than(booked):
            raise _UncertainError("the calendar has a newer edition of this meeting")
        if not edition.can_be_compared(booked):
            raise _UncertainError("the server does not show whether it is newer than the appointment")
        if not arranged(message, one.organizer):
            raise _UncertainError(
                "the server does not show whether it is from the organizer of the meeting in the calendar"
            )
        if one.ref is None:
            raise _UncertainError("the address of the appointment is outside of its mailbox")
    return meant[0] if meant else None


def _known(found: list[Appointment] | CalendarUnknown) -> list[Appointment]:
    if isinstance(found, CalendarUnknown):
        raise _UncertainError(found.reason)
    if not all(one.uid for one in found):
        raise _UncertainError("an appointment does not show which meeting it belongs to")
    return found


def _of_occurrence(message: MeetingMessage, found: list[Appointment]) -> list[Appointment]:
    """Return the appointments of this occurrence: an attendee who was invited to single occurrences has one for each.

    An occurrence inside a series has no item of its own: it is part of the item of the series, which a MOVE would
    remove as a whole.
    """
    if any(not one.occurrence for one in found):
        raise _UncertainError(
            "it is about one occurrence, and the calendar has the series, or does not show which occurrences it has"
        )
    compared = [(one, same_occurrence(one.occurrence, message.occurrence)) for one in found]
    meant = [one for one, same in compared if same]
    if not meant and any(same is None for _, same in compared):
        raise _UncertainError("it is about one occurrence, and the calendar does not show which ones it has")
    return meant


def _of_whole(message: MeetingMessage, found: list[Appointment]) -> list[Appointment]:
    """Return the appointments of the whole meeting; a series only if the message shows that all of it is canceled."""
    if any(one.occurrence for one in found):
        raise _UncertainError("the calendar has single occurrences of a series, and the message names no occurrence")
    all_of_it = message.recurring and not instance_date(message.uid)
    if not all_of_it and any(one.recurring is not False for one in found):
        raise _UncertainError(
            "the calendar has or may have a series, and the message does not show that all of it is canceled"
        )
    return found
