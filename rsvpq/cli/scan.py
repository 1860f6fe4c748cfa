"""``rsvpq scan``: trigger a scan through the queue, as any Celery client could."""

from pathlib import Path

import click

from rsvpq.cli.dry_run import FORMS, run
from rsvpq.cli.lanes import usage
from rsvpq.cli.options import config_option, mailboxes_option, timeout_option
from rsvpq.ops import confirmation, open_context, scans
from rsvpq.ops.scans import Selection
from rsvpq.settings import load_settings
from rsvpq.tasks import contract
from rsvpq.wiring.in_force import in_force


@click.command()
@mailboxes_option
@click.option("--dry-run", "dry", is_flag=True, help="Show what would be done, without doing it.")
@click.option("--format", "form", type=click.Choice(FORMS), help="Output format of a dry run.  [default: table]")
@timeout_option
@config_option
def scan(
    mailboxes: tuple[str, ...],
    group: str | None,
    everything: bool,
    dry: bool,
    form: str | None,
    timeout_s: float | None,
    config_file: Path | None,
) -> None:
    """Scan the named MAILBOXES, a group, or all of them.

    The scans run in the queue; a mailbox that is being scanned already, or whose messages still wait, is skipped.

    With --dry-run nothing is answered, opened or marked, whatever the mode: each message is shown with what would be
    done, and why, as if live runs were on. Exits with 0; with 3 if there is no result from some mailboxes, and with 1
    if there is none from any.
    """
    if not dry and (form or timeout_s):
        raise click.UsageError("--format and --timeout need --dry-run")
    with usage():
        selection = Selection(mailboxes, group, everything)
    if dry:
        run(open_context(load_settings(config_file)), selection, form or "table", timeout_s)
    else:
        trigger("scan", selection, config_file)


def trigger(kind: contract.ScanKind, selection: Selection, config_file: Path | None) -> None:
    """Trigger a scan of the selected mailboxes, and show why it may answer nothing."""
    context = open_context(load_settings(config_file))
    chosen = selection.mailboxes(context.settings)
    task_id = scans.trigger(context, kind, selection.arguments(chosen))
    where = confirmation.unconfirmed(context, chosen) if kind == "scan" and context.settings.mode != "observe" else ""
    if where:
        note = f"live runs are not confirmed {where}, so this scan only observes there: see 'rsvpq confirm --help'"
        click.echo(note, err=True)
    if warning := confirmation.unused(context):
        click.echo(warning, err=True)
    for missing in in_force(context.settings, context.lanes).missing():
        click.echo(str(missing), err=True)
    click.echo(f"{kind} of {len(chosen)} mailbox{'es' if len(chosen) != 1 else ''} triggered: task {task_id}")
