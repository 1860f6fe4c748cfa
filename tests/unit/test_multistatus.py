"""Multistatus answers in pieces, in ruins and in bulk."""

import re
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsvpq.mail.errors import Malformed
from rsvpq.webdav import wire
from rsvpq.webdav.multistatus import LARGEST_RESPONSE, Reader, Row, canonical
from tests.support.examples import examples
from tests.support.multistatus_bodies import PIECES, SHAPES, page, read, response, row_of
from tests.support.work_counts import calls_of

RUINS = {
    "unclosed element": b"Bud<b>get",
    "stray end tag": b"Bud</f:repl-uid>get",
    "unknown prefix": b"<zz:b/>",
    "half a comment": b"<!-- ",
    "half a section": b"<![CDATA[ ",
    "stray less-than": b"a < b",
    "deeply nested": b"<e:x>" * 5000,
}


def pieces(body: bytes, size: int) -> Iterator[bytes]:
    return (body[at : at + size] for at in range(0, len(body), size))


def in_pieces(body: bytes, size: int) -> list[Row]:
    reader = Reader()
    rows = [row for piece in pieces(body, size) for row in reader.feed(piece)]
    reader.close()
    return rows


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000])
def test_pieces_of_any_size_are_the_same_rows(size: int) -> None:
    element = b'<g:0x8218 b:dt="int">7</g:0x8218>'
    subject = "a&#01;b\x01 für 受信 &amp; 😀".encode()
    body = page(response(1, element, subject), response(2, subject=b"\xff\xfe"), response(3))
    assert in_pieces(body, size) == read(body)
    assert len(read(body)) == 3


@pytest.mark.parametrize("ruin", RUINS.values(), ids=RUINS)
def test_a_row_that_is_broken_beyond_mending_costs_no_other(ruin: bytes) -> None:
    reader = Reader()
    rows = [*reader.feed(page(response(1), response(2, subject=ruin), response(3)))]
    reader.close()
    assert [row.text(wire.REPL_UID) for row in rows] in (["rid:1", "rid:3"], ["rid:1", "rid:2", "rid:3"])
    assert (reader.seen, reader.broken) == (3, 3 - len(rows))


def test_rubbish_between_rows_costs_no_row() -> None:
    rows = read(page(response(1), b"</oops><a:x>", response(2)))
    assert [row.text(wire.REPL_UID) for row in rows] == ["rid:1", "rid:2"]


def test_a_response_of_a_megabyte_is_dropped_and_the_next_one_read() -> None:
    reader = Reader()
    body = page(response(1, subject=b"x" * 3 * LARGEST_RESPONSE), response(2))
    rows = [row for piece in pieces(body, 65536) for row in reader.feed(piece)]
    assert [row.text(wire.REPL_UID) for row in rows] == ["rid:2"]
    assert (reader.seen, reader.broken) == (2, 1)


def test_an_answer_that_breaks_off_keeps_the_rows_it_had() -> None:
    reader = Reader()
    rows = [*reader.feed(page(response(1), response(2))[:-60])]
    reader.close()
    assert ([row.text(wire.REPL_UID) for row in rows], reader.broken) == (["rid:1"], 1)


def test_what_follows_the_end_is_not_read() -> None:
    assert len(read(page(response(1)) + response(2) + b"</a:multistatus>")) == 1


def test_too_many_responses_are_malformed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rsvpq.webdav.multistatus.MOST_ROWS", 5)
    with pytest.raises(Malformed, match="more than 5"):
        read(page(*[response(number) for number in range(6)]))


#: 0x8257 by every road it is known to come: as asked, without its zero, by XmlConvert, with zeros, in decimal.
SPELLINGS = (
    *(b"0x8257", b"0X8257", b"x8257", b"_0x8257", b"0x00008257", b"x00008257", b"33367"),
    *(b"_x0030_x8257", b"_x0030_x00008257", b"_x0030_X8257", b"_x0033_3367", b"_x0078_8257"),
)


@pytest.mark.parametrize("name", SPELLINGS)
@pytest.mark.parametrize("guid", [b"00062002-0000-0000-C000-000000000046", b"00062002-0000-0000-c000-000000000046"])
def test_a_property_with_a_number_is_one_however_it_is_written(name: bytes, guid: bytes) -> None:
    body = page(response(1, b"<g:%s>1</g:%s>" % (name, name))).replace(b"00062002-0000-0000-C000-000000000046", guid)
    for rows in (read(body), in_pieces(body, 3)):
        assert [row.flag(wire.COUNTER_PROPOSAL_ID) for row in rows] == [True]


@pytest.mark.parametrize("name", [b"0x8258", b"8257", b"_x0030_x82570", b"0x82-57", b"_x0031_x8257"])
def test_another_number_is_another_property(name: bytes) -> None:
    (row,) = read(page(response(1, b"<g:%s>1</g:%s>" % (name, name))))
    assert not row.flag(wire.COUNTER_PROPOSAL_ID)


@pytest.mark.parametrize("name", [b"x65e8000b", b"X65E8000B", b"_x0078_65e8000b", b"_x0030_x65e8000b", b"0x65e8000b"])
def test_a_property_tag_is_one_however_it_is_written(name: bytes) -> None:
    tag = b'<p:%s xmlns:p="http://schemas.microsoft.com/mapi/proptag/">1</p:%s>' % (name, name)
    (row,) = read(page(response(1, tag)))
    assert row.flag(wire.PROCESSED)


def test_a_string_of_8_bit_letters_is_the_same_property_as_in_unicode() -> None:
    tag = b'<p:x0078001e xmlns:p="http://schemas.microsoft.com/mapi/proptag/">a@example.com</p:x0078001e>'
    (row,) = read(page(response(1, tag)))
    assert row.text(wire.RECEIVED_FOR) == "a@example.com"


def test_what_we_ask_for_is_spelled_as_we_read_it() -> None:
    asked = {*wire.MEETING_PROPERTIES, *wire.DETAILS, wire.READ, wire.MESSAGE_FLAGS, wire.CREATED}
    assert {name: canonical(name) for name in asked} == {name: name for name in asked}


def test_each_part_has_its_status_and_what_was_refused_in_it() -> None:
    row = row_of(
        "<D:href>/x</D:href><D:propstat><D:status>HTTP/1.1 403 Forbidden</D:status><D:prop><M:read/></D:prop>"
        "</D:propstat><D:propstat><D:status>HTTP/1.1 200 OK</D:status><D:prop><C:uid>u</C:uid></D:prop></D:propstat>"
    )
    assert (row.status, row.refused, row.properties) == (200, {wire.READ: 403}, {wire.UID: "u"})
    reader = Reader()
    status = "<response xmlns='DAV:'><href>/x</href><status>HTTP/1.1 423 Locked</status></response>"
    (row,) = reader.feed(f"<multistatus xmlns='DAV:'>{status}</multistatus>".encode())
    assert (row.status, row.ok) == (423, False)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "iso-8859-1", "windows-1252", "shift_jis"])
def test_other_encodings_are_read_in_pieces(encoding: str) -> None:
    text = page(response(1, subject=b"caf")).decode().replace('"1.0"', f'"1.0" encoding="{encoding}"')
    octets = text.encode(encoding) if encoding == "utf-16" else text.encode("latin-1")
    if encoding == "utf-16-le":
        octets = text.replace("utf-16-le", "utf-8").encode()
    assert in_pieces(octets, 5)[0].text(wire.SUBJECT) == "caf"


@pytest.mark.parametrize("encoding", ["zlib", "rot13", "idna", "punycode", "unicode_escape", "hex", "bz2"])
def test_no_stranger_codec_is_run(encoding: str) -> None:
    with pytest.raises(Malformed):
        read(page(response(1)).replace(b'"1.0"', f'"1.0" encoding="{encoding}"'.encode()))


def test_utf_16_that_is_declared_and_has_no_byte_order_mark_is_malformed() -> None:
    with pytest.raises(Malformed, match="another encoding than it declares"):
        read(page(response(1)).replace(b'"1.0"', b'"1.0" encoding="utf-16"'))


@pytest.mark.slow
@pytest.mark.parametrize("rows", [1_000, 5_000])
def test_any_number_of_rows_takes_the_same_little_memory(rows: int) -> None:
    """Measured: about 0.4 MB for either; the bound leaves room for other versions of Python."""
    head, tail = page().split(b"</a:multistatus>")[0], b"</a:multistatus>"
    reader, found = Reader(), 0
    tracemalloc.start()
    try:
        for _ in reader.feed(head):
            raise AssertionError
        for number in range(rows):
            found += sum(1 for _ in reader.feed(response(number)))
        found += sum(1 for _ in reader.feed(tail))
        reader.close()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found == rows
    assert peak < 2 * 1024 * 1024


MULTISTATUS = b'<a:multistatus xmlns:a="DAV:">'


@pytest.mark.parametrize(
    ("before", "unit", "count", "behind"),
    [
        (b"<a:multistatus", b" x", 50_000, b""),
        (b"", b"<!--", 30_000, b""),
        (b"", b"<!--a-->", 10_000, b""),
        (b"", b"<!DOCTYPE x [", 10_000, b""),
        (b"", b" ", 60_000, b""),
        (b'<?xml encoding="', b"a", 60_000, b""),
        (MULTISTATUS, b"<a:response>", 100_000, b""),
        (MULTISTATUS, b"</a:response", 100_000, b""),
        (MULTISTATUS, b"</a:response>", 10_000, b""),
        (MULTISTATUS, b"&#x", 300_000, b"</a:response>"),
        (MULTISTATUS, b' xmlns="{', 100_000, b"</a:response>"),
        (MULTISTATUS + b"<", b"a", 300_000, b"</a:response>"),
    ],
    ids=range(12),
)
def test_twice_as_much_hostile_text_takes_twice_the_calls(
    before: bytes, unit: bytes, count: int, behind: bytes
) -> None:
    """What one call may cost is shown by test_linear_patterns.py."""

    def read_all(times: int) -> None:
        hostile = before + unit * times + behind
        with suppress(Malformed):
            assert [list(Reader().feed(piece)) for piece in pieces(hostile, 65536)]
        with suppress(Malformed):
            read(hostile)

    half, whole = (calls_of(partial(read_all, times)) for times in (count // 2, count))
    assert whole <= 2.2 * half + 100


def mutated(shape: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    for at, cut, piece in changes:
        shape = shape[:at] + piece + shape[at + cut :]
    return shape


CHANGES = st.lists(st.tuples(st.integers(0, 1500), st.integers(0, 60), PIECES), max_size=6)


@examples(250)
@given(st.sampled_from(SHAPES), CHANGES, st.integers(1, 200))
def test_whatever_comes_in_pieces_is_rows_or_malformed_and_the_same_as_in_one(
    shape: bytes, changes: list[tuple[int, int, bytes]], size: int
) -> None:
    body = mutated(shape, changes)
    outcomes: list[object] = []
    for length in (len(body) + 1, size):
        try:
            outcomes.append(in_pieces(body, length))
        except Malformed:
            outcomes.append("malformed")
    if not re.search(rb"encoding|^\xff\xfe", body):
        assert outcomes[0] == outcomes[1]


@examples(150)
@given(CHANGES)
def test_damage_to_one_row_leaves_those_before_and_after(changes: list[tuple[int, int, bytes]]) -> None:
    middle = mutated(response(2), [(40 + at % 300, cut, piece) for at, cut, piece in changes])
    if re.search(rb"</?[\w.:-]*(?:response|multistatus)|encoding", middle[1:-15]) or not middle.endswith(
        b"</a:response>"
    ):
        return
    rids = [row.text(wire.REPL_UID) for row in read(page(response(1), middle, response(3)))]
    assert (rids[0], rids[-1]) == ("rid:1", "rid:3")
