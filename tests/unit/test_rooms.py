"""Who may know what: what the contracts of imports cannot say."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LANES = ROOT / "rsvpq/lanes"
OTHERS = sorted(
    file
    for folder in ("rsvpq", "producer", "workers")
    for file in (ROOT / folder).rglob("*.py")
    if LANES not in file.parents
)
#: What makes a key in a module of the lanes, and in one of their scripts.
_MADE = {"*.py": r"\bkey\(\"([a-z-]+)\"", "*.lua": r"P \.\. ':([a-z-]+)"}
#: The first part of each key of the ledger.
KEYS = {
    name
    for files, made in _MADE.items()
    for file in LANES.rglob(files)
    for name in re.findall(made, file.read_text("utf-8"))
}
_REACHED_INTO = re.compile(r"\blanes\.(?:redis|prefix|namespace)\b|\brsvpq\.lanes\.namespace\b")
_KEY = re.compile(rf":(?:{'|'.join(sorted(KEYS))})(?::|$)")


def _texts(tree: ast.AST) -> Iterator[str]:
    """The strings of a module; of a formatted one with {} in the place of each value."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_the_keys_are_found_where_they_are_made() -> None:
    assert {"item", "lane", "mailbox", "cfg", "audit", "inflight"} <= KEYS
    assert {"alive", "certificates", "claimed", "hosts", "revision", "revisions", "schedule"} <= KEYS
    assert _KEY.search("{}:item:{}")
    assert _KEY.search("{rsvpq}:cfg")


@pytest.mark.parametrize("module", OTHERS, ids=lambda module: str(module.relative_to(ROOT)))
def test_only_the_lanes_know_a_key_of_theirs(module: Path) -> None:
    source = module.read_text()
    assert not _REACHED_INTO.findall(source)
    assert [text for text in _texts(ast.parse(source)) if _KEY.search(text)] == []
