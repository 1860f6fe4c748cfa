"""``rsvpq status``: show what the lanes hold, their lag, and why items wait."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.console import Console, RenderableType
from rich.live import Live

from rsvpq import wiring
from rsvpq.cli.config_file import config_option
from rsvpq.cli.documents import print_document, say
from rsvpq.cli.lanes import usage
from rsvpq.cli.names import Name
from rsvpq.cli.options import json_option, not_empty
from rsvpq.cli.status_picture import picture
from rsvpq.cli.strict import StrictCommand
from rsvpq.cli.tables import is_terminal, print_fitted
from rsvpq.lanes.bounds import LONGEST_TIMEOUT_S
from rsvpq.lanes.status import BY_SERVER_ONLY, Status
from rsvpq.ops import OperatorContext, open_context
from rsvpq.ops.names import require_server
from rsvpq.settings import load_settings
from rsvpq.settings.mailboxes import MailboxList, select
from rsvpq.settings.revision import Revision, settings_digest
from rsvpq.wiring.coverage import Coverage, read_coverage
from rsvpq.wiring.in_force import in_force

#: Default interval of --watch, in seconds.
_EVERY_S = 2.0


@click.command(cls=StrictCommand)
@click.option(
    "--watch",
    "every_s",
    type=click.FloatRange(0.2, LONGEST_TIMEOUT_S),
    is_flag=False,
    flag_value=_EVERY_S,
    metavar="[SECONDS]",
    help=f"Refresh every SECONDS (without a number: {_EVERY_S:g}), until Ctrl-C.",
)
@click.option(
    "--server", "servers", type=Name("server"), multiple=True, metavar="NAME", help="Only this server; may be repeated."
)
@click.option(
    "--group",
    type=Name("group"),
    default="",
    callback=not_empty,
    metavar="NAME",
    help="Only the mailboxes of this group.",
)
@json_option
@config_option
def status(
    every_s: float | None, servers: tuple[str, ...], group: str, as_json: bool, config_file: Path | None
) -> None:
    """Show what the lanes hold, per server and in total: what runs, what waits and why, and the lag.

    The servers that need attention come first. --watch fits the terminal: it shows the worst ones that have room.
    """
    settings = load_settings(config_file)
    lanes = wiring.lasting_lanes(settings) if every_s else wiring.command_lanes(settings.redis)
    _require_known(open_context(settings, lanes), servers)
    look = partial(in_force, settings, lanes)
    mailboxes = wiring.make_list(settings)
    digest = settings_digest(settings)

    def revision() -> Revision:
        return Revision(digest, mailboxes.digest)

    def covered() -> Coverage:
        return read_coverage(settings, lanes, mailboxes.by_name(), mailboxes.problem)

    def read() -> Status:
        if group:
            return _of(lanes.snapshot.status_of(_members(mailboxes, group)), servers)
        return _of(lanes.snapshot.status(mailboxes.names()), servers)

    def shown(now: Status, width: int | None, height: int | None = None) -> RenderableType:
        return picture(now, look(), covered(), width, height, revision(), part=bool(group))

    with suppress(KeyboardInterrupt) if every_s else nullcontext():  # this is how --watch ends
        if as_json:
            for now in _looks(read, every_s):
                force = {**look().to_dict(revision()), "coverage": covered().to_dict()}
                print_document({"in_force": force, **_known(now, part=bool(group))}, None if every_s else 2)
        else:
            _show(read, shown, every_s, _without_servers(group, servers))


def _require_known(context: OperatorContext, servers: Sequence[str]) -> None:
    with usage():
        for name in servers:
            require_server(context, name)


def _members(mailboxes: MailboxList, group: str) -> set[str]:
    """Return the mailboxes of a group of the list.

    :raises ConfigError: the list has no such group, or cannot be read.
    """
    mailboxes.require_any()
    return {mailbox.name for mailbox in select(mailboxes.by_name().values(), group=group)}


def _known(now: Status, *, part: bool) -> dict[str, Any]:
    """Return the status as a document; of a part of the mailboxes without what is known of whole servers only."""
    found = now.to_dict()
    if not part:
        return found
    del found["counts"], found["order"]
    for server in found["servers"].values():
        for name in BY_SERVER_ONLY:
            del server[name]
    return found


def _of(now: Status, servers: Sequence[str]) -> Status:
    """Return the part of the status that is about these servers; all of it without a name."""
    if not servers:
        return now
    chosen = {name: server for name, server in now.servers.items() if name in servers}
    counts = sum((Counter(server.counts) for server in chosen.values()), Counter[str]())
    later, dead = (sum(getattr(server, state) for server in chosen.values()) for state in ("later", "dead"))
    return replace(now, servers=chosen, counts=dict(counts), later=later, dead=dead)


def _looks(read: Callable[[], Status], every_s: float | None) -> Iterator[Status]:
    yield read()
    while every_s:
        sys.stdout.flush()
        time.sleep(every_s)
        yield read()


def _without_servers(group: str, servers: Sequence[str]) -> str:
    """Say why a status has no server."""
    if not group:
        return "no servers: no dispatcher or worker has started yet"
    where = f" on {' and '.join(servers)}" if servers else ""
    return f"no mailbox of the group {group}{where} was ever offered a scan"


def _show(
    read: Callable[[], Status], shown: Callable[..., RenderableType], every_s: float | None, without_servers: str
) -> None:
    """Show one status, or one after the other.

    :param shown: draws a status for a width and a height. :param without_servers: what is said if it has none.
    """
    console = Console(highlight=False)
    if every_s is None or not is_terminal():
        for now in _looks(read, every_s):
            width = console.width if is_terminal() else None
            print_fitted(shown(now, width))
            if not now.servers:
                say(without_servers)
        return
    with Live(console=console, auto_refresh=False) as live:
        for now in _looks(read, every_s):
            live.update(shown(now, console.width, console.height), refresh=True)
