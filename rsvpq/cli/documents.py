"""Print what a command has found or done: as text, or with ``--json`` as one document; notes go to stderr.

docs/cli.md explains the documents to those who write programs for them.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import click

from rsvpq.text import json_text, printable


def say(text: str) -> None:
    """Show a note to the operator on stderr, besides the data."""
    click.echo(text, err=True)


def print_document(document: Mapping[str, Any], indent: int | None = 2) -> None:
    """Print one JSON object.

    :param indent: None for a document in one line, where several follow one another.
    """
    click.echo(json_text(document, indent))


def print_action(
    action: str, text: str, *, as_json: bool, warnings: Iterable[str] = (), facts: Mapping[str, Any] | None = None
) -> None:
    """Print what an action has done: its sentence and, on stderr, the warnings; or all of it as a document.

    :param facts: what programs need beyond the sentence.
    """
    found = list(warnings)
    if as_json:
        print_document({"action": action, **(facts or {}), "text": text, "warnings": found})
        return
    click.echo(printable(text))
    for warning in found:
        say(printable(warning))
