"""What strangers write is bounded where it comes in: in length, in depth, and in what is done with it."""

import re
import resource
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rsvpq.lanes  # noqa: F401 - before rsvpq.mail, which still imports from it
from rsvpq.audit.record import Redaction, address_of
from rsvpq.http.message import LONGEST_TARGET, HttpResponse
from rsvpq.mail.drafts import was_edited
from rsvpq.mail.errors import Malformed, Refused
from rsvpq.mail.marks import intent_to_text
from rsvpq.mail.messages import Intent, Kind, Verdict
from rsvpq.policy import organizer
from rsvpq.webdav import wire
from rsvpq.webdav.calendar import details_of
from rsvpq.webdav.imip import reply_to
from rsvpq.webdav.multistatus import Property, Reader, Row
from rsvpq.webdav.rows import message_of
from rsvpq.webdav.search import LONGEST_OF_ROW
from rsvpq.webdav.server import LOGIN_PAGES, MOST_KEPT, rows_of
from tests.support.multistatus_bodies import read
from tests.support.policy_values import NOW
from tests.support.work_counts import calls_of

ROOT = "/exchange/adele/"
PROPERTIES: dict[Property, str] = {wire.MESSAGE_CLASS: "IPM.Schedule.Meeting.Request", wire.REPL_UID: "rid:1"}
#: All that a search asks for but for the subject, which decides nothing that its sender could not say otherwise.
DECIDING = [name for name in (*wire.MEETING_PROPERTIES, wire.ANSWERS, wire.CREATED) if name != wire.SUBJECT]
MEGABYTE = "x" * 1_000_000


@pytest.mark.parametrize("name", [*DECIDING, wire.SUBJECT], ids=lambda name: name[1])
def test_a_text_without_end_is_cut_and_said_to_be_cut(name: Property) -> None:
    message = message_of(Row(f"{ROOT}Inbox/1.EML", {**PROPERTIES, name: MEGABYTE}), ROOT)
    assert message is not None
    kept = [value for value in message.to_payload().values() if isinstance(value, str)]
    assert sum(map(len, kept)) < LONGEST_OF_ROW + 2000
    assert message.overlong == ("" if name == wire.SUBJECT else name[1])
    assert any(value.endswith("…") for value in kept) or MEGABYTE[:1000] not in "".join(kept)


def test_a_subject_is_cut_with_a_mark() -> None:
    message = message_of(Row(f"{ROOT}Inbox/1.EML", {**PROPERTIES, wire.SUBJECT: MEGABYTE}), ROOT)
    assert message is not None
    assert message.subject == "x" * 299 + "…"


def test_a_marker_of_ours_is_kept_whole() -> None:
    intent = Intent("a" * 32, Verdict.ACCEPT, NOW, tuple(f"rid:{number:040}" for number in range(300)))
    message = message_of(Row(f"{ROOT}Inbox/1.EML", {**PROPERTIES, wire.INTENT: intent_to_text(intent)}), ROOT)
    assert message is not None
    assert (message.intent, message.overlong) == (intent, "")


def test_an_href_without_end_is_no_message() -> None:
    assert message_of(Row(f"{ROOT}Inbox/{MEGABYTE}.EML", PROPERTIES), ROOT) is None


def test_a_reader_keeps_no_more_of_a_text_than_its_bound() -> None:
    body = (
        '<a:multistatus xmlns:a="DAV:"><a:response><a:href>/x</a:href><a:propstat><a:status>HTTP/1.1 200 OK</a:status>'
        f"<a:prop><a:displayname>{'y' * 100_000}</a:displayname></a:prop></a:propstat></a:response></a:multistatus>"
    )
    (row,) = Reader(longest=50).feed(body.encode())
    assert row.text(("DAV:", "displayname")) == "y" * 49 + "…"


def made_up(count: int, name: str = "made-up{}") -> bytes:
    """A row with so many properties that nobody has asked for."""
    own = "<e:outlookmessageclass>IPM.Schedule.Meeting.Request</e:outlookmessageclass>"
    more = "".join(f"<b:{name.format(number)}/>" for number in range(count))
    spaces = 'xmlns:a="DAV:" xmlns:b="urn:b" xmlns:e="http://schemas.microsoft.com/exchange/"'
    row = f"<a:response><a:href>/x</a:href><a:propstat><a:prop>{own}{more}</a:prop></a:propstat></a:response>"
    return f"<a:multistatus {spaces}>{row}</a:multistatus>".encode()


def test_of_a_row_of_a_search_no_property_is_kept_that_was_not_asked_for() -> None:
    (row,) = Reader(names=wire.SEARCHED).feed(made_up(10_000))
    assert list(row.properties) == [wire.MESSAGE_CLASS]


def test_a_row_has_no_more_properties_than_anybody_asks_for_and_none_with_a_name_without_end() -> None:
    (row,) = Reader().feed(made_up(10_000))
    assert len(row.properties) == 200
    (row,) = Reader().feed(made_up(1, "n" * 10_000))
    assert list(row.properties) == [wire.MESSAGE_CLASS]


def test_an_answer_about_one_item_has_no_more_rows_than_that_takes() -> None:
    row = "<a:response><a:href>/{}</a:href></a:response>"
    body = f'<a:multistatus xmlns:a="DAV:">{"".join(map(row.format, range(1000)))}</a:multistatus>'
    rows = rows_of(HttpResponse("PROPFIND /x", 207, {}, body.encode()))
    assert [one.href for one in rows] == [f"/{number}" for number in range(MOST_KEPT)]


@pytest.mark.slow
def test_names_that_a_server_makes_up_are_not_kept_for_ever() -> None:
    taken = []
    for number in range(40):
        assert len(read(made_up(20_000, f"{'n' * 50}-{number}-{{}}"))) == 1
        taken.append(int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize())
    assert taken[-1] - taken[9] < 20_000_000  # 30 answers with 36 MB of names


def test_an_href_without_end_is_cut_and_then_is_none() -> None:
    body = f'<a:multistatus xmlns:a="DAV:"><a:response><a:href>/{"x" * 100_000}</a:href></a:response></a:multistatus>'
    (row,) = read(body.encode())
    assert len(row.href) == LONGEST_TARGET + 1
    with pytest.raises(Malformed, match="has 16385 characters"):
        wire.path_below(row.href, "/")


def test_a_large_root_is_not_read_again_with_every_row() -> None:
    spaces = "".join(f' xmlns:n{number}="urn:{number}"' for number in range(2500))
    row = (
        "<a:response><a:href>/{0}</a:href><a:propstat><a:status>HTTP/1.1 200 OK</a:status>"
        '<a:prop><n7:p b:dt="x">{0}</n7:p></a:prop></a:propstat></a:response>'
    )
    head = f'<a:multistatus xmlns:a="DAV:" xmlns:b="urn:schemas"{spaces} xmlns:long="urn:{"x" * 300}">'
    assert len(head) < 64 * 1024
    reader = Reader()
    found = list(reader.feed((head + "".join(map(row.format, range(50))) + "</a:multistatus>").encode()))
    assert [(one.href, one.text(("urn:7", "p"))) for one in found] == [(f"/{n}", str(n)) for n in range(50)]
    assert len(reader._head_for(row.format(1).encode())) < 200
    assert len(reader._head_for(b"<long:x/>" + b"<n1:x/>" * 1000)) < 200


@given(st.text("ab*?", max_size=8), st.text("abc", max_size=12))
def test_a_pattern_describes_what_its_expression_does(pattern: str, text: str) -> None:
    expression = "".join({"*": ".*", "?": "."}.get(char) or re.escape(char) for char in pattern)
    assert organizer.fits(text, [pattern]) is (re.fullmatch(expression, text, re.DOTALL) is not None)


@pytest.mark.parametrize("text", ["(" * 1500 + "a@b.example", "a:" * 1500 + "a@b.example", "<" * 5000 + "a@b.example>"])
def test_an_address_in_any_depth_is_read_or_is_none(text: str) -> None:
    assert len(address_of(text)) <= len(text)
    assert Redaction(frozenset({"addresses"}), b"k").address(text)
    assert details_of(Row("/x", {wire.TO: text})).attendees in {None, 1, 1500}


def test_a_list_of_addressees_that_was_cut_is_not_counted() -> None:
    addressees = ", ".join(f"p{number}@b.example" for number in range(20_000))
    (row,) = Reader().feed(
        f'<a:multistatus xmlns:a="DAV:" xmlns:h="{wire.HTTPMAIL}"><a:response><a:href>/x</a:href><a:propstat><a:prop>'
        f"<h:to>{addressees}</h:to></a:prop></a:propstat></a:response></a:multistatus>".encode()
    )
    assert details_of(row).attendees is None


ICALENDAR = """Content-Type: text/calendar; method=REQUEST

BEGIN:VCALENDAR
METHOD:REQUEST
BEGIN:VEVENT
UID:1
ORGANIZER:mailto:a@b.example
{}
END:VEVENT
END:VCALENDAR
"""


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("\n".join(["BEGIN:X"] * 20_000), "more than 10 nested components"),
        ("SUMMARY:" + "x" * 2_000_000, "more than 1048576 bytes"),
    ],
    ids=["deep", "long"],
)
def test_an_icalendar_without_end_is_refused(lines: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        reply_to(ICALENDAR.format(lines).encode(), "me@b.example", Verdict.ACCEPT, NOW)


@pytest.mark.parametrize(
    "line",
    [
        "SUMMARY:" + "é " * 20_000,
        'ORGANIZER;CN="' + "é " * 20_000 + '":mailto:a@b.example',
        'ATTENDEE;CN="' + "é " * 20_000 + '":mailto:me@b.example',
    ],
    ids=["subject", "organizer", "attendee"],
)
def test_of_names_and_subjects_without_end_a_reply_repeats_the_beginning(line: str) -> None:
    plain = "" if line.startswith("ORGANIZER") else "ORGANIZER:mailto:a@b.example\n"
    source = ICALENDAR.replace("ORGANIZER:mailto:a@b.example\n", plain).format(line)
    mail = message_from_bytes(reply_to(source.encode(), "me@b.example", Verdict.ACCEPT, NOW), policy=default)
    assert all(len(mail[name]) < 1100 for name in ("From", "To", "Subject"))


def test_no_address_is_longer_than_mail_has_it() -> None:
    source = ICALENDAR.format("").replace("a@b.example", "a." * 500 + "a@b.example")
    with pytest.raises(Refused, match="not have exactly one organizer"):
        reply_to(source.encode(), "me@b.example", Verdict.ACCEPT, NOW)


def nested(levels: int, more: bytes = b"") -> bytes:
    """A request in so many parts in each other, with something behind it."""
    kind = "Content-Type: multipart/mixed; boundary=b{0}\n\n--b{0}\n"
    head = "".join(kind.format(level) for level in range(levels))
    return (head + ICALENDAR.format("") + "".join(f"--b{level}--\n" for level in range(levels))).encode() + more


def test_a_message_of_parts_in_each_other_without_end_is_refused() -> None:
    assert reply_to(nested(20), "me@b.example", Verdict.ACCEPT, NOW)
    with pytest.raises(Refused, match="multipart boundaries"):
        reply_to(nested(21), "me@b.example", Verdict.ACCEPT, NOW)


def test_what_is_far_behind_in_a_message_is_not_read() -> None:
    behind = b"Content-Type: multipart/mixed; boundary=x\n" * 100
    assert reply_to(nested(1, b"\n" * 2_100_000 + behind), "me@b.example", Verdict.ACCEPT, NOW)


def test_nobody_is_looked_for_among_addressees_without_end() -> None:
    source = f"To: {'a@b.example, ' * 10_000}adele@b.example\n{ICALENDAR.format('')}".encode()
    with pytest.raises(Refused, match="'adele' is not among"):
        reply_to(source, "adele", Verdict.ACCEPT, NOW)


@pytest.mark.parametrize("unit", ["<form>", "<form><input>", "<form action=x><div>", "<input type=password>"])
def test_a_page_of_forms_is_looked_at_in_proportion(unit: str) -> None:
    def calls(times: int) -> int:
        page = (unit * times + "password").encode()
        return calls_of(lambda: LOGIN_PAGES.is_login_page(page))

    small, middle, large = (calls(times) for times in (500, 1000, 2000))
    assert large - middle <= 2.2 * (middle - small) + 500


def test_of_a_page_without_end_the_beginning_is_looked_at_for_a_login() -> None:
    form = b'<form><input type="password"></form>'
    assert LOGIN_PAGES.is_login_page(b"x" * 1_000_000 + form)
    assert not LOGIN_PAGES.is_login_page(b"x" * 2_000_000 + form)


def test_a_draft_of_the_last_day_of_all_is_looked_at_as_any_other() -> None:
    last = "Fri, 31 Dec 9999 23:59:59 -2300"
    shown = {**PROPERTIES, wire.MESSAGE_CLASS: "IPM.Schedule.Meeting.Resp.Pos", wire.CREATED: last, wire.MODIFIED: last}
    draft = message_of(Row(f"{ROOT}Drafts/1.EML", shown), ROOT)
    assert draft is not None
    assert not was_edited(draft)


def test_the_kind_of_a_message_is_read_from_the_class_as_it_is() -> None:
    long = "IPM.Schedule.Meeting.Request." + "x" * 5000
    message = message_of(Row(f"{ROOT}Inbox/1.EML", {**PROPERTIES, wire.MESSAGE_CLASS: long}), ROOT)
    assert message is not None
    assert (message.kind, message.overlong) == (Kind.REQUEST, "outlookmessageclass")
