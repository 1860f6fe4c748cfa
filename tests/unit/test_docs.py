"""The documentation points at things that exist."""

import re
from pathlib import Path

import click
import pytest

from rsvpq.cli import commands

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
_LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
#: Where texts and commands are, and what they are in.
PARTS = ("rsvpq", "producer", "workers", "simulator", "testbed", "demo", "benchmarks", "deploy", "docs", "locks")
_TEXTS = {".py", ".md", ".toml", ".txt", ".service", ".yml", ".lua", ""}
_BY_NAME = re.compile(
    r"(?:pipx?|uvx?|pip3|uv tool|poetry|conda) +(?:install|add|run)? *[^\n]*(?<![\w./-])rsvpq(?:\[|==|\b(?![./-]))"
)
#: A key of ours in Redis: after the namespace, in a script or in Python.
_KEY = re.compile(r"(?:P \.\. ':|\b(?:self|_?namespace|space)\.key\(\")([a-z-]+)")
_COMMAND = re.compile(r"(?:^|[;&|$] ?|bin/|scan )rsvpq ([a-z]+)\b")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page: Path) -> None:
    missing = [target for target in _LINK.findall(page.read_text()) if not (page.parent / target).exists()]
    assert missing == []


def test_every_command_that_is_shown_exists() -> None:
    shown = {name for page in PAGES for line in _code(page.read_text()) for name in _COMMAND.findall(line)}
    assert shown
    assert shown <= set(commands.list_commands(click.Context(commands)))


def test_the_table_of_keys_has_all_that_the_programs_use() -> None:
    code = (ROOT / "rsvpq/lanes").rglob("*.*")  # no other room makes keys: see test_rooms.py
    used = {name for file in code if file.suffix in {".lua", ".py"} for name in _KEY.findall(file.read_text())}
    rows = re.findall(
        r"^\| (`.*?) \| (?:hash|list|set|sorted set|stream|string|any) \|", (ROOT / "docs/lanes.md").read_text(), re.M
    )
    named = {name.split(":")[0] for row in rows for name in re.findall(r"`([^`]+)`", row)}
    assert "item" in used
    assert named == used


def test_nothing_says_to_install_rsvpq_from_an_index() -> None:
    """It is in none: whoever takes the name there would be installed with the credentials at hand."""
    tree = [file for folder in PARTS for file in (ROOT / folder).rglob("*") if file.suffix in _TEXTS and file.is_file()]
    files = [*(file for file in ROOT.iterdir() if file.is_file()), *tree]
    said = {str(file.relative_to(ROOT)) for file in files if _BY_NAME.search(file.read_text("utf-8", "ignore"))}
    # Where it says what not to do.
    assert said == {"docs/authentication.md"}


def _code(text: str) -> list[str]:
    """Code in fences, and in backticks where it begins with the command."""
    fenced = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    return [*"\n".join(fenced).splitlines(), *re.findall(r"`(rsvpq [^`]+)`", text)]
