"""One escaping for all outputs: whatever is written, nothing is a command, turns the writing round or is unseen."""

import csv
import io
import json
import logging
import unicodedata
from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsvpq.tasks.log_lines import write_lines
from rsvpq.text import csv_cell, json_text, printable

#: Bidirectional marks, signs without width, C0 and C1 controls, blanks and line breaks of other kinds.
SIGNS = "\u202e\u2066\u2069\u061c\u200b\u200d\u2060\ufeff\u00ad\x1b\x9b\x07\x85\r\t\u2028\u2029\u00a0\U000e0041"
#: Letters, marks and symbols by their category, of which nothing is seen.
BLANKS = (
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180f\u2800\u3164\ufe00\ufe0f\uffa0\U00016fe4\U0001d159\U000e0100\U000e01ef"
)


@pytest.mark.parametrize("sign", SIGNS, ids=lambda sign: f"U+{ord(sign):04X}")
def test_a_sign_that_is_not_seen_is_shown_as_an_escape(sign: str) -> None:
    assert printable(f"a{sign}b") == f"a{repr(sign)[1:-1]}b"
    assert json_text({"x": sign}).isprintable()
    assert csv_cell(sign).isprintable()


@pytest.mark.parametrize("sign", BLANKS, ids=lambda sign: f"U+{ord(sign):04X}")
def test_a_letter_that_is_not_seen_is_shown_as_an_escape(sign: str) -> None:
    escaped = sign.encode("unicode_escape").decode()
    assert printable(f"a{sign}b") == f"a{escaped}b"
    assert csv_cell(sign) == escaped
    reported = json_text({"x": f"{sign}\n"})
    assert sign not in reported
    assert json.loads(reported) == {"x": f"{sign}\n"}


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists),
    st.sampled_from((None, 2)),
)
def test_json_reads_as_what_it_was_and_is_printable(value: object, indent: int | None) -> None:
    text = json_text(value, indent)
    assert json.loads(text) == value
    assert text.replace("\n", "").isprintable()


@given(st.text())
def test_whatever_is_printable_has_no_control_and_no_mark(text: str) -> None:
    assert not {unicodedata.category(char) for char in printable(text)} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


def read_both_ways(text: str, separator: str) -> Iterator[list[str]]:
    """The rows, by a reader that knows quotes and by one that does not."""
    yield from csv.reader(text.splitlines(), delimiter=separator, quoting=csv.QUOTE_MINIMAL)
    yield from csv.reader(text.splitlines(), delimiter=separator, quoting=csv.QUOTE_NONE)


@pytest.mark.parametrize("before", ["", " ", "\u3000", "a;", "a; ", "a,", "a|", "a\t", "a\n", 'a"', "a;;"])
def test_no_cell_begins_as_a_formula_by_any_separator(before: str) -> None:
    for begin, separator in product("=+-@\uff1d\uff0b\uff0d\uff20", ",;\t|"):
        file = io.StringIO()
        csv.writer(file, lineterminator="\n").writerow(["x", csv_cell(f"{before}{begin}cmd|calc"), "y"])
        for row in read_both_ways(file.getvalue(), separator):
            assert not [cell for cell in row if cell.strip(' \u3000"').startswith(("=", "+", "-", "@"))], row


def test_a_log_line_is_one_line_and_a_traceback_its_own_lines() -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    logger = logging.Logger("test")
    logger.addHandler(handler)
    write_lines(logger, "text")
    write_lines(logger, "text")
    logger.warning("event=later reason=%s", "a\x1b[2J\nINFO event=done\u202e")
    try:
        raise ValueError("b\x9b2J\u2028c")
    except ValueError:
        logger.exception("event=unexpected")
    first, second, *trace = written.getvalue().splitlines()
    assert first == "WARNING event=later reason=a\\x1b[2J\\nINFO event=done\\u202e"
    assert (second, trace[0]) == ("ERROR event=unexpected", "Traceback (most recent call last):")
    assert trace[-1] == "ValueError: b\\x9b2J\\u2028c"
    assert all(map(str.isprintable, trace))
