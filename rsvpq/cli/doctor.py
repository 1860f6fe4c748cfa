"""``rsvpq doctor``: check an installation before using it, or when it does not work. Changes nothing."""

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NoReturn

import click
from rich.table import Table
from rich.text import Text

from rsvpq.cli.config_file import config_option
from rsvpq.cli.doctor_bulk import probe_all
from rsvpq.cli.documents import print_document
from rsvpq.cli.names import Name
from rsvpq.cli.options import json_option, not_empty, timeout_option, who_option
from rsvpq.cli.strict import StrictCommand
from rsvpq.cli.tables import is_terminal, print_fitted
from rsvpq.doctor.checks import examine
from rsvpq.doctor.results import ExitCode, Level, Notes, exit_code
from rsvpq.mail.messages import Mailbox
from rsvpq.ops import open_context
from rsvpq.settings import LoadedSettings, load_with_origins
from rsvpq.settings.mailboxes import read_mailboxes, select

_STYLES = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "bold red", Level.SKIP: "dim"}


@click.command(cls=StrictCommand)
@click.argument("servers", type=Name("server"), nargs=-1, metavar="[SERVER]...")
@click.option("--mailbox", type=Name("mailbox"), help="Check this mailbox instead of the first one of its server.")
@click.option(
    "--group", type=Name("group"), callback=not_empty, help="Instead: probe the rights on every mailbox of this group."
)
@click.option("--all", "everything", is_flag=True, help="Instead: probe the rights on every mailbox.")
@timeout_option
@who_option
@json_option
@config_option
def doctor(
    servers: tuple[str, ...],
    mailbox: str | None,
    group: str | None,
    everything: bool,
    timeout_s: float | None,
    who: str,
    as_json: bool,
    config_file: Path | None,
) -> None:
    """Check the settings, Redis, the processes and each SERVER (default: all). Changes nothing.

    Logs in once for each user name; a wrong password costs one failed logon.

    With --group or --all only the rights on those mailboxes (of these SERVERs) are probed, by the scan workers and
    within the limits of the lanes, while answers go on.

    Exits with 0 if nothing failed, 1 if Redis or every server failed, 3 for any other failure; with --group or --all,
    1 if no mailbox can be worked, and 3 if some cannot.
    """
    bulk = group is not None or everything
    _refuse_mixed(mailbox, group, timeout_s, everything=everything)
    loaded = load_with_origins(config_file, os.environ)
    for name in servers:
        if name not in loaded.settings.servers:
            known = ", ".join(sorted(loaded.settings.servers))
            raise click.UsageError(f"no server {name!r}; the settings have: {known}")
    if bulk:
        probe_all(open_context(loaded.settings, who=who), group, servers, timeout_s, as_json=as_json)
    else:
        _check(loaded, servers, _chosen(loaded, mailbox, servers), as_json=as_json)


def _refuse_mixed(mailbox: str | None, group: str | None, timeout_s: float | None, *, everything: bool) -> None:
    if sum((mailbox is not None, group is not None, everything)) > 1:
        raise click.UsageError("use one of --mailbox, --group and --all")
    if timeout_s is not None and group is None and not everything:
        raise click.UsageError("--timeout needs --group or --all")


def _chosen(loaded: LoadedSettings, mailbox: str | None, servers: Sequence[str]) -> Mailbox | None:
    if mailbox is None:
        return None
    (chosen,) = select(read_mailboxes(loaded.settings.mailboxes, loaded.settings), names=[mailbox])
    if servers and chosen.server not in servers:
        raise click.UsageError(f"{chosen.name} is on server {chosen.server}; name that server, or no server")
    return chosen


def _check(loaded: LoadedSettings, servers: Sequence[str], chosen: Mailbox | None, *, as_json: bool) -> NoReturn:
    """Run all checks, show them, and exit with the exit code."""
    groups = []
    for notes in examine(loaded, servers, chosen):
        groups.append(notes)
        if not as_json:
            show_notes(notes)
    code = exit_code(groups)
    if as_json:
        print_document(_to_dict(groups, code))
    else:
        levels = [finding.level for notes in groups for finding in notes.findings]
        click.echo(", ".join(f"{levels.count(level)} {level}" for level in Level if level in levels))
    sys.exit(code)


def show_notes(notes: Notes) -> None:
    """Print the results of one group, each with its remedy."""
    table = Table.grid(padding=(0, 2, 0, 0), pad_edge=False, expand=is_terminal())
    table.add_column(no_wrap=True, min_width=4)
    table.add_column(no_wrap=True, min_width=11)
    table.add_column(ratio=1, overflow="fold")
    table.add_column(justify="right", no_wrap=True)
    for finding in notes.findings:
        ms = "" if finding.ms is None else f"{finding.ms:.0f} ms"
        table.add_row(Text(finding.level, style=_STYLES[finding.level]), finding.check, Text(finding.text), ms)
        if finding.remedy:
            table.add_row("", "", Text(f"-> {finding.remedy}"), "")
    print_fitted(Text(f"server {notes.group}" if notes.is_server else notes.group, style="bold"))
    print_fitted(table)


def _to_dict(groups: Iterable[Notes], code: ExitCode) -> dict[str, object]:
    found: dict[str, object] = {"exit_code": int(code)}
    servers: dict[str, object] = {}
    for notes in groups:
        (servers if notes.is_server else found)[notes.group] = [finding.to_dict() for finding in notes.findings]
    return {**found, "servers": servers}
