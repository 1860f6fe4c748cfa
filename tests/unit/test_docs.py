"""The documentation points at things that exist."""

import re
from pathlib import Path

import pytest

from rsvpq.cli import commands

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
_LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
_COMMAND = re.compile(r"(?:^|[;&|$] ?|bin/|scan )rsvpq ([a-z]+)\b")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page: Path) -> None:
    missing = [target for target in _LINK.findall(page.read_text()) if not (page.parent / target).exists()]
    assert missing == []


def test_every_command_that_is_shown_exists() -> None:
    shown = {name for page in PAGES for line in _code(page.read_text()) for name in _COMMAND.findall(line)}
    assert shown
    assert shown <= set(commands.commands)


def _code(text: str) -> list[str]:
    """Code in fences, and in backticks where it begins with the command."""
    fenced = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    return [*"\n".join(fenced).splitlines(), *re.findall(r"`(rsvpq [^`]+)`", text)]
