"""Read a calendar: when its owner is busy, and the appointments of one meeting.

In a search of a calendar from a start to an end, the store expands series (Exchange 2000 SDK, "Using Calendar Folder
Query"), so instances and exceptions have their own rows. If anything cannot be read, the calendar is unknown: it must
not look free because a row was lost.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import getaddresses

from rsvpq.http.server import Server
from rsvpq.mail.calendar import (
    Agenda,
    Appointment,
    BusyPeriod,
    BusyStatus,
    CalendarUnknown,
    Details,
    ResponseStatus,
    same_meeting_key,
)
from rsvpq.mail.editions import same_occurrence
from rsvpq.mail.errors import Busy, Gone, LoginRefused, Malformed, Refused
from rsvpq.mail.messages import ItemRef
from rsvpq.mail.ports import WIDEST
from rsvpq.webdav import wire
from rsvpq.webdav.multistatus import LONGEST_TEXT, Row
from rsvpq.webdav.rows import number, occurrence_of, recurring_of
from rsvpq.webdav.search import Search, identity

#: Few people have more appointments in the days around a meeting, so the first page is mostly the whole result.
AGENDA_ROWS = 500
#: The most times that a calendar of several pages is read, until two readings are equal.
_READINGS = 3
_DAY = timedelta(days=1)

#: The most characters of a property of an appointment.
_LONGEST_TEXT = 1000
_MASTER, _INSTANCES = "1", {"2", "3"}
#: Any other status counts as busy.
_STATUSES = {
    "FREE": BusyStatus.FREE,
    "TENTATIVE": BusyStatus.TENTATIVE,
    "OOF": BusyStatus.OOF,
    "OUTOFOFFICE": BusyStatus.OOF,
}


def read_agenda(
    server: Server, folder: str, start: datetime, end: datetime, page_rows: int = AGENDA_ROWS
) -> Agenda | CalendarUnknown:
    """Read everything that the calendar has between two moments, in UTC, extended to whole days.

    Whole days, because the store keeps an index for each distinct query. To a range of more than two years and two
    days the server returns 422, so the agenda ends :data:`WIDEST` after its start at the latest; see
    :attr:`Agenda.end`.

    :param folder: the path of the calendar; '' if the account may not see it.
    :raises ExchangeError: the server is busy or fails, or refuses the login.
    :raises ValueError: the end is not after the start.
    """
    first, last = _whole_days(start, end)
    rows = _settled_rows(server, folder, wire.agenda_search(first, last), page_rows)
    if isinstance(rows, CalendarUnknown):
        return rows
    expanded = {same_meeting_key(row.text(wire.UID)) for row in rows if row.text(wire.INSTANCE_TYPE) in _INSTANCES}
    periods = []
    for row in rows:
        instance_type = row.text(wire.INSTANCE_TYPE)
        if instance_type == _MASTER:
            if same_meeting_key(row.text(wire.UID)) not in expanded:
                return CalendarUnknown("the server returned a series without its instances")
            continue
        begins, ends = wire.moment(row.text(wire.START)), wire.moment(row.text(wire.END))
        if begins is None or ends is None:
            return CalendarUnknown("an appointment without readable times")
        status, organizer = _STATUSES.get(row.text(wire.BUSY_STATUS).upper(), BusyStatus.BUSY), row.text(wire.ORGANIZER)
        recurring = instance_type in _INSTANCES
        periods.append(BusyPeriod(begins, ends, status, row.text(wire.UID), recurring, organizer))
    return Agenda(first, last, tuple(periods))


def read_appointments(server: Server, folder: str, uid: str, root: str) -> list[Appointment] | CalendarUnknown:
    """Read all appointments of a meeting.

    An attendee of single occurrences of a series has an appointment for each, all with the uid of the series; an
    attendee of the series has one appointment for all of it.

    :param root: the path of the mailbox. :raises ExchangeError: see :func:`read_agenda`.
    """
    if not uid:
        return CalendarUnknown("the meeting has no uid")
    rows = _settled_rows(server, folder, wire.appointment_search(uid), AGENDA_ROWS)
    if isinstance(rows, CalendarUnknown):
        return rows
    # The store may treat a percent sign at the end of a uid as a wildcard, and any sender can choose the uid.
    own = {"", same_meeting_key(uid)}
    return [_appointment(row, root) for row in rows if same_meeting_key(row.text(wire.UID)) in own]


def read_appointment(
    server: Server, folder: str, uid: str, root: str, occurrence: str = ""
) -> Appointment | CalendarUnknown | None:
    """Read the appointment of a meeting, the newest if there are several; None if there is none.

    :param occurrence: see :attr:`MeetingMessage.occurrence`. If the calendar has no appointment of this occurrence, the
        appointment of the series is returned; its own ``occurrence`` shows that.
    :raises ExchangeError: see :func:`read_agenda`.
    """
    appointments = read_appointments(server, folder, uid, root)
    if isinstance(appointments, CalendarUnknown):
        return appointments
    same = [(one, same_occurrence(one.occurrence, occurrence)) for one in appointments]
    found = (
        [one for one, known in same if known]
        or [one for one, known in same if known is None and one.occurrence]
        or [one for one in appointments if not one.occurrence]
    )
    oldest = datetime.min.replace(tzinfo=UTC)
    return max(found, key=lambda one: (one.sequence or 0, one.stamp or oldest), default=None)


def details_of(row: Row) -> Details:
    """Return the details in a row of a PROPFIND for :data:`wire.DETAILS`."""
    rule = row.text(wire.RULE)
    return Details(
        attendees=_count(row.text(wire.TO), row.text(wire.CC)),
        # Nothing separates the values of a list, so two rules could not be told apart.
        rule=rule if rule.upper().count("FREQ=") == 1 else "",
        zone=row.text(wire.ZONE),
        deleted=tuple(moment for text in wire.DATE.findall(row.text(wire.DELETED)) if (moment := wire.moment(text))),
    )


def _settled_rows(server: Server, folder: str, body: bytes, page_rows: int) -> list[Row] | CalendarUnknown:
    """Return all rows of a search; if it takes several pages, it is read again, because rows shift between pages."""
    if not folder:
        return CalendarUnknown("the account may not see the calendar")
    before: set[str] | None = None
    for _ in range(_READINGS):
        lost: list[int] = []
        try:
            found = list(Search(server, folder, body, page_rows, lost.append, _key, _LONGEST_TEXT).pages())
        except (Busy, Gone, Refused) as error:
            # Only what concerns this folder alone, and would be the same at another attempt, makes it unknown.
            if isinstance(error, LoginRefused) or (isinstance(error, Busy) and error.scope != "mailbox"):
                raise
            return CalendarUnknown(str(error), gone=isinstance(error, Gone))
        if any(lost):
            return CalendarUnknown(f"{sum(lost)} appointments could not be read")
        rows = [row for page in found for row in page]
        keys = set(map(_key, rows))
        if len(found) <= 1 or keys == before:
            return rows
        before = keys
    return CalendarUnknown("the calendar changed while it was read")


def _key(row: Row) -> str:
    """Return what distinguishes a row from others.

    The identity is not enough: all instances of a series may have the identity of the master, and the first instance
    also has its times.
    """
    return " ".join((identity(row), *(row.text(name) for name in (wire.START, wire.END, wire.INSTANCE_TYPE))))


def _appointment(row: Row, root: str) -> Appointment:
    known = {str(code): status for code, status in enumerate(ResponseStatus)}
    try:
        path = wire.path_below(row.href, root)
    except Malformed:
        path = ""
    return Appointment(
        uid=row.text(wire.UID),
        start=wire.moment(row.text(wire.START)),
        end=wire.moment(row.text(wire.END)),
        sequence=number(row.text(wire.SEQUENCE)),
        stamp=wire.moment(row.text(wire.STAMP)),
        response=known.get(row.text(wire.RESPONSE_STATUS)),
        status=_STATUSES.get(row.text(wire.BUSY_STATUS).upper(), BusyStatus.BUSY),
        recurring=recurring_of(row),
        occurrence=occurrence_of(row),
        organizer=row.text(wire.ORGANIZER),
        ref=ItemRef(path, (path, "")) if path else None,
    )


def _count(*headers: str) -> int | None:
    """Return the number of addressees; None if a header cannot be read, or there are none."""
    if any(len(header) >= LONGEST_TEXT for header in headers):
        return None
    try:
        found = [getaddresses([header]) for header in headers if header]
    except RecursionError:  # the parser calls itself for each bracket
        return None
    people: Iterable[tuple[str, str]] = (person for header in found for person in header)
    counted = [any(person) for person in people]
    return len(counted) if counted and all(counted) else None


def _whole_days(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """Return a period extended to whole days, in UTC; the last day that ``datetime`` has ends with its last moment.

    :raises ValueError: the end is not after the start.
    """
    first, last = (one.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) for one in (start, end))
    if last != end:
        last_day = datetime.max.replace(tzinfo=UTC)
        last = last + _DAY if last < last_day - _DAY else last_day
    if last <= first:
        raise ValueError(f"the end {end} is not after the start {start}")
    return first, min(last, first + WIDEST) if last - first > WIDEST else last
