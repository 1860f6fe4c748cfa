"""The bytes we send, and every oddity in the bytes we get."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from rsvpq.mail.errors import Malformed
from rsvpq.webdav import wire
from rsvpq.webdav.multistatus import Row
from tests.support.examples import examples
from tests.support.multistatus_bodies import PIECES, SHAPES, page, read, response, row_of

SEARCH = (
    b'<?xml version="1.0"?><D:searchrequest xmlns:D="DAV:"><D:sql>SELECT "DAV:contentclass", '
    b'"http://schemas.microsoft.com/exchange/outlookmessageclass", '
    b'"http://schemas.microsoft.com/exchange/permanenturl", "http://schemas.microsoft.com/repl/repl-uid", '
    b'"urn:schemas:httpmail:subject", "urn:schemas:httpmail:datereceived", "urn:schemas:calendar:uid", '
    b'"urn:schemas:calendar:organizer", "urn:schemas:calendar:responserequested", '
    b'"http://schemas.microsoft.com/mapi/proptag/x65e8000b", "urn:schemas:httpmail:read", '
    b'"urn:schemas:calendar:dtstart", '
    b'"urn:schemas:calendar:dtend", "urn:schemas:calendar:dtstamp", "urn:schemas:calendar:sequence", '
    b'"urn:schemas:calendar:instancetype", "urn:schemas:calendar:recurrenceid", "urn:schemas:calendar:alldayevent", '
    b'"http://schemas.microsoft.com/exchange/sensitivity", "http://schemas.microsoft.com/mapi/proptag/x0076001f", '
    b'"http://schemas.microsoft.com/mapi/proptag/x0040001f", "http://schemas.microsoft.com/mapi/proptag/x0078001f", '
    b'"http://schemas.microsoft.com/mapi/proptag/x0044001f", "http://schemas.microsoft.com/mapi/proptag/x0065001f", '
    b'"http://schemas.microsoft.com/mapi/proptag/x0c1f001f", '
    b'"http://schemas.microsoft.com/mapi/apptcounterproposal", '
    b'"http://schemas.microsoft.com/mapi/id/{00062002-0000-0000-C000-000000000046}/0x8257", '
    b'"http://schemas.microsoft.com/mapi/id/{6ED8DA90-450B-101B-98DA-00AA003F1305}/0x26", '
    b'"urn:rsvpq:intent" FROM "" '
    b'WHERE "DAV:ishidden" = False '
    b'AND "DAV:isfolder" = False AND "DAV:contentclass" = \'urn:content-classes:calendarmessage\' '
    b'ORDER BY "urn:schemas:httpmail:datereceived" ASC</D:sql></D:searchrequest>'
)
PROPFIND = (
    b'<?xml version="1.0"?><D:propfind xmlns:D="DAV:"><D:prop>'
    b'<ns0:repl-uid xmlns:ns0="http://schemas.microsoft.com/repl/"/>'
    b'<ns1:outlookmessageclass xmlns:ns1="http://schemas.microsoft.com/exchange/"/></D:prop></D:propfind>'
)
PROPPATCH = (
    b'<?xml version="1.0"?><D:propertyupdate xmlns:D="DAV:"><D:set><D:prop>'
    b'<ns0:x65e8000b xmlns:ns0="http://schemas.microsoft.com/mapi/proptag/">1</ns0:x65e8000b>'
    b'<ns1:subject xmlns:ns1="urn:schemas:httpmail:">a &lt; b &amp; \xc3\xa9</ns1:subject>'
    b"</D:prop></D:set></D:propertyupdate>"
)


def test_the_search_is_these_bytes() -> None:
    assert wire.meeting_search() == SEARCH


def test_the_search_never_asks_for_the_href_it_gets_anyway() -> None:
    assert b"DAV:href" not in wire.meeting_search()


def test_the_search_never_varies() -> None:
    assert wire.meeting_search() == wire.meeting_search()


def test_the_propfind_is_these_bytes() -> None:
    assert wire.propfind(wire.REPL_UID, wire.MESSAGE_CLASS) == PROPFIND


def test_the_proppatch_is_these_bytes_with_its_values_escaped() -> None:
    assert wire.proppatch({wire.PROCESSED: "1", wire.SUBJECT: "a < b & é"}) == PROPPATCH


@pytest.mark.parametrize("body", [SEARCH, PROPFIND, PROPPATCH])
def test_every_body_is_well_formed(body: bytes) -> None:
    assert etree.fromstring(body).tag.startswith("{DAV:}")


def test_a_page_as_exchange_writes_it_is_read_row_by_row() -> None:
    rows = read(page(response(1), response(2, subject=b"Q3 &amp; Q4")))
    assert [row.href for row in rows] == [f"http://mail/exchange/adele/Inbox/{n}.EML" for n in (1, 2)]
    assert [row.text(wire.REPL_UID) for row in rows] == ["rid:1", "rid:2"]
    assert [row.text(wire.SUBJECT) for row in rows] == ["Budget", "Q3 & Q4"]


def test_prefixes_mean_nothing() -> None:
    body = page(response(1), response(2))
    shuffled = body
    for old, new in ((b"a", b"z"), (b"e", b"a"), (b"d", b"e"), (b"f", b"d"), (b"z", b"f")):
        shuffled = re.sub(rb"(</?|xmlns:)%s([:=])" % old, rb"\g<1>%s\g<2>" % new, shuffled)
    assert shuffled != body
    assert read(shuffled) == read(body)


def test_the_default_namespace_is_as_good_as_a_prefix() -> None:
    body = (
        b'<multistatus xmlns="DAV:"><response><href>/x</href><status>HTTP/1.1 200 OK</status></response></multistatus>'
    )
    assert read(body) == [Row("/x", {})]


@pytest.mark.parametrize("order", ["status first", "prop first"])
def test_status_and_prop_may_come_in_either_order(order: str) -> None:
    parts = ["<D:status>HTTP/1.1 200 OK</D:status>", "<D:prop><C:uid>u1</C:uid></D:prop>"]
    inside = "".join(parts if order == "status first" else reversed(parts))
    assert row_of(f"<D:href>/x</D:href><D:propstat>{inside}</D:propstat>").text(wire.UID) == "u1"


def test_properties_of_a_404_propstat_are_not_there() -> None:
    (row,) = read(page(response(1)))
    assert (wire.DAV, "comment") not in row.properties
    assert row.text((wire.DAV, "comment")) == ""


def test_a_404_propstat_before_or_after_does_not_shift_anything() -> None:
    missing = "<D:propstat><D:status>HTTP/1.1 404 Resource Not Found</D:status><D:prop><C:uid/></D:prop></D:propstat>"
    found = "<D:propstat><D:status>HTTP/1.1 200 OK</D:status><D:prop><M:subject>s</M:subject></D:prop></D:propstat>"
    for inside in (missing + found, found + missing):
        row = row_of("<D:href>/x</D:href>" + inside)
        assert (row.text(wire.SUBJECT), row.properties.get(wire.UID)) == ("s", None)


@pytest.mark.parametrize("reason", ["200 OK", "200", "200 Gut", "207 Multi-Status"])
def test_only_the_code_of_a_status_counts(reason: str) -> None:
    row = row_of(
        f"<D:href>/x</D:href><D:propstat><D:status>HTTP/1.1 {reason}</D:status>"
        "<D:prop><C:uid>u</C:uid></D:prop></D:propstat>"
    )
    assert row.text(wire.UID) == "u"


@pytest.mark.parametrize("status", ["", "HTTP/1.1", "HTTP/1.1 2", "HTTP/1.1 20000", "HTTP/1.1 OK", "HTTP/1.1 404 OK"])
def test_a_propstat_whose_status_says_no_2xx_is_not_believed(status: str) -> None:
    row = row_of(
        f"<D:href>/x</D:href><D:propstat><D:status>{status}</D:status><D:prop><C:uid>u</C:uid></D:prop></D:propstat>"
    )
    assert row.properties == {}


def test_a_missing_status_under_brief_is_a_success() -> None:
    row = row_of("<D:href>/x</D:href><D:propstat><D:prop><C:uid>u</C:uid></D:prop></D:propstat>")
    assert row.text(wire.UID) == "u"


@pytest.mark.parametrize(("status", "rows"), [("200 OK", 1), ("204 No Content", 1), ("404 Gone", 0), ("423 x", 0)])
def test_a_response_with_a_status_of_its_own_is_judged_by_it(status: str, rows: int) -> None:
    body = f'<D:multistatus xmlns:D="DAV:"><D:response><D:href>/x</D:href><D:status>HTTP/1.1 {status}</D:status>'
    assert len(read(f"{body}</D:response></D:multistatus>".encode())) == rows


def test_a_response_without_an_href_is_left_out_and_shifts_nothing() -> None:
    nameless = b"<a:response><a:propstat><a:prop><f:repl-uid>rid:0</f:repl-uid></a:prop></a:propstat></a:response>"
    rows = read(page(nameless, response(1), b"<a:response><a:href> </a:href></a:response>", response(2)))
    assert [row.text(wire.REPL_UID) for row in rows] == ["rid:1", "rid:2"]


def test_a_doubled_href_does_not_shift_anything() -> None:
    # What selecting "DAV:href" does: the property comes again inside the propstat.
    twice = response(1, extra=b"<a:href>http://mail/exchange/adele/Inbox/other.EML</a:href>")
    rows = read(page(twice, response(2)))
    assert [row.href[-5:] for row in rows] == ["1.EML", "2.EML"]


def test_a_property_that_comes_twice_is_one_property() -> None:
    (row,) = read(page(response(1, extra=b'<e:read b:dt="boolean">1</e:read>')))
    assert row.flag(wire.READ)


def test_white_space_around_a_value_is_not_part_of_it() -> None:
    row = row_of("<D:href>\n /x </D:href><D:propstat><D:prop><C:uid>\n u\t</C:uid></D:prop></D:propstat>")
    assert (row.href, row.text(wire.UID)) == ("/x", "u")


def test_a_text_is_whole_whatever_comments_and_sections_split_it() -> None:
    row = row_of(
        "<D:href>/x</D:href><D:propstat><D:prop><M:subject>a<!-- x -->b<![CDATA[<c>]]>&#100;<?pi?>e</M:subject>"
        "</D:prop></D:propstat>"
    )
    assert row.text(wire.SUBJECT) == "ab<c>de"


@pytest.mark.parametrize(("text", "flag"), [("1", True), ("true", True), ("TRUE", True), ("0", False), ("x", False)])
def test_a_flag_is_1_or_true(text: str, flag: bool) -> None:
    row = Row("/x", {wire.PROCESSED: text})
    assert row.flag(wire.PROCESSED, default=True) is flag
    assert row.flag(wire.PROCESSED, default=False) is flag


@pytest.mark.parametrize("default", [True, False])
def test_a_flag_that_is_missing_or_empty_is_its_default(default: bool) -> None:
    assert Row("/x", {}).flag(wire.PROCESSED, default=default) is default
    assert Row("/x", {wire.PROCESSED: " "}).flag(wire.PROCESSED, default=default) is default


@pytest.mark.parametrize("name", [b"0x8218", b"0x8506", b"0xA", b"0xabcdef"])
def test_names_that_start_with_a_digit_are_read(name: bytes) -> None:
    element = b'<g:%s b:dt="int">7</g:%s><g:%s/>' % (name, name, name)
    rows = read(page(response(1, extra=element), response(2)))
    assert [row.text(wire.REPL_UID) for row in rows] == ["rid:1", "rid:2"]


def test_text_that_looks_like_such_a_name_stays_as_it_is() -> None:
    (row,) = read(page(response(1, subject=b"0x8218 &lt;0x1> g:0x5/")))
    assert row.text(wire.SUBJECT) == "0x8218 <0x1> g:0x5/"


@pytest.mark.parametrize(
    "wrong",
    [
        b"&#01;",
        b"&#x0;",
        b"&#x1F;",
        b"&#11;",
        b"&#xFFFE;",
        b"&#xD800;",
        b"&#65535;",
        b"&#x0000000001;",
        b"&#0000000000000001;",
        b"&#x110000;",
        b"&#4294967297;",
        b"\x00",
        b"\x01",
        b"\x0b",
        b"\x1f",
        b"\xef\xbf\xbe",
        b"\xef\xbf\xbf",
    ],
)
def test_what_xml_forbids_is_dropped_and_the_rows_survive(wrong: bytes) -> None:
    rows = read(page(response(1), response(2, subject=b"Bud" + wrong + b"get"), response(3)))
    assert [row.text(wire.REPL_UID) for row in rows] == ["rid:1", "rid:2", "rid:3"]
    assert rows[1].text(wire.SUBJECT) == "Budget"


@pytest.mark.parametrize("wrong", [b"\xff", b"\xe9", b"\xed\xa0\x80", b"\xc3", b"\xf8\x88\x80\x80\x80"])
def test_bytes_that_are_no_utf_8_spoil_one_text_and_no_row(wrong: bytes) -> None:
    rows = read(page(response(1), response(2, subject=b"Bud" + wrong + b" get"), response(3)))
    assert [row.text(wire.REPL_UID) for row in rows] == ["rid:1", "rid:2", "rid:3"]
    assert rows[1].text(wire.SUBJECT).startswith("Bud")


def test_an_encoding_that_is_declared_is_obeyed() -> None:
    body = page(response(1, subject="Kick-off für".encode("latin-1")))
    declared = body.replace(b'"1.0"?>', b'"1.0" encoding="iso-8859-1"?>', 1)
    assert read(declared)[0].text(wire.SUBJECT) == "Kick-off für"


@pytest.mark.parametrize("allowed", ["&#9;", "&#x41;", "&#xE9;", "&#x1F600;", "é", "受信", "😀"])
def test_what_xml_allows_is_kept(allowed: str) -> None:
    (row,) = read(page(response(1, subject=f"a{allowed}b".encode())))
    assert len(row.text(wire.SUBJECT)) == len("aéb") + (allowed == "受信")


def test_an_entity_of_a_dtd_is_not_expanded() -> None:
    body = page(response(1, subject=b"a&secret;b"))
    dtd = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY secret "expanded">]>'
    (row,) = read(body.replace(b'<?xml version="1.0"?>', dtd))
    assert "expanded" not in row.text(wire.SUBJECT)


def test_a_file_named_by_a_dtd_is_not_read() -> None:
    dtd = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY file SYSTEM "file:///etc/passwd">]>'
    (row,) = read(page(response(1, subject=b"&file;")).replace(b'<?xml version="1.0"?>', dtd))
    assert "root" not in row.text(wire.SUBJECT)


def test_entities_that_multiply_are_not_expanded() -> None:
    levels = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 12))
    dtd = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "ha">' + levels + b"]>"
    try:
        (row,) = read(page(response(1, subject=b"&l11;")).replace(b'<?xml version="1.0"?>', dtd))
    except Malformed:
        return
    assert len(row.text(wire.SUBJECT)) < 100


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"OK",
        b"<html><body>Log on</body></html>",
        b'<!DOCTYPE html><html><head><meta charset="utf-8"><body><p>open',
        b'<a:prop xmlns:a="DAV:"/>',
        b"<multistatus/>",
        b'<multistatus xmlns="urn:other"/>',
        b'<a:multistatus xmlns:a="DAV:">',
        b"\x00\x01\x02",
        b'<?xml version="1.0" encoding="no-such"?><a:multistatus xmlns:a="DAV:"/>',
        b"&#" + b"9" * 5000 + b";",
    ],
)
def test_what_is_no_multistatus_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        read(body)


def test_a_multistatus_of_nothing_has_no_rows() -> None:
    assert read(page()) == []


@pytest.mark.parametrize(
    ("header", "total"),
    [
        ("rows 0-99; total=250", 250),
        ("rows 0-5, 7-10; total=*", None),
        ("rows 0-50; Total = 51", 51),
        ("total=0", 0),
        ("rows 0-99", None),
        ("", None),
        ("total=", None),
    ],
)
def test_the_total_of_a_row_range_is_read_or_unknown(header: str, total: int | None) -> None:
    assert wire.total_rows(header) == total


ROOT = "/exchange/O%27Brien/"


@pytest.mark.parametrize(
    "href",
    [
        "http://mail/exchange/O%27Brien/Inbox/a.EML",
        "https://evil.example/exchange/O%27Brien/Inbox/a.EML",
        "http://user:pw@mail:99/exchange/O%27Brien/Inbox/a.EML",
        "//elsewhere/exchange/O%27Brien/Inbox/a.EML",
        "/exchange/O%27Brien/Inbox/a.EML",
        "/exchange/O%27Brien/Inbox/a.EML?Cmd=open",
    ],
)
def test_of_an_href_only_the_path_is_kept(href: str) -> None:
    assert wire.path_below(href, ROOT) == "/exchange/O%27Brien/Inbox/a.EML"


@pytest.mark.parametrize(
    "href",
    [
        "/EXCHANGE/o%27brien/INBOX/A.EML",
        "/exchange/O'Brien/Inbox/a.EML",
        "/exchange/%4f%27Brien/Inbox/a.EML",
        "/exchange/O%27Brien/Inbox/100%25%20sure.EML",
        "/exchange/O%27Brien/Entw%C3%BCrfe/a..b.EML",
        "/exchange/O%27Brien/Inbox/...EML",
        "/exchange/O%27Brien/-FlatUrlSpace-/ab-12/cd-34",
        "/exchange/O%27Brien/%23%23DavMailSubmissionURI%23%23/",
        "/exchange/O%27Brien/",
    ],
)
def test_a_path_below_the_mailbox_is_kept_byte_for_byte(href: str) -> None:
    assert wire.path_below(href, ROOT) == href


def test_an_unescaped_number_sign_is_part_of_the_path() -> None:
    assert wire.path_below("/exchange/O%27Brien/##x##/", ROOT) == "/exchange/O%27Brien/%23%23x%23%23/"


@pytest.mark.parametrize(
    "href",
    [
        "",
        "/",
        "http://mail",
        "/exchange/",
        "/exchange/O%27Brie",
        "/exchange/O%27Brien2/Inbox/a.EML",
        "/exchange/other/Inbox/a.EML",
        "/public/O%27Brien/Inbox/a.EML",
        "/exchange/O%27Brien/../other/Inbox/a.EML",
        "/exchange/O%27Brien/./Inbox/a.EML",
        "/exchange/O%27Brien/..",
        "/exchange/O%27Brien/%2e%2e/other/a.EML",
        "/exchange/O%27Brien/.%2E%2Fother/a.EML",
        "/exchange/O%27Brien/..\\other\\a.EML",
        "/exchange/O%27Brien/..%5Cother/a.EML",
        "exchange/O%27Brien/Inbox/a.EML",
        "http://[mail/exchange/O%27Brien/Inbox/a.EML",
        "mailto:adele@example.com",
    ],
)
def test_a_path_that_leads_elsewhere_is_malformed(href: str) -> None:
    with pytest.raises(Malformed):
        wire.path_below(href, ROOT)


@examples(400)
@given(st.sampled_from(SHAPES), st.lists(st.tuples(st.integers(0, 1500), st.integers(0, 60), PIECES), max_size=4))
def test_whatever_comes_is_rows_or_malformed(shape: bytes, changes: list[tuple[int, int, bytes]]) -> None:
    for at, cut, piece in changes:
        shape = shape[:at] + piece + shape[at + cut :]
    try:
        rows = read(shape)
    except Malformed:
        return
    for row in rows:
        assert row.href
        assert all(isinstance(text, str) for text in row.properties.values())


@examples(300)
@given(st.one_of(st.text(), st.text("/.%[]@:#?\\eE25fx", max_size=30).map(lambda end: ROOT + end)))
def test_any_href_is_a_path_below_or_malformed(href: str) -> None:
    try:
        path = wire.path_below(href, ROOT)
    except Malformed:
        return
    assert path.startswith("/")
    assert "://" not in path.partition("/exchange")[0]
