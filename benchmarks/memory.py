"""Measure the memory of Redis for a mailbox, for a waiting message, and for a done one."""

import tempfile
from pathlib import Path

from benchmarks.installation import Installation
from benchmarks.messages import Pattern
from benchmarks.stub_server import StubServer
from benchmarks.tables import Table
from rsvpq.lanes import Ending
from testbed.queue_server import queue_server

_REMEMBER_S = 7 * 86_400


def run(mailboxes: int) -> list[Table]:
    """Offer messages in two waves, one to each mailbox; then finish half of them."""
    with tempfile.TemporaryDirectory(prefix="rsvpq-bench-") as name, queue_server(Path(name)) as redis:
        stub = StubServer(Path(name), mailboxes=1, depth=1)
        try:
            return [_table(mailboxes, _levels(Installation(Path(name), redis, stub), mailboxes))]
        finally:
            stub.end()


def _levels(rsvpq: Installation, mailboxes: int) -> list[int]:
    """Return the bytes of Redis: empty, after each wave, and after half of the messages are done."""
    pattern = Pattern.of(rsvpq.find(0)[0])
    levels = [_bytes(rsvpq)]
    for wave in range(2):
        for number in range(mailboxes):
            rsvpq.offer(number, [pattern.message(number, wave)])
        levels.append(_bytes(rsvpq))
    finish(rsvpq, mailboxes)
    return [*levels, _bytes(rsvpq)]


def finish(rsvpq: Installation, messages: int) -> None:
    """Take messages through the ledger to their end, as a worker does, but without doing anything."""
    lanes, done = rsvpq.lanes, 0
    while done < messages:
        for release in lanes.ledger.release(min(100, messages - done)):
            lanes.ledger.start(release.id, release.generation, "bench")
            lanes.ledger.record(release.id, release.generation, "bench", {"accept": []}, intent=True)
            lanes.ledger.finish(
                release.id, release.generation, "bench", Ending("done", label="done:answered", remember_s=_REMEMBER_S)
            )
            done += 1


def _bytes(rsvpq: Installation) -> int:
    return int(rsvpq.lanes.namespace.redis.info("memory")["used_memory"])


def _table(mailboxes: int, levels: list[int]) -> Table:
    empty, first, second, half = levels
    pending = (second - first) / mailboxes
    rows = [
        ("a message that waits", pending),
        ("a mailbox", (first - empty) / mailboxes - pending),
        ("a message that is done, for as long as it is remembered", pending - (second - half) / mailboxes),
    ]
    cells = [(what, f"{size:,.0f}", f"{size / pending:.2f}") for what, size in rows]
    return Table(f"Memory in Redis, with {mailboxes:,} mailboxes", ("", "bytes", "x"), cells)
