"""``rsvpq mailboxes import``: bring the list of mailboxes up to date by the export of a directory."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import click

from rsvpq.cli.config_file import config_option
from rsvpq.cli.documents import print_action
from rsvpq.cli.lanes import usage
from rsvpq.cli.names import Name
from rsvpq.cli.options import json_option, not_empty, who_option, why_option
from rsvpq.cli.strict import StrictCommand
from rsvpq.lanes.bounds import LARGEST_COUNT
from rsvpq.ops import list_import, open_context
from rsvpq.settings import load_settings
from rsvpq.settings.list_import import Places
from rsvpq.text import counted, printable

#: The most changes of a kind that are shown; --json has all.
_MOST_SHOWN = 30
_EXPORT = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
_STDIN = Path("-")


def _pairs(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for value in values:
        theirs, equals, ours = value.rpartition("=")
        if not (theirs and equals and ours):
            raise click.BadParameter(f"{value!r} does not have the form THEIRS=OURS, such as MAIL1=hq1")
        if pairs.setdefault(theirs, ours) != ours:
            raise click.BadParameter(f"{theirs} is both {pairs[theirs]} and {ours}; keep one of the two")
    return pairs


@click.command("import", cls=StrictCommand)
@click.option("--csv", "csv_file", type=_EXPORT, metavar="FILE", help="Of Get-Mailbox | Export-Csv, or csvde; or -.")
@click.option("--ldif", "ldif_file", type=_EXPORT, metavar="FILE", help="Of ldapsearch; - for stdin.")
@click.option(
    "--server",
    type=Name("server"),
    default="",
    callback=not_empty,
    help="All of the export is on this server.",
)
@click.option(
    "--map",
    "named",
    multiple=True,
    callback=_pairs,
    metavar="THEIRS=OURS",
    help="A server's two names; may be repeated.",
)
@click.option("--skip", "foreign", multiple=True, metavar="THEIRS", help="A server of others; may be repeated.")
@click.option("--group", type=Name("group"), default="", help="The group of the mailboxes that are added.")
@click.option("--keep-missing", is_flag=True, help="Remove none that the export lacks.")
@click.option("--allow-removals", type=click.IntRange(0, LARGEST_COUNT), default=0, metavar="N", help="Remove up to N.")
@click.option("--allow-moves", type=click.IntRange(0, LARGEST_COUNT), default=0, metavar="N", help="Move up to N.")
@click.option("--yes", is_flag=True, help="Write the list without a question.")
@why_option
@who_option
@json_option
@config_option
def import_list(  # noqa: PLR0913 - one parameter for each option
    *,
    csv_file: Path | None,
    ldif_file: Path | None,
    server: str,
    named: dict[str, str],
    foreign: tuple[str, ...],
    group: str,
    keep_missing: bool,
    allow_removals: int,
    allow_moves: int,
    yes: bool,
    reason: str,
    who: str,
    as_json: bool,
    config_file: Path | None,
) -> None:
    """Add, remove and move mailboxes of the list as the directory has them.

    Shows what would change (+ added, - removed, ~ on another server) and writes it after a question, or with --yes.
    Groups, limits, comments and the order stay; the former file is kept beside the new one.
    """
    form, file = _given(csv_file, ldif_file)
    settings = load_settings(config_file)
    with usage():
        places = Places(server, named, frozenset(foreign))
        data = sys.stdin.buffer.read() if file == _STDIN else file.read_bytes()
        name = "stdin" if file == _STDIN else str(file)
        prepared = list_import.prepare(settings, data, name, form, places, group=group, remove=not keep_missing)
    if not as_json:
        click.echo("\n".join(map(printable, _lines(prepared))))
    with usage():
        prepared.require_consent(allow_removals, allow_moves)
    if not prepared.changes:
        _unwritten(prepared, as_json=as_json)
        return
    if not yes:
        if as_json or file == _STDIN or not sys.stdin.isatty():
            _unwritten(prepared, as_json=as_json)
            raise click.ClickException("nothing was written; add --yes to write the list")
        click.confirm(f"Write {settings.mailboxes}?", abort=True)
    former, unrecorded = list_import.write_list(open_context(settings, who=who), prepared, reason)
    warnings = [f"not recorded in the audit: {unrecorded}"] if unrecorded else []
    done = f"written; the former list is {former}"
    print_action("import", done, as_json=as_json, warnings=warnings, facts={**prepared.to_dict(), "written": True})


def _given(csv_file: Path | None, ldif_file: Path | None) -> tuple[Literal["csv", "ldif"], Path]:
    if csv_file is not None and ldif_file is None:
        return "csv", csv_file
    if ldif_file is not None and csv_file is None:
        return "ldif", ldif_file
    raise click.UsageError("give one export: --csv FILE or --ldif FILE, - for stdin")


def _unwritten(prepared: list_import.ListImport, *, as_json: bool) -> None:
    """Print the document of an import that writes nothing; as text, the changes were shown before."""
    if as_json:
        print_action("import", _counts(prepared), as_json=True, facts={**prepared.to_dict(), "written": False})


def _lines(prepared: list_import.ListImport) -> Iterator[str]:
    for lines in _kinds(prepared):
        yield from lines[:_MOST_SHOWN]
        if len(lines) > _MOST_SHOWN:
            yield f"{lines[0][0]} and {len(lines) - _MOST_SHOWN} more: --json has all"
    yield _counts(prepared)


def _kinds(prepared: list_import.ListImport) -> tuple[list[str], list[str], list[str]]:
    changes = prepared.changes
    return (
        [f"+ {one.name}  {one.server}" for one in changes.added],
        [f"- {one.name}  {one.server}" for one in changes.removed],
        [f"~ {one.mailbox.name}  {one.mailbox.server} -> {one.server}" for one in changes.moved],
    )


def _counts(prepared: list_import.ListImport) -> str:
    changes = prepared.changes
    counts = " ".join(f"{sign}{len(lines)}" for sign, lines in zip("+-~", _kinds(prepared), strict=True))
    skipped = f"; {counted(changes.skipped, 'entry', 'entries')} left out" if changes.skipped else ""
    return f"{counts}, {changes.unchanged} unchanged{skipped}"
