"""Write tables for people: fitted to a terminal, and whole where a file or another program reads them."""

import click
from rich.console import Console, RenderableType

#: More columns than any table has, in output that is not a terminal.
_UNLIMITED = 5000


def is_terminal() -> bool:
    """Return whether a person's terminal reads the output, so that tables are cut to its width."""
    return Console().is_terminal


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
