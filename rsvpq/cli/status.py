"""``rsvpq status``: show what the lanes hold, their lag, and why items wait."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import click
from rich.console import Console
from rich.live import Live

from rsvpq import wiring
from rsvpq.cli.config_file import config_option
from rsvpq.cli.documents import print_document, say
from rsvpq.cli.options import json_option
from rsvpq.cli.status_picture import picture
from rsvpq.cli.tables import is_terminal, print_fitted
from rsvpq.lanes import Lanes
from rsvpq.lanes.status import Status
from rsvpq.settings import Settings, did_you_mean, load_settings
from rsvpq.settings.revision import Revision, settings_digest
from rsvpq.wiring.coverage import Coverage, read_coverage
from rsvpq.wiring.in_force import InForce, in_force

#: Default interval of --watch, in seconds.
_EVERY_S = 2.0


@click.command()
@click.option(
    "--watch",
    "every_s",
    type=click.FloatRange(min=0.2),
    is_flag=False,
    flag_value=_EVERY_S,
    metavar="[SECONDS]",
    help=f"Refresh every SECONDS (without a number: {_EVERY_S:g}), until Ctrl-C.",
)
@click.option("--server", "servers", multiple=True, metavar="NAME", help="Only this server; may be repeated.")
@json_option
@config_option
def status(every_s: float | None, servers: tuple[str, ...], as_json: bool, config_file: Path | None) -> None:
    """Show what the lanes hold, per server and in total: what runs, what waits and why, and the lag.

    The servers that need attention come first. --watch fits the terminal: it shows the worst ones that have room.
    """
    settings = load_settings(config_file)
    lanes = wiring.lasting_lanes(settings) if every_s else wiring.command_lanes(settings.redis)
    _require_known(servers, settings, lanes)
    look = partial(in_force, settings, lanes)
    mailboxes = wiring.make_list(settings)
    digest = settings_digest(settings)

    def revision() -> Revision:
        return Revision(digest, mailboxes.digest)

    def covered() -> Coverage:
        return read_coverage(settings, lanes, mailboxes.by_name(), mailboxes.problem)

    def read() -> Status:
        return _of(lanes.snapshot.status(mailboxes.names()), servers)

    with suppress(KeyboardInterrupt):  # this is how --watch ends
        if as_json:
            for now in _looks(read, every_s):
                force = {**look().to_dict(revision()), "coverage": covered().to_dict()}
                print_document({"in_force": force, **now.to_dict()}, None if every_s else 2)
        else:
            _show(read, look, covered, every_s, revision)


def _require_known(servers: Sequence[str], settings: Settings, lanes: Lanes) -> None:
    known = {*settings.servers, *(lanes.snapshot.servers() if servers else ())}
    for name in servers:
        if name not in known:
            raise click.UsageError(f"no server {name!r}; {did_you_mean(name, known)}")


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


def _show(
    read: Callable[[], Status],
    look: Callable[[], InForce],
    covered: Callable[[], Coverage],
    every_s: float | None,
    revision: Callable[[], Revision],
) -> None:
    console = Console(highlight=False)
    if every_s is None or not is_terminal():
        for now in _looks(read, every_s):
            width = console.width if is_terminal() else None
            print_fitted(picture(now, look(), covered(), width, revision=revision()))
            if not now.servers:
                say("no servers: no dispatcher or worker has started yet")
        return
    with Live(console=console, auto_refresh=False) as live:
        for now in _looks(read, every_s):
            live.update(picture(now, look(), covered(), console.width, console.height, revision()), refresh=True)
