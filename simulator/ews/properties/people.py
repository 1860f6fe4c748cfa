"""Whom a message is from and for, and who attends a meeting."""

from collections.abc import Iterable
from datetime import UTC, datetime

from simulator.ews.properties.shown import Shown
from simulator.ews.properties.values import mailbox, text_of
from simulator.ews.soap import Element, t
from simulator.world.directory import INTERNAL_DOMAIN
from simulator.world.languages import Role
from simulator.world.messages import Person, people
from simulator.world.responses import attendance_of

#: By dispidResponseStatus.
RESPONSE_TYPES = ("Unknown", "Organizer", "Tentative", "Accept", "Decline", "NoResponseReceived")
#: What lies there was written, and never received.
_WRITTEN_HERE = (Role.DRAFTS, Role.OUTBOX, Role.SENT_ITEMS, Role.CALENDAR)


def person(shown: Shown, who: Person) -> Element:
    """One person."""
    return mailbox(who, shown.address(who), named_only=shown.in_row)


def sender(shown: Shown) -> Person:
    """Who has sent it, which may be another than whom it is from."""
    return shown.item.message.sent_by or shown.item.message.sender


def author(shown: Shown) -> Person:
    """Whom it is from."""
    return shown.item.message.sender


def received_by(shown: Shown) -> Person | None:
    """In whose mailbox it arrived."""
    return None if shown.item.folder.role in _WRITTEN_HERE else shown.item.mailbox.owner


def received_for(shown: Shown) -> Person | None:
    """Whom it was meant for: on a delegate's copy somebody else."""
    return shown.item.message.received_for or received_by(shown)


def organizer(shown: Shown) -> Person | None:
    """Who has arranged the meeting."""
    return shown.meeting.organizer if shown.meeting else None


def recipients(shown: Shown) -> list[Person]:
    """To."""
    message = shown.item.message
    return people(message.source.to) if message.source else [message.recipient, *message.others]


def copied(shown: Shown) -> list[Person]:
    """Cc."""
    message = shown.item.message
    return people(message.source.cc) if message.source else list(message.optional)


def display(persons: Iterable[Person]) -> str | None:
    """Their names in a row."""
    return "; ".join(one.name for one in persons) or None


def required(shown: Shown) -> list[Element]:
    """Who is invited, and in the organizer's own appointment what each has answered."""
    attendance = attendance_of(shown.call.world, shown.item)
    if attendance is None:
        return [_attendee(shown, one, 0, None) for one in recipients(shown)]
    optional = {one.address.casefold() for one in shown.item.message.optional}
    return [
        _attendee(shown, Person(one.name, one.address), one.status, one.changed_at)
        for address, one in attendance.attendees.items()
        if address not in optional
    ]


def optional(shown: Shown) -> list[Element]:
    """Who may come."""
    attendance = attendance_of(shown.call.world, shown.item)
    known = attendance.attendees if attendance else {}
    found = []
    for one in copied(shown):
        status = known.get(one.address.casefold())
        found.append(_attendee(shown, one, status.status if status else 0, status.changed_at if status else None))
    return found


def by_directory_name(name: str) -> Person | None:
    """Whom an EX address means."""
    alias = name.rpartition("CN=")[2].lower()
    return Person(alias, f"{alias}@{INTERNAL_DOMAIN}") if alias else None


def _attendee(shown: Shown, who: Person, status: int, changed_at: float | None) -> Element:
    moment = t("LastResponseTime", text_of(datetime.fromtimestamp(changed_at, UTC))) if changed_at else None
    return t("Attendee", person(shown, who), t("ResponseType", RESPONSE_TYPES[status]), moment)
