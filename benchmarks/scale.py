"""Measure a scan, an offer and an answer at 100, 10,000 and 100,000 mailboxes.

The same work each time, beside more and more mailboxes that have a message waiting at the same gate. A hundred
mailboxes of great weight go first, so what is measured makes the same HTTP requests at every size, and only what Redis
holds differs.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.installation import OFFER_ITEMS, Installation, mailbox
from benchmarks.memory import finish
from benchmarks.messages import Pattern
from benchmarks.stub_server import StubServer
from benchmarks.tables import Table, compared, spread
from benchmarks.window import Meter, Used, used
from rsvpq.lanes import Item
from rsvpq.lanes.limits import Limits, Rate
from rsvpq.tasks import contract
from testbed.processes import until
from testbed.queue_server import QueueServer, queue_server

#: Mailboxes that are worked in the measurements, of all that there are.
ACTIVE = 100
#: The first of the mailboxes that are scanned in the measurements, which are empty.
_EMPTY = 900_000
#: The first of the mailboxes that messages are offered to in the measurements; each gets one batch.
_OFFERED_TO = 800_000
_FIRST = Limits(Rate(100_000), burst=100_000, weight=1_000_000)
_THREADS = 16
_COLUMNS = (
    "mailboxes|scans/s|x|CPU s per 1,000|x|of it: Redis|offers/s|x|Redis CPU s per 1,000|x"
    "|answers/s|x|CPU s per 1,000|x|of it: Redis|Redis kB|HTTP requests"
)
#: Answers until the threads are busy again after a pause.
_WARM = 2 * _THREADS


@dataclass(frozen=True, slots=True)
class Size:
    """The size of each round at each number of mailboxes; ``batches`` are offers of 200 messages."""

    rounds: int
    messages: int
    mailboxes: Sequence[int] = (100, 10_000, 100_000)
    scans: int = 200
    batches: int = 10

    @property
    def depth(self) -> int:
        """Messages in each active mailbox, enough for all rounds."""
        return 4 + -(-self.rounds * (self.messages + 4 * _WARM) // ACTIVE)


@dataclass(slots=True)
class Site:
    """One installation, and what was measured in it."""

    mailboxes: int
    redis: QueueServer
    stub: StubServer
    rsvpq: Installation
    pattern: Pattern
    scans: list[Used] = field(default_factory=list)
    offers: list["Offers"] = field(default_factory=list)
    answers: list[Used] = field(default_factory=list)

    def meter(self, *roles: str) -> Meter:
        """Return a meter of Redis, the dispatcher and these workers."""
        parts = {role: self.rsvpq.parts[role] for role in ("dispatcher", *roles)}
        return Meter(self.stub, {**parts, "redis": self.redis.part}, self.redis.client())


@dataclass(frozen=True, slots=True)
class Offers:
    """One round of offers: messages per second, and the CPU seconds of Redis for a thousand."""

    per_second: float
    redis_cpu_s: float


def run(size: Size, say: Callable[[str], None]) -> list[Table]:
    """Run all sizes side by side, in turns."""
    with ExitStack() as stack:
        sites = [stack.enter_context(_site(number, size)) for number in size.mailboxes]
        for site in sites:
            _fill(site)
            _start_scanning(site, size)
            say(f"{site.mailboxes} mailboxes are there")
        for _ in range(size.rounds):
            for site in sites:
                site.scans.append(_scan(site, size.scans))
                site.offers.append(_offer(site, size))
        for site in sites:
            site.rsvpq.parts.pop("scan").end()
            _start_answering(site)
        say("scanned and offered; now answering")
        for _ in range(size.rounds):
            for site in sites:
                site.answers.append(_answer(site, size.messages))
        for site in sites:
            site.stub.require_none_twice()
        return [_table(sites)]


@contextmanager
def _site(mailboxes: int, size: Size) -> Iterator[Site]:
    with TemporaryDirectory(prefix="rsvpq-bench-") as name, queue_server(Path(name)) as redis, ExitStack() as stack:
        stub = StubServer(Path(name), mailboxes=mailboxes, depth=size.depth)
        stack.callback(stub.end)
        worked = (*range(ACTIVE), *range(_EMPTY, _EMPTY + size.scans))
        rsvpq = Installation(Path(name), redis, stub, mailboxes=worked, answers_released=64)
        stack.callback(rsvpq.end)
        yield Site(mailboxes, redis, stub, rsvpq, Pattern.of(rsvpq.find(0)[0]))


def _fill(site: Site) -> None:
    """Offer messages to every mailbox, and let those that are not active have a turn, so that active ones come first.

    What decides is virtual time: the others stand at 1, and the active ones get nowhere near it.
    """
    lanes = site.rsvpq.lanes
    lanes.ledger.offer_scans(
        [(contract.lane_of(mailbox(number), _FIRST), _weighing(number)) for number in range(ACTIVE)]
    )
    finish(site.rsvpq, ACTIVE)
    others = range(ACTIVE, site.mailboxes)
    for number in others:
        site.rsvpq.offer(number, [site.pattern.message(number, index) for index in range(2)])
    finish(site.rsvpq, len(others))
    for number in range(ACTIVE):
        site.rsvpq.offer(number, site.rsvpq.find(number))


def _weighing(number: int) -> Item:
    """Return a scan that only brings a mailbox's limits into force."""
    return contract.scan_item(mailbox(number), run="weight")


def _start_scanning(site: Site, size: Size) -> None:
    """Scan the empty mailboxes once, which finds their folders."""
    site.rsvpq.start_dispatcher()
    site.rsvpq.start_worker("scan", _THREADS)
    before = site.rsvpq.lanes.snapshot.counts().get("done:scanned", 0)
    site.rsvpq.trigger([mailbox(_EMPTY + number) for number in range(size.scans)], run="first")
    site.rsvpq.wait_for_count("done:scanned", before + size.scans)


def _scan(site: Site, scans: int) -> Used:
    """Scan empty mailboxes, and wait until all scans are done."""
    lanes, meter = site.rsvpq.lanes, site.meter("scan")
    before, done = meter.sample(), lanes.snapshot.counts()["done:scanned"]
    site.rsvpq.trigger([mailbox(_EMPTY + number) for number in range(scans)], run=f"{done}")
    meter.wait_until(lambda: lanes.snapshot.counts()["done:scanned"] >= done + scans, f"{scans} scans are done")
    return used(before, meter.sample(), units=scans)


def _offer(site: Site, size: Size) -> Offers:
    """Offer batches of new messages to mailboxes that had none."""
    first = _OFFERED_TO + len(site.offers) * size.batches
    batches = [
        (number, [site.pattern.message(number, index) for index in range(OFFER_ITEMS)])
        for number in range(first, first + size.batches)
    ]
    cpu_s, started = _redis_cpu_s(site), time.monotonic()
    for number, messages in batches:
        site.rsvpq.offer(number, messages)
    took_s, offered = time.monotonic() - started, size.batches * OFFER_ITEMS
    return Offers(offered / took_s, (_redis_cpu_s(site) - cpu_s) / offered * 1000)


def _redis_cpu_s(site: Site) -> float:
    """Return the CPU seconds of Redis from INFO, which is finer than the kernel's hundredths of a second."""
    cpu = site.rsvpq.lanes.namespace.redis.info("cpu")
    return float(cpu["used_cpu_user"] + cpu["used_cpu_sys"])


def _start_answering(site: Site) -> None:
    """Answer a message or two in each active mailbox, which finds its folders."""
    site.rsvpq.start_worker("answer", _THREADS)
    site.meter("answer").wait_for(2 * ACTIVE)
    _pause(site)


def _answer(site: Site, messages: int) -> Used:
    """Let it answer for a while."""
    meter = site.meter("answer")
    warm = meter.sample().count.answers + _WARM
    site.rsvpq.lanes.controls.resume("all")
    before = meter.sample_when(warm)
    after = meter.sample_when(warm + messages)
    _pause(site)
    return used(before, after)


def _pause(site: Site) -> None:
    """Pause, and wait until nothing is in flight."""
    lanes = site.rsvpq.lanes
    lanes.controls.pause("all", reason="another size is measured")
    until(lambda: not lanes.namespace.redis.zcard(f"{lanes.namespace.prefix}:inflight"), "nothing is in flight")


def _table(sites: Sequence[Site]) -> Table:
    return Table(
        "The same work beside more and more mailboxes", _COLUMNS.split("|"), [_row(site, sites[0]) for site in sites]
    )


def _row(site: Site, base: Site) -> tuple[str, ...]:
    def cpu(results: Sequence[Used], least: Sequence[Used]) -> tuple[str, str, str]:
        total = spread([result.total_cpu_s for result in results], "{:.2f}")
        redis = spread([result.cpu_s["redis"] for result in results], "{:.2f}")
        return total, compared(results, least, lambda result: result.total_cpu_s), redis

    return (
        f"{site.mailboxes:,}",
        spread([result.per_second for result in site.scans], "{:.0f}"),
        compared(site.scans, base.scans, lambda result: result.per_second),
        *cpu(site.scans, base.scans),
        spread([result.per_second for result in site.offers], "{:.0f}"),
        compared(site.offers, base.offers, lambda result: result.per_second),
        spread([result.redis_cpu_s for result in site.offers], "{:.3f}"),
        compared(site.offers, base.offers, lambda result: result.redis_cpu_s),
        spread([result.per_second for result in site.answers], "{:.0f}"),
        compared(site.answers, base.answers, lambda result: result.per_second),
        *cpu(site.answers, base.answers),
        spread([result.redis_bytes / 1000 for result in site.answers], "{:.1f}"),
        spread([result.http_requests for result in site.answers], "{:.2f}"),
    )
