"""A meeting that the owner of a mailbox arranges while clients work: his appointment, and the requests he sends."""

from dataclasses import replace

from simulator.world import names
from simulator.world.answering import REQUEST_CLASS
from simulator.world.attendance import Attendance
from simulator.world.content_classes import APPOINTMENT, CALENDAR_MESSAGE
from simulator.world.directory import mailboxes_of
from simulator.world.languages import Role
from simulator.world.mailboxes import Folder, Item
from simulator.world.messages import Meeting, Message, Person
from simulator.world.state import Seeded, World
from simulator.world.tally import Kind, Tally

_ORGANIZER = 1


def appoint(world: World, calendar: Folder, subject: str, meeting: Meeting, text: str = "") -> Item:
    """Put an appointment of the owner's into a calendar."""
    owner, moment = calendar.mailbox.owner, calendar.mailbox.moment()
    own = replace(meeting, method=None, response_status=_ORGANIZER, stamp=moment)
    message = Message("IPM.Appointment", APPOINTMENT, subject, owner, owner, moment, own, read=True, text=text)
    return world.put(calendar, message, names.item_name(subject))


def invite(
    world: World, appointment: Item, required: tuple[Person, ...], optional: tuple[Person, ...], *, keeps_copy: bool
) -> None:
    """Send the requests; the oracle knows those that arrive here, as if the world had begun with them."""
    meeting, mailbox = appointment.message.meeting, appointment.mailbox
    if meeting is None:
        raise TypeError(appointment.message)
    attendance = Attendance(meeting.uid, mailbox, meeting.sequence)
    for person in (*required, *optional):
        attendance.invite(person.name, person.address)
    world.arranged.add(attendance)
    request = replace(
        appointment.message,
        message_class=REQUEST_CLASS,
        content_class=CALENDAR_MESSAGE,
        meeting=replace(meeting, method="REQUEST", response_status=5),
        recipient=(*required, *optional)[0],
        others=required[1:],
        optional=optional if required else optional[1:],
    )
    if keeps_copy:
        world.put(mailbox.folders[Role.SENT_ITEMS], request, names.item_name(request.subject))
    for guest in mailboxes_of(world, set(attendance.attendees)):
        others = tuple(person for person in required if person.address.casefold() != guest.owner.address.casefold())
        received = replace(
            request, recipient=guest.owner, others=others, received=guest.moment(), read=False, delivered=True
        )
        item = world.put(guest.folders[Role.INBOX], received, names.item_name(received.subject))
        item.tally = Tally()
        world.seeded.append(Seeded(guest, Kind.REQUEST, replace(received), item.tally))
