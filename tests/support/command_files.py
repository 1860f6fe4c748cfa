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
#: A backslash that is of a text, and not one of the escapes that a page has.
_OF_A_TEXT = re.compile(r"\\(?!f[BP]|-)")
#: A row of the table of exit codes in docs/cli.md.
_EXIT_CODE = re.compile(r"^\| (\d+) \| (.*) \|$", re.MULTILINE)
#: A command that has exit codes of its own, which its help says.
_OWN_EXIT_CODES = "rsvpq check"
#: The variable behind an option, and what it is.
_VARIABLES = {
    "--config": ("RSVPQ_CONFIG", "The file of settings, where \\fB\\-\\-config\\fP is not given."),
    "--who": ("RSVPQ_OPERATOR", "Your name for the audit, where \\fB\\-\\-who\\fP is not given."),
}
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
    page = _OF_A_TEXT.sub(r"\\e", page)
    lines = [rf"\&{line}" if _LIKE_A_MACRO.match(line) else line for line in page.splitlines()]
    yield FOLDERS[1] / f"{dashed}.1", "\n".join([*lines, *_more_sections(context)]) + "\n"
    for word, found in below:
        if found is not None:
            yield from _man_pages(word, found, context)


def _more_sections(context: click.Context) -> Iterator[str]:
    """Yield the lines of the sections that click-man does not make."""
    if context.command_path != _OWN_EXIT_CODES:
        yield ".SH EXIT STATUS"
        for code, meaning in _EXIT_CODE.findall((ROOT / "docs/cli.md").read_text("utf-8")):
            yield from (".TP", code, _quoted(meaning))
    options = {option for parameter in context.command.params for option in parameter.opts}
    if variables := [about for option, about in _VARIABLES.items() if option in options]:
        yield ".SH ENVIRONMENT"
        for name, what in variables:
            yield from (".TP", f".B {name}", what)
    if context.parent is not None:
        above = context.parent.command_path.split()
        pages = ("\\-".join(above[:length]) for length in range(1, len(above) + 1))
        yield from (".SH SEE ALSO", f".B {', '.join(f'{page}(1)' for page in pages)}")


def _quoted(text: str) -> str:
    """Return a text of Markdown, in which commands are in backticks, as one of a man page."""
    return re.sub("`([^`]+)`", r"\\fB\1\\fP", text).replace("--", r"\-\-")


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
