"""``rsvpq mailboxes``: show which mailboxes are not well, one in detail, or the deepest lanes; import the list."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from rsvpq.cli.config_file import config_option
from rsvpq.cli.documents import print_document, say
from rsvpq.cli.lanes import usage
from rsvpq.cli.list_import import import_list
from rsvpq.cli.names import Name
from rsvpq.cli.options import COUNT, json_option, not_empty, to_seconds
from rsvpq.cli.strict import StrictGroup
from rsvpq.cli.tables import has_room_for_columns, is_terminal, print_block, print_fitted
from rsvpq.lanes.status import Override
from rsvpq.ops import look, open_context
from rsvpq.ops import mailboxes as health
from rsvpq.settings import load_settings
from rsvpq.text import age, counted, printable

_HEADINGS = ("mailbox", "server", "group", "state", "since", "reason", "remedy")
#: The columns before those of free length.
_SHORT = 5


@click.group(cls=StrictGroup, invoke_without_command=True)
@click.option("--server", type=Name("server"), default="", callback=not_empty, help="Only mailboxes of this server.")
@click.option("--group", type=Name("group"), default="", callback=not_empty, help="Only mailboxes of this group.")
@click.option("--state", type=click.Choice(health.STATES), help="Only mailboxes in this state.")
@click.option("--all", "everything", is_flag=True, help="Also those that are well.")
@click.option(
    "--older-than",
    "older_than_s",
    metavar="DURATION",
    callback=to_seconds,
    help="A scan is late when it is older, such as 2h.  [default: twice the period of its schedule]",
)
@json_option
@config_option
@click.pass_context
def mailboxes(
    ctx: click.Context,
    server: str,
    group: str,
    state: str | None,
    everything: bool,
    older_than_s: float | None,
    as_json: bool,
    config_file: Path | None,
) -> None:
    """Show every mailbox that is not well: since when, why, and what to do."""
    if ctx.invoked_subcommand is not None:
        return
    with usage():
        choice = health.MailboxChoice(server, group, state or "", everything, older_than_s)
        found = health.examine_mailboxes(open_context(load_settings(config_file)), choice)
    if as_json:
        print_document(found.to_dict())
        return
    click.echo(_totals(found))
    for obstacle in (*found.missing, *found.obstacles):
        click.echo(printable(obstacle))
    if found.rows:
        _print_rows([tuple(map(printable, _cells(row))) for row in found.rows])
    elif state:
        say(f"none is {state}")


@mailboxes.command("show")
@click.argument("name", type=Name("mailbox"))
@json_option
@config_option
def show_mailbox(name: str, as_json: bool, config_file: Path | None) -> None:
    """Show one mailbox: whether it is well, its last scan, and what waits in its lane."""
    with usage():
        found = health.show_mailbox(open_context(load_settings(config_file)), name)
    if as_json:
        print_document(found)
    else:
        click.echo("\n".join(map(printable, _page(found))))


@mailboxes.command()
@click.option("--most", type=COUNT, default=20, show_default=True, metavar="N", help="At most N lanes.")
@json_option
@config_option
def top(most: int, as_json: bool, config_file: Path | None) -> None:
    """Show the lanes with the most waiting items, deepest first."""
    lanes = look.top(open_context(load_settings(config_file)).lanes, most)
    if as_json:
        print_document({"lanes": lanes})
    elif lanes:
        click.echo("\n".join(f"{lane['pending']:>7}  {printable(lane['mailbox'])}" for lane in lanes))
    else:
        say("nothing waits in any lane")


mailboxes.add_command(import_list)


def _totals(found: health.Examined) -> str:
    if not found.mailboxes:
        return "there is no such mailbox"
    if not found.unwell and (found.missing or found.obstacles):
        return f"{counted(found.mailboxes, 'mailbox')} without a symptom, but not all of them are worked:"
    if not found.unwell:
        return f"{counted(found.mailboxes, 'mailbox')}, all well"
    states = ", ".join(f"{state} {count}" for state, count in found.states.items())
    return f"{found.unwell} of {counted(found.mailboxes, 'mailbox')} not well: {states}"


def _cells(row: health.MailboxHealth) -> tuple[str, ...]:
    where = (row.mailbox, row.server or "-", row.group or "-")
    if not row.symptoms:
        last = f"the last scan ended {age(row.scanned_s)} ago"
        return (*where, "well", "-", last, "-")
    reasons, remedies = ("; ".join(dict.fromkeys(texts)) for texts in zip(*map(_words, row.symptoms), strict=True))
    return (*where, ",".join(row.states), age(row.symptoms[0].since_s), reasons, remedies)


def _words(symptom: health.Symptom) -> tuple[str, str]:
    return symptom.reason, symptom.remedy


def _print_rows(rows: list[tuple[str, ...]]) -> None:
    """Print a table that fits the terminal; elsewhere a line for each row, however long it is.

    Where a terminal has no room for columns, reasons and remedies have lines of their own: commands can be copied.
    """
    if not has_room_for_columns():
        for row in rows:
            print_block(row[:_SHORT], *([cell] for cell in row[_SHORT:]))
        return
    if is_terminal():
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in _HEADINGS:
            table.add_column(heading, overflow="fold")
        for row in rows:
            table.add_row(*map(Text, row))
        print_fitted(table)
        return
    widths = [max(map(len, column)) for column in list(zip(_HEADINGS, *rows, strict=True))[:_SHORT]]
    for row in (_HEADINGS, *rows):
        short = (cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        click.echo("  ".join((*short, *row[_SHORT:])))


def _page(found: dict[str, Any]) -> Iterator[str]:
    yield f"{found['mailbox']}  server {found['server']}, group {found['group'] or '-'}"
    stopped = [*found["missing"], *found["obstacles"]]
    for obstacle in stopped:
        yield f"    {obstacle}"
    for symptom in found["symptoms"]:
        since = f" for {age(symptom['since_s'])}" if symptom["since_s"] is not None else ""
        yield f"    {symptom['state']}{since}: {symptom['reason']}"
        yield f"    what to do: {symptom['remedy']}"
    if not found["symptoms"]:
        alone = "nothing is wrong with it alone; the lines above say what keeps it from being worked"
        yield f"    {alone if stopped else 'it is well'}"
    totals = found["last_scan"]
    if found["scanned_s"] is not None:
        saw = f": found {totals['found']}, held back {totals['capped']}, unreadable {totals['unreadable']}"
        yield f"    last scan {age(found['scanned_s'])} ago{saw if totals else ''}"
    if "pending" in found:
        yield f"    in its lane {found['pending']}, in flight {found['in_flight']}, between attempts {found['later']}"
        for item in found["next"]:
            waited = f", for {age(item['waited_s'])}" if item["waited_s"] is not None else ""
            yield f"        {item['item']}  {item['work']}{waited}{': ' if item['reason'] else ''}{item['reason']}"
    if limits := found.get("limits"):
        yield f"    limits set by an operator: {Override(**limits).values}"
