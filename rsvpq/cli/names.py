"""Names of servers, groups and mailboxes as values of options and arguments, which shells complete.

Somebody waits for each completion, so the names come from the two files as they are, without the checks that take half
a second; whatever is wrong with them, nothing is suggested, and nothing is said. Imports nothing that takes time.
"""

import csv
import os
import tomllib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import click
from click.shell_completion import CompletionItem

#: ``scope``: whatever the argument SCOPE before it says.
NameKind = Literal["server", "group", "mailbox", "scope"]


class Name(click.ParamType[str]):
    """The name of a server, a group or a mailbox: any text, as it is checked where the settings are known."""

    def __init__(self, kind: NameKind) -> None:
        self.kind: NameKind = kind
        self.name = "text" if kind == "scope" else kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ARG002 - as click calls it
        """Return the text."""
        return str(value)

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG002 - as click calls it
        incomplete: str,
    ) -> list[CompletionItem[str]]:
        """Return the names that begin like this, in any case."""
        kind = str(ctx.params.get("scope")) if self.kind == "scope" else self.kind
        begin = incomplete.casefold()
        names: list[str] = []
        with suppress(Exception):  # a completion says nothing of what is wrong: the command itself does
            names = _names(kind, _settings_file(ctx))
        return [CompletionItem(name) for name in names if name.casefold().startswith(begin)]


def _settings_file(context: click.Context | None) -> Path:
    """Return the file of ``--config``, before or after the command, else that of the variable, else the default."""
    while context is not None:
        if given := context.params.get("config_file"):
            return Path(given).expanduser()
        context = context.parent
    return Path(os.environ.get("RSVPQ_CONFIG") or "rsvpq.toml")


def _names(kind: str, file: Path) -> list[str]:
    settings = tomllib.loads(file.read_text("utf-8-sig"))
    if kind == "server":
        return sorted(settings["servers"])
    listed = file.parent / (os.environ.get("RSVPQ_MAILBOXES") or settings["mailboxes"])
    with listed.open(encoding="utf-8-sig", newline="") as lines:
        return sorted(_column(kind, lines))


def _column(name: str, lines: Iterable[str]) -> set[str]:
    kept = (line for line in lines if line.strip() and not line.lstrip().startswith("#"))
    rows = csv.reader(kept, skipinitialspace=True)
    place = [column.strip() for column in next(rows)].index(name)
    return {fields[place].strip() for fields in rows if len(fields) > place} - {""}
