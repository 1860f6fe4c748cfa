"""``rsvpq status``: show what the lanes hold, their lag, and why items wait."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from rsvpq import wiring
from rsvpq.cli.options import config_option, json_option
from rsvpq.cli.tables import is_terminal, print_fitted
from rsvpq.lanes.status import Pause, ServerStatus, Status
from rsvpq.ops import control
from rsvpq.settings import load_settings
from rsvpq.text import age, json_text, printable
from rsvpq.wiring.in_force import InForce, in_force

#: Default interval of --watch, in seconds.
_EVERY_S = 2.0
#: The width that the table of servers needs; on a narrower terminal each server gets a paragraph.
_WIDE = 130
#: At most this many paused mailboxes, and this many held ones, are named.
_NAMED = 10


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
@json_option
@config_option
def status(every_s: float | None, as_json: bool, config_file: Path | None) -> None:
    """Show what the lanes hold, per server and in total: what runs, what waits and why, and the lag."""
    settings = load_settings(config_file)
    lanes = wiring.make_lanes(settings)
    mailboxes = wiring.make_list(settings)
    look = partial(in_force, settings, lanes, mailboxes)

    def read() -> Status:
        return lanes.snapshot.status(mailboxes.names())

    with suppress(KeyboardInterrupt):  # this is how --watch ends
        if as_json:
            for now in _looks(read, every_s):
                shown = {"in_force": look().to_dict(), **now.to_dict()}
                click.echo(json_text(shown, indent=None if every_s else 2))
        else:
            _show(read, look, every_s)


def _looks(read: Callable[[], Status], every_s: float | None) -> Iterator[Status]:
    yield read()
    while every_s:
        sys.stdout.flush()
        time.sleep(every_s)
        yield read()


def _show(read: Callable[[], Status], look: Callable[[], InForce], every_s: float | None) -> None:
    console = Console(highlight=False)
    if every_s is None or not is_terminal():
        width = console.width if is_terminal() else _WIDE
        for now in _looks(read, every_s):
            print_fitted(picture(now, look(), width))
        return
    with Live(console=console, auto_refresh=False) as live:
        for now in _looks(read, every_s):
            live.update(picture(now, look(), console.width), refresh=True)


def picture(now: Status, look: InForce, width: int) -> RenderableType:
    """Return the status for a terminal of this width: what is in force, then a row or a paragraph for each server."""
    rows = {printable(name): _cells(server) for name, server in now.servers.items()}
    servers: list[RenderableType] = [_table(rows)] if width >= _WIDE else [*_paragraphs(rows)]
    headline = [f"EVERYTHING IS PAUSED{_pause(now.paused)}"] if now.paused else []
    headline += map(printable, control.group_stops(now))
    headline += [look.headline, _processes(look)]
    headline += [f"{missing.what.upper()}; start one: {missing.start}" for missing in look.missing()]
    if not now.servers:
        headline.append("no servers: no dispatcher or worker has started yet")
    return Group(*map(Text, headline), *servers, *map(Text, _footer(now)))


def _processes(look: InForce) -> str:
    workers = (f"{queue} {len(workers)}{'' if workers else '!'}" for queue, workers in look.workers.items())
    return f"workers: {', '.join(workers)}; dispatchers: {len(look.dispatchers)}{'' if look.dispatchers else '!'}"


def _table(rows: dict[str, dict[str, str]]) -> RenderableType:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("server", no_wrap=True)
    for heading in next(iter(rows.values()), {}):
        table.add_column(heading, justify="left" if heading == "waiting" else "right", no_wrap=heading != "waiting")
    for name, cells in rows.items():
        table.add_row(Text(name), *map(Text, cells.values()))
    return table


def _paragraphs(rows: dict[str, dict[str, str]]) -> Iterator[RenderableType]:
    for name, cells in rows.items():
        yield Text(name, style="bold")
        for line in (
            ("mailboxes", "pending", "running", "later", "dead"),
            ("answered", "opened", "skipped", "on hold"),
        ):
            yield Text("  " + "  ".join(f"{heading} {cells[heading]}" for heading in line))
        for heading in ("lag", "last scan", "answer", "waiting"):
            yield Text(f"  {heading} {cells[heading]}")


def _cells(server: ServerStatus) -> dict[str, str]:
    return {
        "mailboxes": str(server.mailboxes),
        "pending": str(server.pending),
        "running": f"{server.released}/{server.running}",
        "later": str(server.later),
        "dead": str(server.dead),
        "answered": str(server.answered),
        "opened": str(server.opened),
        "skipped": str(server.skipped),
        "on hold": str(sum(server.on_hold.values())),
        "lag": "-" if server.lag_s is None else f"{age(server.lag_s)} (95%: {age(server.lag_p95_s)})",
        "last scan": _scans(server),
        "answer": _ago(server.last_answer_s),
        "waiting": "; ".join(_waiting(server)) or "-",
    }


def _scans(server: ServerStatus) -> str:
    never = f"{server.never_scanned} never" if server.never_scanned else ""
    if server.oldest_scan_s is None or server.newest_scan_s is None:
        return never or "-"
    newest, oldest = age(server.newest_scan_s), age(server.oldest_scan_s)
    span = f"{newest} ago" if newest == oldest else f"{newest} to {oldest} ago"
    return ", ".join(filter(None, (span, never)))


def _waiting(server: ServerStatus) -> Iterator[str]:
    """Yield what blocks the whole server, then why mailboxes wait, by number of items."""
    if server.paused:
        yield f"paused{_pause(server.paused)}"
    if server.held_s:
        yield f"backing off for {age(server.held_s)}{_why(server.held_why)}"
    for reason, waiting in sorted(server.waiting.items(), key=lambda pair: -pair[1].items):
        yield f"{reason} {waiting.items} in {waiting.mailboxes}"


def _footer(now: Status) -> Iterator[str]:
    paused = {name: pause for server in now.servers.values() for name, pause in server.paused_mailboxes.items()}
    for name, pause in list(paused.items())[:_NAMED]:
        yield f"{printable(name)} is paused{_pause(pause)}"
    if len(paused) > _NAMED:
        yield f"and {len(paused) - _NAMED} or more other mailboxes are paused"
    yield from _overrides(now)
    held = {name: hold for server in now.servers.values() for name, hold in server.held_mailboxes.items()}
    for name, hold in list(held.items())[:_NAMED]:
        yield f"{printable(name)} is held: backing off for {age(hold.left_s)}{_why(hold.why)}"
    if len(held) > _NAMED:
        yield f"and {len(held) - _NAMED} or more other mailboxes are held"
    on_hold = sum((Counter(server.on_hold) for server in now.servers.values()), Counter[str]())
    if on_hold:
        reasons = ", ".join(f"{printable(reason)} {count}" for reason, count in on_hold.most_common())
        yield f"on hold, for a person to look at: {reasons}"
    if now.order.broken:
        yield f"{now.order.broken} broken records were found, and repaired or set aside: see 'rsvpq repair --list'"
    if now.order.checked_s is not None:
        wrong = f", {now.order.wrong_slots} counters corrected so far" if now.order.wrong_slots else ""
        yield f"in flight {now.order.in_flight}  slots {now.order.slots}  checked {_ago(now.order.checked_s)}{wrong}"
    yield f"later {now.later}  dead {now.dead}"
    yield "  ".join(f"{label} {count}" for label, count in sorted(now.counts.items())) or "nothing counted yet"


def _overrides(now: Status) -> Iterator[str]:
    """Yield the limits that operators have set, which apply instead of the configured ones."""
    found = control.overridden(now)
    for name, override in list(found.items())[:_NAMED]:
        yield printable(f"{name} has other limits than configured: {control.set_by(override)}")
    if len(found) > _NAMED:
        yield f"and so have {len(found) - _NAMED} more: see 'rsvpq limit'"


def _why(reason: str) -> str:
    return f": {printable(reason)}" if reason else ""


def _pause(pause: Pause) -> str:
    by = f" by {printable(pause.by)}" if pause.by else ""
    since = f" {_ago(pause.age_s)}" if pause.age_s is not None else ""
    ends = f" for another {age(pause.left_s)}" if pause.left_s is not None else ""
    return f"{by}{since}{ends}: {printable(pause.reason)}"


def _ago(seconds: float | None) -> str:
    return "-" if seconds is None else f"{age(seconds)} ago"
