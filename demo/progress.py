"""Live progress while the queue works: bars on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from rsvpq.lanes import Lanes
from rsvpq.lanes.status import Status
from testbed.stack import Stack

#: Seconds between two looks.
_LOOK_S = 0.5
#: Seconds between two plain lines.
_LINE_S = 5.0
#: Seconds without any change after which the run counts as stuck.
_STUCK_S = 90.0

_ANSWERED = ("done:answered", "done:accepted", "done:processed")


class _Display(Protocol):
    def show(self, done: dict[str, int], status: Status) -> None: ...


def watch(stack: Stack, lanes: Lanes, console: Console) -> float:
    """Show progress until every mailbox is scanned and every item has ended; how long that took, in seconds.

    :raises PartFailed: a part ended. :raises TimeoutError: nothing moved for a minute and a half.
    """
    totals = _totals(stack)
    started = moved = time.monotonic()
    before: dict[str, int] = {}
    with _display(console, totals) as display:
        while True:
            stack.check()
            status = lanes.snapshot.status()
            done = _done(status.counts, totals)
            display.show(done, status)
            if done["mailboxes scanned"] >= totals["mailboxes scanned"] and not status.unfinished:
                return time.monotonic() - started
            if status.counts != before:
                before, moved = status.counts, time.monotonic()
            if time.monotonic() - moved > _STUCK_S:
                raise TimeoutError(f"nothing moved for {_STUCK_S:.0f} s: {status.to_dict()}")
            time.sleep(_LOOK_S)


def _totals(stack: Stack) -> dict[str, int]:
    summary = stack.exchange.ask("summary")
    seeded, outdated = summary["seeded"], summary["requests"]["outdated"]
    return {
        "mailboxes scanned": len(stack.exchange.ask("mailboxes")),
        "requests answered": seeded["request"] - outdated,
        "responses opened": seeded["response"],
    }


def _done(counts: dict[str, int], totals: dict[str, int]) -> dict[str, int]:
    return {
        "mailboxes scanned": counts.get("done:scanned", 0),
        "requests answered": sum(counts.get(label, 0) for label in _ANSWERED),
        # Answers that reach an organizer in these mailboxes are opened too, if the scan comes after them.
        "responses opened": min(counts.get("done:opened", 0), totals["responses opened"]),
    }


@contextmanager
def _display(console: Console, totals: dict[str, int]) -> Iterator[_Display]:
    if console.is_terminal:
        columns = (TextColumn("{task.description:18}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, TextColumn("{task.fields[note]}"), console=console) as progress:
            yield _Bars(progress, totals)
    else:
        yield _Lines(console, totals)


class _Bars:
    def __init__(self, progress: Progress, totals: dict[str, int]) -> None:
        self._progress = progress
        self._tasks = {name: progress.add_task(name, total=total, note="") for name, total in totals.items()}

    def show(self, done: dict[str, int], status: Status) -> None:
        note = f"in flight {sum(server.in_flight for server in status.servers.values())}"
        for name, count in done.items():
            self._progress.update(self._tasks[name], completed=count, note=note if name.startswith("requests") else "")


class _Lines:
    def __init__(self, console: Console, totals: dict[str, int]) -> None:
        self._console, self._totals, self._next = console, totals, 0.0

    def show(self, done: dict[str, int], status: Status) -> None:
        if time.monotonic() < self._next and status.unfinished:
            return
        self._next = time.monotonic() + _LINE_S
        line = ", ".join(f"{name} {count}/{self._totals[name]}" for name, count in done.items())
        self._console.print(line, highlight=False, soft_wrap=True)
