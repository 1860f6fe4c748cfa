"""Measure the cost of an installation while nothing is due."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import processes
from benchmarks.installation import SERVER, Installation
from benchmarks.memory import finish
from benchmarks.messages import Pattern
from benchmarks.stub_server import StubServer
from benchmarks.tables import Table, compared, spread
from testbed.processes import Part
from testbed.queue_server import queue_server


@dataclass(frozen=True, slots=True)
class Case:
    """One idle installation: mailboxes with everything done, or with a message that waits on a paused server."""

    name: str
    mailboxes: int
    waiting: bool = False


@dataclass(slots=True)
class Site:
    """A running case, and the CPU shares of its parts in each round, in percent of a processor."""

    case: Case
    dispatcher: Part
    redis: Part
    shares: list[tuple[float, float]] = field(default_factory=list)


def cases(many: int) -> tuple[Case, ...]:
    """Return the cases; the others are compared with the first."""
    return (
        Case("100 mailboxes, all done", 100),
        Case(f"{many:,} mailboxes, all done", many),
        Case(f"{many:,} mailboxes, each with a message that waits", many, waiting=True),
    )


def run(rounds: int, seconds: float, many: int, say: Callable[[str], None]) -> list[Table]:
    """Run all cases at once, for this many seconds in each round."""
    with ExitStack() as stack:
        sites = []
        for case in cases(many):
            sites.append(stack.enter_context(_site(case)))
            say(f"idle: {case.name}")
        for _ in range(rounds):
            before = [(processes.cpu_s(site.dispatcher.pid), processes.cpu_s(site.redis.pid)) for site in sites]
            started = time.monotonic()
            time.sleep(seconds)
            took_s = time.monotonic() - started
            for site, (dispatcher, redis) in zip(sites, before, strict=True):
                shares = (
                    (processes.cpu_s(site.dispatcher.pid) - dispatcher) / took_s * 100,
                    (processes.cpu_s(site.redis.pid) - redis) / took_s * 100,
                )
                site.shares.append(shares)
        return [_table(sites, seconds)]


@contextmanager
def _site(case: Case) -> Iterator[Site]:
    with TemporaryDirectory(prefix="rsvpq-bench-") as name, queue_server(Path(name)) as redis, ExitStack() as stack:
        stub = StubServer(Path(name), mailboxes=1, depth=1)
        stack.callback(stub.end)
        rsvpq = Installation(Path(name), redis, stub)
        stack.callback(rsvpq.end)
        pattern = Pattern.of(rsvpq.find(0)[0])
        if case.waiting:
            rsvpq.lanes.controls.pause("server", SERVER, reason="the case wants it")
        for number in range(case.mailboxes):
            rsvpq.offer(number, [pattern.message(number, 0)])
        if not case.waiting:
            finish(rsvpq, case.mailboxes)
        yield Site(case, rsvpq.start_dispatcher(), redis.part)


def _table(sites: Sequence[Site], seconds: float) -> Table:
    base = sites[0]
    rows = [
        (
            site.case.name,
            spread([dispatcher for dispatcher, _ in site.shares], "{:.1f} %"),
            compared(site.shares, base.shares, lambda shares: shares[0]),
            spread([redis for _, redis in site.shares], "{:.1f} %"),
            compared(site.shares, base.shares, lambda shares: shares[1]),
        )
        for site in sites
    ]
    title = f"CPU of one processor while nothing is due, in windows of {seconds:g} s"
    return Table(title, ("", "dispatcher", "x", "Redis", "x"), rows)
