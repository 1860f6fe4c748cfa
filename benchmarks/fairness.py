"""Fairness and pace under load: a thousand small mailboxes with and without one that is ten thousand deep.

All times are the simulator's, which also judges the pace: see docs/simulator.md.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from benchmarks.stub_server import Failed
from benchmarks.tables import Table
from testbed.processes import until
from testbed.simulated_exchange import World
from testbed.stack import Pace, Plan, Stack

#: Seconds between two questions to the simulator, which is busy enough.
_LOOK_S = 2.0
_STUCK_S = 1800.0
_MAILBOX = Pace(per_second=5, burst=5, concurrency=1)


@dataclass(frozen=True, slots=True)
class Size:
    """The world, and the pace of its server: below what this machine can do, so that it is the pace that binds."""

    mailboxes: int = 1000
    requests: int = 1
    deep: int = 10_000
    per_second: float = 10
    concurrency: int = 6

    @property
    def server(self) -> Pace:
        """The server's pace."""
        return Pace(self.per_second, burst=20, concurrency=self.concurrency)


@dataclass(frozen=True, slots=True)
class Run:
    """The result of a run: seconds from the trigger to each answer of a small mailbox, and the oracle's summary."""

    name: str
    waits_s: Sequence[float]
    summary: dict[str, Any]
    deep_answers: int


def run(size: Size, say: Callable[[str], None]) -> list[Table]:
    """Run both worlds, one after the other.

    :raises Failed: something was answered twice.
    """
    runs = []
    for name, deep in (("without", 0), (f"beside one {size.deep:,} deep", size.deep)):
        runs.append(_measure(name, size, deep))
        say(f"fairness: {name}: {len(runs[-1].waits_s)} answers in small mailboxes")
    return [_waits_table(size, runs), _pace_table(size, runs)]


def _measure(name: str, size: Size, deep: int) -> Run:
    # One mailbox more, so that there are as many small ones in both worlds; without depth it is a small one itself.
    world = World(mailboxes=size.mailboxes + bool(deep), requests=size.requests, responses=0, deep=deep, latency_ms=1)
    plan = Plan(world, mailbox=_MAILBOX, deep_mailbox=_MAILBOX, server=size.server, forked=False)
    with tempfile.TemporaryDirectory(prefix="rsvpq-bench-") as directory, Stack(Path(directory), plan) as stack:
        deep_names = {box["mailbox"] for box in stack.exchange.ask("mailboxes") if box["deep"]}
        triggered = time.time()
        stack.rsvpq("scan", "--all").check_returncode()
        messages = until(lambda: _when_small_are_done(stack, deep_names), name, within_s=_STUCK_S, every_s=_LOOK_S)
        summary = stack.exchange.ask("summary")
        if summary["requests"]["answered_twice"]:
            raise Failed(f"requests were answered twice: {summary['requests']}")
        small = [message for message in messages if message["mailbox"] not in deep_names]
        waits = [answered - triggered for answered in map(_answered_at, small) if answered]
        return Run(name, waits, summary, len(list(filter(_answered_at, messages))) - len(small))


def _when_small_are_done(stack: Stack, deep: set[str]) -> list[dict[str, Any]]:
    """Return the requests once those of small mailboxes are all answered; else nothing."""
    stack.check()
    requests = [message for message in stack.exchange.messages() if message["kind"] == "request"]
    done = all(map(_answered_at, (message for message in requests if message["mailbox"] not in deep)))
    return requests if done else []


def _answered_at(message: dict[str, Any]) -> float | None:
    """Return when the answer was sent, or the request accepted if no answer was wanted; None before that."""
    moment: float | None = message["submitted_first" if message["response_requested"] else "accepted_first"]
    return moment


def _waits_table(size: Size, runs: Sequence[Run]) -> Table:
    base = _p50_p99(runs[0])
    rows = []
    for one in runs:
        p50, p99 = _p50_p99(one)
        rows.append(
            (
                one.name,
                f"{len(one.waits_s):,}",
                f"{p50:.1f} s",
                f"{p50 / base[0]:.2f}",
                f"{p99:.1f} s",
                f"{p99 / base[1]:.2f}",
                f"{one.deep_answers:,}",
            )
        )
    header = ("", "answers", "p50", "x", "p99", "x", "answered meanwhile in the deep one")
    return Table(f"From the trigger to the answer, in {size.mailboxes:,} small mailboxes", header, rows)


def _p50_p99(one: Run) -> tuple[float, float]:
    return median(one.waits_s), quantiles(one.waits_s, n=100, method="inclusive")[98]


def _pace_table(size: Size, runs: Sequence[Run]) -> Table:
    header = (
        "",
        "operations",
        "used of the server's pace",
        "violations: mailboxes",
        "the server",
        f"most at once: a mailbox (limit {_MAILBOX.concurrency})",
        f"the server (limit {size.concurrency})",
        "worst",
    )
    return Table("Pace, in every window of 1 s and of 60 s", header, [_pace_row(size, one) for one in runs])


def _pace_row(size: Size, one: Run) -> tuple[str, ...]:
    pace, in_flight = one.summary["pace"], one.summary["in_flight"]
    lasted_s = one.summary["last_operation"] - one.summary["first_operation"]
    allowed = size.server.burst + size.per_second * lasted_s
    return (
        one.name,
        f"{pace['operations']:,}",
        f"{pace['operations'] / allowed:.1%}",
        str(pace["mailbox_violations"]),
        str(pace["server_violations"]),
        str(in_flight["mailbox"]["max"]),
        str(max(in_flight["servers"].values())),
        ", ".join(
            f"{one['operations']} in {one['window_s']:g} s, {one['allowed']:.0f} allowed" for one in pace["worst"][:1]
        ),
    )
