"""``rsvpq status | pause | resume | limit``: what the lanes hold, and what an operator may change while they run."""

import json
from pathlib import Path
from typing import Literal

import click
from rich.console import Console
from rich.table import Table

from rsvpq import wiring
from rsvpq.audit import Audit
from rsvpq.cli.options import config_option, json_option
from rsvpq.lanes import Lanes, Scope
from rsvpq.lanes.status import Status, read_status
from rsvpq.limits import Rate
from rsvpq.mailboxes import read_mailboxes, select
from rsvpq.settings import load_settings

_scope = click.argument("scope", type=click.Choice(["all", "server", "mailbox"]))
_name = click.argument("name", required=False, default="")
_why = click.option("--reason", default="", help="Kept in the audit.")


def _open(config_file: Path | None, scope: Scope, name: str) -> tuple[Lanes, Audit, str]:
    """The lanes, their audit, and the name as it is spelt in them."""
    settings = load_settings(config_file)
    if (scope == "all") == bool(name):
        raise click.UsageError("'all' takes no name" if name else f"which {scope}? give its name")
    if scope == "server" and name not in settings.servers:
        raise click.UsageError(f"no server {name!r}; there are: {', '.join(sorted(settings.servers))}")
    lanes = wiring.make_lanes(settings)
    if scope == "mailbox" and not lanes.knows(name):  # one that was scanned may have left the list since
        name = select(read_mailboxes(settings.mailboxes, settings), names=[name])[0].name
    return lanes, wiring.make_audit(settings, lanes), name


@click.command()
@_scope
@_name
@click.option("--reason", default="paused by an operator", help="Shown in the status, and kept in the audit.")
@config_option
def pause(scope: Scope, name: str, reason: str, config_file: Path | None) -> None:
    """Stop everything, a server or a mailbox: nothing more is started, and what runs stops before its next effect."""
    lanes, audit, name = _open(config_file, scope, name)
    lanes.pause(scope, name, reason=reason, deed=audit.deed("pause", scope, name, why=reason))
    click.echo(f"paused: {scope} {name}".rstrip())


@click.command()
@_scope
@_name
@_why
@config_option
def resume(scope: Scope, name: str, reason: str, config_file: Path | None) -> None:
    """Undo a pause of the same scope."""
    lanes, audit, name = _open(config_file, scope, name)
    lanes.resume(scope, name, deed=audit.deed("resume", scope, name, why=reason))
    click.echo(f"resumed: {scope} {name}".rstrip())


@click.command()
@click.argument("scope", type=click.Choice(["server", "mailbox"]))
@click.argument("name")
@click.option("--rate", help="Items per time, such as 4/s or 30/min.")
@click.option("--burst", type=click.IntRange(min=1), help="Items that may come at once.")
@click.option("--concurrency", type=click.IntRange(min=1), help="Items under way at once.")
@_why
@config_option
def limit(
    scope: Literal["server", "mailbox"],
    name: str,
    rate: str | None,
    burst: int | None,
    concurrency: int | None,
    reason: str,
    config_file: Path | None,
) -> None:
    """Change limits while running; they stay in force until changed again. Without options: as configured."""
    lanes, audit, name = _open(config_file, scope, name)
    try:
        pace = Rate.parse(rate) if rate else None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--rate") from None
    values = {"rate": rate, "burst": burst, "concurrency": concurrency}
    deed = audit.deed("limit", scope, name, why=reason, values=values)
    lanes.limit(scope, name, rate=pace, burst=burst, concurrency=concurrency, deed=deed)
    click.echo(f"limits changed: {scope} {name}" if rate or burst or concurrency else f"limits as configured: {name}")


@click.command()
@json_option
@config_option
def status(as_json: bool, config_file: Path | None) -> None:
    """Show what the lanes hold, per server and over all."""
    now = read_status(wiring.make_lanes(load_settings(config_file)))
    if as_json:
        click.echo(json.dumps(now.to_dict(), indent=2))
    else:
        Console().print(_table(now))
        click.echo(
            "  ".join(f"{label} {count}" for label, count in sorted(now.counts.items())) or "nothing counted yet"
        )


def _table(now: Status) -> Table:
    table = Table(title=f"paused: {now.paused}" if now.paused else None)
    table.add_column("server")
    for heading in ("mailboxes", "pending", "in flight", "held mailboxes"):
        table.add_column(heading, justify="right")
    table.add_column("state")
    for name, server in sorted(now.servers.items()):
        held = (
            f"paused: {server.paused}" if server.paused else f"held {server.held_s:.0f} s" if server.held_s else "open"
        )
        numbers = (server.mailboxes, server.pending, server.in_flight, server.waiting)
        table.add_row(name, *map(str, numbers), held)
    table.add_row("later / dead", "", f"{now.later} / {now.dead}", "", "", "")
    return table
