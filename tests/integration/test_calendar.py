"""What the client reads out of calendars, in zones that change their clocks, and when it says that it does not know."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rsvpq.mail.calendar import Agenda, Appointment, BusyStatus, CalendarUnknown, ResponseStatus
from rsvpq.mail.errors import Busy, Transient
from rsvpq.mail.messages import ItemRef, Kind, MeetingMessage, Verdict
from rsvpq.mail.recurrence import instances
from rsvpq.policy import Edition
from rsvpq.webdav.calendar import read_agenda
from rsvpq.webdav.mailbox import WebDavMailbox
from testbed.fork_server import fork_server
from testbed.simulated_exchange import SimulatedExchange, World
from tests.integration.test_search import adele
from tests.support.calendar_writer import Diary, event, moment
from tests.support.exchange_site import PASSWORD, Site, box_name, inbox, simulated_site
from tests.support.scripted_server import XML, ScriptedServer, play

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
DEFAULTS = {"expansion": "instances", "instance_ids": "own", "calendar_access": "full", "row_error": "none"}
DEFAULTS |= {"series_shown": "rule-and-zone", "paging": "steady", "large_range": "served"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Mailboxes with empty calendars: nobody in this world has invited anybody."""
    world = World(mailboxes=120, requests=3, responses=2, seed=8)
    yield from simulated_site(tmp_path_factory.mktemp("calendars"), world, "--inside", "0")


@pytest.fixture
def diary(site: Site) -> Iterator[Diary]:
    """A mailbox that no other test has."""
    diary = Diary(site, site.take())
    yield diary
    diary.turn(**DEFAULTS)


@pytest.fixture
def played(scripted: ScriptedServer) -> WebDavMailbox:
    """A mailbox with a calendar on a server that plays what it is told to."""
    box = adele(scripted.url)
    box.folders = replace(box.folders, calendar="/exchange/adele/Calendar")
    return box


def about(uid: str) -> MeetingMessage:
    """A request about a meeting."""
    return MeetingMessage(Kind.REQUEST, ItemRef("rid:1", ("/1.EML", "")), uid)


def found(diary: Diary, uid: str) -> MeetingMessage:
    (message,) = [one for one in inbox(diary.box) if one.uid == uid]
    return message


# -- single appointments -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shown", ["FREE", "TENTATIVE", "BUSY", "OOF"])
def test_an_appointment_shows_as_what_was_put(diary: Diary, shown: str) -> None:
    diary.book("a", "2026-05-04T09:00", "2026-05-04T10:00", BERLIN, f"X-MICROSOFT-CDO-BUSYSTATUS:{shown}")
    agenda = diary.box.busy(moment("2026-05-04T00:00"), moment("2026-05-05T00:00"))
    assert isinstance(agenda, Agenda)
    (period,) = agenda.periods
    assert (period.status, period.uid, period.recurring) == (shown.lower(), "a", False)
    assert (period.start, period.end) == (moment("2026-05-04T07:00"), moment("2026-05-04T08:00"))


def test_an_agenda_is_of_whole_days_and_has_what_only_touches_them(diary: Diary) -> None:
    diary.book("night", "2026-05-03T22:00", "2026-05-04T02:00")
    diary.book("before", "2026-05-03T22:00", "2026-05-04T00:00")
    diary.book("after", "2026-05-05T00:00", "2026-05-05T01:00")
    diary.book("instant", "2026-05-04T12:00", "2026-05-04T12:00")
    agenda = diary.box.busy(moment("2026-05-04T11:00"), moment("2026-05-04T12:30"))
    assert isinstance(agenda, Agenda)
    assert (agenda.start, agenda.end) == (moment("2026-05-04T00:00"), moment("2026-05-05T00:00"))
    assert sorted(period.uid for period in agenda.periods) == ["instant", "night"]
    assert not agenda.conflicts(moment("2026-05-04T11:00"), moment("2026-05-04T13:00"))


@pytest.mark.parametrize(
    ("zone", "start", "end"), [(BERLIN, "03-28T23:00", "03-29T22:00"), (NEW_YORK, "03-29T04:00", "03-30T04:00")]
)
def test_an_all_day_event_is_a_day_where_its_owner_lives(diary: Diary, zone: str, start: str, end: str) -> None:
    diary.book("day", "2026-03-29T00:00", "2026-03-30T00:00", zone, "X-MICROSOFT-CDO-ALLDAYEVENT:TRUE")
    assert diary.times("2026-03-27T00:00", 5) == [("day", start, end)]


# -- series --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "first", "hours"),
    [
        (BERLIN, "2026-03-16", ["03-16T08", "03-23T08", "03-30T07", "04-06T07"]),
        (BERLIN, "2026-10-12", ["10-12T07", "10-19T07", "10-26T08", "11-02T08"]),
        (NEW_YORK, "2026-03-02", ["03-02T14", "03-09T13", "03-16T13", "03-23T13"]),
        (NEW_YORK, "2026-10-19", ["10-19T13", "10-26T13", "11-02T14", "11-09T14"]),
    ],
)
def test_a_series_stays_at_nine_when_the_clocks_change(diary: Diary, zone: str, first: str, hours: list[str]) -> None:
    diary.book("weekly", f"{first}T09:00", f"{first}T10:00", zone, "RRULE:FREQ=WEEKLY;BYDAY=MO")
    shown = diary.times(f"{first}T00:00", 25)
    assert [start[:8] for _, start, _ in shown] == hours


def test_instances_that_were_moved_or_deleted_show_as_such(diary: Diary) -> None:
    diary.put(
        event(
            "daily", "2026-03-28T09:00", "2026-03-28T10:00", BERLIN,
            "RRULE:FREQ=DAILY;COUNT=5", "EXDATE;TZID=Europe/Berlin:20260330T090000",
        ),
        event(
            "daily", "2026-04-20T15:00", "2026-04-20T16:30", BERLIN, "RECURRENCE-ID;TZID=Europe/Berlin:20260331T090000"
        ),
    )  # fmt: skip
    assert diary.times("2026-03-27T00:00", 9) == [
        ("daily", "03-28T08:00", "03-28T09:00"),
        ("daily", "03-29T07:00", "03-29T08:00"),
        ("daily", "04-01T07:00", "04-01T08:00"),
    ]
    assert diary.times("2026-04-19T00:00", 3) == [("daily", "04-20T13:00", "04-20T14:30")]


@pytest.mark.parametrize("ids", ["own", "master"])
@pytest.mark.parametrize("expansion", ["instances", "with-master"])
def test_every_instance_comes_once_whatever_it_is_called(diary: Diary, ids: str, expansion: str) -> None:
    diary.turn(instance_ids=ids, expansion=expansion)
    diary.book("daily", "2026-05-04T09:00", "2026-05-04T10:00", BERLIN, "RRULE:FREQ=DAILY;COUNT=5")
    diary.book("single", "2026-05-05T09:00", "2026-05-05T10:00", BERLIN)
    starts = [(uid, start[:5]) for uid, start, _ in diary.times("2026-05-01T00:00", 9)]
    assert starts == [
        ("daily", "05-04"),
        ("daily", "05-05"),
        ("single", "05-05"),
        ("daily", "05-06"),
        ("daily", "05-07"),
        ("daily", "05-08"),
    ]


def test_the_whole_of_a_series_is_the_meeting_itself(diary: Diary) -> None:
    diary.book("daily", "2026-05-04T09:00", "2026-05-04T10:00", "UTC", "RRULE:FREQ=DAILY;COUNT=5")
    diary.book("single", "2026-05-06T09:30", "2026-05-06T10:00")
    agenda = diary.box.busy(moment("2026-05-04T00:00"), moment("2026-05-09T00:00"))
    assert isinstance(agenda, Agenda)
    meeting = moment("2026-05-06T09:00"), moment("2026-05-06T10:00")
    assert [one.uid for one in agenda.conflicts(*meeting)] == ["daily", "single"]
    assert [one.uid for one in agenda.conflicts(*meeting, uid="daily")] == ["single"]


# -- calendars that are not known ----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["401", "403", "404"])
def test_a_calendar_that_may_not_be_read_is_unknown(diary: Diary, status: str) -> None:
    diary.turn(calendar_access=status)
    for unknown in (
        diary.box.busy(moment("2026-05-04T00:00"), moment("2026-05-05T00:00")),
        diary.box.appointment(about("any")),
    ):
        assert isinstance(unknown, CalendarUnknown)
        assert status in unknown.reason


def test_a_calendar_that_may_not_even_be_seen_is_unknown(diary: Diary) -> None:
    diary.box.folders = replace(diary.box.folders, calendar="")
    unknown = diary.box.busy(moment("2026-05-04T00:00"), moment("2026-05-05T00:00"))
    assert unknown == CalendarUnknown("the account may not see the calendar")


@pytest.mark.parametrize("status", ["401", "403", "404", "500"])
def test_a_calendar_with_a_row_that_cannot_be_read_is_unknown(diary: Diary, status: str) -> None:
    diary.book("a", "2026-05-04T09:00", "2026-05-04T10:00")
    diary.book("b", "2026-05-04T11:00", "2026-05-04T12:00")
    diary.turn(row_error=status)
    unknown = diary.box.busy(moment("2026-05-04T00:00"), moment("2026-05-05T00:00"))
    assert unknown == CalendarUnknown("1 appointments could not be read")


def test_a_server_that_expands_no_series_has_unknown_calendars(diary: Diary) -> None:
    diary.turn(expansion="none")
    diary.book("daily", "2026-05-04T09:00", "2026-05-04T10:00", BERLIN, "RRULE:FREQ=DAILY;COUNT=5")
    unknown = diary.box.busy(moment("2026-05-04T00:00"), moment("2026-05-05T00:00"))
    assert isinstance(unknown, CalendarUnknown)
    assert "series" in unknown.reason


@pytest.mark.parametrize("end", ["", "<c:dtend>soon</c:dtend>", "<c:dtend>2026-05-04T10:00:00</c:dtend>"])
def test_an_appointment_without_readable_times_makes_the_calendar_unknown(
    scripted: ScriptedServer, played: WebDavMailbox, end: str
) -> None:
    times = f"<c:dtstart>2026-05-04T09:00:00.000Z</c:dtstart>{end}"
    row = f"<response><href>/exchange/adele/Calendar/a.EML</href><propstat><prop>{times}</prop></propstat></response>"
    page = f'<multistatus xmlns="DAV:" xmlns:c="urn:schemas:calendar:">{row}</multistatus>'
    scripted.script(play(207, page.encode(), **XML))
    unknown = played.busy(moment("2026-05-04T00:00"), moment("2026-05-05T00:00"))
    assert unknown == CalendarUnknown("an appointment without readable times")


def test_what_is_not_known_to_be_free_is_busy(scripted: ScriptedServer, played: WebDavMailbox) -> None:
    times = "<c:dtstart>2026-05-04T09:00:00.000Z</c:dtstart><c:dtend>2026-05-04T10:00:00.000Z</c:dtend>"
    row = f"<response><href>/exchange/adele/Calendar/a.EML</href><propstat><prop>{times}</prop></propstat></response>"
    page = f'<multistatus xmlns="DAV:" xmlns:c="urn:schemas:calendar:">{row}</multistatus>'
    scripted.script(play(207, page.encode(), **XML))
    agenda = played.busy(moment("2026-05-04T00:00"), moment("2026-05-05T00:00"))
    assert isinstance(agenda, Agenda)
    assert [period.status for period in agenda.periods] == [BusyStatus.BUSY]


def test_several_pages_are_one_agenda(diary: Diary) -> None:
    diary.book("daily", "2026-05-04T09:00", "2026-05-04T10:00", BERLIN, "RRULE:FREQ=DAILY;COUNT=45")
    window = moment("2026-05-01T00:00"), moment("2026-07-01T00:00")
    agenda = read_agenda(diary.box._server, diary.box.folders.calendar, *window, page_rows=10)
    assert isinstance(agenda, Agenda)
    assert len({period.start for period in agenda.periods}) == 45


def test_a_server_that_serves_small_pages_only_is_read_twice_as_well(diary: Diary) -> None:
    for hour in range(10, 18):
        diary.book(f"at {hour}", f"2026-05-04T{hour}:00", f"2026-05-04T{hour}:30")
    diary.turn(large_range="507", large_range_rows=5)
    assert len(diary.times("2026-05-04T00:00", 1)) == 8
    diary.turn(paging="arrives")
    unknown = diary.box.busy(moment("2026-05-04T00:00"), moment("2026-05-05T00:00"))
    assert unknown == CalendarUnknown("the calendar changed while it was read")


def test_a_calendar_that_changes_between_pages_again_and_again_is_unknown(diary: Diary) -> None:
    for hour in range(10, 18):
        diary.book(f"at {hour}", f"2026-05-04T{hour}:00", f"2026-05-04T{hour}:30")
    diary.turn(paging="arrives")
    window = moment("2026-05-01T00:00"), moment("2026-06-01T00:00")
    unknown = read_agenda(diary.box._server, diary.box.folders.calendar, *window, page_rows=4)
    assert unknown == CalendarUnknown("the calendar changed while it was read")


@pytest.mark.parametrize("days", [0, -1])
def test_a_range_that_is_no_time_is_not_asked_for(diary: Diary, days: int) -> None:
    start = moment("2026-05-04T00:00")
    with pytest.raises(ValueError, match="is not after the start"):
        diary.box.busy(start, start + timedelta(days=days))


@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [
        ("2026-05-04T09:00", "2028-05-03T00:00", "2026-05-04T00:00", "2028-05-03T00:00"),
        ("2026-05-04T09:00", "2028-05-03T00:01", "2026-05-04T00:00", "2028-05-03T00:00"),
        ("2026-05-04T09:00", "9999-12-31T23:59", "2026-05-04T00:00", "2028-05-03T00:00"),
        ("9999-12-31T09:00", "9999-12-31T10:00", "9999-12-31T00:00", "9999-12-31T23:59:59.999999"),
        ("0001-01-01T09:00", "0001-01-01T10:00", "0001-01-01T00:00", "0001-01-02T00:00"),
    ],
)
def test_of_a_range_that_no_server_takes_what_it_takes_is_asked_for(
    diary: Diary, start: str, end: str, first: str, last: str
) -> None:
    """Exchange answers 422 to more than two years and two days."""
    agenda = diary.box.busy(moment(start), moment(end))
    assert isinstance(agenda, Agenda)
    assert (agenda.start, agenda.end) == (moment(first), moment(last))


@pytest.mark.parametrize(("status", "error"), [(500, Transient), (503, Busy)])
def test_a_server_in_trouble_is_asked_again_later(
    scripted: ScriptedServer, played: WebDavMailbox, status: int, error: type[Exception]
) -> None:
    scripted.script(play(status))
    with pytest.raises(error):
        played.busy(moment("2026-05-04T00:00"), moment("2026-05-05T00:00"))


# -- the appointment of a meeting ----------------------------------------------------------------------------------


def test_the_calendar_tells_what_it_has_of_a_meeting(diary: Diary) -> None:
    diary.book("own", "2026-05-04T09:00", "2026-05-04T10:00", BERLIN, "SEQUENCE:3", "X-MICROSOFT-CDO-BUSYSTATUS:OOF")
    appointment = diary.box.appointment(about("own"))
    assert isinstance(appointment, Appointment)
    assert (appointment.start, appointment.end) == (moment("2026-05-04T07:00"), moment("2026-05-04T08:00"))
    assert (appointment.sequence, appointment.status, appointment.recurring) == (3, BusyStatus.OOF, False)
    assert appointment.organized_here
    assert diary.box.appointment(about("nobody's")) is None
    assert isinstance(diary.box.appointment(about("")), CalendarUnknown)


def test_a_request_that_was_accepted_is_an_appointment_of_that_version(diary: Diary) -> None:
    request = next(one for one in inbox(diary.box) if one.kind is Kind.REQUEST)
    diary.box.command(request, Verdict.ACCEPT)
    appointment = diary.box.appointment(request)
    assert isinstance(appointment, Appointment)
    assert appointment.response is ResponseStatus.ACCEPTED
    assert (appointment.sequence, appointment.stamp) == (request.sequence, request.stamp)
    assert not appointment.organized_here
    edition = Edition(appointment.sequence, appointment.stamp)
    assert not Edition(request.sequence, appointment.stamp).is_older_than(edition)
    assert Edition((request.sequence or 0) - 1, appointment.stamp).is_older_than(edition)


# -- what a request says of itself ---------------------------------------------------------------------------------


def test_a_request_tells_how_many_are_invited_and_by_whom(diary: Diary) -> None:
    to = 'To: "Vance, Adele" <adele@example.com>, b@example.com\r\nCc: c@example.com, Nora <nora@example.org>'
    diary.put(event("q", "2026-05-04T09:00", "2026-05-04T10:00", BERLIN), method="REQUEST", to=to)
    request = found(diary, "q")
    details = diary.box.details(request)
    assert (details.attendees, request.own, details.rule) == (4, False, "")


def test_an_invitation_to_oneself_is_recognized(site: Site) -> None:
    diary = Diary(site, site.take(fits=lambda box: "@" in box_name(box)))
    own = event("q", "2026-05-04T09:00", "2026-05-04T10:00", BERLIN)
    diary.put(own, method="REQUEST", sender=box_name(diary.box))
    assert found(diary, "q").own is True


@pytest.mark.parametrize("more", ["SEQUENCE:0", "SEQUENCE:1"], ids=["first", "update"])
def test_a_request_that_asks_for_an_answer_is_none_that_only_informs(diary: Diary, more: str) -> None:
    diary.put(event("q", "2026-05-04T09:00", "2026-05-04T10:00", BERLIN, more), method="REQUEST")
    request = found(diary, "q")
    assert (request.outdated, request.informational, request.for_delegate) == (False, False, False)


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK, "Asia/Tokyo"])
@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY",
        "FREQ=DAILY;INTERVAL=3;UNTIL=20261031",
        "FREQ=WEEKLY;BYDAY=MO,WE",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;COUNT=12",
        "FREQ=MONTHLY;BYMONTHDAY=2",
        "FREQ=MONTHLY;BYDAY=1MO;UNTIL=20260907T100000",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=1;UNTIL=20260907T100000Z",
    ],
)
def test_the_instances_of_a_request_are_those_that_the_server_makes_of_the_series(
    diary: Diary, zone: str, rule: str
) -> None:
    """Two calculations that share nothing: ours from rule and VTIMEZONE, and the server's own in its calendar."""
    first = ("2026-03-02T09:00", "2026-03-02T09:45")
    lines = (f"RRULE:{rule}", f"EXDATE;TZID={zone}:20260406T090000")
    diary.book("q", *first, zone, *lines)
    diary.put(event("q", *first, zone, *lines), method="REQUEST")
    request, until = found(diary, "q"), moment("2027-03-01T00:00")
    assert request.recurring
    start, end = moment(first[0], zone), moment(first[1], zone)
    ours = instances(start, end, diary.box.details(request), until)
    agenda = diary.box.busy(start, until)
    assert isinstance(agenda, Agenda)
    assert ours.complete
    assert ours.times == tuple(sorted((period.start, period.end) for period in agenda.periods))
    assert len(ours.times) > 4


@pytest.mark.parametrize("style", ["bare", "x-lines", "windows-name"])
@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK, "Asia/Tokyo"])
def test_a_zone_is_read_whatever_a_program_has_written_beside_its_rules(diary: Diary, style: str, zone: str) -> None:
    """Exchange's own style, with X-MICROSOFT-CDO-TZID, is what the simulator writes everywhere else."""
    diary.turn(zone_text=style)
    diary.book("q", "2026-03-02T09:00", "2026-03-02T09:45", zone, "RRULE:FREQ=DAILY")
    diary.put(event("q", "2026-03-02T09:00", "2026-03-02T09:45", zone, "RRULE:FREQ=DAILY"), method="REQUEST")
    start, until = moment("2026-03-02T09:00", zone), moment("2027-03-01T00:00")
    ours = instances(start, start + timedelta(minutes=45), diary.box.details(found(diary, "q")), until)
    agenda = diary.box.busy(start, until)
    assert isinstance(agenda, Agenda)
    assert ours.complete
    assert ours.times == tuple(sorted((period.start, period.end) for period in agenda.periods))


@pytest.mark.parametrize("shown", ["rule", "none"])
def test_of_a_series_without_rule_or_zone_only_the_first_instance_is_known(diary: Diary, shown: str) -> None:
    diary.turn(series_shown=shown)
    diary.put(event("q", "2026-05-04T09:00", "2026-05-04T10:00", BERLIN, "RRULE:FREQ=DAILY"), method="REQUEST")
    start, end = moment("2026-05-04T07:00"), moment("2026-05-04T08:00")
    found_now = instances(start, end, diary.box.details(found(diary, "q")), start + timedelta(days=60))
    assert (found_now.times, found_now.complete) == (((start, end),), False)


# -- a world with full calendars -----------------------------------------------------------------------------------


def test_calendars_are_filled_if_asked_for_and_all_of_them_can_be_read(tmp_path: Path) -> None:
    world = World(mailboxes=12, requests=4, responses=1, seed=11)
    exchange = SimulatedExchange(tmp_path, world, PASSWORD, ["--calendar", "40", "--attendees", "9"], fork_server())
    try:
        site, statuses, recurring, guests = Site(exchange), set(), 0, set()
        now = datetime.now(UTC)
        for facts in site.mailboxes():
            box = WebDavMailbox(site.server(), facts["mailbox"])
            agenda = box.busy(now - timedelta(days=10), now + timedelta(days=60))
            assert isinstance(agenda, Agenda)
            assert len(agenda.periods) > 20
            statuses |= {period.status for period in agenda.periods}
            recurring += sum(period.recurring for period in agenda.periods)
            guests |= {box.details(one).attendees for one in inbox(box) if one.kind is Kind.REQUEST}
        assert statuses == set(BusyStatus)
        assert recurring > 100
        assert len(guests) > 6
    finally:
        exchange.part.end()
