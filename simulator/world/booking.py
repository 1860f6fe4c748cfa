"""Apply an answer to the calendar: book or remove exactly what it is about.

An occurrence of a series is an exception of it where the series is in the calendar, and an item of its own where only
occurrences were invited (MS-OXOCAL 3.1.5.1).
"""

from dataclasses import replace

from simulator.world.mailboxes import Folder, Item
from simulator.world.messages import Meeting, Message, SeriesException
from simulator.world.state import World


def book(world: World, calendar: Folder, appointment: Message, name: str, *, twin_stays: bool) -> None:
    """Put an appointment into the calendar, in the place of the one that it has of the same meeting or occurrence."""
    meeting = _meeting(appointment)
    series = _series_of(calendar, meeting)
    if series is not None and meeting.recurrence_id is not None:
        _alter(world, series, SeriesException(meeting.recurrence_id, meeting.start, meeting.end, own=meeting))
        return
    if not twin_stays:
        _remove(world, calendar, meeting)
    world.put(calendar, appointment, name)


def unbook(world: World, calendar: Folder, meeting: Meeting) -> None:
    """Take a meeting that was declined out of the calendar, or the one occurrence."""
    series = _series_of(calendar, meeting)
    if series is not None and meeting.recurrence_id is not None:
        _alter(world, series, SeriesException(meeting.recurrence_id))
        return
    _remove(world, calendar, meeting)


def is_about(item: Item, uid: str) -> bool:
    """Return whether an item belongs to this meeting, as one occurrence or as a whole."""
    return item.message.meeting is not None and item.message.meeting.uid == uid


def is_same(item: Item, meeting: Meeting) -> bool:
    """Return whether an item is exactly this single meeting, series or occurrence."""
    other = item.message.meeting
    return other is not None and (other.uid, other.recurrence_id) == (meeting.uid, meeting.recurrence_id)


def _series_of(calendar: Folder, occurrence: Meeting) -> Item | None:
    """Return the series in the calendar to which a meeting belongs."""
    if occurrence.recurrence_id is None:
        return None
    items = (item for item in calendar.items.values() if is_about(item, occurrence.uid))
    return next((item for item in items if _meeting(item.message).rrule), None)


def _alter(world: World, series: Item, exception: SeriesException) -> None:
    meeting = _meeting(series.message)
    others = (other for other in meeting.exceptions if other.original != exception.original)
    series.message.meeting = replace(meeting, exceptions=(*others, exception))
    world.changed(series)


def _remove(world: World, calendar: Folder, meeting: Meeting) -> None:
    for booked in [item for item in calendar.items.values() if is_same(item, meeting)]:
        world.remove(booked)


def _meeting(message: Message) -> Meeting:
    if message.meeting is None:
        raise TypeError(message)
    return message.meeting
