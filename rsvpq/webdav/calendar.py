"""Reading a calendar: when its owner is busy, and what it has of one meeting.

The store expands series in a search of a calendar from a time to a time (Exchange 2000 SDK, "Using Calendar Folder
Query"), so instances and exceptions come as rows of their own. What cannot be read makes the calendar unknown: it never
looks free because a row was lost.
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
    Particulars,
    ResponseStatus,
    same_meeting_key,
)
from rsvpq.mail.editions import same_occurrence
from rsvpq.mail.errors import Busy, ExchangeError, Gone, LoginRefused, Malformed, Refused
from rsvpq.webdav import wire
from rsvpq.webdav.multistatus import LONGEST_TEXT, Row
from rsvpq.webdav.rows import number, occurrence_of, recurring_of
from rsvpq.webdav.search import identity, pages

#: For a wider range servers return 422: the limit is two years and two days.
WIDEST = timedelta(days=730)
#: Nobody has so many appointments in the days around a meeting, so one page mostly is the whole answer.
PAGE_ROWS = 500
#: How often a calendar that takes several pages is read, until two readings are the same.
_READINGS = 3

#: The most characters of a property of an appointment.
_LONGEST_TEXT = 1000
_MASTER, _INSTANCES = "1", {"2", "3"}
_STATUSES = {
    "FREE": BusyStatus.FREE,
    "TENTATIVE": BusyStatus.TENTATIVE,
    "OOF": BusyStatus.OOF,
    "OUTOFOFFICE": BusyStatus.OOF,
}


def read_agenda(
    server: Server, folder: str, start: datetime, end: datetime, page_rows: int = PAGE_ROWS
) -> Agenda | CalendarUnknown:
    """Everything in the calendar between two moments, in UTC, widened to whole days.

    Whole days, because the store keeps an index for each distinct query. What lies more than :data:`WIDEST` behind the
    start cannot be asked for with it, so the agenda ends there: it says until when it is good.

    :param folder: the path of the calendar; '' where the account may not see it.
    :raises ExchangeError: the server wants to be asked again later, or refuses the login.
    :raises ValueError: the range has no length.
    """
    first, last = _midnight(start), _next_midnight(end)
    if last <= first:
        raise ValueError(f"from {start} to {end} is no time")
    last = min(last, first + WIDEST) if last - first > WIDEST else last
    rows = _settled_rows(server, folder, wire.agenda_search(first, last), page_rows)
    if isinstance(rows, CalendarUnknown):
        return rows
    expanded = {same_meeting_key(row.text(wire.UID)) for row in rows if row.text(wire.INSTANCE_TYPE) in _INSTANCES}
    periods = []
    for row in rows:
        if row.text(wire.INSTANCE_TYPE) == _MASTER:
            if same_meeting_key(row.text(wire.UID)) not in expanded:
                return CalendarUnknown("the server showed a series and none of its instances")
            continue
        period = _period(row)
        if period is None:
            return CalendarUnknown("an appointment without readable times")
        periods.append(period)
    return Agenda(first, last, tuple(periods))


def read_appointments(server: Server, folder: str, uid: str, root: str) -> list[Appointment] | CalendarUnknown:
    """All that the calendar has of a meeting.

    Who is invited to single occurrences of a series has an appointment for each, all with the uid of the series; who is
    invited to the series has one for all of it.

    :param root: the path of the mailbox. :raises ExchangeError: as :func:`read_agenda`.
    """
    if not uid:
        return CalendarUnknown("the meeting has no uid")
    rows = _settled_rows(server, folder, wire.appointment_search(uid), PAGE_ROWS)
    if isinstance(rows, CalendarUnknown):
        return rows
    # The store may take a percent sign at the end of a uid, which is a stranger's text, for "whatever begins so".
    own = {"", same_meeting_key(uid)}
    return [_appointment(row, root) for row in rows if same_meeting_key(row.text(wire.UID)) in own]


def read_appointment(
    server: Server, folder: str, uid: str, root: str, occurrence: str = ""
) -> Appointment | CalendarUnknown | None:
    """What the calendar has of a meeting, the newest if it has several; None if it has nothing.

    :param occurrence: as :attr:`MeetingMessage.occurrence`. Where the calendar has no appointment of it, the series is
        what there is, and says so by its own ``occurrence``.
    :raises ExchangeError: as :func:`read_agenda`.
    """
    appointments = read_appointments(server, folder, uid, root)
    if isinstance(appointments, CalendarUnknown):
        return appointments
    found = _of_occurrence(appointments, occurrence)
    oldest = datetime.min.replace(tzinfo=UTC)
    return max(found, key=lambda one: (one.sequence or 0, one.stamp or oldest), default=None)


def _of_occurrence(found: list[Appointment], wanted: str) -> list[Appointment]:
    told = {same: [one for one in found if same_occurrence(one.occurrence, wanted) is same] for same in (True, None)}
    return told[True] or [one for one in told[None] if one.occurrence] or [one for one in found if not one.occurrence]


def particulars_of(row: Row) -> Particulars:
    """What the PROPFIND for :data:`wire.PARTICULARS` said."""
    rule = row.text(wire.RULE)
    return Particulars(
        attendees=_count(row.text(wire.TO), row.text(wire.CC)),
        # Values of a list come without anything between them: of two rules, neither could be told.
        rule=rule if rule.upper().count("FREQ=") == 1 else "",
        zone=row.text(wire.ZONE),
        deleted=tuple(moment for text in wire.DATE.findall(row.text(wire.DELETED)) if (moment := wire.moment(text))),
    )


def unreadable(error: ExchangeError) -> bool:
    """Whether an error says that this folder cannot be read, and asking again would not help."""
    if isinstance(error, Busy):
        return error.scope == "mailbox" and not isinstance(error, LoginRefused)
    return isinstance(error, Gone | Refused)


def _settled_rows(server: Server, folder: str, body: bytes, page_rows: int) -> list[Row] | CalendarUnknown:
    """All rows of a search; one that takes several pages is read again, for rows shift between them."""
    if not folder:
        return CalendarUnknown("the account may not see the calendar")
    before: set[str] | None = None
    for _ in range(_READINGS):
        found = _pages(server, folder, body, page_rows)
        if isinstance(found, CalendarUnknown):
            return found
        rows = [row for page in found for row in page]
        keys = set(map(_key, rows))
        if len(found) <= 1 or keys == before:
            return rows
        before = keys
    return CalendarUnknown("the calendar changed while it was read")


def _pages(server: Server, folder: str, body: bytes, page_rows: int) -> list[list[Row]] | CalendarUnknown:
    lost = 0

    def count(rows: int) -> None:
        nonlocal lost
        lost += rows

    try:
        found = list(pages(server, folder, body, page_rows, count, _key, _LONGEST_TEXT))
    except ExchangeError as error:
        if unreadable(error):
            return CalendarUnknown(str(error), gone=isinstance(error, Gone))
        raise
    return CalendarUnknown(f"{lost} appointments could not be read") if lost else found


def _key(row: Row) -> str:
    """The instances of a series may all have the identity of their master, and the first one its times as well."""
    return " ".join((identity(row), *(row.text(name) for name in (wire.START, wire.END, wire.INSTANCE_TYPE))))


def _period(row: Row) -> BusyPeriod | None:
    start, end = wire.moment(row.text(wire.START)), wire.moment(row.text(wire.END))
    if start is None or end is None:
        return None
    return BusyPeriod(
        start=start,
        end=end,
        status=_status(row),
        uid=row.text(wire.UID),
        recurring=row.text(wire.INSTANCE_TYPE) in _INSTANCES,
        all_day=row.flag(wire.ALL_DAY),
        organizer=row.text(wire.ORGANIZER),
    )


def _status(row: Row) -> BusyStatus:
    """What is not known is taken for busy."""
    return _STATUSES.get(row.text(wire.BUSY_STATUS).upper(), BusyStatus.BUSY)


def _appointment(row: Row, root: str) -> Appointment:
    known = {str(number): status for number, status in enumerate(ResponseStatus)}
    return Appointment(
        uid=row.text(wire.UID),
        start=wire.moment(row.text(wire.START)),
        end=wire.moment(row.text(wire.END)),
        sequence=number(row.text(wire.SEQUENCE)),
        stamp=wire.moment(row.text(wire.STAMP)),
        response=known.get(row.text(wire.RESPONSE_STATUS)),
        status=_status(row),
        recurring=recurring_of(row),
        occurrence=occurrence_of(row),
        organizer=row.text(wire.ORGANIZER),
        href=_path(row.href, root),
    )


def _path(href: str, root: str) -> str:
    try:
        return wire.path_below(href, root)
    except Malformed:
        return ""


def _count(*headers: str) -> int | None:
    """How many addressees there are; None where a header cannot be read, or none is shown."""
    if any(len(header) >= LONGEST_TEXT for header in headers):
        return None
    try:
        found = [getaddresses([header]) for header in headers if header]
    except RecursionError:  # the parser goes one deeper for each bracket
        return None
    people: Iterable[tuple[str, str]] = (person for header in found for person in header)
    counted = [any(person) for person in people]
    return len(counted) if counted and all(counted) else None


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _next_midnight(moment: datetime) -> datetime:
    """The first midnight that is not before it; the last moment of all on the last day of all."""
    midnight = _midnight(moment)
    if midnight == moment:
        return midnight
    last_day = datetime.max.replace(tzinfo=UTC)
    return midnight + timedelta(days=1) if midnight < last_day - timedelta(days=1) else last_day
