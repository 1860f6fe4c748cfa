"""The simulator's calendars over the wire: which series a SEARCH expands, and what its instances show."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.simulator.raw_http import CALENDAR, EXCHANGE, HTTPMAIL, Answer, Row, Simulator, rows, running

FOLDER, INBOX = "/exchange/adele0/Calendar", "/exchange/adele0/Inbox"
START, END = '"urn:schemas:calendar:dtstart"', '"urn:schemas:calendar:dtend"'
TYPE = "urn:schemas:calendar:instancetype"
FIRST, LAST = "'2026/03/01 00:00:00'", "'2026/05/01 00:00:00'"
FACTS = ",".join(
    f'"urn:schemas:calendar:{name}"'
    for name in (
        "uid",
        "dtstart",
        "dtend",
        "instancetype",
        "busystatus",
        "alldayevent",
        "rrule",
        "exdate",
        "timezone",
        "recurrenceid",
        "dtstamp",
        "isorganizer",
    )
)
SERIES = (
    "BEGIN:VEVENT\r\nUID:s\r\nDTSTART;TZID=Europe/Berlin:20260316T090000\r\nDTEND;TZID=Europe/Berlin:20260316T100000\r\n"
    "RRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=5\r\nEXDATE;TZID=Europe/Berlin:20260406T090000\r\n"
    "X-MICROSOFT-CDO-BUSYSTATUS:OOF\r\nEND:VEVENT\r\n"
    "BEGIN:VEVENT\r\nUID:s\r\nRECURRENCE-ID;TZID=Europe/Berlin:20260330T090000\r\n"
    "DTSTART;TZID=Europe/Berlin:20260331T140000\r\nDTEND;TZID=Europe/Berlin:20260331T150000\r\nEND:VEVENT\r\n"
)
SHOWN = [("2", "03-16T08"), ("2", "03-23T08"), ("3", "03-31T12"), ("2", "04-13T07")]


def cast(day: str) -> str:
    return f"CAST(\"{day}T00:00:00Z\" AS 'dateTime.tz')"


def put(simulator: Simulator, folder: str, content_class: str = "urn:content-classes:appointment") -> None:
    text = f"BEGIN:VCALENDAR\r\n{SERIES}END:VCALENDAR\r\n"
    mail = f"Content-class: {content_class}\r\nContent-Type: text/calendar; charset=utf-8\r\n\r\n{text}"
    answer = simulator.ask("PUT", f"{folder}/s.EML", mail, 0, Translate="f", Content_Type="message/rfc822")
    assert answer.status == 201


def search(simulator: Simulator, condition: str, folder: str = FOLDER) -> Answer:
    return simulator.search(folder, FACTS, f"AND \"urn:schemas:calendar:uid\" = 's' {condition}")


def shown(answer: Answer) -> list[tuple[str, str]]:
    found = [(row[f"{CALENDAR}instancetype"], row[f"{CALENDAR}dtstart"][5:13]) for row in rows(answer)]
    return sorted(found, key=lambda entry: entry[1])


@pytest.mark.parametrize(
    "condition",
    [
        f"AND {END} > {cast('2026-03-01')} AND {START} < {cast('2026-05-01')}",
        # Asterisk, res_calendar_exchange.
        f'AND NOT "urn:schemas:calendar:instancetype" = 1 '
        f"AND NOT ({END} < '2026/03/01 00:00:00' OR {START} > '2026/05/01 00:00:00')",
        # KDE's exchange plug-in.
        f"AND {END} > '2026/03/01' AND {START} < '2026/05/01'",
        # The Exchange 2000 SDK.
        f"AND ({START} >= {cast('2026-03-01')}) AND ({END} <= {cast('2026-05-01')})",
        f"AND {START} >= {cast('2026-03-01')}",
        f"AND {END} < {cast('2026-05-01')}",
    ],
)
def test_a_range_makes_instances_of_a_series(simulator: Simulator, condition: str) -> None:
    put(simulator, FOLDER)
    assert shown(search(simulator, condition)) == SHOWN


def test_a_range_makes_instances_of_what_overlaps_it(simulator: Simulator) -> None:
    put(simulator, FOLDER)
    first, last = (f"CAST(\"2026-03-23T08:{minute}:00Z\" as 'dateTime')" for minute in (30, 45))
    day = f"AND {END} > {first} AND {START} < {last}"
    assert shown(search(simulator, day)) == [("2", "03-23T08")]


def test_without_a_range_and_outside_a_calendar_a_series_is_its_master(simulator: Simulator) -> None:
    put(simulator, FOLDER)
    put(simulator, INBOX, "urn:content-classes:calendarmessage")
    assert shown(search(simulator, "")) == [("1", "03-16T08")]
    later = f"AND {END} > {cast('2026-03-01')}"
    assert shown(search(simulator, later, INBOX)) == [("1", "03-16T08")]


@pytest.mark.parametrize(
    "condition",
    [
        # DavMail's list of a calendar, with and without the tasks that it once kept there.
        f'("{TYPE}" = 1 OR ("{TYPE}" = 0 AND {END} > {FIRST} AND {START} < {LAST}))',
        f'("{TYPE}" is null OR "{TYPE}" = 1 OR ("{TYPE}" = 0 AND {END} > {FIRST} AND {START} < {LAST}))',
        f'NOT (NOT "{TYPE}" = 1 AND ({END} <= {FIRST} OR {START} >= {LAST}))',
    ],
)
def test_dates_that_bind_one_branch_only_are_no_range(simulator: Simulator, condition: str) -> None:
    put(simulator, FOLDER)
    assert shown(search(simulator, f"AND {condition}")) == [("1", "03-16T08")]


def test_dates_in_every_branch_are_a_range_from_the_first_to_the_last(simulator: Simulator) -> None:
    put(simulator, FOLDER)
    early = f"({END} > '2026/03/16' AND {START} < '2026/03/17')"
    late = f"({END} > '2026/03/23' AND {START} < '2026/03/24')"
    assert shown(search(simulator, f"AND ({early} OR {late})")) == [("2", "03-16T08"), ("2", "03-23T08")]


def test_a_series_and_its_instances_show_their_times(simulator: Simulator) -> None:
    put(simulator, FOLDER)
    answer = search(simulator, "")
    (master,) = rows(answer)
    assert facts(master, "busystatus", "isorganizer") == ["OOF", "1"]
    assert b'b:dt="mv.string"><c:v>FREQ=WEEKLY;BYDAY=MO;COUNT=5</c:v>' in answer.body
    assert b'b:dt="mv.dateTime.tz"><c:v>2026-04-06T07:00:00.000Z</c:v>' in answer.body
    assert "BYMONTH=3;BYDAY=-1SU" in master[f"{CALENDAR}timezone"]
    window = f"AND {END} > {cast('2026-03-29')} AND {START} < {cast('2026-04-01')}"
    (moved,) = rows(search(simulator, window))
    assert facts(moved, "recurrenceid", "dtstart", "busystatus") == [
        "2026-03-30T07:00:00.000Z",
        "2026-03-31T12:00:00.000Z",
        "OOF",
    ]
    assert f"{CALENDAR}rrule" not in moved


def facts(row: Row, *names: str) -> list[str]:
    """Some properties of a row."""
    return [row[f"{CALENDAR}{name}"] for name in names]


@pytest.mark.parametrize(("days", "status"), [(734, 207), (735, 422)])
def test_a_range_of_more_than_two_years_and_two_days_is_422(simulator: Simulator, days: int, status: int) -> None:
    last = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=days)
    condition = f"AND {END} > {cast('2026-03-01')} AND {START} < {cast(f'{last:%Y-%m-%d}')}"
    assert search(simulator, condition).status == status


def test_the_pages_of_a_range_count_instances(simulator: Simulator) -> None:
    put(simulator, FOLDER)
    window = f"AND {END} > {cast('2026-03-01')} AND {START} < {cast('2026-05-01')}"
    ours = f"{window} AND \"urn:schemas:calendar:uid\" = 's' ORDER BY {START} ASC"
    page = simulator.search(FOLDER, FACTS, ours, Range="rows=1-2")
    assert page.headers["Content-Range"] == "rows 1-2; total=4"
    assert [row[f"{CALENDAR}dtstart"][5:10] for row in rows(page)] == ["03-23", "03-31"]


def test_without_the_options_calendars_and_lists_of_guests_are_as_before() -> None:
    size = ("--mailboxes", "8", "--requests", "6", "--inside", "0")
    with running(*size) as plain, running(*size, "--calendar", "20", "--attendees", "6") as full:
        assert plain.oracle("summary")["seeded"] == full.oracle("summary")["seeded"]
        assert [m["uid"] for m in plain.oracle("messages")] == [m["uid"] for m in full.oracle("messages")]
        assert plain.find(FOLDER) == []
        appointments = rows(full.search(FOLDER, FACTS))
        assert 10 <= len(appointments) <= 30
        assert {row[f"{CALENDAR}busystatus"] for row in appointments} == {"FREE", "TENTATIVE", "BUSY", "OOF"}
        requests = [row["href"].split("/exchange/")[1] for row in full.requests(INBOX)]
        assert requests == [row["href"].split("/exchange/")[1] for row in plain.requests(INBOX)]
        guests = [
            max(row[f"{HTTPMAIL}to"].count("@") for row in rows(world.search(INBOX, '"urn:schemas:httpmail:to"')))
            for world in (plain, full)
        ]
        assert guests[0] == 1
        assert 1 < guests[1] <= 7


def test_a_request_shows_its_type_its_stamp_and_whose_it_is(simulator: Simulator) -> None:
    columns = (
        '"urn:schemas:calendar:dtstamp","urn:schemas:httpmail:datereceived",'
        '"http://schemas.microsoft.com/exchange/intendedbusystatus",'
        '"http://schemas.microsoft.com/mapi/proptag/x0065001f","http://schemas.microsoft.com/mapi/proptag/x0076001f",'
        '"http://schemas.microsoft.com/mapi/id/{6ED8DA90-450B-101B-98DA-00AA003F1305}/0x26" as kind'
    )
    found = rows(simulator.search(INBOX, columns, "AND \"urn:schemas:calendar:method\" = 'REQUEST'"))
    tag = "{http://schemas.microsoft.com/mapi/proptag/}"
    assert found
    for row in found:
        assert row[f"{CALENDAR}dtstamp"] == row[f"{HTTPMAIL}datereceived"]
        assert (row["kind"], row[f"{EXCHANGE}intendedbusystatus"]) == ("1", "2")
        assert row[f"{tag}x0076001f"] == "mailbox0@example.com"
        assert row[f"{tag}x0065001f"] != row[f"{tag}x0076001f"]
