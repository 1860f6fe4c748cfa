"""A series whose organizer moves single occurrences, as calendar programs write it: iCalendar text, by PUT."""

# ruff: noqa: S608 - the SQL of a SEARCH is what is tested

from tests.simulator.own_mailbox import Box
from tests.simulator.raw_http import Row, path_of, rows, searchrequest

UID = f"040000008200E00074C5B7101A82E00800000000{'0' * 32}1000000000112233445566778899AABBCCDDEEFF"
#: Three of its Mondays at nine.
FIRST, SECOND, THIRD = "20260601T090000Z", "20260608T090000Z", "20260615T090000Z"
_COLUMNS = ("uid", "recurrenceid", "instancetype", "dtstart", "dtend", "sequence", "dtstamp")


def event(original: str = "", start: str = "", sequence: int = 0) -> list[str]:
    """The lines of an occurrence at another time, or of the whole series."""
    start = start or original or FIRST
    which = f"RECURRENCE-ID:{original}" if original else "RRULE:FREQ=WEEKLY;COUNT=5"
    times = [f"DTSTART:{start}", f"DTEND:{start[:9]}{int(start[9:11]) + 1:02d}0000Z"]
    people = ["ORGANIZER;CN=Nora:MAILTO:nora@example.com", "ATTENDEE;RSVP=TRUE:MAILTO:me@example.com"]
    return ["BEGIN:VEVENT", f"UID:{UID}", f"SEQUENCE:{sequence}", which, *times, *people, "END:VEVENT"]


def put(box: Box, folder: str, name: str, lines: list[str], method: str = "") -> Row:
    """Store one message, or an appointment where there is no method; its row."""
    content = "calendarmessage" if method else "appointment"
    text = ["BEGIN:VCALENDAR", *([f"METHOD:{method}"] if method else []), *lines, "END:VCALENDAR", ""]
    head = ["From: nora@example.com", f"Subject: {name}", f"Content-class: urn:content-classes:{content}"]
    body = "\r\n".join([*head, "Content-Type: text/calendar; charset=utf-8", "", *text])
    answer = box.ask("PUT", f"{folder}/{name}.EML", body, Translate="f", Content_Type="message/rfc822")
    assert answer.status == 201
    return next(row for row in seen(box, folder) if row["href"].endswith(f"/{name}.EML"))


def invited(box: Box, original: str, start: str = "", sequence: int = 0, name: str = "") -> Row:
    """A request about one occurrence, or about the series where that is ''."""
    name = name or f"r{original}{sequence}"
    return put(box, box.inbox, name, event(original, start, sequence), "REQUEST")


def seen(box: Box, folder: str, condition: str = "") -> list[Row]:
    """What a folder has of the series, by short names; one row for a message, a series or an item of its own."""
    asked = ",".join(f'"urn:schemas:calendar:{name}"' for name in _COLUMNS)
    sql = f'SELECT {asked} FROM "" WHERE "urn:schemas:calendar:location" = \'\' {condition}'
    found = [
        {name.removeprefix("{urn:schemas:calendar:}"): text for name, text in row.items()}
        for row in rows(box.ask("SEARCH", folder, searchrequest(sql)))
    ]
    return [row for row in found if row.get("uid", "").casefold()[-32:] == UID.casefold()[-32:]]


def booked(box: Box) -> list[tuple[str, str, str]]:
    """The series in the calendar, as (original start, start, instance type): its instances, or items of their own."""
    window = (
        "AND \"urn:schemas:calendar:dtend\" > '2026-05-01' AND \"urn:schemas:calendar:dtstart\" < '2026-08-01' "
        'ORDER BY "urn:schemas:calendar:dtstart" ASC'
    )
    return [
        (row["recurrenceid"][5:13], row["dtstart"][5:13], row["instancetype"])
        for row in seen(box, box.calendar, window)
    ]


def command(box: Box, row: Row, name: str) -> None:
    """Answer a request."""
    assert box.ask("GET", f"{path_of(row['href'])}?Cmd={name}").status == 200
