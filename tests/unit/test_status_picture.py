"""The status fits the terminal: the totals first, then the servers that need attention, and below what has room."""

import io

import pytest
from rich.console import Console

from rsvpq.cli.status_picture import picture
from rsvpq.lanes.breakers import Hold
from rsvpq.lanes.status import Backlog, Pause, ServerStatus, Status
from rsvpq.wiring.coverage import Coverage
from rsvpq.wiring.in_force import InForce

LOOK = InForce(
    "", "anna at 2026-11-22 10:00 UTC", {"scan": {"h:1": 8}, "answer": {"h:2": 16}, "ops": {}}, ("h:3",), True
)
COVERED = Coverage(500, 500, 500, 480, 12, 0, 900, 900, ())


def busy(number: int) -> ServerStatus:
    """A server with work to do, the more the higher its number."""
    return ServerStatus(
        mailboxes=500,
        pending=number * 100,
        released=2,
        running=4,
        answered=123_456,
        skipped={"too-old": 7},
        lag_s=60.0 * number,
        lag_p95_s=5.0,
        oldest_scan_s=600,
        newest_scan_s=10,
        waiting={"server pace": Backlog(30, 90 * number), "mailbox busy": Backlog(5, 10 * number)},
    )


def twenty() -> Status:
    """Twenty servers, of which one is paused, one held, and one has dead items."""
    servers = {f"exchange-{number:02}": busy(number) for number in range(20)}
    servers["exchange-03"].paused = Pause("new disks", "anna", 7200)
    servers["exchange-05"].held_s, servers["exchange-05"].held_why = 500, "Busy: it returned 503"
    servers["exchange-07"].dead = 4
    servers["exchange-09"].held_mailboxes = {f"mailbox{number}": Hold(60, "401") for number in range(20)}
    return Status(servers, later=3, dead=4, counts={f"done:{number}": number for number in range(40)})


def drawn(now: Status, width: int, height: int | None = None, look: InForce = LOOK) -> list[str]:
    """Return the lines of the picture."""
    out = io.StringIO()
    Console(file=out, width=width, highlight=False, color_system=None).print(picture(now, look, COVERED, width, height))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_nothing_looks_like_work_while_every_server_is_paused_or_held() -> None:
    now = Status({"one": busy(1), "two": busy(2)})
    now.servers["one"].paused = Pause("new disks", "anna", 7200)
    assert drawn(now, 120)[0].startswith("answering, confirmed by anna")
    now.servers["two"].held_s = 500
    assert drawn(now, 120)[0] == "EVERY SERVER BELOW IS PAUSED OR HELD: nothing starts there"


@pytest.mark.parametrize("width", [80, 100, 130, 200])
def test_twenty_servers_fit_thirty_lines_with_totals_and_the_worst_first(width: int) -> None:
    lines = drawn(twenty(), width, 30)
    assert len(lines) <= 30
    assert max(map(len, lines)) <= width
    rows = [line.split() for line in lines if line.startswith(("exchange-", "total")) and ":" not in line.split()[0]]
    assert [row[0] for row in rows[:6]] == [
        *("total", "exchange-05", "exchange-03", "exchange-07", "exchange-19", "exchange-18")
    ]
    assert len(rows) == 21
    header = next(line.split() for line in lines if line.startswith("server"))
    assert rows[0][header.index("pending")] == "19000"
    assert lines[0] == "answering, confirmed by anna at 2026-11-22 10:00 UTC"


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 30)])
def test_what_waits_in_total_is_never_cut(width: int, height: int) -> None:
    lines = drawn(twenty(), width, height)
    assert len(lines) <= height
    assert [line.split()[-1] for line in lines if line.startswith("total ")] == ["below"]
    assert "total: server pace 17100 in 600; mailbox busy 1900 in 100" in lines
    assert max(map(len, drawn(twenty(), width))) <= width


def test_a_long_headline_is_wrapped_and_not_cut() -> None:
    why = "live runs are not confirmed here: look at 'rsvpq scan --dry-run', then 'rsvpq confirm'"
    silent = InForce(why, "", LOOK.workers, LOOK.dispatchers, begun=True)
    lines = drawn(twenty(), 80, 30, silent)
    assert len(lines) <= 30
    assert f"NOTHING IS ANSWERED: {why}" in " ".join(map(str.strip, lines[:2]))


def test_where_not_all_have_room_the_worst_ones_are_shown_and_the_rest_is_counted() -> None:
    lines = drawn(twenty(), 100, 16)
    assert len(lines) <= 16
    words = [line.split()[0] for line in lines if line.startswith("exchange-")]
    shown = [word for word in words if ":" not in word]  # not below the table
    assert shown[:3] == ["exchange-05", "exchange-03", "exchange-07"]
    assert f"and {20 - len(shown)} more servers, none of them worse" in lines
    assert lines[-1] == "... more: rsvpq status"


def test_processes_that_are_missing_stay_in_sight() -> None:
    nobody = InForce("", "anna", {"scan": {}, "answer": {}, "ops": {}}, (), True)
    lines = drawn(twenty(), 80, 24, nobody)
    assert len(lines) <= 24
    assert sum("START ONE" in line.upper() for line in lines) >= 1
    assert "workers: scan 0!, answer 0!, ops 0!; dispatchers: 0!" in lines


@pytest.mark.parametrize("width", [40, 60, 100])
def test_what_waits_is_said_in_full_below_the_table_where_its_column_is_cut(width: int) -> None:
    text = " ".join(drawn(twenty(), width))
    assert "exchange-05: held for another 8 min: Busy: it returned 503; server pace 450 in 30;" in text
    assert "exchange-03: paused by anna 2 h ago: new disks;" in text


def test_one_server_has_no_total_and_none_has_no_table() -> None:
    assert not [line for line in drawn(Status({"mail1": busy(1)}), 100) if line.startswith("total")]
    assert not [line for line in drawn(Status(), 100, 30) if line.startswith("server")]


def test_a_wide_terminal_shows_everything_in_full() -> None:
    header = next(line for line in drawn(twenty(), 200) if line.startswith("server"))
    assert header.split() == [
        *("server", "mailboxes", "pending", "running", "later", "dead", "answered", "opened", "skipped"),
        *("on", "hold", "lag", "last", "scan", "answer", "waiting"),
    ]
    assert any("19 min (95%: 5 s)" in line for line in drawn(twenty(), 200))
