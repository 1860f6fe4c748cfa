"""``rsvpq pause | resume | limit``: what an operator may change while everything runs."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import click

from rsvpq.cli.options import config_option, not_empty
from rsvpq.lanes import Scope
from rsvpq.ops import InvalidRequest, control, open_context
from rsvpq.ops.confirmation import unused
from rsvpq.settings import load_settings

_scope = click.argument("scope", type=click.Choice(["all", "server", "mailbox"]))
_name = click.argument("name", required=False, default="")
_why = click.option("--reason", default="", help="Kept in the audit.")


@contextmanager
def usage() -> Iterator[None]:
    """Show what was asked wrongly as wrong usage: exit code 2.

    :raises click.UsageError: in the place of InvalidRequest.
    """
    try:
        yield
    except InvalidRequest as error:
        raise click.UsageError(str(error)) from None


@click.command()
@_scope
@_name
@click.option("--reason", default=control.PAUSED, help="Shown in the status, and kept in the audit.")
@config_option
def pause(scope: Scope, name: str, reason: str, config_file: Path | None) -> None:
    """Stop everything, a server or a mailbox: nothing more is started, and what runs stops before its next effect.

    Exits with 1 where nothing runs in this Redis that could hear of it.
    """
    context = open_context(load_settings(config_file))
    with usage():
        click.echo(control.pause(context, scope, name, reason))
    if doubt := unused(context):
        click.echo(doubt, err=True)
        sys.exit(1)  # whoever wants everything to stand still is not to believe that it does


@click.command()
@_scope
@_name
@_why
@config_option
def resume(scope: Scope, name: str, reason: str, config_file: Path | None) -> None:
    """Undo a pause of the same scope; a server or a mailbox that is left alone for a while is asked again at once."""
    with usage():
        click.echo(control.resume(open_context(load_settings(config_file)), scope, name, reason))


@click.command()
@click.argument("scope", type=click.Choice(["server", "mailbox"]))
@click.argument("name")
@click.option("--rate", callback=not_empty, help="Items per time, such as 4/s or 30/min.")
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
    context = open_context(load_settings(config_file))
    with usage():
        click.echo(control.limit(context, scope, name, rate=rate, burst=burst, concurrency=concurrency, reason=reason))
