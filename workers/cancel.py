"""Process one cancellation: take the cancelled meeting out of the calendar, and the message out of the Inbox.

Outlook Web Access has a button for it whose command is not known, so it is done by moving: the appointment goes to
Deleted Items, where a person can get it back, and then the message. Doing it twice is harmless; moving what was not
meant is not, so what message and calendar do not show counts as not meant.
"""

from contextlib import suppress

from rsvpq.mail.calendar import Appointment, CalendarUnknown, instance_date
from rsvpq.mail.editions import Version, same_occurrence
from rsvpq.mail.errors import Gone
from rsvpq.mail.messages import MeetingMessage
from rsvpq.mail.ports import Clear
from rsvpq.policy import Action, arranged
from rsvpq.tasks.outcome import Outcome
from workers.outcomes import GONE, left_alone, left_to_a_person
from workers.work import Work


class _UncertainError(Exception):
    """It cannot be told what a cancellation is to take out; why, for people."""


def process_cancellation(work: Work) -> Outcome:
    """Remove what was cancelled."""
    there = work.box.refresh(work.message)
    if there is None:
        return GONE
    decided = work.decide(there)
    if not decided.is_to(Action.PROCESS):
        return left_alone(decided)
    found = work.box.appointments(there.uid)
    if isinstance(found, CalendarUnknown):
        return left_to_a_person(found.reason, decided)
    try:
        cancelled = _cancelled(there, found)
    except _UncertainError as error:
        return left_to_a_person(str(error), decided)
    work.journal.intend("remove", attached=decided.attached)
    if cancelled is not None:
        with suppress(Gone):  # a person was quicker
            work.box.remove_appointment(cancelled)
    try:
        work.box.clear(there, Clear.TRASH)
    except Gone:
        return Outcome("processed", "somebody else cleaned it away")
    return Outcome("processed", "" if cancelled else "the calendar has no such meeting")


def _cancelled(message: MeetingMessage, found: list[Appointment]) -> Appointment | None:
    """The appointment that the message certainly cancels; None where the calendar has nothing of what it is about.

    :raises _UncertainError: it may be another one, or several, or cannot be moved by itself.
    """
    if not all(one.uid for one in found):
        raise _UncertainError("an appointment does not show which meeting it is of")
    meant = _of_occurrence(message, found) if message.occurrence else _of_whole(message, found)
    if len(meant) > 1:
        raise _UncertainError(f"the calendar has {len(meant)} appointments of this meeting")
    for one in meant:
        _require_newer(message, one)
        if not arranged(message, one):
            raise _UncertainError("whether it is from the organizer of the meeting in the calendar is not shown")
        if one.ref is None:
            raise _UncertainError("the server names the appointment outside of its mailbox")
    return meant[0] if meant else None


def _of_occurrence(message: MeetingMessage, found: list[Appointment]) -> list[Appointment]:
    """The items of this one occurrence: who was invited to single ones has an item for each.

    An instance inside a series has none. It is in the item of the series, which a MOVE would take as a whole.
    """
    if any(not one.occurrence for one in found):
        raise _UncertainError(
            "it is about one occurrence, and the calendar has the series or does not show what it has"
        )
    told = [(one, same_occurrence(one.occurrence, message.occurrence)) for one in found]
    meant = [one for one, same in told if same]
    if not meant and any(same is None for _, same in told):
        raise _UncertainError("it is about one occurrence, and the calendar does not show which ones it has")
    return meant


def _of_whole(message: MeetingMessage, found: list[Appointment]) -> list[Appointment]:
    """The items that go with the meeting as a whole; a series only where the message shows that it is about one."""
    if any(one.occurrence for one in found):
        raise _UncertainError("the calendar has single occurrences of a series, and the message names none")
    all_of_it = message.recurring and not instance_date(message.uid)
    if not all_of_it and any(one.recurring is not False for one in found):
        raise _UncertainError(
            "the calendar has or may have a series, and the message does not show that all of it is off"
        )
    return found


def _require_newer(message: MeetingMessage, one: Appointment) -> None:
    version, booked = Version.of(message), Version(one.sequence, one.stamp)
    if version.is_older_than(booked):
        raise _UncertainError("the calendar has a newer version of this meeting")
    if not version.can_be_compared(booked):
        raise _UncertainError("whether it is newer than the appointment is not shown")
