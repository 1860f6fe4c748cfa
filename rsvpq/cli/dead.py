"""``rsvpq dead``: items that ended without an outcome; look at them, try them again, or give them up."""

from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from rsvpq.cli.lanes import usage
from rsvpq.cli.options import config_option, json_option, not_empty
from rsvpq.ops import OperatorContext, open_context
from rsvpq.ops import dead as graves
from rsvpq.settings import load_settings
from rsvpq.text import age, json_text, printable

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _which(command: _Command) -> Callable[..., Any]:
    """The options that say which dead items are meant; the command is given them as one ``which``."""

    @click.option("--server", default="", callback=not_empty, help="Only items of this server.")
    @click.option("--mailbox", default="", callback=not_empty, help="Only items of this mailbox.")
    @click.option(
        "--reason", default="", callback=not_empty, metavar="TEXT", help="Only items whose reason contains TEXT."
    )
    @wraps(command)
    def with_which(*, server: str, mailbox: str, reason: str, **rest: Any) -> Any:
        return command(which=graves.Which(server, mailbox, reason), **rest)

    return with_which


#: What is shown of a record of the audit, beside its time and its event.
_TOLD = ("step", "decision", "result", "who", "reason", "note")

_most = click.option(
    "--limit",
    "most",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="At most N items, newest first.",
    metavar="N",
)
_ids = click.argument("ids", metavar="ID...", nargs=-1)
_all = click.option("--all", "everything", is_flag=True, help="All, or all that the other options say.")
_yes = click.option("--yes", is_flag=True, help="Do not ask before --all.")
_why = click.option("--why", default="", help="Kept in the audit.")


@click.group(invoke_without_command=True)
@_most
@_which
@json_option
@config_option
@click.pass_context
def dead(ctx: click.Context, which: graves.Which, most: int, as_json: bool, config_file: Path | None) -> None:
    """Items that ended without an outcome; without a command, list them."""
    ctx.obj = config_file
    if ctx.invoked_subcommand is None:
        _list(_open(ctx, config_file), which, most, as_json=as_json)


@dead.command("list")
@_most
@_which
@json_option
@config_option
@click.pass_context
def list_dead(ctx: click.Context, which: graves.Which, most: int, as_json: bool, config_file: Path | None) -> None:
    """List dead items, the newest first: since when, where, what, after how many attempts, and why."""
    _list(_open(ctx, config_file), which, most, as_json=as_json)


@dead.command()
@click.argument("item_id", metavar="ID")
@json_option
@config_option
@click.pass_context
def show(ctx: click.Context, item_id: str, as_json: bool, config_file: Path | None) -> None:
    """Show everything about one dead item: what its journal proves, what to look at, and what the audit says."""
    with usage():
        found = graves.show(_open(ctx, config_file), item_id)
    if as_json:
        click.echo(json_text(found, indent=2))
    else:
        click.echo("\n".join(map(printable, _page(found))))


@dead.command()
@_ids
@_all
@_which
@_yes
@_why
@config_option
@click.pass_context
def retry(ctx: click.Context, /, config_file: Path | None, **options: Any) -> None:
    """Put dead items back at the head of their lanes, with no attempt counted.

    Their journals are kept, so each looks at what was done before it does anything.
    """
    _settle(_open(ctx, config_file), "retry", **options)


@dead.command()
@_ids
@_all
@_which
@_yes
@_why
@config_option
@click.pass_context
def drop(ctx: click.Context, /, config_file: Path | None, **options: Any) -> None:
    """Give dead items up for good: no scan offers these messages again."""
    _settle(_open(ctx, config_file), "drop", **options)


def _open(ctx: click.Context, config_file: Path | None) -> OperatorContext:
    """The settings are named before or after the command."""
    return open_context(load_settings(config_file or ctx.obj))


def _settle(
    context: OperatorContext,
    verb: str,
    *,
    ids: tuple[str, ...],
    everything: bool,
    which: graves.Which,
    yes: bool,
    why: str,
) -> None:
    if bool(ids) == everything:
        raise click.UsageError("name items, or give --all")
    if ids and which != graves.Which():
        raise click.UsageError("--server, --mailbox and --reason go with --all")
    if everything and not yes:
        number = graves.count(context.lanes, which)
        click.confirm(f"{verb} {number} dead item{'' if number == 1 else 's'}?", abort=True, err=True)
    settle = {"retry": graves.retry, "drop": graves.drop}[verb]
    done, left = settle(context, ids, which if everything else None, why).items()
    click.echo(f"{done[0]} {done[1]}")
    for item_id, state in left[1].items():
        click.echo(f"{printable(item_id)}: {_left(state)}", err=True)
    if left[1]:
        raise SystemExit(1)


def _left(state: str) -> str:
    return "there is no such item" if state == "unknown" else f"left as it is, for it is not dead but {state}"


def _list(context: OperatorContext, which: graves.Which, most: int, *, as_json: bool) -> None:
    if as_json:
        for item in graves.find(context.lanes, which, most):
            click.echo(json_text(item.to_dict()))
        return
    for row in graves.rows(context.lanes, which, most):
        click.echo("\n".join(map(printable, _lines(row))))


def _lines(row: dict[str, Any]) -> Iterator[str]:
    times = f"{row['attempts']} attempt{'' if row['attempts'] == 1 else 's'}"
    what = f"{row['kind']} {row['subject']!r}" if row["subject"] else row["kind"]
    yield f"{row['id']}  {row['mailbox']}  {what}"
    yield f"    dead for {age(row['dead_s'])} after {times}: {row['reason']}"


def _page(found: dict[str, Any]) -> Iterator[str]:
    yield from _lines(found)
    yield f"    server {found['server']}, {found['work']}, generation {found['generation']}"
    yield f"    from its offer to its end: {age(found['waited_s'])}"
    yield "what is proved:"
    yield from (f"    {sentence}" for sentence in found["evidence"])
    yield f"what to do: {found['advice']}"
    yield "message:"
    yield from (f"    {name}: {value}" for name, value in sorted(found["payload"].items()))
    yield f"journal: {json_text(found['journal'])}"
    yield "audit:"
    for record in found["audit"]:
        told = ", ".join(record[name] for name in _TOLD if name in record)
        yield f"    {record['time']}  {record['event']}  {told}".rstrip()
