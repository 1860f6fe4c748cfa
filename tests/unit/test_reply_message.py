"""The message that answers a request: what it says, byte for byte, and what is refused."""

import re
from datetime import datetime, timedelta, timezone
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from rsvpq.mail.errors import Refused
from rsvpq.mail.messages import Verdict
from rsvpq.webdav.imip import _person_of, reply_to
from tests.support.examples import examples
from tests.support.time_zones import CENTRAL_EUROPE

NOW = datetime(2009, 2, 3, 10, 30, tzinfo=timezone(timedelta(hours=1)))
ME = "adele@example.com"
HEADER = """\
From: "Orr, Ann" <ann@example.com>
To: Adele <adele@example.com>
Subject: Budget
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary="b"
Content-class: urn:content-classes:calendarmessage

--b
Content-Type: text/plain; charset="utf-8"

When: Tuesday
--b
Content-Type: text/calendar; charset="utf-8"; method=REQUEST
Content-Transfer-Encoding: 8bit

"""
ZONE = f"""\
BEGIN:VTIMEZONE
TZID:(GMT+01.00) Sarajevo/Warsaw/Zagreb
X-MICROSOFT-CDO-TZID:2
{CENTRAL_EUROPE}"""
EVENT = {
    "UID": "UID:040000008200E00074C5B7101A82E00800000000B0C1D2",
    "ATTENDEE": "ATTENDEE;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=TRUE;CN=Adele:MAILTO:adele@example.com",
    "ORGANIZER": 'ORGANIZER;CN="Orr, Ann":MAILTO:ann@example.com',
    "SEQUENCE": "SEQUENCE:3",
    "SUMMARY": "SUMMARY:Budget\\, again",
    "LOCATION": "LOCATION:Room 1",
    "DTSTAMP": "DTSTAMP:20090201T080000Z",
    "DTSTART": "DTSTART:20090210T090000Z",
    "DTEND": "DTEND:20090210T100000Z",
}

WHOLE = """\
From: Adele <adele@example.com>
To: "Orr, Ann" <ann@example.com>
Subject: Accepted: Budget, again
Date: Tue, 03 Feb 2009 10:30:00 +0100
MIME-Version: 1.0
Content-Type: multipart/alternative;
 boundary="B"
Content-class: urn:content-classes:calendarmessage

--B
Content-Type: text/plain; charset="utf-8"
Content-Transfer-Encoding: 7bit

Accepted: Budget, again

--B
Content-Transfer-Encoding: 7bit
Content-Type: text/calendar; charset="utf-8"; method="REPLY"
MIME-Version: 1.0

BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//rsvpq//EN
METHOD:REPLY
BEGIN:VEVENT
SUMMARY:Budget\\, again
DTSTART:20090210T090000Z
DTEND:20090210T100000Z
DTSTAMP:20090203T093000Z
UID:040000008200E00074C5B7101A82E00800000000B0C1D2
SEQUENCE:3
ATTENDEE;CN=Adele;PARTSTAT=ACCEPTED:mailto:adele@example.com
ORGANIZER;CN="Orr, Ann":MAILTO:ann@example.com
END:VEVENT
END:VCALENDAR

--B--
"""


def event(**changes: str | None) -> str:
    """A VEVENT with other lines than EVENT's; None leaves a line out."""
    lines = {**EVENT, **{name.replace("_", "-"): line for name, line in changes.items()}}
    return "\n".join(["BEGIN:VEVENT", *(line for line in lines.values() if line), "END:VEVENT", ""])


def request(*parts: str, method: str = "METHOD:REQUEST\n", header: str = HEADER) -> bytes:
    """A request as stored, with these components."""
    body = "".join(parts or (event(),))
    head = f"{header}BEGIN:VCALENDAR\n{method}PRODID:Microsoft CDO for Microsoft Exchange\nVERSION:2.0\n"
    return (f"{head}{body}END:VCALENDAR" + "\n--b--\n").replace("\n", "\r\n").encode()


def answered(source: bytes, mailbox: str = ME, verdict: Verdict = Verdict.ACCEPT) -> EmailMessage:
    """The answer, read again by a program."""
    message = message_from_bytes(reply_to(source, mailbox, verdict, NOW), policy=default)
    assert isinstance(message, EmailMessage)
    return message


def calendar_of(message: EmailMessage) -> str:
    """The text of the calendar part."""
    (part,) = [part for part in message.walk() if part.get_content_type() == "text/calendar"]
    text: str = part.get_content()
    return text


def events_of(message: EmailMessage) -> list[Any]:
    """The events of the answer."""
    return list(Calendar.from_ical(calendar_of(message)).walk("VEVENT"))


def lines_of(source: bytes, mailbox: str = ME) -> list[str]:
    """The lines of the answer's calendar, unfolded."""
    return calendar_of(answered(source, mailbox)).replace("\r\n", "\n").replace("\n ", "").split("\n")


def test_the_answer_is_written_as_a_whole() -> None:
    octets = reply_to(request(), ME, Verdict.ACCEPT, NOW)
    boundary = re.search(rb'boundary="([^"]+)"', octets)
    assert boundary is not None
    assert octets.decode().replace(boundary[1].decode(), "B").replace("\r\n", "\n") == WHOLE
    assert octets.count(b"\n") == octets.count(b"\r\n")


@pytest.mark.parametrize(
    ("verdict", "partstat", "subject"),
    [
        (Verdict.ACCEPT, "ACCEPTED", "Accepted: Budget, again"),
        (Verdict.DECLINE, "DECLINED", "Declined: Budget, again"),
        (Verdict.TENTATIVE, "TENTATIVE", "Tentative: Budget, again"),
    ],
)
def test_each_verdict_has_its_words(verdict: Verdict, partstat: str, subject: str) -> None:
    message = answered(request(), verdict=verdict)
    assert message["Subject"] == subject
    assert f"PARTSTAT={partstat}" in calendar_of(message)


def test_a_time_zone_is_repeated_with_the_times_that_name_it() -> None:
    quoted = "(GMT+01.00) Sarajevo/Warsaw/Zagreb"
    start = f'DTSTART;TZID="{quoted}":20090210T100000'
    lines = lines_of(request(ZONE, ZONE.replace(quoted, "Unused"), event(DTSTART=start)))
    assert f"DTSTART;TZID={quoted}:20090210T100000" in lines
    assert lines.count("BEGIN:VTIMEZONE") == 1
    assert f"TZID:{quoted}" in lines
    assert "DTSTART:16010101T030000" in lines


@pytest.mark.parametrize(
    "zone", ["Central Europe Standard Time", "Europe/Vienna", "/x.example/Europe/Vienna", "x;y:z,w", "GMT"]
)
def test_a_time_in_a_zone_that_is_not_defined_stays_as_it_is(zone: str) -> None:
    lines = lines_of(request(event(DTSTART=f'DTSTART;TZID="{zone}":20090210T100000', DTEND=None)))
    assert [line for line in lines if line.replace('"', "") == f"DTSTART;TZID={zone}:20090210T100000"]


@pytest.mark.parametrize("line", ["DTSTART;TZID=UTC:20090210T100000", "DTSTART;TZID=UTC:20090210T100000Z"])
def test_a_time_in_a_zone_named_utc_is_in_utc(line: str) -> None:
    assert "DTSTART:20090210T100000Z" in lines_of(request(event(DTSTART=line)))


def test_the_definition_of_a_zone_does_not_leak_from_one_request_into_another() -> None:
    start = 'DTSTART;TZID="(GMT+01.00) Sarajevo/Warsaw/Zagreb":20090710T100000'
    for offset in ("+0200", "+1100"):
        lines = lines_of(request(ZONE.replace("TZOFFSETTO:+0200", f"TZOFFSETTO:{offset}"), event(DTSTART=start)))
        assert f"TZOFFSETTO:{offset}" in lines
        assert start.replace('"', "") in lines


def test_a_whole_day_stays_a_date() -> None:
    day = event(DTSTART="DTSTART;VALUE=DATE:20090210", DTEND="DTEND;VALUE=DATE:20090211")
    lines = lines_of(request(day))
    assert "DTSTART;VALUE=DATE:20090210" in lines
    assert "DTEND;VALUE=DATE:20090211" in lines


def test_a_duration_stands_for_the_end() -> None:
    lines = lines_of(request(event(DTEND=None, DURATION="DURATION:PT1H")))
    assert "DURATION:PT1H" in lines
    assert not [line for line in lines if line.startswith("DTEND")]


def test_one_occurrence_of_a_series_is_answered_as_such() -> None:
    lines = lines_of(request(event(RECURRENCE_ID="RECURRENCE-ID:20090209T090000Z")))
    assert "RECURRENCE-ID:20090209T090000Z" in lines


def test_a_series_with_other_occurrences_is_answered_for_each_of_them() -> None:
    other = event(RECURRENCE_ID="RECURRENCE-ID:20090217T090000Z", DTSTART="DTSTART:20090217T110000Z")
    found = events_of(answered(request(event(RRULE="RRULE:FREQ=WEEKLY;COUNT=4"), other)))
    assert [("RECURRENCE-ID" in one, str(one["ATTENDEE"])) for one in found] == [
        (False, f"mailto:{ME}"),
        (True, f"mailto:{ME}"),
    ]


def test_of_several_attendees_only_the_one_who_answers_is_named() -> None:
    others = "\n".join(
        [
            "ATTENDEE;CN=Bob;RSVP=TRUE:MAILTO:bob@example.com",
            "ATTENDEE;CUTYPE=ROOM;CN=Room 1:MAILTO:room1@example.com",
            'ATTENDEE;CN="A\'dele, the Älder";RSVP=TRUE:mailto:ADELE@Example.COM',
            "ATTENDEE;CN=No address:invalid:nomail",
        ]
    )
    message = answered(request(event(ATTENDEE=others)))
    (one,) = events_of(message)
    assert (str(one["ATTENDEE"]), one["ATTENDEE"].params["CN"]) == ("mailto:ADELE@Example.COM", "A'dele, the Älder")
    assert message["From"].addresses[0].display_name == "A'dele, the Älder"
    assert "bob" not in calendar_of(message)


def test_a_member_of_an_invited_list_answers_under_its_own_address() -> None:
    message = answered(request(), "carla@example.com")
    (one,) = events_of(message)
    assert str(one["ATTENDEE"]) == "mailto:carla@example.com"
    assert message["From"] == "carla@example.com"


def test_an_alias_is_found_among_the_attendees() -> None:
    assert answered(request(), "Adele")["From"].addresses[0].addr_spec == ME


def test_an_alias_is_found_among_the_recipients() -> None:
    source = request(event(ATTENDEE="ATTENDEE:MAILTO:team@example.com"))
    assert answered(source, "adele")["From"].addresses[0].addr_spec == ME


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ('"Orr, Ann"', "Orr, Ann"),
        ('"Müller-Lüdenscheidt; Ärger: 会議室"', "Müller-Lüdenscheidt; Ärger: 会議室"),
        ("O'Brien <not@this>", "O'Brien <not@this>"),
        ("Ann ^'the boss^' Orr", 'Ann "the boss" Orr'),
        ('"one^ntwo"', "one two"),
        ('""', ""),
    ],
)
def test_the_organizer_is_written_to_by_name(name: str, shown: str) -> None:
    message = answered(request(event(ORGANIZER=f"ORGANIZER;CN={name}:MAILTO:ann@example.com")))
    (to,) = message["To"].addresses
    assert (to.display_name, to.addr_spec) == (shown, "ann@example.com")
    assert len(message.get_all("To", [])) == 1


def test_a_long_line_is_folded_and_loses_nothing() -> None:
    summary = "Besprechung über die Lösung für ärgerliche Umlaute 会議 " * 6
    uid = "x" * 300
    octets = reply_to(request(event(SUMMARY=f"SUMMARY:{summary}", UID=f"UID:{uid}")), ME, Verdict.ACCEPT, NOW)
    assert octets.isascii()
    assert max(map(len, octets.splitlines())) <= 78
    message = message_from_bytes(octets, policy=default)
    assert isinstance(message, EmailMessage)
    assert max(len(line.encode()) for line in calendar_of(message).splitlines()) <= 75
    (one,) = events_of(message)
    assert (str(one["UID"]), str(one["SUMMARY"]).strip()) == (uid, summary.strip())
    assert message["Subject"] == f"Accepted: {summary.strip()}"


def test_a_line_break_in_the_subject_starts_no_header() -> None:
    message = answered(request(event(SUMMARY="SUMMARY:Budget\\nBcc: eve@example.com\\n\\nx")))
    assert message["Subject"] == "Accepted: Budget Bcc: eve@example.com x"
    assert message["Bcc"] is None


@pytest.mark.parametrize("letter", ["\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\0"])
def test_nothing_but_a_line_end_ends_a_line(letter: str) -> None:
    trap = event(SUMMARY=f"SUMMARY:x{letter}ATTENDEE:MAILTO:eve@example.com", UID=f"UID:1{letter}METHOD:CANCEL")
    lines = lines_of(request(trap))
    assert len([line for line in lines if line.startswith(("ATTENDEE", "METHOD"))]) == 2


def test_a_request_without_a_subject_is_answered() -> None:
    assert answered(request(event(SUMMARY=None)))["Subject"] == "Accepted:"


def test_a_request_in_another_charset_is_read() -> None:
    source = request(event(SUMMARY="SUMMARY:Bürgermeister"), header=HEADER.replace("utf-8", "iso-8859-1"))
    message = answered(source.decode().encode("iso-8859-1"))
    assert message["Subject"] == "Accepted: Bürgermeister"


@pytest.mark.parametrize(("charset", "text"), [("koi8-r", "Встреча"), ("iso-2022-jp", "会議"), ("gb18030", "会议")])
def test_a_request_in_a_charset_of_mail_is_read(charset: str, text: str) -> None:
    source = request(event(SUMMARY=f"SUMMARY:{text}"), header=HEADER.replace("utf-8", charset))
    assert answered(source.decode().encode(charset))["Subject"] == f"Accepted: {text}"


def test_a_codec_that_unpacks_is_no_charset() -> None:
    source = request(event(SUMMARY="SUMMARY:a-b"), header=HEADER.replace("utf-8", "unicode_escape"))
    assert answered(source.replace(b"a-b", b"\\u0041"))["Subject"] == "Accepted: u0041"


def test_a_blank_around_an_identity_is_no_part_of_it() -> None:
    lines = lines_of(request(event(RECURRENCE_ID="RECURRENCE-ID: 20090217T090000Z ", SEQUENCE="SEQUENCE:\t3")))
    assert {"RECURRENCE-ID:20090217T090000Z", "SEQUENCE:3"} <= set(lines)


def test_an_odd_recipient_does_not_keep_an_alias_from_being_found() -> None:
    source = request(event(ATTENDEE=None), header=HEADER.replace("To: ", "To: foo.@x.example, "))
    assert answered(source, "adele")["From"] == "adele@example.com"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('ATTENDEE;X="a;mailto:ann@example.com', "mailto:ann@example.com"),
        ('ATTENDEE;X="a: MAILTO:ann@example.com ', "MAILTO:ann@example.com"),
        ('ATTENDEE;X="a;mailto:ann@example.com x', None),
        ('ATTENDEE;X="a;mailto: ann@example.com', None),
        ('ATTENDEE;X="a;mailto:', None),
        ('ATTENDEE;X="a mailto:ann@example.com', None),
        ('ATTENDEE;X="mailto:a@b.c;mailto:ann@example.com', None),
        ('ATTENDEE;X="' + ";mailto:" * 100_000 + " x y", None),
    ],
)
def test_of_broken_parameters_the_one_address_is_kept(line: str, found: str | None) -> None:
    person = _person_of("ATTENDEE", line)
    assert (person and person[2]) == found


@pytest.mark.parametrize("organizer", ["", "Ann", "/o=Org/cn=ann", '"Orr, Ann" <ANN@Example.com>', "orr@example.com"])
def test_an_answer_goes_to_the_domain_of_whom_was_decided_on(organizer: str) -> None:
    assert reply_to(request(), ME, Verdict.ACCEPT, NOW, organizer=organizer)


@pytest.mark.parametrize(
    "written", ["ORGANIZER:MAILTO:ann@elsewhere.example", "ORGANIZER;EMAIL=ann@elsewhere.example:urn:uuid:1"]
)
def test_an_answer_goes_nowhere_else_than_to_whom_was_decided_on(written: str) -> None:
    with pytest.raises(Refused, match="is not the organizer that the server shows"):
        reply_to(request(event(ORGANIZER=written)), ME, Verdict.ACCEPT, NOW, organizer="Ann <ann@example.com>")


ALIASES = "ATTENDEE:MAILTO:adele@example.com\nATTENDEE:MAILTO:adele@example.org"


@pytest.mark.parametrize(
    ("source", "mailbox", "reason"),
    [
        (b"", ME, "no text/calendar part"),
        (request(header=HEADER.replace("text/calendar", "text/html")), ME, "no text/calendar part"),
        (request(method="", header=HEADER.replace("; method=REQUEST", "")), ME, "METHOD '', not REQUEST"),
        (request(method="", header=HEADER.replace("=REQUEST", "=CANCEL")), ME, "METHOD 'CANCEL', not REQUEST"),
        (request(method="METHOD:CANCEL\n"), ME, "METHOD 'CANCEL', not REQUEST"),
        (request(method="METHOD:REQUEST\nMETHOD:REPLY\n"), ME, "METHOD 2 times"),
        (request(event(ORGANIZER=None)), ME, "exactly one organizer"),
        (request(event(ORGANIZER="ORGANIZER:invalid:nomail")), ME, "exactly one organizer"),
        (request(event(ORGANIZER="ORGANIZER:MAILTO:/o=Org/cn=ann")), ME, "exactly one organizer"),
        (request(event(ORGANIZER="ORGANIZER:MAILTO:ann@example.com%0D%0ABcc:x@y.z")), ME, "exactly one organizer"),
        (request(event(ATTENDEE=ALIASES)), "adele", "several attendees match 'adele'.*mailbox column"),
        (request(), "carla", "'carla' is not among.*mailbox column"),
        (request(), "not an@address", "not a valid SMTP address"),
        (request(event(UID=None)), ME, "not have exactly one UID"),
        (request(event(), event(UID="UID:another")), ME, "not have exactly one UID"),
        (request("BEGIN:VTODO\nUID:1\nEND:VTODO\n"), ME, "not have exactly one UID"),
        (request(event(SEQUENCE="SEQUENCE:last")), ME, "SEQUENCE is malformed"),
        (request(event(RECURRENCE_ID="RECURRENCE-ID:Monday")), ME, "RECURRENCE-ID is malformed"),
        (request(event(RECURRENCE_ID='RECURRENCE-ID;TZID="a"b":20090210T090000')), ME, "RECURRENCE-ID cannot be read"),
        (request(event(SEQUENCE="SEQUENCE:3\nSEQUENCE:4")), ME, "SEQUENCE 2 times"),
        (request(event(UID="UID:1\nUID:2")), ME, "UID 2 times"),
        (
            request(event(ORGANIZER="ORGANIZER:MAILTO:a@b.example\nORGANIZER:MAILTO:c@b.example")),
            ME,
            "ORGANIZER 2 times",
        ),
        (request(event(), event(ORGANIZER="ORGANIZER:MAILTO:eve@example.com")), ME, "exactly one organizer"),
        (request(event(ORGANIZER='ORGANIZER;SENT-BY="mailto:a@b.c"d":mailto:e@f.g')), ME, "exactly one organizer"),
        (request("BEGIN:VEVENT\n"), ME, "lacks an END line"),
        (request("BEGIN:A\n" * 11), ME, "more than 10 nested components"),
        (request(event(ORGANIZER="ORGANIZER:mailto:ann.@example.com")), ME, "exactly one organizer"),
        (request(), "adele.@example.com", "not a valid SMTP address"),
        (request("nonsense\n"), ME, "not have exactly one UID"),
    ],
)
def test_what_cannot_be_answered_is_refused_and_why(source: bytes, mailbox: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        reply_to(source, mailbox, Verdict.ACCEPT, NOW)


BOM = "\ufeff"
#: A DESCRIPTION whose lines a relay has not folded, with what looks like lines of iCalendar among them.
UNFOLDED = 'DESCRIPTION:Agenda\n1) "quotes\nBEGIN:at nine\nnot a line\nEND:whenever\n\nAnn: bring it'
URN = "ORGANIZER;CN=Ann;EMAIL=ann@example.com:urn:uuid:5c1b3a52-0d4e-4b40-9f0a-111111111111"


@pytest.mark.parametrize(
    "source",
    [
        request(header=HEADER + BOM),
        request(event(ORGANIZER="ORGANIZER:ann@example.com")),
        request(event(ORGANIZER="ORGANIZER;CN=Ann: MAILTO: ann@example.com ")),
        request(event(ORGANIZER=URN)),
        request(event(ORGANIZER='ORGANIZER;CN="Ann "Annie" Orr":MAILTO:ann@example.com')),
        request(method=""),
        request(method="METHOD:REQUEST\nmethod:request\n"),
        request(
            event(),
            event(
                RECURRENCE_ID="RECURRENCE-ID:20090217T090000Z",
                UID=EVENT["UID"].replace("C1D2", "c1d2"),
                ORGANIZER="ORGANIZER:mailto:ANN@Example.com",
            ),
        ),
        request(event(LOCATION=UNFOLDED)),
        request(event(LOCATION="no name\n:\n;x=y:z")),
        request(event(ATTENDEE=EVENT["ATTENDEE"] + '\nATTENDEE;CN="Bob "the builder"":MAILTO:bob@example.com')),
        request(event(ATTENDEE='ATTENDEE;CN="Adele "a" Vance":MAILTO:adele@example.com')),
        request(header=HEADER.replace("utf-8", "x-nobody-knows")),
        request(header=HEADER.replace("utf-8", "base64")),
        request(header=HEADER.replace("utf-8", "punycode")),
        *(
            request(event(ATTENDEE=f"{EVENT['ATTENDEE']}\nATTENDEE;CN=Bob:mailto:{odd}"))
            for odd in ("foo.@x.example", ".foo@x.example", "a..b@x.example", "ü@x.example", "a@x..example", "a@...")
        ),
        request(event(SEQUENCE="SEQUENCE: 3 ")),
        request(event(SUMMARY="SUMMARY:one\nSUMMARY:two")),
        request(event(DTSTART="DTSTART:tomorrow")),
        request(event(DTEND="DTEND:20090210T100000Z\nDTEND:20090210T110000Z")),
        request(event(UID=EVENT["UID"] + "\n" + EVENT["UID"])),
        request(ZONE.replace("BEGIN:DAYLIGHT", 'BROKEN\nX-A;="b:c\nBEGIN:DAYLIGHT'), event()),
        request(event(LOCATION="BEGIN:VALARM\nTRIGGER:-PT15M\nUID:of the alarm\nEND:VALARM")),
    ],
)
def test_what_a_reply_does_not_need_may_be_broken(source: bytes) -> None:
    message = answered(source)
    assert message["To"].addresses[0].addr_spec.casefold() == "ann@example.com"
    for one in events_of(message):
        assert str(one["UID"]).casefold() == EVENT["UID"].removeprefix("UID:").casefold()
        assert (one["SEQUENCE"], str(one["ATTENDEE"])) == (3, f"mailto:{ME}")


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ({"DTSTART": "DTSTART:tomorrow"}, ["SUMMARY"]),
        ({"DTEND": "DTEND:20090210T100000Z\nDTEND:20090210T110000Z"}, ["SUMMARY", "DTSTART"]),
        ({"SUMMARY": "SUMMARY:one\nSUMMARY:two"}, ["DTSTART", "DTEND"]),
    ],
)
def test_what_cannot_be_read_of_a_time_or_a_subject_is_left_out(line: dict[str, str], left: list[str]) -> None:
    names = [re.split("[;:]", one)[0] for one in lines_of(request(event(**line)))]
    assert [name for name in names if name in {"SUMMARY", "DTSTART", "DTEND"}] == left


def test_an_organizer_without_a_scheme_is_written_with_one() -> None:
    lines = lines_of(request(event(ORGANIZER="ORGANIZER;CN=Ann:ann@example.com")))
    assert "ORGANIZER;CN=Ann:mailto:ann@example.com" in lines


def test_an_organizer_by_another_identifier_keeps_it() -> None:
    assert URN in lines_of(request(event(ORGANIZER=URN)))


SOURCES = [
    request(),
    request(ZONE, event(DTSTART='DTSTART;TZID="(GMT+01.00) Sarajevo/Warsaw/Zagreb":20090210T100000')),
    request(event(RRULE="RRULE:FREQ=WEEKLY;COUNT=4"), event(RECURRENCE_ID="RECURRENCE-ID;VALUE=DATE:20090217")),
    request(event(ATTENDEE=ALIASES, SUMMARY="SUMMARY:" + "会議 " * 40)),
]
ODD = [
    b"\r\n",
    b"\n ",
    b";",
    b":",
    b'"',
    b"\\",
    b"\0",
    b"\xff",
    b"=",
    b"%0A",
    b"--b",
    b"BEGIN:VEVENT\r\n",
    b"END:VEVENT\r\n",
]
MUTATION = st.tuples(
    st.integers(0, 3000), st.integers(0, 40), st.one_of(st.sampled_from(ODD), st.binary(max_size=6)), st.booleans()
)


@examples(250)
@given(
    source=st.sampled_from(SOURCES),
    mutations=st.lists(MUTATION, min_size=1, max_size=6),
    mailbox=st.one_of(st.sampled_from([ME, "adele"]), st.text(max_size=20)),
    verdict=st.sampled_from(Verdict),
)
def test_whatever_a_request_has_become_it_is_answered_or_refused(
    source: bytes, mutations: list[tuple[int, int, bytes, bool]], mailbox: str, verdict: Verdict
) -> None:
    for place, length, octets, doubled in mutations:
        at = place % (len(source) + 1)
        cut = source[at : at + length]
        source = source[:at] + octets + (cut * 2 if doubled else b"") + source[at + length :]
    try:
        octets = reply_to(source, mailbox, verdict, NOW)
    except Refused:
        return
    head = octets.split(b"\r\n\r\n")[0].lower()
    assert [head.count(b"\r\n%s:" % name) for name in (b"to", b"subject", b"bcc")] == [1, 1, 0]
    message = message_from_bytes(octets, policy=default)
    assert isinstance(message, EmailMessage)
    assert len(message["To"].addresses) == 1
    lines = calendar_of(message).replace("\r\n", "\n").replace("\n ", "").split("\n")
    assert lines.count("METHOD:REPLY") == 1
    names = [re.split("[;:]", line)[0] for line in lines]
    assert names.count("ATTENDEE") == names.count("ORGANIZER") == names.count("DTSTAMP") == lines.count("BEGIN:VEVENT")
    assert len({line for line in lines if line.startswith("UID:")}) == 1
