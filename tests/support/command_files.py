"""Write what goes with the command: the table for its completion, the files of shells, its man pages.

``make command-files`` calls this.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import click
from click_man.core import generate_man_page

from rsvpq import __version__
from rsvpq.cli import commands
from rsvpq.cli.completion import SHELLS, TABLE, VARIABLE, described

ROOT = Path(__file__).parents[2]
#: The folders that have nothing else.
FOLDERS = (ROOT / "deploy/completion", ROOT / "deploy/man")
#: The file of each shell, named as the shell looks for it.
_COMPLETIONS = {"bash": "rsvpq.bash", "zsh": "_rsvpq", "fish": "rsvpq.fish"}
#: A line of text that groff would take for a macro: it begins as one, and is none of those that a page has.
_LIKE_A_MACRO = re.compile(r"'|\.(?!(?:TH|SH|PP|B|TP)\b)")
#: More characters than any first sentence has.
_WHOLE = 1000


def command_files() -> dict[Path, str]:
    """Return the content of all files, by path."""
    table = json.dumps(described(commands), indent=1, ensure_ascii=False) + "\n"
    return {TABLE: table, **dict(_completions()), **dict(_man_pages("rsvpq", commands, None))}


def _completions() -> Iterator[tuple[Path, str]]:
    for shell, name in _COMPLETIONS.items():
        yield FOLDERS[0] / name, SHELLS[shell](commands, {}, "rsvpq", VARIABLE).source()


def _man_pages(name: str, command: click.Command, parent: click.Context | None) -> Iterator[tuple[Path, str]]:
    context = click.Context(command, info_name=name, parent=parent)
    below = []
    if isinstance(command, click.Group):
        below = [(one, command.get_command(context, one)) for one in command.list_commands(context)]
    for one in (command, *(found for _, found in below if found)):
        one.short_help = one.get_short_help_str(_WHOLE)
    # Without a date: a page is of a version, and the same whenever it is made.
    page = generate_man_page(context, version=f"rsvpq {__version__}", date=" ")
    dashed = context.command_path.replace(" ", "-")
    page = page.replace(context.command_path.upper(), dashed.upper(), 1)  # in the title
    lines = [rf"\&{line}" if _LIKE_A_MACRO.match(line) else line for line in page.splitlines()]
    yield FOLDERS[1] / f"{dashed}.1", "\n".join(lines) + "\n"
    for word, found in below:
        if found is not None:
            yield from _man_pages(word, found, context)


def main() -> None:
    """Write all files, and remove those of commands that there are no more."""
    made = command_files()
    for folder in FOLDERS:
        folder.mkdir(exist_ok=True)
        for file in set(folder.iterdir()) - made.keys():
            file.unlink()
    for file, text in made.items():
        file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
