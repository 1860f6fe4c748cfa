"""The source of a message, made from its properties when somebody asks for it."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Literal
from zoneinfo import ZoneInfo

from simulator.mime.vtimezone import vtimezone, windows_name
from simulator.world.mailboxes import Item
from simulator.world.messages import Meeting
from simulator.world.object_ids import shown_uid
from simulator.world.responses import attendance_of
from simulator.world.state import World

RequestText = Literal["cdo", "bom", "bare-organizer", "urn-organizer", "no-method", "torn"]

_URN = "urn:uuid:7d444840-9dc0-11d1-b245-5ffdce74fad2"
#: A description that nobody has folded, and somebody with quotes in his name.
_TORN = (
    'DESCRIPTION:Please bring:\r\n- "numbers"\r\nEnd: five\r\n\r\nsee you\r\n'
    'ATTENDEE;CN="Bob "the builder" Lee":MAILTO:bob@example.com\r\n'
)
#: PARTSTAT by dispidResponseStatus.
_PARTICIPATION = {1: "ACCEPTED", 2: "TENTATIVE", 3: "ACCEPTED", 4: "DECLINED", 5: "NEEDS-ACTION"}


def rfc822(world: World, item: Item, style: RequestText = "cdo") -> bytes:
    """Return the message as RFC 822 text; the text/calendar part of a meeting message varies by program."""
    message = item.message
    email = EmailMessage(policy=SMTP)
    email["From"] = str(message.sender)
    email["To"] = str(message.recipient)
    # The header cannot hold a line break; the property can.
    email["Subject"] = " ".join(message.subject.splitlines())
    email["Date"] = format_datetime(message.received)
    email["Message-ID"] = f"<{item.serial:x}@{message.sender.address.partition('@')[2]}>"
    email.set_content(message.subject + "\r\n")
    if message.meeting is not None:
        method = _method(message.meeting)
        text = _written(_icalendar(world, item, message.meeting), style)
        # 8bit keeps the lines as they are: quoted-printable would tear the UID apart for whoever looks with plain eyes.
        email.add_alternative(text, subtype="calendar", cte="8bit", params={"method": method})
        email.set_boundary(f"----_=_NextPart_{item.serial:08X}")
    email["Content-class"] = message.content_class
    return email.as_bytes()


def _attendees(world: World, item: Item) -> list[str]:
    message, attendance = item.message, attendance_of(world, item)
    if attendance is not None:
        return [
            f"ATTENDEE;CN={_quoted(attendee.name)};PARTSTAT={_PARTICIPATION[attendee.status]}:MAILTO:{attendee.address}"
            for attendee in attendance.attendees.values()
        ]
    answers = message.meeting is not None and message.meeting.method == "REPLY"
    attendee = message.sender if answers else message.recipient
    wanted = str(message.meeting is not None and message.meeting.response_requested).upper()
    return [f"ATTENDEE;CN={_quoted(attendee.name)};RSVP={wanted}:MAILTO:{attendee.address}"]


def _method(meeting: Meeting) -> str:
    return meeting.method or "PUBLISH"


def appointment(world: World, item: Item, meeting: Meeting) -> str:
    """Return the iCalendar text of an appointment, whose times are those of its zone; exceptions are left out."""
    zone, name = ZoneInfo(meeting.zone), windows_name(meeting.zone)
    rules = re.sub(r"TZID:.*\r\n", f"TZID:{name}\r\n", vtimezone(meeting.zone, meeting.start.year))

    def local(moment: datetime) -> str:
        return f';TZID="{name}":{moment.astimezone(zone):%Y%m%dT%H%M%S}'

    return _icalendar(world, item, meeting, rules.splitlines(), local)


def _icalendar(
    world: World,
    item: Item,
    meeting: Meeting,
    zone: Sequence[str] = (),
    time: Callable[[datetime], str] = lambda moment: ":" + _utc(moment),
) -> str:
    """Return what an item is about; `time` writes what follows the name of a property."""
    message = item.message
    lines = [
        "BEGIN:VCALENDAR",
        f"METHOD:{_method(meeting)}",
        "PRODID:Microsoft CDO for Microsoft Exchange",
        "VERSION:2.0",
        *zone,
        "BEGIN:VEVENT",
        f"UID:{shown_uid(item)}",
        f"SEQUENCE:{meeting.sequence}",
        f"ORGANIZER;CN={_quoted(meeting.organizer.name)}:MAILTO:{meeting.organizer.address}",
        *_attendees(world, item),
        f"SUMMARY:{_escaped(message.subject)}",
        f"LOCATION:{_escaped(meeting.location)}",
        f"DTSTAMP:{_utc(meeting.stamp or message.received)}",
        f"DTSTART{time(meeting.start)}",
        f"DTEND{time(meeting.end)}",
    ]
    if meeting.rrule:
        lines.append(f"RRULE:{meeting.rrule}")
    if meeting.recurrence_id:
        lines.append(f"RECURRENCE-ID{time(meeting.recurrence_id)}")
    return "\r\n".join([*lines, "END:VEVENT", "END:VCALENDAR", ""])


def _written(text: str, style: RequestText) -> str:
    """Return the text/calendar part as programs are reported to write it, and relays to break it."""
    organizer = re.search(r"ORGANIZER;CN=(\"[^\"]*\"):MAILTO:(\S+)", text)
    if style == "cdo" or organizer is None:
        return text
    others = {
        "bom": "\ufeff" + text,
        "bare-organizer": text.replace(organizer[0], f"ORGANIZER:{organizer[2]}"),
        "urn-organizer": text.replace(organizer[0], f"ORGANIZER;EMAIL={organizer[2]}:{_URN}"),
        "no-method": re.sub(r"METHOD:\w+\r\n", "", text),
        "torn": text.replace("DTSTAMP", _TORN + "DTSTAMP", 1),
    }
    return others[style]


def _utc(moment: datetime) -> str:
    return moment.strftime("%Y%m%dT%H%M%SZ")


def _quoted(text: str) -> str:
    return '"' + text.replace('"', "'") + '"'


def _escaped(text: str) -> str:
    for plain in "\\;,":
        text = text.replace(plain, "\\" + plain)
    return text.replace("\n", "\\n")
