"""The Calendar Attendant of Exchange 2007 and later: it works on meeting messages before anybody opens them.

It books a tentative appointment for a new request, applies cancellations, and enters responses with the organizer's
meeting; PidTagProcessed and PidLidServerProcessingActions say so (MS-OXOCAL 2.2.5.4 and 2.2.5.5).  A server of 2003
has none: here it reaches a mailbox with the first request that reaches it by a protocol of 2007, so that what only
WebDAV reaches is as it was.
"""

from dataclasses import replace
from datetime import timedelta

from simulator.world.answering import REQUEST_CLASS, is_response
from simulator.world.booking import book, is_same
from simulator.world.content_classes import APPOINTMENT
from simulator.world.languages import Role
from simulator.world.mailboxes import Item, Mailbox
from simulator.world.messages import Meeting, Message, SeriesException
from simulator.world.property_names import MAPI_ID, PROPTAG
from simulator.world.response_objects import CANCELLATION_CLASS, booked, is_own
from simulator.world.responses import enter
from simulator.world.state import World
from simulator.world.tally import Action

#: PidTagProcessed.
HAS_BEEN_PROCESSED = PROPTAG + "x7d01000b"
_ASSISTANT_SET = MAPI_ID + "{11000e07-b51b-40d6-af21-caa85edab1d0}/"
#: PidLidServerProcessed and PidLidServerProcessingActions, of which 0x80 is "updated the calendar item".
_SERVER_PROCESSED, _SERVER_ACTIONS = _ASSISTANT_SET + "0x85cc", _ASSISTANT_SET + "0x85cd"
_UPDATED_CALENDAR = 0x80
CANCELED_PREFIX = "Canceled: "
_FREE, _NOT_RESPONDED = 0, 5


class CalendarAttendant:
    """Remembers how far it has come in each mailbox."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._upto: dict[Mailbox, int] = {}

    def attend(self, mailbox: Mailbox, delay_ms: int) -> None:
        """Work on everything in the Inbox that came so long ago."""
        due = mailbox.moment() - timedelta(milliseconds=delay_ms)
        done = self._upto.get(mailbox, -1)
        fresh = []
        for item in reversed(mailbox.folders[Role.INBOX].items.values()):
            if item.serial <= done:
                break
            fresh.append(item)
        # Looking for each of a thousand requests among a thousand appointments would take seconds.
        known = _uids(mailbox) if fresh else set()
        waits = False
        for item in reversed(fresh):
            if item.message.received > due:
                waits = True
                continue
            if HAS_BEEN_PROCESSED not in (item.patches or {}):
                self._process(item, known)
            if not waits:
                self._upto[mailbox] = item.serial

    def _process(self, item: Item, known: set[str]) -> None:
        message = item.message
        if message.meeting is None or message.received_for is not None:
            return
        if message.message_class == REQUEST_CLASS:
            done = self._propose(item, message.meeting, known)
        elif message.message_class == CANCELLATION_CLASS:
            done = self._cancel(item, message.meeting)
        else:
            done = is_response(message) and self._enter(item, message.meeting)
        if done:
            actions = {HAS_BEEN_PROCESSED: True, _SERVER_PROCESSED: True, _SERVER_ACTIONS: _UPDATED_CALENDAR}
            item.patches = {**(item.patches or {}), **actions}
            self._world.changed(item)

    def _propose(self, item: Item, meeting: Meeting, known: set[str]) -> bool:
        if is_own(item):
            return False
        calendar = item.mailbox.folders[Role.CALENDAR]
        if meeting.uid not in known:
            known.add(meeting.uid)
            self._world.put(calendar, _tentative(item, meeting), item.name).answers = item.tally
            return True
        former = booked(item.mailbox, meeting)
        if former is not None and _knows(former, item, meeting):
            return True
        book(self._world, calendar, _tentative(item, meeting), item.name, twin_stays=False)
        placed = booked(item.mailbox, meeting)
        if placed is not None and is_same(placed, meeting):
            placed.answers = item.tally
        return True

    def _cancel(self, item: Item, meeting: Meeting) -> bool:
        appointment = booked(item.mailbox, meeting)
        if appointment is None or is_own(appointment) or _meeting(appointment).sequence > meeting.sequence:
            return False
        message, own = appointment.message, _meeting(appointment)
        if is_same(appointment, meeting):
            message.meeting = replace(own, method="CANCEL", busy=_FREE, sequence=meeting.sequence)
            message.subject = CANCELED_PREFIX + message.subject.removeprefix(CANCELED_PREFIX)
        elif meeting.recurrence_id is not None:
            # Of a series the one occurrence goes.
            others = (one for one in own.exceptions if one.original != meeting.recurrence_id)
            message.meeting = replace(own, exceptions=(*others, SeriesException(meeting.recurrence_id)))
        self._world.changed(appointment)
        return True

    def _enter(self, item: Item, meeting: Meeting) -> bool:
        appointment = booked(item.mailbox, meeting)
        attendance = self._world.arranged.meetings.get((meeting.uid, meeting.recurrence_id))
        if appointment is None or attendance is None or attendance.organizer is not item.mailbox:
            return False
        enter(self._world, item)
        known = item.message.sender.address.casefold() in attendance.attendees
        if known and item.tally:
            item.tally.record(Action.ENTERED)
        return known


def _uids(mailbox: Mailbox) -> set[str]:
    """The meetings of a calendar."""
    appointments = mailbox.folders[Role.CALENDAR].items.values()
    return {item.message.meeting.uid for item in appointments if item.message.meeting is not None}


def _tentative(item: Item, meeting: Meeting) -> Message:
    """The appointment that a request proposes."""
    stamp = meeting.stamp or item.message.received
    return replace(
        item.message,
        message_class="IPM.Appointment",
        content_class=APPOINTMENT,
        meeting=replace(meeting, method=None, response_status=_NOT_RESPONDED, stamp=stamp),
        read=True,
        delivered=False,
    )


def _knows(appointment: Item, request: Item, meeting: Meeting) -> bool:
    """Whether the calendar has this edition of a meeting or a newer one; of an occurrence, in its series."""
    if is_same(appointment, meeting):
        return _edition(appointment) >= _edition(request)
    exceptions = (one for one in _meeting(appointment).exceptions if one.original == meeting.recurrence_id)
    own = next((one.own for one in exceptions), None)
    return own is not None and own.sequence >= meeting.sequence


def _edition(item: Item) -> tuple[int, float]:
    meeting = _meeting(item)
    return meeting.sequence, (meeting.stamp or item.message.received).timestamp()


def _meeting(item: Item) -> Meeting:
    if item.message.meeting is None:
        raise TypeError(item.message)
    return item.message.meeting
