"""A VTIMEZONE is read for what a clock needs, and whatever else a program has put into it is skipped (RFC 5545)."""

from datetime import UTC, datetime, timedelta

import pytest

from rsvpq.mail.zones import read_zone
from tests.support.time_zones import BERLIN

SUMMER, WINTER = datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)


def offsets(text: str) -> tuple[int, int]:
    """The hours that the clock is ahead in summer and in winter."""
    zone = read_zone(text)
    return tuple(  # type: ignore[return-value]  # of two
        round((moment.astimezone(zone).utcoffset() or timedelta()) / timedelta(hours=1)) for moment in (SUMMER, WINTER)
    )


def with_parts(count: int) -> str:
    """Berlin, where the clocks were changed by so many laws."""
    _, standard, daylight = BERLIN.partition("BEGIN:DAYLIGHT")[0].partition("BEGIN:STANDARD")
    old = standard + daylight.replace("16010101", "17010101")
    return BERLIN.replace("BEGIN:DAYLIGHT", old * (count - 2) + "BEGIN:DAYLIGHT")


@pytest.mark.parametrize(
    "text",
    [
        BERLIN,
        with_parts(20),
        BERLIN.replace("16010101", "00010101"),
        BERLIN.replace("16010101", "19700101"),
        BERLIN.replace("-1SU\n", "-1SU;\n"),
        BERLIN.replace("BYDAY=-1SU", "BYDAY=SU;BYSETPOS=-1"),
        BERLIN + BERLIN.replace("+0100", "-0800").replace("+0200", "-0700"),
        BERLIN.removesuffix("END:VTIMEZONE\n") + BERLIN.replace("+0100", "-0800").replace("+0200", "-0700"),
        BERLIN.replace("\n", "\r\n"),
        BERLIN.replace("BEGIN:STANDARD", "X-MICROSOFT-CDO-TZID:4\nBEGIN:STANDARD"),
        BERLIN.replace("DTSTART", "X-TICKS:1\nCOMMENT:a\nDTSTART"),
        BERLIN.replace("DTSTART:", "DTSTART;VALUE=DATE-TIME;X-A=b:"),
        BERLIN.replace("TZOFFSETTO:", "TZNAME;LANGUAGE=de:MEZ\nTZOFFSETTO;X-A=b:"),
        BERLIN.replace("BEGIN:DAYLIGHT", "BEGIN:X-OTHER\nDTSTART:never\nEND:X-OTHER\nBEGIN:DAYLIGHT"),
        BERLIN.replace("TZID:", "TZID;X-A=b:"),
        BERLIN.replace("TZID:", "X-A:"),
        BERLIN.replace("WKST=MO;INTERVAL=1;", "WKST=MO;INTE\n RVAL=1;"),
        BERLIN.replace("+0200", "+02:00").replace("T020000", "T020000Z"),
        BERLIN.replace(":STANDARD", ":Standard").replace("TZOFFSETTO", "TzOffsetTo").replace("FREQ=", "freq="),
        "BEGIN:VCALENDAR\n" + BERLIN + "END:VCALENDAR\n",
        "BEGIN:VTIMEZONE\nTZID:Europe/Berlin\nEND:VTIMEZONE\n",
        "BEGIN:VTIMEZONE\nTZID:/citadel.org/20210210_1/Europe/Berlin\nEND:VTIMEZONE\n",
        'BEGIN:VTIMEZONE\nTZID:"W. Europe Standard Time"\nBEGIN:STANDARD\nEND:STANDARD\nEND:VTIMEZONE\n',
        BERLIN.replace("YEARLY", "SECONDLY").replace(
            "TZID:GMT +0100 (Standard) / GMT +0200 (Daylight)", "TZID:w. europe standard time"
        ),
        "W. Europe Standard Time",
        "Europe/Berlin",
    ],
)
def test_berlin_is_read_in_every_writing(text: str) -> None:
    assert offsets(text) == (2, 1)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no time zone is shown"),
        ("Berlin", "unknown time zone 'Berlin'"),
        ("../../etc/passwd", "unknown time zone"),
        ("Europe/", "unknown time zone"),
        (BERLIN.replace("YEARLY", "SECONDLY"), "unsupported recurrence rule"),
        (BERLIN.replace("YEARLY", "MONTHLY").replace("BYMONTH=10;", "").replace("BYMONTH=3;", ""), "not yearly"),
        (BERLIN.replace("INTERVAL=1", "INTERVAL=2"), "does not write such clock changes"),
        (BERLIN.replace("BYMONTH=3;", ""), "does not write such clock changes"),
        (BERLIN.replace("INTERVAL=1", "COUNT=9999"), "does not write such clock changes"),
        (BERLIN.replace("BYMONTH=3;BYDAY=-1SU", "BYMONTH=2;BYMONTHDAY=30"), "unsupported recurrence rule"),
        (BERLIN.replace("1601", "0001").replace("BYDAY=", "UNTIL=20300101;BYDAY="), "begin before 1601"),
        (with_parts(21), "more than 20 rules"),
        ("localtime", "unknown time zone"),
        ("posixrules", "unknown time zone"),
        ("Factory", "unknown time zone"),
        ("right/Europe/Berlin", "unknown time zone"),
        ("posix/Europe/Berlin", "unknown time zone"),
        (BERLIN.replace("INTERVAL=1", "INTERVAL=0"), "unsupported recurrence rule"),
        (BERLIN.replace("+0200", "two hours"), "invalid UTC offset 'two hours'"),
        (BERLIN.replace("16010101T020000", "long ago"), "invalid time 'long ago'"),
        (BERLIN.replace("TZOFFSETTO:+0200\n", ""), "mandatory TZOFFSETFROM not found"),
        (BERLIN + " " * 9000, "more than 8192 characters"),
    ],
)
def test_what_does_not_say_enough_is_no_zone_and_why(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_zone(text)
