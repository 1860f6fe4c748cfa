"""Answering by Exchange Web Services: rsvpq beside a plain task on exchangelib, and beside the bare requests."""

import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice, zip_longest
from pathlib import Path

from benchmarks.answering import columns, row
from benchmarks.arms import ews_work
from benchmarks.arms.run import EWS_ARMS, PLAIN_EXCHANGELIB, Arm, Place
from benchmarks.installation import Access, Installation
from benchmarks.simulated import PASSWORD, USERNAME, SimulatedServer
from benchmarks.tables import Table, spread
from benchmarks.window import Used, in_time
from rsvpq.ews.global_ids import clean_id_of
from rsvpq.mail.messages import Kind, MeetingMessage
from testbed.queue_server import QueueServer, queue_server

#: The operations of an answer, as the simulator counts them, and why rsvpq uses each.
_REASONS = {
    "GetItem": "whether the request is still in the Inbox, and not answered",
    "FindItem": "its appointment: whether the request is out of date, or was answered already",
    "UpdateItem": "the mailbox itself says that an answer was begun, for when Redis is lost",
    "CreateItem": "answers: the calendar, the mail, and the request",
    "GetFolder": "the Ids of folders, once for each mailbox and process",
}


@dataclass(frozen=True, slots=True)
class Size:
    """The size: ``messages`` are measured in each run, after ``warm`` others; each arm in every round."""

    rounds: int
    messages: int
    mailboxes: int = 50
    threads: int = 16
    arms: Sequence[Arm] = EWS_ARMS

    @property
    def warm(self) -> int:
        """Messages before the measurement: each mailbox is opened first, by each arm in its own way."""
        return 2 * self.mailboxes + 2 * self.threads

    @property
    def total(self) -> int:
        """All messages of a run: the queue is still full when the window ends, even if that is seen late.

        The simulator is looked at a few times a second, and the quickest arm answers some hundred messages in one.
        """
        return self.warm + self.messages + max(self.messages, 2 * self.threads)

    @property
    def depth(self) -> int:
        """Requests in each mailbox; twice as many as are needed: not each of the simulator's is one to answer."""
        return -(-2 * self.total // self.mailboxes)


def run(size: Size, say: Callable[[str], None]) -> list[Table]:
    """Run all rounds; return a table of the arms, and one of their HTTP requests.

    :raises Failed: an arm lost messages, or answered some twice.
    """
    results: defaultdict[str, list[Used]] = defaultdict(list)
    for number in range(size.rounds):
        for arm in size.arms:
            result = in_time(partial(measure, arm, size), say)
            results[arm.name].append(result)
            say(f"round {number + 1}: EWS, {arm.name}: {result.per_second:.0f} messages/s")
    base = results.get(PLAIN_EXCHANGELIB.name) or next(iter(results.values()))
    rows = [row(name, uses, base) for name, uses in results.items()]
    title = "Answering by Exchange Web Services, 0 ms before each HTTP response"
    return [Table(title, columns("simulator"), rows), _operations_table(results)]


def measure(arm: Arm, size: Size) -> Used:
    """Run one arm once, with services of its own, on what a scan of rsvpq found."""
    with tempfile.TemporaryDirectory(prefix="rsvpq-bench-") as name, queue_server(Path(name)) as redis:
        server = SimulatedServer(Path(name), mailboxes=size.mailboxes, depth=size.depth)
        try:
            place = _place(Path(name), redis, server, size)
            return arm.measure(place, warm=size.warm, messages=size.messages)
        finally:
            server.end()


def _place(directory: Path, redis: QueueServer, server: SimulatedServer, size: Size) -> Place:
    mailboxes = range(size.mailboxes)
    access = Access(f"protocol = \"ews\"\nusername = '{USERNAME}'", server.addresses.__getitem__)
    installation = Installation(directory, redis, server, mailboxes=mailboxes, access=access)
    found = [_answerable(installation.find(number)) for number in mailboxes]
    messages = _cut(found, size.total)
    work = directory / "work.json"
    ews_work.save(_requests(server.addresses, messages), work)
    return Place(
        directory,
        redis,
        server,
        installation,
        messages,
        threads=size.threads,
        work=[str(work)],
        environment={
            ews_work.URL: server.url,
            ews_work.USERNAME: USERNAME,
            ews_work.PASSWORD: PASSWORD,
            ews_work.REDIS: redis.url,
            ews_work.THREADS: str(size.threads),
        },
    )


def _answerable(messages: Sequence[MeetingMessage]) -> list[MeetingMessage]:
    """Return the requests that every arm answers: one edition of its meeting, with a response requested."""
    editions = Counter(message.uid for message in messages)
    return [
        message
        for message in messages
        if message.kind is Kind.REQUEST
        and message.response_requested
        and not message.received_for
        and editions[message.uid] == 1
    ]


def _cut(found: Sequence[Sequence[MeetingMessage]], count: int) -> list[list[MeetingMessage]]:
    """Return so many messages, taking the mailboxes in turn."""
    turns = (
        (number, box[index])
        for index in range(max(map(len, found)))
        for number, box in enumerate(found)
        if index < len(box)
    )
    cut: list[list[MeetingMessage]] = [[] for _ in found]
    for number, message in islice(turns, count):
        cut[number].append(message)
    return cut


def _requests(addresses: Sequence[str], messages: Sequence[Sequence[MeetingMessage]]) -> list[ews_work.Request]:
    """Return the same for the other arms, taking the mailboxes in turn."""
    return [
        ews_work.Request(address, item_id, change_key, clean_id_of(message.uid))
        for turn in zip_longest(*messages)
        for address, message in zip(addresses, turn, strict=True)
        if message is not None
        for item_id, change_key in [message.ref.address]
    ]


def _operations_table(results: Mapping[str, Sequence[Used]]) -> Table:
    made = {
        operation for uses in results.values() for one in uses for operation, number in one.operations.items() if number
    }
    rows = [
        (
            operation,
            *(spread([one.operations.get(operation, 0) for one in uses], "{:.2f}") for uses in results.values()),
            _REASONS.get(operation, ""),
        )
        for operation in [*(one for one in _REASONS if one in made), *sorted(made - _REASONS.keys())]
    ]
    return Table("HTTP requests of an answer by Exchange Web Services", ("request", *results, "why"), rows)
