"""``rsvpq scan``: trigger a scan through the queue, as any Celery client could."""

from pathlib import Path

import click

from rsvpq import queue, wiring
from rsvpq.cli.options import config_option
from rsvpq.mailboxes import read_mailboxes, select
from rsvpq.settings import load_settings


@click.command()
@click.argument("mailboxes", nargs=-1)
@click.option("--group", help="Scan every mailbox of this group.")
@click.option("--all", "everything", is_flag=True, help="Scan every mailbox.")
@config_option
def scan(mailboxes: tuple[str, ...], group: str | None, everything: bool, config_file: Path | None) -> None:
    """Scan the named MAILBOXES, a group, or all of them.

    The scans run in the queue; a mailbox that is being scanned already, or whose messages still wait, is left as it is.
    """
    if sum((bool(mailboxes), group is not None, everything)) != 1:
        raise click.UsageError("name mailboxes, or give --group NAME, or --all")
    settings = load_settings(config_file)
    chosen = select(read_mailboxes(settings.mailboxes, settings), names=mailboxes, group=group)
    app = wiring.make_app(settings, "cli")
    arguments = {"mailboxes": [mailbox.name for mailbox in chosen]} if mailboxes else {"group": group} if group else {}
    result = app.send_task(queue.SCAN, kwargs=arguments)
    click.echo(f"scan of {len(chosen)} mailbox{'es' if len(chosen) != 1 else ''} triggered: task {result.id}")
