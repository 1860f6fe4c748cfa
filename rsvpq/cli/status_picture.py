"""Draw the status: what is in force, one row for each server with the worst first, and below what has no column."""

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeGuard

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from rsvpq.lanes.status import Backlog, ServerStatus, Status
from rsvpq.ops import control
from rsvpq.ops.between_attempts import Repeated
from rsvpq.ops.look import worst_first
from rsvpq.settings.revision import Revision
from rsvpq.text import age, ago, counted, printable, shortened
from rsvpq.wiring.coverage import Coverage
from rsvpq.wiring.in_force import InForce
from rsvpq.wiring.revisions import differences
from rsvpq.wiring.wellness import cannot_be_scanned

#: The columns between the name of the server and what waits.
_COLUMNS = (
    *("mailboxes", "pending", "running", "later", "dead", "answered", "opened", "skipped", "on hold"),
    *("lag", "last scan", "answer"),
)
#: Those of them that are known of a part of the mailboxes of a server.
_OF_A_PART = tuple(name for name in _COLUMNS if name not in ("answered", "opened", "lag", "answer"))
#: The columns that are left out one by one where there is no room, the first one first.
_LEFT_OUT = ("answer", "opened", "mailboxes", "skipped", "on hold", "answered", "last scan", "later")
#: What the row with the totals sums up.
_SUMS = ("mailboxes", "pending", "released", "running", "later", "dead", "answered", "opened", "never_scanned")
#: Characters between two columns of the table, the fewest that what waits should have, and the fewest that are any use.
_GAP, _ROOM, _FEWEST = 2, 16, 8
#: More characters than anything has that waits.
_UNLIMITED = 100_000
#: The name of the row with the sums, and what stands there for all that waits if the column has no room for it: the
#: first line below the table has it, also where those of the servers have no room.
_TOTAL = "total"
_BELOW_TABLE = "below"
#: At most this many paused mailboxes, and this many held ones, are named.
_NAMED = 10
#: At most this many reasons are named for which items are between two attempts.
_MOST_REPEATED = 5
#: Lines below the table that servers leave free where the height is limited.
_BELOW = 3


def picture(
    now: Status,
    look: InForce,
    covered: Coverage,
    width: int | None = None,
    height: int | None = None,
    revision: Revision | None = None,
    again: Sequence[Repeated] = (),
    *,
    part: bool = False,
) -> RenderableType:
    """Return the status.

    :param width: of the terminal, in characters; None if nothing is to be cut.
    :param height: of the terminal, in lines; None if there may be any number. What does not fit are the best servers.
    :param revision: that of the files at hand. :param again: what is between two attempts. :param part: whether it is
        of a part of the mailboxes of its servers.
    """
    names = worst_first(now.servers)
    headline, below = [*_headline(now, look, covered, revision)], [*_between_attempts(again), *_footer(now, part=part)]
    if height is not None:
        headline = _wrapped(headline, width)
    most = len(names)
    if height is not None:
        # The header of the table, the totals, and the line below that the cursor is in.
        most = max(1, min(most, height - len(headline) - _BELOW - 3))
    rows = [(_TOTAL, total(now.servers.values()))] if len(names) > 1 else []
    rows += [(printable(name), now.servers[name]) for name in names[:most]]
    table, left = _table(rows, width, _OF_A_PART if part else _COLUMNS)
    whole = {name: "; ".join(_waiting(server)) for name, server in rows}
    cut = [f"{name}: {text}" for name, text in whole.items() if len(text) > left]
    below = [*_hidden(len(names) - most), *cut, *below]
    if height is not None:
        below = _cut(_wrapped(below, width), height - len(headline) - len(rows) - 2)
    return Group(*map(Text, headline), *([table] if rows else []), *map(Text, below))


def _hidden(servers: int) -> Iterator[str]:
    if servers:
        yield f"and {counted(servers, 'more server')}, none of them worse"


def _wrapped(lines: Iterable[str], width: int | None) -> list[str]:
    """Return the lines as a terminal of this width shows them; none is empty."""
    return [part for line in lines for part in textwrap.wrap(line, width or _UNLIMITED, subsequent_indent="  ")]


def _cut(lines: list[str], most: int) -> list[str]:
    """Return the first lines; if there are more, the last one says so."""
    most = max(1, most)
    return lines if len(lines) <= most else [*lines[: most - 1], "... more: rsvpq status"]


def _headline(now: Status, look: InForce, covered: Coverage, revision: Revision | None) -> Iterator[str]:
    if now.paused:
        yield f"EVERYTHING IS PAUSED{printable(control.about_pause(now.paused))}"
    if now.rests_everywhere:
        yield "EVERY SERVER BELOW IS PAUSED OR HELD: nothing starts there"
    yield from map(printable, control.group_stops(now))
    yield look.headline
    yield _processes(look)
    yield f"scans: {printable(covered.headline)}"
    if failing := cannot_be_scanned(now.servers.values()):
        yield failing
    for missing in look.missing():
        yield f"{missing.headline}; start one: {missing.start}"
    if different := [*differences(look.revisions, revision)]:
        yield from map(printable, different)
        yield "see 'rsvpq doctor', and 'rsvpq config apply'"
    yield from (f"CAP REACHED: {cap}" for cap in covered.caps)


def _processes(look: InForce) -> str:
    workers = (f"{queue} {len(workers)}{'' if workers else '!'}" for queue, workers in look.workers.items())
    waiting = ", ".join(f"{queue} {length}" for queue, length in look.queued.items() if length)
    dispatchers = f"dispatchers: {len(look.dispatchers)}{'' if look.dispatchers else '!'}"
    return f"workers: {', '.join(workers)}; {dispatchers}{f'; waiting with Celery: {waiting}' if waiting else ''}"


def total(servers: Iterable[ServerStatus]) -> ServerStatus:
    """Return the sums of several servers, the longest lag, and the oldest and the newest scan."""
    sums = ServerStatus()
    for server in servers:
        for name in _SUMS:
            setattr(sums, name, getattr(sums, name) + getattr(server, name))
        sums.lag_s = max(filter(_known, (sums.lag_s, server.lag_s)), default=None)
        sums.oldest_scan_s = max(filter(_known, (sums.oldest_scan_s, server.oldest_scan_s)), default=None)
        sums.newest_scan_s = min(filter(_known, (sums.newest_scan_s, server.newest_scan_s)), default=None)
        sums.last_answer_s = min(filter(_known, (sums.last_answer_s, server.last_answer_s)), default=None)
        sums.on_hold = dict(Counter(sums.on_hold) + Counter(server.on_hold))
        sums.skipped = dict(Counter(sums.skipped) + Counter(server.skipped))
        for reason, backlog in server.waiting.items():
            found = sums.waiting.setdefault(reason, Backlog())
            found.mailboxes, found.items = found.mailboxes + backlog.mailboxes, found.items + backlog.items
    return sums


def _known(value: float | None) -> TypeGuard[float]:
    return value is not None


def _table(
    rows: Sequence[tuple[str, ServerStatus]], width: int | None, columns: Sequence[str]
) -> tuple[RenderableType, int]:
    """Return the table, and how many characters of what waits it shows."""
    columns, texts, left = _fitting(rows, width, columns)
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    table.add_column("server", no_wrap=True)
    for heading in columns:
        table.add_column(heading, justify="right", no_wrap=True)
    if left:
        table.add_column("waiting", no_wrap=True)
    for texts_of_row, (name, server) in zip(texts, rows, strict=True):
        text = "; ".join(_waiting(server)) or "-"
        if name == _TOTAL and len(text) > left:
            text = _BELOW_TABLE
        waiting = [shortened(text, left)] if left else []
        table.add_row(*map(Text, (*texts_of_row, *waiting)))
    return table, left


def _fitting(
    rows: Sequence[tuple[str, ServerStatus]], width: int | None, columns: Sequence[str]
) -> tuple[Sequence[str], list[tuple[str, ...]], int]:
    """Return the columns that fit, the rows with these, and how many characters are left for what waits."""
    for full, left_out in ((True, None), (False, None), *((False, name) for name in _LEFT_OUT)):
        columns = [name for name in columns if name != left_out]
        cells = [(name, _cells(server, full=full)) for name, server in rows]
        texts = [(name, *(found[heading] for heading in columns)) for name, found in cells]
        left = _room(("server", *columns), texts, width)
        if left >= _ROOM:
            break
    return columns, texts, left if left >= _FEWEST else 0


def _room(headings: Sequence[str], rows: Iterable[Sequence[str]], width: int | None) -> int:
    """Return how many characters of the terminal are left for what waits."""
    if width is None:
        return _UNLIMITED
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    return max(0, width - sum(widths) - _GAP * len(widths))


def _cells(server: ServerStatus, *, full: bool) -> dict[str, str]:
    lag = "-" if server.lag_s is None else age(server.lag_s)
    p95 = f" (95%: {age(server.lag_p95_s)})" if full and server.lag_p95_s is not None else ""
    return {
        "mailboxes": str(server.mailboxes),
        "pending": str(server.pending),
        "running": f"{server.released}/{server.running}",
        "later": str(server.later),
        "dead": str(server.dead),
        "answered": str(server.answered),
        "opened": str(server.opened),
        "skipped": str(sum(server.skipped.values())),
        "on hold": str(sum(server.on_hold.values())),
        "lag": lag + p95,
        "last scan": _scans(server, full=full),
        "answer": ago(server.last_answer_s),
    }


def _scans(server: ServerStatus, *, full: bool) -> str:
    never = f"{server.never_scanned} never" if server.never_scanned else ""
    if server.oldest_scan_s is None or server.newest_scan_s is None:
        return never or "-"
    newest, oldest = age(server.newest_scan_s), age(server.oldest_scan_s)
    if not full:
        return never or oldest
    span = f"{newest} ago" if newest == oldest else f"{newest} to {oldest} ago"
    return ", ".join(filter(None, (span, never)))


def _waiting(server: ServerStatus) -> Iterator[str]:
    """Yield what blocks the whole server, then why mailboxes wait, by number of items."""
    if server.paused:
        yield f"paused{printable(control.about_pause(server.paused))}"
    for hold in server.holds:
        yield f"{printable(hold.subject)}held for another {age(hold.left_s)}{_why(hold.why)}"
    for reason, waiting in sorted(server.waiting.items(), key=lambda pair: -pair[1].items):
        yield f"{reason} {waiting.items} in {waiting.mailboxes}"


def _between_attempts(again: Sequence[Repeated]) -> Iterator[str]:
    """Yield what failed and is tried again, and why."""
    yield from (printable(str(one)) for one in again[:_MOST_REPEATED])
    if len(again) > _MOST_REPEATED:
        yield f"and for {counted(len(again) - _MOST_REPEATED, 'other reason')}"


def _footer(now: Status, *, part: bool) -> Iterator[str]:
    yield from _of_mailboxes(now)
    on_hold = sum((Counter(server.on_hold) for server in now.servers.values()), Counter[str]())
    if on_hold:
        yield f"on hold, for a person to look at: {_by_number(on_hold)}"
    if now.skipped:
        yield f"left alone by the last scan of each mailbox: {_by_number(Counter(now.skipped))}"
    if now.order.broken:
        yield f"{now.order.broken} broken records were found, and repaired or set aside: see 'rsvpq repair --list'"
    if now.order.checked_s is not None:
        wrong = f", {now.order.wrong_slots} counters corrected so far" if now.order.wrong_slots else ""
        yield f"in flight {now.order.in_flight}  slots {now.order.slots}  checked {ago(now.order.checked_s)}{wrong}"
    yield f"later {now.later}  dead {now.dead}"
    if part:
        return
    counts = "  ".join(f"{label} {count}" for label, count in sorted(now.counts.items()))
    yield f"since Redis was empty: {counts}" if counts else "nothing counted yet"


def _of_mailboxes(now: Status) -> Iterator[str]:
    """Yield the mailboxes that are paused or held, and what has other limits than configured."""
    paused = {name: pause for server in now.servers.values() for name, pause in server.paused_mailboxes.items()}
    for name, pause in list(paused.items())[:_NAMED]:
        yield f"{printable(name)} is paused{printable(control.about_pause(pause))}"
    if len(paused) > _NAMED:
        yield f"and {len(paused) - _NAMED} or more other mailboxes are paused"
    yield from _overrides(now)
    held = {name: hold for server in now.servers.values() for name, hold in server.held_mailboxes.items()}
    for name, hold in list(held.items())[:_NAMED]:
        yield f"{printable(name)} is held for another {age(hold.left_s)}{_why(hold.why)}"
    if len(held) > _NAMED:
        yield f"and {len(held) - _NAMED} or more other mailboxes are held"


def _by_number(counts: Counter[str]) -> str:
    return ", ".join(f"{printable(reason)} {count}" for reason, count in counts.most_common())


def _overrides(now: Status) -> Iterator[str]:
    """Yield the limits that operators have set, which apply instead of the configured ones."""
    found = control.overridden(now)
    for name, override in list(found.items())[:_NAMED]:
        yield printable(f"{name} has other limits than configured: {control.set_by(override)}")
    if len(found) > _NAMED:
        yield f"and so have {len(found) - _NAMED} more: see 'rsvpq limit'"


def _why(reason: str) -> str:
    return f": {printable(reason)}" if reason else ""
