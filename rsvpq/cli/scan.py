"""``rsvpq scan``: trigger a scan through the queue, as any Celery client could."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from rsvpq import wiring
from rsvpq.cli.asking import unused
from rsvpq.cli.dry_run import FORMS, run
from rsvpq.cli.options import config_option, mailboxes_option, timeout_option
from rsvpq.mail.messages import Mailbox
from rsvpq.settings import Settings, load_settings
from rsvpq.settings.mailboxes import read_mailboxes, select
from rsvpq.tasks import contract


@click.command()
@mailboxes_option
@click.option("--dry-run", "dry", is_flag=True, help="Show what would be done, and do nothing of it.")
@click.option("--format", "form", type=click.Choice(FORMS), help="Of a dry run: how to show it.  [default: table]")
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

    The scans run in the queue; a mailbox that is being scanned already, or whose messages still wait, is left as it is.

    With --dry-run nothing is answered, opened or marked, whatever the mode: each message is shown with what would be
    done, and why, as if live runs were on. Exits with 0, or with 3 where some mailboxes could not be looked at.
    """
    if not dry:
        if form or timeout_s:
            raise click.UsageError("--format and --timeout are for a dry run; add --dry-run")
        trigger("scan", mailboxes, group, everything, config_file)
        return
    settings, chosen = choose(mailboxes, group, everything, config_file)
    arguments = _arguments(chosen, mailboxes, group)
    run(settings, chosen, arguments, form or "table", timeout_s)


def trigger(
    kind: contract.ScanKind, mailboxes: tuple[str, ...], group: str | None, everything: bool, config_file: Path | None
) -> None:
    """Put the one task into the queue that offers a scan to each of the mailboxes.

    :raises click.UsageError: none or several of the three ways to choose them. :raises ConfigError: see ``select``.
    """
    settings, chosen = choose(mailboxes, group, everything, config_file)
    lanes = wiring.make_lanes(settings)
    lanes.ping()  # nothing is sent to a Redis that cannot be worked with
    app = wiring.make_app(settings, "cli")
    # Only what differs from the task's default is sent, so that a scan reads in Flower as it always did.
    more = {"kind": kind} if kind != "scan" else {}
    result = app.send_task(contract.SCAN, kwargs={**_arguments(chosen, mailboxes, group), **more})
    if kind == "scan" and wiring.PolicyInForce(settings, lanes)().mode != settings.mode:
        click.echo("live runs are not confirmed here, so this one only observes: see 'rsvpq confirm --help'", err=True)
    if doubt := unused(settings, lanes):
        click.echo(doubt, err=True)
    click.echo(f"{kind} of {len(chosen)} mailbox{'es' if len(chosen) != 1 else ''} triggered: task {result.id}")


def choose(
    mailboxes: tuple[str, ...], group: str | None, everything: bool, config_file: Path | None
) -> tuple[Settings, Sequence[Mailbox]]:
    """The settings, and the mailboxes that a command line names.

    :raises click.UsageError: none or several of the three ways to choose them. :raises ConfigError: see ``select``.
    """
    if sum((bool(mailboxes), group is not None, everything)) != 1:
        raise click.UsageError("name mailboxes, or give --group NAME, or --all")
    settings = load_settings(config_file)
    return settings, select(read_mailboxes(settings.mailboxes, settings), names=mailboxes, group=group)


def _arguments(chosen: Sequence[Mailbox], mailboxes: tuple[str, ...], group: str | None) -> Mapping[str, object]:
    """As the task takes them: not the names of a group or of all, which the task finds by itself."""
    return {"mailboxes": [mailbox.name for mailbox in chosen]} if mailboxes else {"group": group} if group else {}
