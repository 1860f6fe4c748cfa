"""``rsvpq mailboxes import``: bring the list of mailboxes up to date by the export of a directory."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import click

from rsvpq.cli.lanes import usage
from rsvpq.cli.options import config_option, json_option, not_empty
from rsvpq.ops import list_import, open_context
from rsvpq.settings import load_settings
from rsvpq.settings.list_import import Places
from rsvpq.text import json_text, printable

#: The most changes of a kind that are shown; --json has all.
_MOST_SHOWN = 30
_EXPORT = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
_STDIN = Path("-")


def _pairs(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for value in values:
        theirs, equals, ours = value.rpartition("=")
        if not (theirs and equals and ours):
            raise click.BadParameter(f"{value!r} has no form THEIRS=OURS, such as MAIL1=hq1")
        pairs[theirs] = ours
    return pairs


@click.command("import")
@click.option("--csv", "csv_file", type=_EXPORT, metavar="FILE", help="Of Get-Mailbox | Export-Csv, or csvde; or -.")
@click.option("--ldif", "ldif_file", type=_EXPORT, metavar="FILE", help="Of ldapsearch; - for stdin.")
@click.option("--server", default="", callback=not_empty, help="All of the export is on this server; others stay.")
@click.option("--map", "named", multiple=True, callback=_pairs, metavar="THEIRS=OURS", help="A server's two names.")
@click.option("--skip", "foreign", multiple=True, metavar="THEIRS", help="A server that rsvpq does not serve.")
@click.option("--group", default="", help="The group of the mailboxes that are added.")
@click.option("--keep-missing", is_flag=True, help="Remove none that the export lacks.")
@click.option("--allow-removals", type=click.IntRange(min=0), default=0, metavar="N", help="Remove up to N.")
@click.option("--yes", is_flag=True, help="Write the list without a question.")
@click.option("--reason", default="", help="Recorded in the audit.")
@json_option
@config_option
@click.pass_context
def import_list(  # noqa: PLR0913 - one parameter for each option
    ctx: click.Context,
    *,
    csv_file: Path | None,
    ldif_file: Path | None,
    server: str,
    named: dict[str, str],
    foreign: tuple[str, ...],
    group: str,
    keep_missing: bool,
    allow_removals: int,
    yes: bool,
    reason: str,
    as_json: bool,
    config_file: Path | None,
) -> None:
    """Add, remove and move mailboxes of the list as the directory has them.

    Shows what would change (+ added, - removed, ~ on another server) and writes it after a question, or with --yes.
    Groups, limits, comments and the order stay; the former file is kept beside the new one.
    """
    form, file = _given(csv_file, ldif_file)
    settings = load_settings(config_file or ctx.obj)
    with usage():
        places = Places(server, named, frozenset(foreign))
        data = sys.stdin.buffer.read() if file == _STDIN else file.read_bytes()
        name = "stdin" if file == _STDIN else str(file)
        prepared = list_import.prepare(settings, data, name, form, places, remove=not keep_missing)
    if as_json:
        click.echo(json_text(prepared.to_dict(), indent=2))
    else:
        click.echo("\n".join(map(printable, _lines(prepared))))
    if not prepared.changes:
        return
    with usage():
        prepared.require_consent(allow_removals)
    if not yes:
        if as_json or file == _STDIN or not sys.stdin.isatty():
            raise click.ClickException("nothing was written; add --yes to write the list")
        click.confirm(f"Write {settings.mailboxes}?", abort=True)
    former, unrecorded = list_import.write_list(open_context(settings), prepared, group, reason)
    click.echo(f"written; the former list is {former}", err=as_json)
    if unrecorded:
        click.echo(f"not recorded in the audit: {printable(unrecorded)}", err=True)


def _given(csv_file: Path | None, ldif_file: Path | None) -> tuple[Literal["csv", "ldif"], Path]:
    if csv_file is not None and ldif_file is None:
        return "csv", csv_file
    if ldif_file is not None and csv_file is None:
        return "ldif", ldif_file
    raise click.UsageError("give one export: --csv FILE or --ldif FILE, - for stdin")


def _lines(prepared: list_import.ListImport) -> Iterator[str]:
    changes = prepared.changes
    kinds = (
        [f"+ {one.name}  {one.server}" for one in changes.added],
        [f"- {one.name}  {one.server}" for one in changes.removed],
        [f"~ {one.mailbox.name}  {one.mailbox.server} -> {one.server}" for one in changes.moved],
    )
    for lines in kinds:
        yield from lines[:_MOST_SHOWN]
        if len(lines) > _MOST_SHOWN:
            yield f"{lines[0][0]} and {len(lines) - _MOST_SHOWN} more: --json has all"
    counts = " ".join(f"{sign}{len(lines)}" for sign, lines in zip("+-~", kinds, strict=True))
    skipped = f"; {changes.skipped} entries left out" if changes.skipped else ""
    yield f"{counts}, {changes.unchanged} unchanged{skipped}"
