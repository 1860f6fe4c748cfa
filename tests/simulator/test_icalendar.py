"""What the simulator reads out of an iCalendar text."""

from datetime import UTC, datetime

import pytest

from simulator.mime.icalendar import read_event


def calendar(*lines: str) -> str:
    return "\r\n".join(["BEGIN:VCALENDAR", "BEGIN:VEVENT", "UID:x", *lines, "END:VEVENT", "END:VCALENDAR", ""])


@pytest.mark.parametrize(
    ("lines", "start", "end"),
    [
        (("DTSTART:20260401T100000Z", "DTEND:20260401T110000Z"), "2026-04-01T10:00", "2026-04-01T11:00"),
        (("DTSTART;TZID=Europe/Paris:20260401T100000", "DURATION:PT1H30M"), "2026-04-01T08:00", "2026-04-01T09:30"),
        (("DTSTART;VALUE=DATE:20260401",), "2026-04-01T00:00", "2026-04-02T00:00"),
        (("DTSTART:20260401T100000",), "2026-04-01T10:00", "2026-04-01T10:00"),
        (("DTSTART;TZID=Nowhere/At all:20260401T100000", "DURATION:P1W"), "2026-04-01T10:00", "2026-04-08T10:00"),
    ],
)
def test_times_are_utc(lines: tuple[str, ...], start: str, end: str) -> None:
    event = read_event(calendar(*lines))
    assert event is not None
    assert event.meeting.start == datetime.fromisoformat(start).replace(tzinfo=UTC)
    assert event.meeting.end == datetime.fromisoformat(end).replace(tzinfo=UTC)


def test_an_alarm_inside_an_event_says_nothing_about_it() -> None:
    alarm = ("BEGIN:VALARM", "SUMMARY:Wake up", "END:VALARM")
    event = read_event(calendar("DTSTART:20260401T100000Z", *alarm, "SUMMARY:A\\;\\n b\\, c"))
    assert event is not None
    assert event.summary == "A;\n b, c"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "BEGIN:VCALENDAR\r\nEND:VCALENDAR",
        calendar(),
        calendar("DTSTART:yesterday"),
        calendar("DTSTART:20260401T100000Z", "DURATION:P9999999999D"),
        calendar("DTSTART:00010101T000000Z", "DURATION:P9999999W"),
        "BEGIN:STANDARD\nTZOFFSETTO:+9900\nEND:STANDARD\n" + calendar("DTSTART;TZID=x:20260401T100000"),
        "END:VEVENT\nEND:VEVENT\n:::\n;;;",
    ],
)
def test_what_says_nothing_readable_is_no_event(text: str) -> None:
    assert read_event(text) is None
