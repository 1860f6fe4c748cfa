"""``rsvpq reconcile | drafts``: answers that lie unsent in Drafts."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rsvpq import wiring
from rsvpq.cli.options import config_option, json_option, mailboxes_option
from rsvpq.cli.scan import trigger
from rsvpq.mail.messages import MeetingMessage
from rsvpq.ops.held_drafts import HeldDrafts
from rsvpq.settings import load_settings
from rsvpq.settings.mailboxes import read_mailboxes, select
from rsvpq.tasks import contract
from rsvpq.text import json_text, printable


@click.command()
@mailboxes_option
@config_option
def reconcile(mailboxes: tuple[str, ...], group: str | None, everything: bool, config_file: Path | None) -> None:
    """Look for unsent answers in Drafts, and finish those that are ours; the Inbox is left alone.

    Every scan does the same; this is for the hour after Redis was lost. What may be a person's own answer is only
    listed: see 'rsvpq drafts list'.
    """
    trigger("reconcile", mailboxes, group, everything, config_file)


@click.group()
def drafts() -> None:
    """Unsent answers that may be a person's own, and are never sent by guess."""


@drafts.command("list")
@json_option
@config_option
def list_drafts(as_json: bool, config_file: Path | None) -> None:
    """Show what the last scan of each mailbox saw."""
    held = HeldDrafts(wiring.make_lanes(load_settings(config_file)))
    rows = [{"mailbox": mailbox, **_facts(draft)} for mailbox, found in sorted(held.all()) for draft in found]
    if as_json:
        click.echo(json_text(rows, indent=2))
    elif not rows:
        click.echo("no unclear drafts")
    else:
        table = Table(*rows[0])
        for row in rows:
            table.add_row(*(Text(printable(value)) for value in row.values()))  # a stranger's subject is no markup
        Console().print(table)


@drafts.command("send")
@click.argument("mailbox")
@click.argument("draft")
@config_option
def send_draft(mailbox: str, draft: str, config_file: Path | None) -> None:
    """Send the DRAFT (as listed) of a MAILBOX: you have made sure that no person is still at work on it."""
    settings = load_settings(config_file)
    lanes = wiring.make_lanes(settings)
    chosen = select(read_mailboxes(settings.mailboxes, settings), names=[mailbox])[0]
    found = next(_named(HeldDrafts(lanes).of(chosen.name), draft), None)
    if found is None:
        raise click.ClickException(f"no draft {draft!r} is held in {chosen.name}; see 'rsvpq drafts list'")
    audit = wiring.make_audit(settings, lanes)
    item = contract.draft_item(found.identity(chosen), found)
    lanes.controls.log_action(
        audit.action("send-draft", "mailbox", chosen.name, values={"draft": found.rid, "item": item.id})
    )
    new = lanes.ledger.offer(contract.lane_of(chosen), [replace(item, facts=audit.facts(chosen, found, run=""))]).new
    click.echo("will be sent" if new else "was offered before; see 'rsvpq audit' or 'rsvpq dead'")


def _facts(draft: MeetingMessage) -> dict[str, str]:
    return {"draft": draft.rid, "answer": draft.verdict, "subject": draft.subject, "created": draft.created}


def _named(drafts: list[MeetingMessage], name: str) -> Iterator[MeetingMessage]:
    return (draft for draft in drafts if draft.rid == name)
