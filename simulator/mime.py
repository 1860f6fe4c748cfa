"""The source of a message, made from its properties when somebody asks for it."""

from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from simulator.world import Item, Meeting, Message


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
        text = _icalendar(message, message.meeting, method)
        # 8bit keeps the lines as they are: quoted-printable would tear the UID apart for whoever looks with plain eyes.
        email.add_alternative(text, subtype="calendar", cte="8bit", params={"method": method})
        email.set_boundary(f"----_=_NextPart_{item.serial:08X}")
    email["Content-class"] = message.content_class
    return email.as_bytes()


def _icalendar(message: Message, meeting: Meeting, method: str) -> str:
    attendee = message.sender if method == "REPLY" else message.recipient
    lines = [
        "BEGIN:VCALENDAR",
        f"METHOD:{method}",
        "PRODID:Microsoft CDO for Microsoft Exchange",
        "VERSION:2.0",
        "BEGIN:VEVENT",
        f"UID:{meeting.uid}",
        f"SEQUENCE:{meeting.sequence}",
        f"ORGANIZER;CN={_quoted(meeting.organizer.name)}:MAILTO:{meeting.organizer.address}",
        f"ATTENDEE;CN={_quoted(attendee.name)};RSVP={str(meeting.response_requested).upper()}:MAILTO:{attendee.address}",
        f"SUMMARY:{_escaped(message.subject)}",
        f"LOCATION:{_escaped(meeting.location)}",
        f"DTSTAMP:{_utc(message.received)}",
        f"DTSTART:{_utc(meeting.start)}",
        f"DTEND:{_utc(meeting.end)}",
    ]
    if meeting.rrule:
        lines.append(f"RRULE:{meeting.rrule}")
    return "\r\n".join([*lines, "END:VEVENT", "END:VCALENDAR", ""])


def _utc(moment: datetime) -> str:
    return moment.strftime("%Y%m%dT%H%M%SZ")


def _quoted(text: str) -> str:
    return '"' + text.replace('"', "'") + '"'


def _escaped(text: str) -> str:
    for plain in "\\;,":
        text = text.replace(plain, "\\" + plain)
    return text.replace("\n", "\\n")
