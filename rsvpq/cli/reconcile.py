"""``rsvpq reconcile | drafts``: handle unsent answers in Drafts."""

from pathlib import Path

import click
from rich.table import Table
from rich.text import Text

from rsvpq.cli.config_file import config_option
from rsvpq.cli.documents import print_action, print_document, say
from rsvpq.cli.lanes import usage
from rsvpq.cli.names import Name
from rsvpq.cli.options import json_option, mailboxes_option, who_option
from rsvpq.cli.scan import trigger
from rsvpq.cli.strict import StrictCommand, StrictGroup
from rsvpq.cli.tables import print_fitted
from rsvpq.ops import InvalidRequest, open_context
from rsvpq.ops import drafts as held_drafts
from rsvpq.ops.scans import Selection
from rsvpq.settings import load_settings
from rsvpq.text import counted, printable


@click.command(cls=StrictCommand)
@mailboxes_option
@json_option
@config_option
def reconcile(
    mailboxes: tuple[str, ...],
    group: str | None,
    server: str | None,
    everything: bool,
    as_json: bool,
    config_file: Path | None,
) -> None:
    """Search Drafts for unsent answers, and send those of rsvpq; the Inbox is not read.

    Every scan does the same; use this after a loss of Redis. An answer that may be a person's own is only listed: see
    'rsvpq drafts list'.
    """
    with usage():
        selection = Selection(mailboxes, group, everything, server)
    trigger("reconcile", selection, config_file, as_json=as_json)


@click.group(cls=StrictGroup)
def drafts() -> None:
    """List or send unsent answers that may be a person's own; rsvpq never sends them by itself."""


@drafts.command("list")
@json_option
@config_option
def list_drafts(as_json: bool, config_file: Path | None) -> None:
    """List the unclear drafts that the last scan of each mailbox found."""
    rows = held_drafts.draft_rows(open_context(load_settings(config_file)))
    if as_json:
        print_document({"drafts": rows})
    elif not rows:
        say("no unclear drafts")
    else:
        click.echo(f"{counted(len(rows), 'unclear draft')}:")
        table = Table()
        for heading in rows[0]:
            table.add_column(heading, overflow="fold")
        for row in rows:
            table.add_row(*(Text(printable(value)) for value in row.values()))  # a subject must not be read as markup
        print_fitted(table)


@drafts.command("send")
@click.argument("mailbox", type=Name("mailbox"))
@click.argument("draft")
@who_option
@json_option
@config_option
def send_draft(mailbox: str, draft: str, who: str, as_json: bool, config_file: Path | None) -> None:
    """Send the DRAFT (as listed) of a MAILBOX. First make sure that nobody is still working on it."""
    context = open_context(load_settings(config_file), who=who)
    try:
        done = held_drafts.send(context, mailbox, draft)
    except InvalidRequest as error:
        raise click.ClickException(str(error)) from None
    print_action("send-draft", done, as_json=as_json, facts={"mailbox": mailbox, "draft": draft})
