"""``rsvpq scan``: trigger a scan through the queue, as any Celery client could."""

from pathlib import Path

import click

from rsvpq import queue, wiring
from rsvpq.cli.options import config_option, mailboxes_option
from rsvpq.mailboxes import read_mailboxes, select
from rsvpq.settings import load_settings


@click.command()
@mailboxes_option
@config_option
def scan(mailboxes: tuple[str, ...], group: str | None, everything: bool, config_file: Path | None) -> None:
    """Scan the named MAILBOXES, a group, or all of them.

    The scans run in the queue; a mailbox that is being scanned already, or whose messages still wait, is left as it is.
    """
    trigger("scan", mailboxes, group, everything, config_file)


def trigger(
    kind: queue.ScanKind, mailboxes: tuple[str, ...], group: str | None, everything: bool, config_file: Path | None
) -> None:
    """Put the one task into the queue that offers a scan to each of the mailboxes.

    :raises click.UsageError: none or several of the three ways to choose them. :raises ConfigError: see ``select``.
    """
    if sum((bool(mailboxes), group is not None, everything)) != 1:
        raise click.UsageError("name mailboxes, or give --group NAME, or --all")
    settings = load_settings(config_file)
    chosen = select(read_mailboxes(settings.mailboxes, settings), names=mailboxes, group=group)
    app = wiring.make_app(settings, "cli")
    arguments = {"mailboxes": [mailbox.name for mailbox in chosen]} if mailboxes else {"group": group} if group else {}
    # Only what differs from the task's default is sent, so that a scan reads in Flower as it always did.
    more = {"kind": kind} if kind != "scan" else {}
    result = app.send_task(queue.SCAN, kwargs={**arguments, **more})
    if kind == "scan" and wiring.PolicyInForce(settings, wiring.make_lanes(settings))().mode != settings.mode:
        click.echo("live runs are not confirmed here, so this one only observes: see 'rsvpq confirm --help'", err=True)
    click.echo(f"{kind} of {len(chosen)} mailbox{'es' if len(chosen) != 1 else ''} triggered: task {result.id}")
