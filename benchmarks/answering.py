"""Answering: rsvpq beside other programs that make the same HTTP requests for each message."""

import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.arms import plain
from benchmarks.arms.run import ARMS, PLAIN_CELERY, Arm, Place
from benchmarks.installation import Installation
from benchmarks.recording import Recording, record
from benchmarks.stub_server import StubServer
from benchmarks.tables import Table, compared, spread
from benchmarks.window import Used, in_time
from testbed.queue_server import QueueServer, queue_server

LATENCIES_MS = (0, 50)
MAILBOXES = 100
#: Why rsvpq makes a request that a script without a thought for failure would not make.
_REASONS = {
    "PROPFIND Inbox item": "before the command: names are used again; after it: a request left behind must be marked",
    "SEARCH Calendar": "whether the request is out of date, or was answered already",
    "SEARCH Drafts": "before the command: a person's own unsent draft; after it: the draft has no name to guess",
    "PROPPATCH Inbox item": "the mailbox itself says that an answer was begun, for when Redis is lost",
    "PROPPATCH Drafts item": "the draft itself says which request it answers, for when Redis is lost",
    "PROPFIND Drafts item": "the draft is looked at once more before it is sent",
    "SEARCH Sent%20Items": "whether somebody has answered already",
    "GET Inbox ?Cmd=accept": "accepts (the plain script's too)",
    "MOVE Drafts item": "sends (the plain script's too)",
}


@dataclass(frozen=True, slots=True)
class Size:
    """The size: ``messages`` are measured in each run, after ``warm`` others; each latency and arm in every round."""

    rounds: int
    messages: int
    mailboxes: int = MAILBOXES
    threads: int = 32
    latencies_ms: Sequence[float] = LATENCIES_MS
    arms: Sequence[Arm] = tuple(ARMS.values())

    @property
    def warm(self) -> int:
        """Messages before the measurement.

        One for each mailbox, whose folders are found first, and two for each thread.
        """
        return self.mailboxes + 2 * self.threads

    @property
    def depth(self) -> int:
        """Messages in each mailbox: enough that the queue is still full when the window ends."""
        return -(-(self.warm + self.messages + 2 * self.threads) // self.mailboxes)


def run(size: Size, say: Callable[[str], None]) -> list[Table]:
    """Run all rounds; return a table for each latency, and one of the HTTP requests.

    :raises Failed: an arm lost messages, or answered some twice.
    """
    recording = record()
    results: defaultdict[tuple[float, str], list[Used]] = defaultdict(list)
    for number in range(size.rounds):
        for latency_ms in size.latencies_ms:
            for arm in size.arms:
                result = in_time(partial(measure, arm, size, latency_ms, recording), say)
                results[latency_ms, arm.name].append(result)
                say(f"round {number + 1}: {latency_ms:g} ms, {arm.name}: {result.per_second:.0f} messages/s")
    by_latency = {ms: {arm.name: results[ms, arm.name] for arm in size.arms} for ms in size.latencies_ms}
    return [*(_table(ms, arms) for ms, arms in by_latency.items()), _requests_table(recording)]


def measure(arm: Arm, size: Size, latency_ms: float, recording: Recording) -> Used:
    """Run one arm once, with services of its own."""
    with tempfile.TemporaryDirectory(prefix="rsvpq-bench-") as name, queue_server(Path(name)) as redis:
        stub = StubServer(Path(name), mailboxes=size.mailboxes, depth=size.depth, latency_ms=latency_ms)
        try:
            place = _place(Path(name), redis, stub, recording, size)
            return arm.measure(place, warm=size.warm, messages=size.messages)
        finally:
            stub.end()


def _place(directory: Path, redis: QueueServer, stub: StubServer, recording: Recording, size: Size) -> Place:
    steps = directory / "recording.json"
    recording.save(steps)
    mailboxes = range(size.mailboxes)
    installation = Installation(directory, redis, stub, mailboxes=mailboxes)
    return Place(
        directory,
        redis,
        stub,
        installation,
        messages=[installation.find(number) for number in mailboxes],
        threads=size.threads,
        work=[str(size.mailboxes), str(size.depth)],
        environment={plain.ORIGIN: stub.url, plain.RECORDING: str(steps), plain.REDIS: redis.url},
    )


def _table(latency_ms: float, arms: Mapping[str, Sequence[Used]]) -> Table:
    base = arms.get(PLAIN_CELERY.name) or next(iter(arms.values()))
    return Table(
        f"Answering, {latency_ms:g} ms before each HTTP response",
        columns("stub"),
        [row(name, results, base) for name, results in arms.items()],
    )


def columns(server: str) -> list[str]:
    """Return the header of a table of :func:`row`, beside a mail server of that name."""
    measures = ["messages/s", "x", "CPU s per 1,000", "x", "of it: worker", "dispatcher", "Redis"]
    return ["", *measures, f"beside it: {server}", "Redis commands", "Redis kB", "HTTP requests", "peak MB"]


def row(name: str, results: Sequence[Used], base: Sequence[Used]) -> tuple[str, ...]:
    """Return the row of one arm, with its ratios to the base."""

    def of(role: str) -> str:
        return spread([result.cpu_s[role] for result in results], "{:.2f}") if role in results[0].cpu_s else "-"

    queued = results[0].redis_commands > 0
    return (
        name,
        spread([result.per_second for result in results], "{:.0f}"),
        compared(results, base, lambda result: result.per_second),
        spread([result.total_cpu_s for result in results], "{:.2f}"),
        compared(results, base, lambda result: result.total_cpu_s),
        of("worker"),
        of("dispatcher"),
        of("redis"),
        of("stub"),
        spread([result.redis_commands for result in results], "{:.1f}") if queued else "-",
        spread([result.redis_bytes / 1000 for result in results], "{:.1f}") if queued else "-",
        spread([result.http_requests for result in results], "{:.2f}"),
        spread([result.peak_mb for result in results], "{:.0f}"),
    )


def _requests_table(recording: Recording) -> Table:
    counts = Counter(step.name for step in recording.steps)
    rows = [(name, str(count), _REASONS.get(name, "")) for name, count in counts.items()]
    return Table("HTTP requests of one answer", ("request", "times", "why"), rows)
