"""Write tables for people: fitted to a terminal, and whole where a file or another program reads them."""

from collections.abc import Sequence

import click
from rich.console import Console, RenderableType

from rsvpq.text import printable

#: More columns than any table has, in output that is not a terminal.
_UNLIMITED = 5000
#: The width from which on a terminal has room for the columns of a table of messages; below it, rows are blocks.
_ROOM_FOR_COLUMNS = 100


def is_terminal() -> bool:
    """Return whether a person's terminal reads the output, so that tables are fitted to its width."""
    return Console().is_terminal


def has_room_for_columns(least: int = _ROOM_FOR_COLUMNS) -> bool:
    """Return whether a table of messages is readable in columns; else :func:`print_block` shows each row.

    :param least: the characters that it needs.
    """
    return not is_terminal() or Console().width >= least


def print_block(*lines: Sequence[str]) -> None:
    """Print a row in several lines without its empty cells, which the terminal wraps: so nothing of it is lost.

    :param lines: the cells of each line; the first one identifies the row.
    """
    texts = ("  ".join(filter(None, map(printable, cells))) for cells in lines)
    click.echo("\n    ".join(filter(None, texts)))


def print_fitted(shown: RenderableType) -> None:
    """Print a table or a text; where no terminal reads it, nothing is cut, and lines end without blanks."""
    if is_terminal():
        Console(highlight=False).print(shown)
        return
    console = Console(highlight=False, width=_UNLIMITED)
    with console.capture() as captured:
        console.print(shown)
    for line in captured.get().splitlines():
        click.echo(line.rstrip())
