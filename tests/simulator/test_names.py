"""The simulator's names, values and rows: what goes out as text comes back as what it was."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.serving.http import HttpError
from simulator.webdav import urls
from simulator.webdav.properties.names import canonical, split_name
from simulator.webdav.search.rows import content_range, parse_range
from simulator.webdav.values import parse_date, parse_value, render
from simulator.world import names
from simulator.world.values import date_text

ANY_TEXT = st.text(st.characters(codec="utf-8"), min_size=1)
MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@given(st.lists(ANY_TEXT, max_size=4))
def test_a_path_of_encoded_segments_is_read_back(segments: list[str]) -> None:
    path = "".join("/" + urls.encode(segment) for segment in segments)
    assert path.isascii()
    assert urls.split_path(path) == tuple(segments)


@given(ANY_TEXT.filter(lambda text: "/" not in text and "%" not in text))
def test_a_path_that_was_never_encoded_is_read_as_well(name: str) -> None:
    off_the_wire = f"/{name}/".encode().decode("latin-1")
    assert urls.split_path(off_the_wire) == (name,)


@given(st.text(st.characters(codec="utf-8")))
def test_a_name_holds_nothing_that_cuts_a_path(subject: str) -> None:
    assert not set(names.item_name(subject)) & set("/\\?~<>\r\n")


@pytest.mark.parametrize(
    ("subject", "href"),
    [
        ("12/24", "12_xF8FF_24.EML"),
        ("Kate's farewell", "Kate%27s%20farewell.EML"),
        ("R&D + 100%", "R%26D%20%2B%20100%25.EML"),
        ("Költség", "K%C3%B6lts%C3%A9g.EML"),
        ("{a}@b:c=d.-", "{a}@b:c=d.-.EML"),
        ("", "No%20Subject.EML"),
    ],
)
def test_subjects_become_hrefs_as_seen_in_captures(subject: str, href: str) -> None:
    assert urls.encode(names.item_name(subject)) == href


@pytest.mark.parametrize(
    ("wanted", "taken", "free"),
    [
        ("a.EML", set(), "a.EML"),
        ("A.EML", {"a.eml"}, "A-2.EML"),
        ("a.EML", {"a.eml", "a-2.eml"}, "a-3.EML"),
        ("a.b.EML", {"a.b.eml"}, "a.b-2.EML"),
        ("a", {"a"}, "a-2"),
    ],
)
def test_a_taken_name_gets_a_number(wanted: str, taken: set[str], free: str) -> None:
    assert names.free_name(wanted, taken) == free


@given(MOMENTS)
def test_dates_are_written_with_milliseconds_and_read_back(moment: datetime) -> None:
    text = date_text(moment)
    assert len(text) == len("2007-12-30T05:16:11.844Z")
    assert parse_date(text) == moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@pytest.mark.parametrize(
    ("text", "wire_type", "value", "rendered"),
    [
        ("1", "boolean", True, ("boolean", "1")),
        ("false", "boolean", False, ("boolean", "0")),
        ("maybe", "boolean", "maybe", (None, "maybe")),
        ("-7", "int", -7, ("int", "-7")),
        ("AQI=", "bin.base64", b"\1\2", ("bin.base64", "AQI=")),
        ("?", "bin.base64", "?", (None, "?")),
        ("a<b", None, "a<b", (None, "a&lt;b")),
        ("soon", "dateTime.tz", "soon", (None, "soon")),
    ],
)
def test_written_values_have_the_type_they_were_given(
    text: str, wire_type: str | None, value: object, rendered: tuple[str | None, str]
) -> None:
    parsed = parse_value(text, wire_type)
    assert parsed == value
    assert render(parsed) == rendered


@pytest.mark.parametrize(
    ("name", "spelling"),
    [
        ("http://schemas.microsoft.com/mapi/proptag/X001A001E", "http://schemas.microsoft.com/mapi/proptag/x001a001f"),
        ("http://schemas.microsoft.com/mapi/proptag/0x65E8000b", "http://schemas.microsoft.com/mapi/proptag/x65e8000b"),
        ("http://schemas.microsoft.com/mapi/id/{AB}/_x0030_x8570", "http://schemas.microsoft.com/mapi/id/{ab}/0x8570"),
        ("http://schemas.microsoft.com/mapi/id/{AB}/0x00008570", "http://schemas.microsoft.com/mapi/id/{ab}/0x8570"),
        ("http://schemas.microsoft.com/mapi/id/{AB}/34160", "http://schemas.microsoft.com/mapi/id/{ab}/0x8570"),
        ("http://schemas.microsoft.com/mapi/id/{AB}/_x0033_4160", "http://schemas.microsoft.com/mapi/id/{ab}/0x8570"),
        ("http://schemas.microsoft.com/mapi/id/{AB}/0X826A", "http://schemas.microsoft.com/mapi/id/{ab}/0x826a"),
        ("http://schemas.microsoft.com/mapi/id/{AB}/Keywords", "http://schemas.microsoft.com/mapi/id/{ab}/keywords"),
        ("urn:schemas:httpmail:Subject", "urn:schemas:httpmail:Subject"),
    ],
)
def test_one_property_has_one_spelling_inside(name: str, spelling: str) -> None:
    assert canonical(name) == spelling
    assert "".join(split_name(name)) == name


@pytest.mark.parametrize(
    ("header", "total", "slices", "text"),
    [
        ("rows=0-99", 250, [(0, 100)], "rows 0-99; total=250"),
        ("rows=200-299", 250, [(200, 250)], "rows 200-249; total=250"),
        ("rows=-50", 20, [(0, 20)], "rows 0-19; total=20"),
        ("ROWS = 0-4, -5", 250, [(0, 5), (245, 250)], "rows 0-4, 245-249; total=250"),
        ("rows=0-9", 0, [], "total=0"),
        ("rows=-0", 9, [], "total=9"),
    ],
)
def test_a_row_range_is_cut_to_what_there_is(header: str, total: int, slices: list[tuple[int, int]], text: str) -> None:
    wanted = parse_range(header)
    assert wanted is not None
    assert wanted.of(total) == slices
    assert content_range(slices, total) == text


def test_ranges_of_other_units_are_none_of_ours() -> None:
    assert parse_range(None) is parse_range("bytes=0-99") is None


@pytest.mark.parametrize("header", ["rows=x", "rows=-", "rows=3-1"])
def test_ranges_that_say_nothing_clear(header: str) -> None:
    with pytest.raises(HttpError) as refused:
        parse_range(header)
    assert refused.value.status == 400


def test_rows_beyond_the_end_are_refused() -> None:
    wanted = parse_range("rows=10-")
    assert wanted is not None
    with pytest.raises(HttpError) as refused:
        wanted.of(10)
    assert refused.value.status == 416
