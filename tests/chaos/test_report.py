from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.report import BEGIN, END, keep, read, table, write
from tests.chaos.runner import Row

ROW = Row(
    "Redis dies",
    3,
    6,
    0,
    400,
    399,
    1,
    0,
    2,
    0,
    5,
    8.6,
    forbidden=3,
    absorbed={"later": 4, "held": 3},
    given_up={"Unknown": 1},
)


def test_a_row_is_kept_in_the_place_of_the_earlier_one(tmp_path: Path) -> None:
    results = tmp_path / "new" / "results.jsonl"
    plain = replace(ROW, arm="plain", lost=7)
    for row in (ROW, plain, replace(ROW, lost=0)):
        keep(results, row)
    assert sorted(read(results), key=lambda row: row.arm) == [plain, replace(ROW, lost=0)]


def test_the_table_has_both_arms_in_one_line_and_the_reasons_below() -> None:
    text = table([ROW, replace(ROW, arm="plain", lost=7, twice=9)])
    assert "| Redis dies | 6 | 400 | 1 | 2 | 3 | 1 | 7 | 5 | 9 | 7 | 9 |" in text
    assert "In all, rsvpq: 400 messages, 1 lost, 2 answered twice, 3 forbidden" in text
    assert "- Redis dies: 1 x Unknown" in text


def test_of_what_is_lost_the_table_says_what_lies_in_drafts() -> None:
    assert "| 400 | 3 (2 in Drafts) | 2 |" in table([replace(ROW, lost=3, unsent=2)])


def test_a_recovery_that_did_not_come_is_not_shown_as_one() -> None:
    assert "| over 90 |" in table([replace(ROW, at_rest=False, recovery_s=90)])


def test_only_what_is_between_the_markers_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write(page, "new")
    assert page.read_text() == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"


def test_a_page_without_markers_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n")
    with pytest.raises(ValueError, match="has no lines"):
        write(page, "new")
    assert page.read_text() == "before\n"
