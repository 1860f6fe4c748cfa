"""``rsvpq scan``: trigger a scan through the queue, as any Celery client could."""

from pathlib import Path

import click

from rsvpq.cli.config_file import config_option
from rsvpq.cli.documents import print_action
from rsvpq.cli.dry_run import FORMS, run
from rsvpq.cli.lanes import usage
from rsvpq.cli.options import json_option, mailboxes_option, the_format, timeout_option, who_option
from rsvpq.cli.strict import StrictCommand
from rsvpq.ops import open_context, scans
from rsvpq.ops.scans import Selection
from rsvpq.settings import load_settings
from rsvpq.tasks import contract


@click.command(cls=StrictCommand)
@mailboxes_option
@click.option("--dry-run", "dry", is_flag=True, help="Show what would be done, without doing it.")
@click.option("--format", "form", type=click.Choice(FORMS), help="Output format of a dry run.  [default: table]")
@timeout_option
@who_option
@json_option
@config_option
def scan(  # noqa: PLR0913 - one argument for each option
    *,
    mailboxes: tuple[str, ...],
    group: str | None,
    server: str | None,
    everything: bool,
    dry: bool,
    form: str | None,
    timeout_s: float | None,
    who: str,
    as_json: bool,
    config_file: Path | None,
) -> None:
    """Scan the named MAILBOXES, those of a group or on a server, or all.

    The scans run in the queue; a mailbox that is being scanned already, or whose messages still wait, is skipped.

    With --dry-run nothing is answered, opened or marked, whatever the mode: each message is shown with what would be
    done, and why, as if live runs were on. Exits with 0; with 3 if there is no result from some mailboxes, and with 1
    if there is none from any.
    """
    if not dry and (form or timeout_s):
        raise click.UsageError("--format and --timeout need --dry-run")
    with usage():
        selection = Selection(mailboxes, group, everything, server)
    if dry:
        form = the_format(form, as_json=as_json) or "table"
        run(open_context(load_settings(config_file), who=who), selection, form, timeout_s)
    else:
        trigger("scan", selection, config_file, as_json=as_json)


def trigger(kind: contract.ScanKind, selection: Selection, config_file: Path | None, *, as_json: bool) -> None:
    """Trigger a scan of the selected mailboxes, and show why it may wait, or answer nothing."""
    context = open_context(load_settings(config_file))
    chosen = selection.mailboxes(context.settings)
    found = scans.trigger_chosen(context, kind, chosen, selection.arguments(chosen))
    print_action(kind, found.text, as_json=as_json, warnings=found.warnings, facts=found.facts)
