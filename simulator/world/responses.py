"""The way back of an answer: it arrives with an organizer who lives here, and opening it enters what it says.

Exchange updates the organizer's appointment when the response is opened, not when it comes (gsexdev.blogspot.com,
September 2004).  A response to no appointment, to an older version of it or older than one already entered changes
nothing.
"""

from simulator.world import names
from simulator.world.answering import REQUEST_CLASS, Verdict, is_response, wording_of
from simulator.world.attendance import Attendance
from simulator.world.booking import is_about, is_same
from simulator.world.clock import now
from simulator.world.content_classes import CALENDAR_MESSAGE
from simulator.world.languages import Role
from simulator.world.mailboxes import Item, Mailbox
from simulator.world.messages import Meeting, Message, Person
from simulator.world.state import World
from simulator.world.tally import Action, Tally

_STATUSES = {"pos": 3, "neg": 4, "tent": 2}
_VERDICTS = {3: Verdict.ACCEPT, 4: Verdict.DECLINE, 2: Verdict.TENTATIVE}


def arrived(world: World, item: Item) -> None:
    """Note a message that was just delivered, if it is a response."""
    meeting = item.message.meeting
    if meeting is None or not is_response(item.message):
        return
    # It is counted as a seeded message is, without being one.
    item.tally = Tally()
    world.arranged.delivered.append(item.tally)
    attendance = world.arranged.meetings.get((meeting.uid, meeting.recurrence_id))
    if attendance is not None and attendance.organizer is item.mailbox:
        attendance.responses.append(item.tally)


def replied_by_mail(author: Mailbox, message: Message) -> None:
    """Note an answer that a client wrote itself; it counts for the request like one drafted by Outlook Web Access."""
    if message.meeting is None or message.source is None or not is_response(message):
        return
    wording = wording_of(_VERDICTS[_status(message)])
    answered = _answered(author, message.meeting)
    if answered is not None:
        answered.record(wording.action)
        answered.record(Action.SUBMITTED)


def _answered(author: Mailbox, meeting: Meeting) -> Tally | None:
    """Return the counters of the request that an answer is about: of its own edition, if there are several."""
    items = (item for folder in (author.root, *author.root.below()) for item in folder.items.values())
    found = [
        item for item in items if item.tally and item.message.message_class == REQUEST_CLASS and is_same(item, meeting)
    ]
    found.sort(key=lambda item: item.message.meeting is None or item.message.meeting.sequence != meeting.sequence)
    return found[0].tally if found else None


def respond(world: World, mailbox: Mailbox, uid: str, attendee_address: str, verdict: Verdict) -> Item:
    """Deliver a response of an attendee to the organizer's mailbox, whether it knows of the meeting or not."""
    appointment = _appointment(mailbox, uid)
    attendance = world.arranged.meetings.get((uid, None))
    known = attendance.attendees.get(attendee_address.casefold()) if attendance else None
    sender = Person(known.name if known else attendee_address, attendee_address)
    wording, moment = wording_of(verdict), mailbox.moment()
    about = appointment.message.meeting if appointment else None
    subject = wording.subject_prefix + (appointment.message.subject if appointment else "")
    response = Message(
        message_class=wording.response_class,
        content_class=CALENDAR_MESSAGE,
        subject=subject,
        sender=sender,
        recipient=mailbox.owner,
        received=moment,
        delivered=True,
        meeting=Meeting(
            uid=uid,
            organizer=mailbox.owner,
            start=about.start if about else moment,
            end=about.end if about else moment,
            location=about.location if about else "",
            method="REPLY",
            sequence=about.sequence if about else 0,
            response_status=wording.response_status,
        ),
    )
    item = world.put(mailbox.folders[Role.INBOX], response, names.item_name(subject))
    arrived(world, item)
    return item


def enter(world: World, item: Item) -> None:
    """Enter what an opened response says with the organizer's appointment."""
    message, meeting = item.message, item.message.meeting
    attendance = world.arranged.meetings.get((meeting.uid, meeting.recurrence_id)) if meeting else None
    if meeting is None or attendance is None or attendance.organizer is not item.mailbox:
        return
    appointment = _appointment(item.mailbox, meeting.uid)
    attendee = attendance.attendees.get(message.sender.address.casefold())
    if appointment is None or attendee is None or meeting.sequence < attendance.sequence:
        return
    if attendee.answered is not None and message.received < attendee.answered:
        return
    attendee.answered = message.received
    status = _status(message)
    if attendee.status != status:
        attendee.status, attendee.changed_at = status, now()
        world.arranged.updates += 1
        world.changed(appointment)


def attendance_of(world: World, item: Item) -> Attendance | None:
    """Return the attendees, if an item is the organizer's own appointment."""
    meeting, mailbox = item.message.meeting, item.mailbox
    if meeting is None or meeting.method is not None:
        return None
    attendance = world.arranged.meetings.get((meeting.uid, meeting.recurrence_id))
    return attendance if attendance is not None and attendance.organizer is mailbox else None


def _appointment(mailbox: Mailbox, uid: str) -> Item | None:
    calendar = mailbox.folders[Role.CALENDAR]
    return next((item for item in calendar.items.values() if is_about(item, uid)), None)


def _status(message: Message) -> int:
    return _STATUSES.get(message.message_class.rpartition(".")[2].casefold(), _STATUSES["tent"])
