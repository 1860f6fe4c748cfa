"""MIME that a client stores, read as a Message: what the store makes properties of.

A calendar part makes an appointment or a meeting message of it; so does the Content-class header, which wins.  The text
itself is kept as it came.
"""

from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from simulator.mime.icalendar import Event, read_event
from simulator.world.answering import REQUEST_CLASS, RESPONSE_CLASS
from simulator.world.content_classes import APPOINTMENT, CALENDAR_MESSAGE, MESSAGE
from simulator.world.messages import PLAIN_CLASS, Message, Person, Source, people

APPOINTMENT_CLASS = "IPM.Appointment"

_MESSAGE_CLASSES = {"REQUEST": REQUEST_CLASS, "CANCEL": "IPM.Schedule.Meeting.Canceled"}
_RESPONSES = {"ACCEPTED": "Pos", "DECLINED": "Neg", "TENTATIVE": "Tent"}
_ORGANIZER = 1


def read_message(octets: bytes, before: Message) -> Message:
    """Return the message in a MIME text; flags, date and classes, which MIME does not have, come from `before`."""
    mail = message_from_bytes(octets, policy=default)
    event = _event(mail)
    message_class, content_class = _classes(mail, event)
    if content_class == MESSAGE:
        message_class, content_class = before.message_class, before.content_class
    if event and message_class.startswith(APPOINTMENT_CLASS):
        # In a calendar it is the organizer's own, whatever method it traveled with.
        event = replace(event, meeting=replace(event.meeting, method=None, response_status=_ORGANIZER))
    source = Source(
        octets,
        to=header(mail, "to"),
        cc=header(mail, "cc"),
        message_id=header(mail, "message-id") or None,
        has_attachment=any(mail.iter_attachments()) if mail.is_multipart() else False,
    )
    return replace(
        before,
        message_class=message_class,
        content_class=content_class,
        subject=header(mail, "subject") or (event.summary if event else ""),
        sender=_first_person(header(mail, "from")) or before.sender,
        sent_by=_first_person(header(mail, "sender")),
        recipient=_first_person(source.to) or before.recipient,
        meeting=event.meeting if event else None,
        source=source,
    )


def header(mail: EmailMessage, name: str) -> str:
    """Return a decoded header; '' if it is missing or cannot be read."""
    try:
        return str(mail.get(name, "")).strip()
    except (ValueError, LookupError, AttributeError):
        return ""


def _first_person(text: str) -> Person | None:
    return next(iter(people(text)), None)


def _event(mail: EmailMessage) -> Event | None:
    for part in mail.walk():
        if part.get_content_type() == "text/calendar":
            octets = part.get_payload(decode=True)
            return read_event(octets.decode("utf-8", "replace")) if isinstance(octets, bytes) else None
    return None


def _classes(mail: EmailMessage, event: Event | None) -> tuple[str, str]:
    said = header(mail, "content-class").casefold()
    method = (event.meeting.method or "") if event else ""
    if said == CALENDAR_MESSAGE or (not said and method in {"REQUEST", "REPLY", "CANCEL"}):
        return _meeting_class(event), CALENDAR_MESSAGE
    if said == APPOINTMENT or (not said and event):
        return APPOINTMENT_CLASS, APPOINTMENT
    return PLAIN_CLASS, MESSAGE


def _meeting_class(event: Event | None) -> str:
    if event and event.meeting.method == "REPLY":
        return RESPONSE_CLASS + _RESPONSES.get(event.participation, "Tent")
    return _MESSAGE_CLASSES.get((event.meeting.method if event else None) or "REQUEST", REQUEST_CLASS)
