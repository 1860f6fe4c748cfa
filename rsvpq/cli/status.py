"""``rsvpq status``: show what the lanes hold, their lag, and why items wait."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import asdict, replace
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
from rsvpq.lanes import Lanes
from rsvpq.lanes.bounds import LONGEST_TIMEOUT_S
from rsvpq.lanes.status import BY_SERVER_ONLY, LedgerState, Status
from rsvpq.ops import OperatorContext, open_context
from rsvpq.ops.between_attempts import Repeated, repeated
from rsvpq.ops.names import require_server
from rsvpq.settings import load_settings
from rsvpq.settings.mailboxes import MailboxList, select
from rsvpq.settings.revision import Revision, settings_digest
from rsvpq.wiring.coverage import Coverage, read_coverage
from rsvpq.wiring.in_force import in_force
from rsvpq.wiring.wellness import read_status, yardstick_of

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
        chosen = {name: one for name, one in mailboxes.by_name().items() if not servers or one.server in servers}
        return read_coverage(settings, lanes, chosen, mailboxes.problem)

    def read() -> Status:
        if group:
            return _of(lanes.snapshot.status_of(_members(mailboxes, group), yardstick_of(settings)), servers)
        return _of(read_status(settings, lanes, mailboxes.names()), servers)

    between = partial(_between_attempts, lanes, mailboxes, group)

    def shown(now: Status, width: int | None, height: int | None = None) -> RenderableType:
        return picture(now, look(), covered(), width, height, revision(), between(now), part=bool(group))

    with suppress(KeyboardInterrupt) if every_s else nullcontext():  # this is how --watch ends
        if as_json:
            for now in _looks(read, every_s):
                force = {**look().to_dict(revision()), "coverage": covered().to_dict()}
                again = [asdict(one) for one in between(now)]
                known = {**_known(now, group, servers), "repeated": again}
                print_document({"in_force": force, **known}, None if every_s else 2)
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


def _between_attempts(lanes: Lanes, mailboxes: MailboxList, group: str, now: Status) -> list[Repeated]:
    """Return what is between two attempts in the part of the installation that a status is about."""
    if not now.later:
        return []
    members = _members(mailboxes, group) if group else None
    return [one for one in repeated(lanes, members) if one.server in now.servers]


def _known(now: Status, group: str, servers: Sequence[str]) -> dict[str, Any]:
    """Return the status as a document; of a part of an installation without what is known of more than that only."""
    found = now.to_dict()
    if group or servers:
        del found["order"]
    if not group:
        return found
    del found["counts"]
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
    return replace(now, servers=chosen, counts=dict(counts), later=later, dead=dead, order=LedgerState())


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
