"""Read a calendar: when its owner is busy, and the appointments of one meeting.

In a CalendarView the server expands series (Microsoft Learn: "CalendarView"); it has no pages, and a range of more than
two years is refused. If anything cannot be read, the calendar is unknown: it must not look free because an item was
lost.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from rsvpq.ews import properties
from rsvpq.ews.calls import Calls
from rsvpq.ews.envelope import Folder, Order, of_meeting
from rsvpq.ews.global_ids import clean_id_of, day_of_instance
from rsvpq.ews.items import (
    CUT_AFTER,
    SERIES,
    SINGLE,
    EwsItem,
    Resolve,
    occurrence_of_item,
    organizer_of_item,
    recurring_of_item,
    uid_of_item,
)
from rsvpq.ews.properties import MESSAGES, EwsProperty
from rsvpq.ews.search import addresses_of, is_whole, read_items, search
from rsvpq.mail.calendar import (
    Agenda,
    Appointment,
    BusyPeriod,
    BusyStatus,
    CalendarUnknown,
    ResponseStatus,
    same_meeting_key,
)
from rsvpq.mail.editions import same_occurrence
from rsvpq.mail.errors import Gone, Malformed, NoRights, Refused
from rsvpq.mail.messages import ItemRef, MeetingMessage
from rsvpq.mail.persons import is_smtp
from rsvpq.mail.ports import WIDEST
from rsvpq.text import shortened

#: The rows of a view; Exchange returns no more than 1,000.
VIEW_ROWS = 1000
#: A range that is not divided any further, however many rows it has.
_SHORTEST = timedelta(hours=1)
#: The most parts into which a range is divided.
_MOST_PARTS = 200
_LONGEST_TEXT = 1000
_LAST_SECOND = datetime.max.replace(microsecond=0, tzinfo=UTC)
_STATUSES = {
    "Free": BusyStatus.FREE,
    "Tentative": BusyStatus.TENTATIVE,
    "OOF": BusyStatus.OOF,
}
_RESPONSES = {
    "Unknown": ResponseStatus.NONE,
    "Organizer": ResponseStatus.ORGANIZER,
    "Tentative": ResponseStatus.TENTATIVE,
    "Accept": ResponseStatus.ACCEPTED,
    "Decline": ResponseStatus.DECLINED,
    "NoResponseReceived": ResponseStatus.NOT_RESPONDED,
}
_NUMBERED_RESPONSES = dict(enumerate(ResponseStatus))


def view(calls: Calls, start: datetime, end: datetime) -> Agenda | CalendarUnknown:
    """Read everything that the calendar has between two moments; at most :data:`WIDEST` after the start.

    :raises ExchangeError: the server is busy or fails. :raises ValueError: the end is not after the start.
    """
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    if end <= start:
        raise ValueError(f"the end {end} is not after the start {start}")
    # The server is asked for whole seconds.
    start = start.replace(microsecond=0)
    end = min(end, start + WIDEST) if end - start > WIDEST else end
    try:
        found = _periods(calls, start, end)
    except (Gone, Refused, NoRights) as error:
        return CalendarUnknown(str(error), gone=isinstance(error, Gone))
    return found if isinstance(found, CalendarUnknown) else Agenda(start, end, tuple(found.values()))


def _periods(calls: Calls, start: datetime, end: datetime) -> dict[str, BusyPeriod] | CalendarUnknown:
    """Return the periods by the Ids of their items; a range with too many of them is read in parts."""
    periods: dict[str, BusyPeriod] = {}
    parts, asked = [(start, end)], 0
    while parts:
        first, last = parts.pop()
        asked += 1
        calls.server.keep_lease("reading a calendar")
        items, complete = _view_rows(calls, first, last)
        if not complete:
            if last - first <= _SHORTEST or asked + len(parts) > _MOST_PARTS:
                return CalendarUnknown("the calendar has more appointments than the server returns")
            middle = (first + (last - first) / 2).replace(microsecond=0)
            parts += [(first, middle), (middle, last)]
            continue
        for item in items:
            address, period = item.id(), _period(item)
            if address is None or period is None:
                return CalendarUnknown("an appointment without readable times")
            periods[address.id] = period
    return periods


def _view_rows(calls: Calls, start: datetime, end: datetime) -> tuple[list[EwsItem], bool]:
    """Return the items of a view, and whether these are all."""
    # The end is not part of the range, and a fraction of a second at the end must not be lost.
    wanted = end + timedelta(seconds=1) if end.microsecond and end < _LAST_SECOND else end
    operation = calls.envelope.calendar_view(properties.AGENDA, start, wanted, VIEW_ROWS)
    message = calls.one(operation)
    folder = message.element.find(f"{MESSAGES}RootFolder")
    if folder is None:
        raise Malformed(f"{calls.describe(operation)}: the response has no view")
    return list(map(EwsItem, message.items())), is_whole(folder)


def _period(item: EwsItem) -> BusyPeriod | None:
    start, end = item.moment("Start"), item.moment("End")
    if start is None or end is None:
        return None
    return BusyPeriod(
        start=start,
        end=end,
        status=_status(item),
        uid=shortened(uid_of_item(item), _LONGEST_TEXT),
        recurring=bool(recurring_of_item(item)),
        organizer=shortened(organizer_of_item(item), _LONGEST_TEXT),
    )


def _status(item: EwsItem) -> BusyStatus:
    """Return the status; an unknown one counts as busy."""
    return _STATUSES.get(item.text("LegacyFreeBusyStatus"), BusyStatus.BUSY)


def appointments(calls: Calls, uid: str, resolve: Resolve) -> list[Appointment] | CalendarUnknown:
    """Read the appointments of a meeting; with GetItem only those of which the search does not show everything.

    Their Ids are those of now only: Exchange makes the appointment anew with every answer.

    :raises ExchangeError: the server is busy or fails.
    """
    found = _items_of(calls, uid, "calendar", properties.APPOINTMENT_ROW)
    return found if isinstance(found, CalendarUnknown) else [_appointment(item, resolve) for item in found]


def calendar_items(
    calls: Calls, uid: str, resolve: Resolve, folder: Folder
) -> list[tuple[Appointment, datetime | None]] | CalendarUnknown:
    """Read the appointments of a meeting in a folder, each with the time of its owner's answer (None if none is shown).

    Each is read with GetItem: a row that shows no such time does not show that there is none.

    :raises ExchangeError: the server is busy or fails.
    """
    found = _items_of(calls, uid, folder, (properties.ITEM_CLASS,))
    if isinstance(found, CalendarUnknown):
        return found
    return [(_appointment(item, resolve), item.moment("AppointmentReplyTime", properties.REPLY_TIME)) for item in found]


def _items_of(
    calls: Calls, uid: str, folder: Folder, in_rows: Sequence[EwsProperty]
) -> list[EwsItem] | CalendarUnknown:
    """Return the appointments of a meeting as they were found, or as GetItem shows them if a row is not enough.

    :param in_rows: what the search returns.
    """
    if not uid:
        return CalendarUnknown("the meeting has no uid")
    lost: list[int] = []
    order = Order(properties.START_FIELD if folder == "calendar" else properties.RECEIVED)
    operation = calls.envelope.find_item(folder, in_rows, of_meeting(clean_id_of(uid)), order)
    try:
        rows = [item for page in search(calls, operation, lost.append) for item in page if _is_appointment(item)]
        partial = addresses_of(row for row in rows if not _shows_everything(row))
        read = dict(read_items(calls, partial, properties.APPOINTMENT_FACTS, lost.append))
    except (Gone, Refused, NoRights) as error:
        return CalendarUnknown(str(error), gone=isinstance(error, Gone))
    if any(lost):
        return CalendarUnknown(f"{sum(lost)} appointments could not be read")
    items = [row if _shows_everything(row) else read.get(address) for row in rows if (address := row.id())]
    # A server that ignores the restriction returns other meetings too.
    own = {"", same_meeting_key(uid)}
    return [item for item in items if item is not None and same_meeting_key(uid_of_item(item)) in own]


def _shows_everything(row: EwsItem) -> bool:
    """Return whether a row shows all that GetItem would show of an appointment.

    A row never has the address in Organizer, and a server may leave out any other property. One occurrence of a series
    is read, because which one it is must be known exactly.
    """
    texts = [row.text(one) for one in (properties.CLEAN_GLOBAL_ID, properties.GLOBAL_ID, properties.SENT_FOR)]
    if not all(0 < len(text) < CUT_AFTER for text in texts) or not is_smtp(row.text(properties.SENT_FOR)):
        return False
    if row.text("CalendarItemType") not in {SINGLE, SERIES} or day_of_instance(row.text(properties.GLOBAL_ID)):
        return False
    moments = (row.moment("Start"), row.moment("End"), row.moment(properties.STAMP))
    return (
        None not in moments
        and row.number(properties.SEQUENCE) is not None
        and row.text("MyResponseType") in _RESPONSES
        and bool(row.text("LegacyFreeBusyStatus"))
    )


def _is_appointment(row: EwsItem) -> bool:
    return (row.text("ItemClass").casefold() + ".").startswith("ipm.appointment.") or (
        row.element_name == "CalendarItem"
    )


def newest_of(found: list[Appointment], message: MeetingMessage) -> Appointment | None:
    """Return the newest appointment of what a message is about; None if there is none.

    If the calendar has no appointment of an occurrence, that of the series is returned.
    """
    oldest = datetime.min.replace(tzinfo=UTC)
    candidates = list(_of_occurrence(found, message.occurrence))
    return max(candidates, key=lambda one: (one.sequence or 0, one.stamp or oldest), default=None)


def _of_occurrence(found: list[Appointment], wanted: str) -> Iterator[Appointment]:
    same = [one for one in found if same_occurrence(one.occurrence, wanted) is True]
    possible = [one for one in found if one.occurrence and same_occurrence(one.occurrence, wanted) is None]
    yield from same or possible or [one for one in found if not one.occurrence]


def _appointment(item: EwsItem, resolve: Resolve) -> Appointment:
    address = item.id()
    number = item.number(properties.RESPONSE_STATUS)
    response = _RESPONSES.get(item.text("MyResponseType"))
    if response is None and number is not None:
        response = _NUMBERED_RESPONSES.get(number)
    return Appointment(
        uid=shortened(uid_of_item(item), _LONGEST_TEXT),
        start=item.moment("Start"),
        end=item.moment("End"),
        sequence=item.number("AppointmentSequenceNumber", properties.SEQUENCE),
        stamp=item.moment(properties.STAMP),
        response=response,
        status=_status(item),
        recurring=recurring_of_item(item),
        occurrence=occurrence_of_item(item),
        organizer=shortened(organizer_of_item(item, resolve), _LONGEST_TEXT),
        ref=None if address is None else ItemRef(address.id, (address.id, address.change_key)),
    )
