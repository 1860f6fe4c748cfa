"""The source of a message, made from its properties when somebody asks for it."""

from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from simulator.circle import attendance_of
from simulator.object_ids import shown_uid
from simulator.world import Item, Meeting

#: PARTSTAT by dispidResponseStatus.
_PARTICIPATION = {1: "ACCEPTED", 2: "TENTATIVE", 3: "ACCEPTED", 4: "DECLINED", 5: "NEEDS-ACTION"}


def rfc822(item: Item) -> bytes:
    """The message as RFC 822 text; a meeting message holds a text/calendar part."""
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
        method = message.meeting.method or "PUBLISH"
        text = _icalendar(item, message.meeting, method, _attendees(item))
        # 8bit keeps the lines as they are: quoted-printable would tear the UID apart for whoever looks with plain eyes.
        email.add_alternative(text, subtype="calendar", cte="8bit", params={"method": method})
        email.set_boundary(f"----_=_NextPart_{item.serial:08X}")
    email["Content-class"] = message.content_class
    return email.as_bytes()


def _attendees(item: Item) -> list[str]:
    message, attendance = item.message, attendance_of(item)
    if attendance is not None:
        return [
            f"ATTENDEE;CN={_quoted(attendee.name)};PARTSTAT={_PARTICIPATION[attendee.status]}:MAILTO:{attendee.address}"
            for attendee in attendance.attendees.values()
        ]
    answers = message.meeting is not None and message.meeting.method == "REPLY"
    attendee = message.sender if answers else message.recipient
    wanted = str(message.meeting is not None and message.meeting.response_requested).upper()
    return [f"ATTENDEE;CN={_quoted(attendee.name)};RSVP={wanted}:MAILTO:{attendee.address}"]


def _icalendar(item: Item, meeting: Meeting, method: str, attendees: list[str]) -> str:
    message = item.message
    lines = [
        "BEGIN:VCALENDAR",
        f"METHOD:{method}",
        "PRODID:Microsoft CDO for Microsoft Exchange",
        "VERSION:2.0",
        "BEGIN:VEVENT",
        f"UID:{shown_uid(item)}",
        f"SEQUENCE:{meeting.sequence}",
        f"ORGANIZER;CN={_quoted(meeting.organizer.name)}:MAILTO:{meeting.organizer.address}",
        *attendees,
        f"SUMMARY:{_escaped(message.subject)}",
        f"LOCATION:{_escaped(meeting.location)}",
        f"DTSTAMP:{_utc(meeting.stamp or message.received)}",
        f"DTSTART:{_utc(meeting.start)}",
        f"DTEND:{_utc(meeting.end)}",
    ]
    if meeting.rrule:
        lines.append(f"RRULE:{meeting.rrule}")
    if meeting.recurrence_id:
        lines.append(f"RECURRENCE-ID:{_utc(meeting.recurrence_id)}")
    return "\r\n".join([*lines, "END:VEVENT", "END:VCALENDAR", ""])


def _utc(moment: datetime) -> str:
    return moment.strftime("%Y%m%dT%H%M%SZ")


def _quoted(text: str) -> str:
    return '"' + text.replace('"', "'") + '"'


def _escaped(text: str) -> str:
    for plain in "\\;,":
        text = text.replace(plain, "\\" + plain)
    return text.replace("\n", "\\n")
