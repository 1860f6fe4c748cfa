"""``rsvpq dead``: show, retry or drop items that ended without an outcome."""

from collections.abc import Callable, Iterator
from functools import wraps
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import click

from rsvpq.cli.config_file import config_option
from rsvpq.cli.documents import print_action, print_document, say
from rsvpq.cli.lanes import usage
from rsvpq.cli.names import Name
from rsvpq.cli.options import COUNT, json_option, not_empty, who_option
from rsvpq.cli.strict import StrictGroup
from rsvpq.ops import OperatorContext, open_context
from rsvpq.ops import dead as dead_items
from rsvpq.settings import load_settings
from rsvpq.text import age, counted, json_text, printable

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _which(command: _Command) -> Callable[..., Any]:
    """Add the options that select dead items; the command gets them as one argument, ``which``."""

    @click.option("--server", type=Name("server"), default="", callback=not_empty, help="Only items of this server.")
    @click.option("--mailbox", type=Name("mailbox"), default="", callback=not_empty, help="Only items of this mailbox.")
    @click.option(
        "--reason", default="", callback=not_empty, metavar="TEXT", help="Only items whose reason contains TEXT."
    )
    @click.option(
        "--like", default="", callback=not_empty, metavar="REASON", help="Only items with this REASON of the summary."
    )
    @wraps(command)
    def with_which(*, server: str, mailbox: str, reason: str, like: str, **rest: Any) -> Any:
        return command(which=dead_items.Which(server, mailbox, reason, like), **rest)

    return with_which


#: Fields of an audit record that are shown, besides its time and event.
_SHOWN = ("step", "decision", "result", "who", "reason", "note")

_most = click.option(
    "--limit",
    "most",
    type=COUNT,
    default=50,
    show_default=True,
    help="At most N items, newest first.",
    metavar="N",
)
_ids = click.argument("ids", metavar="ID...", nargs=-1)
_all = click.option("--all", "everything", is_flag=True, help="All dead items, or all that match the other options.")
_yes = click.option("--yes", is_flag=True, help="Do not ask for confirmation of --all.")
_why = click.option("--why", default="", help="Why, for the audit.")


def _settling(command: _Command) -> Callable[..., Any]:
    """Add the arguments and options of the commands that settle dead items."""
    result: Callable[..., Any] = command
    for add in (config_option, json_option, who_option, _why, _yes, _which, _all, _ids):
        result = add(result)
    return result


@click.group(cls=StrictGroup, invoke_without_command=True)
@_most
@_which
@json_option
@config_option
@click.pass_context
def dead(ctx: click.Context, which: dead_items.Which, most: int, as_json: bool, config_file: Path | None) -> None:
    """Show, retry or drop items that ended without an outcome; without a command, list them."""
    if ctx.invoked_subcommand is None:
        _list(open_context(load_settings(config_file)), which, most, as_json=as_json)


@dead.command("list")
@_most
@_which
@json_option
@config_option
def list_dead(which: dead_items.Which, most: int, as_json: bool, config_file: Path | None) -> None:
    """List dead items, newest first: mailbox, message, age, attempts and reason."""
    _list(open_context(load_settings(config_file)), which, most, as_json=as_json)


@dead.command("summary")
@_most
@_which
@json_option
@config_option
def summarize_dead(which: dead_items.Which, most: int, as_json: bool, config_file: Path | None) -> None:
    """Group dead items by server and reason, the largest group first, with the command that retries each."""
    with usage():
        found = dead_items.summary_document(open_context(load_settings(config_file)), which, most)
    if as_json:
        print_document(found)
    elif found["groups"]:
        click.echo("\n".join(map(printable, chain.from_iterable(map(_group_lines, found["groups"])))))
    else:
        say("no dead items" if which == dead_items.Which() else "no dead item matches")


@dead.command("show")
@click.argument("item_id", metavar="ID")
@json_option
@config_option
def show_item(item_id: str, as_json: bool, config_file: Path | None) -> None:
    """Show all about one dead item: what its journal proves, what to check, and its audit records."""
    with usage():
        found = dead_items.show_item(open_context(load_settings(config_file)), item_id)
    if as_json:
        print_document(found)
    else:
        click.echo("\n".join(map(printable, _page(found))))


@dead.command()
@_settling
def retry(**options: Any) -> None:
    """Put dead items back at the head of their lanes and reset their attempts.

    Their journals are kept, so each item first checks what was already done.
    """
    _settle("retry", **options)


@dead.command()
@_settling
def drop(**options: Any) -> None:
    """Give up dead items for good: no scan offers these messages again."""
    _settle("drop", **options)


def _settle(  # noqa: PLR0913 - one argument for each option
    verb: str,
    *,
    ids: tuple[str, ...],
    everything: bool,
    which: dead_items.Which,
    yes: bool,
    why: str,
    who: str,
    as_json: bool,
    config_file: Path | None,
) -> None:
    if bool(ids) == everything:
        raise click.UsageError("name the items, or use --all")
    if ids and which != dead_items.Which():
        raise click.UsageError("--server, --mailbox, --reason and --like need --all")
    context = open_context(load_settings(config_file), who=who)
    if everything and not yes:
        number = dead_items.count(context.lanes, which)
        if number:
            click.confirm(f"{verb} {counted(number, 'dead item')}?", abort=True, err=True)
    settle = {"retry": dead_items.retry, "drop": dead_items.drop}[verb]
    with usage():
        done = settle(context, ids, which if everything else None, why)
    left = [
        f"{item_id}: {'no such item' if state == 'unknown' else f'unchanged, because it is not dead but {state}'}"
        for item_id, state in done["left"].items()
    ]
    word = dead_items.DONE[verb]
    print_action(verb, f"{word} {done[word]}", as_json=as_json, warnings=left, facts=done)
    if left:
        raise SystemExit(1)


def _list(context: OperatorContext, which: dead_items.Which, most: int, *, as_json: bool) -> None:
    with usage():
        found = dead_items.list_document(context, which, most)
    rows, total = found["dead"], found["total"]
    if as_json:
        print_document(found)
    elif rows:
        shown = f", the newest {len(rows)} of them:" if len(rows) < total else ":"
        click.echo(f"{counted(total, 'dead item')}{shown}")
        click.echo("\n".join(printable(line) for row in rows for line in _lines(row)))
    else:
        say("no dead items" if which == dead_items.Which() else "no dead item matches")


def _group_lines(group: dict[str, Any]) -> Iterator[str]:
    where = f"in {counted(group['mailboxes'], 'mailbox')}"
    yield f"{group['count']} x {group['server']}  {group['reason']}"
    yield f"    since {group['since']}, newest {group['newest']}; {where}, for example {group['item']}"
    yield f"    {group['retry']}"


def _lines(row: dict[str, Any]) -> Iterator[str]:
    times = counted(row["attempts"], "attempt")
    what = f"{row['kind']} {row['subject']!r}" if row["subject"] else row["kind"]
    yield f"{row['item']}  {row['mailbox']}  {what}"
    yield f"    dead for {age(row['dead_s'])} after {times}: {row['reason']}"


def _page(found: dict[str, Any]) -> Iterator[str]:
    yield from _lines(found)
    yield f"    server {found['server']}, {found['work']}, generation {found['generation']}"
    yield f"    time from its offer to its end: {age(found['waited_s'])}"
    yield "evidence:"
    yield from (f"    {sentence}" for sentence in found["evidence"])
    yield f"what to do: {found['advice']}"
    yield "message:"
    yield from (f"    {name}: {value}" for name, value in sorted(found["payload"].items()))
    yield f"journal: {json_text(found['journal'])}"
    yield "audit:"
    for record in found["audit"]:
        shown = ", ".join(record[name] for name in _SHOWN if name in record)
        yield f"    {record['time']}  {record['event']}  {shown}".rstrip()
