"""What a decision can stand on is what the product finds out: a fact that nobody but a test sets decides nothing."""

import ast
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path

import pytest

from rsvpq.mail.calendar import Appointment, Details
from rsvpq.mail.messages import MeetingMessage
from rsvpq.policy import CalendarView, Facts

ROOT = Path(__file__).parents[2]
PRODUCT = ("rsvpq", "producer", "workers")


@cache
def calls(root: Path) -> list[tuple[str, ast.Call]]:
    """Every call in the product, with the class in whose body it stands."""
    paths = sorted(path for part in PRODUCT for path in (root / part).rglob("*.py"))
    return [call for path in paths for call in _calls("", ast.parse(path.read_text()))]


def _calls(inside: str, node: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    inside = node.name if isinstance(node, ast.ClassDef) else inside
    if isinstance(node, ast.Call):
        yield inside, node
    for child in ast.iter_child_nodes(node):
        yield from _calls(inside, child)


def produced(root: Path, made: type) -> set[str]:
    """The fields of a class to which the product gives a value: where it makes one, or a changed copy of one."""
    names = [field.name for field in fields(made)]
    found: set[str] = set()
    for inside, call in calls(root):
        function = call.func.id if isinstance(call.func, ast.Name) else ""
        makes = function == made.__name__ or (function == "cls" and inside == made.__name__)
        if makes:
            found |= set(names[: len(call.args)])
        if makes or function == "replace":
            found |= {keyword.arg for keyword in call.keywords if keyword.arg}
    return found & set(names)


@pytest.mark.parametrize("made", [MeetingMessage, Facts, CalendarView, Details, Appointment])
def test_every_field_is_produced_by_the_product(made: type) -> None:
    assert produced(ROOT, made) == {field.name for field in fields(made)}


def test_a_field_that_only_a_reader_names_is_not_produced(tmp_path: Path) -> None:
    for part in PRODUCT:
        (tmp_path / part).mkdir()
    (tmp_path / "rsvpq" / "one.py").write_text('facts = Facts("adele", group="hq")\nend = facts.series_end\n')
    assert produced(tmp_path, Facts) == {"mailbox", "group"}
