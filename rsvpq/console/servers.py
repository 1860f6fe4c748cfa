"""The rows of the table of servers, made of one reading."""

from collections.abc import Iterator
from dataclasses import dataclass

from rsvpq.console.lag import RECENT_MINUTES, LagHistory, small_drawing, top_of
from rsvpq.lanes.status import ServerStatus, Status
from rsvpq.ops.control import about_pause
from rsvpq.ops.look import worst_first
from rsvpq.report.markup import Markup
from rsvpq.text import age, grouped


@dataclass(frozen=True, slots=True)
class ServerRow:
    """A server as the table shows it.

    :param oldest_scan: the age of the oldest of the last scans of its mailboxes, and how many had none.
    :param obstacle: a pause or a hold of the server, with the reason; '' if there is none.
    :param waiting: why its items wait, the most frequent reason first.
    """

    name: str
    status: ServerStatus
    obstacle: str
    waiting: str
    oldest_scan: str
    lag: Markup


def server_rows(status: Status, history: LagHistory, until_s: float) -> list[ServerRow]:
    """Return a row for each server, the worst first; all drawings of the lag have one scale."""
    minutes = min(history.span(until_s), RECENT_MINUTES)
    lags = {name: history.of(name, until_s, minutes) for name in status.servers}
    top_s = top_of([lag for row in lags.values() for lag in row])
    return [
        ServerRow(
            name,
            status.servers[name],
            obstacle(status.servers[name]),
            "; ".join(waiting(status.servers[name])),
            oldest_scan(status.servers[name]),
            small_drawing(name, lags[name], top_s),
        )
        for name in worst_first(status.servers)
    ]


def totals(status: Status) -> dict[str, int]:
    """Return the sums of the columns that can be summed."""
    servers = status.servers.values()
    names = ("mailboxes", "pending", "in_flight", "later", "dead", "answered")
    return {
        **{name: sum(getattr(server, name) for server in servers) for name in names},
        "on_hold": sum(sum(server.on_hold.values()) for server in servers),
    }


def obstacle(server: ServerStatus) -> str:
    """Say what keeps the whole server from being worked; '' if nothing does."""
    found = [f"paused{about_pause(server.paused)}"] if server.paused else []
    for hold in server.holds:
        found += [f"{hold.subject}held for another {age(hold.left_s)}: {hold.why or 'no reason given'}"]
    return "; ".join(found)


def waiting(server: ServerStatus) -> Iterator[str]:
    """Yield why items wait, the most frequent reason first."""
    for reason, backlog in sorted(server.waiting.items(), key=lambda pair: -pair[1].items):
        yield f"{reason} {grouped(backlog.items)} in {grouped(backlog.mailboxes)}"


def oldest_scan(server: ServerStatus) -> str:
    """Say how old the oldest of the last scans of its mailboxes is, and how many had none."""
    never = f"{grouped(server.never_scanned)} never" if server.never_scanned else ""
    oldest = "" if server.oldest_scan_s is None else age(server.oldest_scan_s)
    return ", ".join(filter(None, (oldest, never))) or "-"


def scans(server: ServerStatus) -> str:
    """Say when the newest and the oldest of the last scans of its mailboxes ended, and how many had none."""
    never = f"{grouped(server.never_scanned)} never" if server.never_scanned else ""
    if server.oldest_scan_s is None or server.newest_scan_s is None:
        return never or "-"
    newest, oldest = age(server.newest_scan_s), age(server.oldest_scan_s)
    span = f"{newest} ago" if newest == oldest else f"{newest} to {oldest} ago"
    return ", ".join(filter(None, (span, never)))
