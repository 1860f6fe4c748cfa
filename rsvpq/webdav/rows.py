"""Convert the rows of a search to meeting messages.

The store accepts properties of any namespace (MSDN, "Defining Custom Properties"), so the marks of rsvpq
(:mod:`rsvpq.mail.marks`) are properties like the others.
"""

from dataclasses import fields, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from rsvpq.mail.calendar import instance_date
from rsvpq.mail.classes import DELEGATE_ANSWERS, INFORMS, OUT_OF_DATE, kind_of, reply_of
from rsvpq.mail.errors import Malformed
from rsvpq.mail.marks import intent_of_text
from rsvpq.mail.messages import ItemRef, MeetingMessage, Sensitivity, instant
from rsvpq.mail.persons import People, Person, person_in
from rsvpq.text import shortened
from rsvpq.webdav import wire
from rsvpq.webdav.multistatus import Row
from rsvpq.webdav.search import LONGEST_OF_ROW

#: The instance types of a single meeting, of a whole series, and of one occurrence of it.
_SINGLE, _SERIES, _OCCURRENCE = "0", "1", {"2", "3"}
#: The most characters of a text of a message; no mail program writes longer ones. Exchange itself cuts subjects after
#: 255 characters, and the names of items earlier.
_LONGEST_TEXT, _LONGEST_HREF = 1000, 4000
_LONGEST = {wire.SUBJECT: 300, wire.PERMANENT_URL: _LONGEST_HREF, wire.INTENT: LONGEST_OF_ROW - 1}
_SHOWN = {wire.SUBJECT}


def href_of(message: MeetingMessage) -> str:
    """Return the path of the server's href, byte for byte and still %-encoded; another item may have it later."""
    return message.ref.address[0]


def permanent_url_of(message: MeetingMessage) -> str:
    """Return the path of the permanent URL; '' if the server shows none."""
    return message.ref.address[1]


def rid_of(message: MeetingMessage) -> str:
    """Return the repl-uid; '' if the server shows none, so that one of the URLs is used as the key."""
    return "" if message.ref.key in message.ref.address else message.ref.key


def at(message: MeetingMessage, href: str) -> MeetingMessage:
    """Return the same message with another href."""
    return replace(message, ref=ItemRef(message.ref.key, (href, permanent_url_of(message))))


def message_of(row: Row, root: str) -> MeetingMessage | None:
    """Return the message of a row; None if its href is too long, or outside of the mailbox with the path ``root``."""
    if len(row.href) > _LONGEST_HREF:
        return None
    try:
        href = wire.path_below(row.href, root)
    except Malformed:
        return None
    return _message(row, href, root)


def refreshed(message: MeetingMessage, row: Row) -> MeetingMessage:
    """Return the message with the values that the row shows now; values that it does not show stay the same."""
    now = _message(row, href_of(message), href_of(message))
    shown = {one.name: value for one in fields(now) if (value := getattr(now, one.name)) != one.default}
    received_for = now.received_for if row.text(wire.RECEIVED_FOR) else message.received_for
    recurring = message.recurring if now.recurring is None else now.recurring
    stays = {"kind": message.kind, "ref": message.ref, "received_for": received_for, "recurring": recurring}
    seen = {"intent": now.intent, "processed": now.processed, "read": now.read}
    return replace(message, **{**shown, **seen, **stays})


def _message(row: Row, href: str, root: str) -> MeetingMessage:
    row, overlong = _bounded(row)
    answers, topic = (*row.text(wire.ANSWERS).split(), "", "")[:2]
    permanent_url, kind = _permanent_url(row.text(wire.PERMANENT_URL), root), row.text(wire.MESSAGE_CLASS)
    meeting_type = number(row.text(wire.MEETING_TYPE)) or 0
    message = MeetingMessage(
        kind=kind_of(kind),
        ref=ItemRef(row.text(wire.REPL_UID) or permanent_url or href, (href, permanent_url)),
        type_name=kind,
        reply=reply_of(kind),
        uid=row.text(wire.UID),
        subject=row.text(wire.SUBJECT),
        organizer=row.text(wire.ORGANIZER),
        received=instant(row.text(wire.RECEIVED)),
        response_requested=row.flag(wire.RESPONSE_REQUESTED, default=True),
        processed=row.flag(wire.PROCESSED),
        start=instant(row.text(wire.START)),
        end=instant(row.text(wire.END)),
        stamp=instant(row.text(wire.STAMP)),
        sequence=number(row.text(wire.SEQUENCE)),
        recurring=recurring_of(row),
        occurrence=occurrence_of(row),
        read=row.flag(wire.READ),
        all_day=row.flag(wire.ALL_DAY),
        sensitivity=_sensitivity(row.text(wire.SENSITIVITY)),
        counter_proposal=row.flag(wire.COUNTER_PROPOSAL) or row.flag(wire.COUNTER_PROPOSAL_ID),
        outdated=bool(meeting_type & OUT_OF_DATE),
        informational=bool(meeting_type & INFORMS),
        for_delegate=bool(meeting_type & DELEGATE_ANSWERS),
        intent=intent_of_text(row.text(wire.INTENT)),
        answers=answers,
        topic=topic,
        created=_changed(row.text(wire.CREATED)),
        modified=_changed(row.text(wire.MODIFIED)),
        etag=row.text(wire.TAG),
        overlong=overlong,
    )
    return _with_people(message, row)


def _bounded(row: Row) -> tuple[Row, str]:
    """Return the row with overlong texts cut, and the names of the cut properties that may matter."""
    cut = {
        name: shortened(text, most)
        for name, text in row.properties.items()
        if len(text) > (most := _LONGEST.get(name, _LONGEST_TEXT))
    }
    if not cut:
        return row, ""
    return replace(row, properties={**row.properties, **cut}), ", ".join(
        sorted(name[1] for name in cut.keys() - _SHOWN)
    )


def occurrence_of(row: Row) -> str:
    """Return which occurrence of a series a row is about, as :attr:`MeetingMessage.occurrence`; '' if it is about none.

    It is identified by its original start; else by the day that Outlook writes into the uid; else by its present start.
    """
    kind = row.text(wire.INSTANCE_TYPE)
    original = wire.moment(row.text(wire.RECURRENCE_ID))
    if kind == _SERIES:
        return ""
    if original is not None:
        return f"{original:%Y%m%dT%H%M%SZ}"
    known = instance_date(row.text(wire.UID))
    return known or (f"at {row.text(wire.START)}" if kind in _OCCURRENCE else "")


def recurring_of(row: Row) -> bool | None:
    """Return whether a row is about a series or one of its occurrences; None if it does not show that."""
    kind = row.text(wire.INSTANCE_TYPE)
    if kind in {_SERIES, *_OCCURRENCE} or occurrence_of(row):
        return True
    return False if kind == _SINGLE else None


def _with_people(message: MeetingMessage, row: Row) -> MeetingMessage:
    """Return the message with whom it is for and from, as far as its row shows that."""
    people = People(
        organizer=person_in(row.text(wire.ORGANIZER)),
        sender=_without_spaces(row.text(wire.SENDER)),
        sent_for=Person(row.text(wire.SENT_REPRESENTING)),
        received_by=Person(row.text(wire.RECEIVED_BY), row.text(wire.RECEIVED_BY_NAME)),
        received_for=Person(row.text(wire.RECEIVED_FOR), row.text(wire.RECEIVED_FOR_NAME)),
    )
    return replace(
        message,
        received_for=people.received_for_another(),
        received_by=people.receiver(),
        own=people.own(),
        from_another=people.from_another(),
        sent_by=replace(people, sent_for=_without_spaces(people.sent_for.address)).sent_by(),
    )


def _without_spaces(address: str) -> Person:
    return Person("_".join(address.split()))


def _permanent_url(url: str, root: str) -> str:
    """Return the path of a permanent URL; '' if it is outside of the mailbox: requests go to it as to an href."""
    try:
        return wire.path_below(url, root) if urlsplit(url).path else ""
    except (Malformed, ValueError):
        return ""


def _sensitivity(text: str) -> Sensitivity:
    """Return the sensitivity: normal if there is none, and the highest if it cannot be read."""
    known = list(Sensitivity)
    shown = number(text) if text else 0
    return known[-1] if shown is None else known[min(shown, len(known) - 1)]


def _changed(text: str) -> datetime | None:
    """Return when an item was created or changed; DAV:getlastmodified may be an HTTP date (RFC 2518, 13.7)."""
    try:
        return instant(text) or parsedate_to_datetime(text).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):  # OverflowError: near the first or last day that datetime has
        return None


def number(text: str) -> int | None:
    """Return a number of at most ten digits, which has room for 32 bits; None for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 10 else None  # noqa: PLR2004 - 32 bits
