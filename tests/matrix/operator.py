"""Works one mailbox as the processes of an installation do, in this process and without waiting.

The main paths, the carrier and the lanes are the real ones on a real Redis; what is left out is Celery between them,
and time: when nothing may run, the clock of the lanes jumps to when something may.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from celery.exceptions import Ignore, Retry

from producer.scan import scan
from rsvpq.http.server import Server
from rsvpq.lanes import Lanes, Release, Start
from rsvpq.mail.editions import Settled
from rsvpq.mail.errors import ExchangeError
from rsvpq.mail.messages import Mailbox, MeetingMessage, Outcome
from rsvpq.policy import Decide, Decision, Facts, Policy, Version, decide
from rsvpq.policy.gather import decide_knowing
from rsvpq.tasks import contract
from rsvpq.tasks.journal import Journal
from rsvpq.tasks.recollection import Recollection, by_another
from rsvpq.tasks.runner import Carrier, ItemJournal
from rsvpq.webdav.mailbox import MailboxClient
from tests.integration.exchange_site import lenient
from tests.integration.turned_lanes import Clock
from workers.ways import Ways

#: How far the clock jumps when nothing may run, and how often at most: beyond every delay, hold and number of attempts.
_JUMP_S, _MOST_JUMPS = 900, 40


class _SmallPages(MailboxClient):
    """Asks for two rows at a time, so that every case pages."""

    def meeting_messages(self, page_rows: int = 2) -> Iterator[list[MeetingMessage]]:
        return super().meeting_messages(page_rows)


@dataclass(slots=True)
class Operator:
    """One mailbox on one server.

    ``deliveries`` counts what Celery would have carried; ``lanes`` must be on ``clock``.
    """

    lanes: Lanes
    clock: Clock
    server: Server
    mailbox: Mailbox
    ways: Ways
    policy: Policy = field(default_factory=lenient)
    deliveries: int = 0
    _carried: list[Release] = field(default_factory=list)

    def work(self, scans: int = 1) -> None:
        """Scan so many times, and each time work until nothing is left to do."""
        for number in range(scans):
            self.lanes.ledger.offer_scans(
                [(contract.lane_of(self.mailbox), contract.scan_item(self.mailbox, f"run{number}"))]
            )
            self._drain()

    @property
    def dead(self) -> list[str]:
        """Why items died."""
        return [item.reason for item in list(self.lanes.dead_items.all())]

    def _drain(self) -> None:
        for _ in range(_MOST_JUMPS):
            self._carried += self.lanes.ledger.release()
            while self._carried:
                self._deliver(self._carried.pop(0))
            if not self.lanes.snapshot.status().unfinished:
                return
            self.clock.turn(_JUMP_S)
        raise AssertionError(f"work is left after {_MOST_JUMPS} jumps: {self.lanes.snapshot.status().to_dict()}")

    def _deliver(self, release: Release) -> None:
        self.deliveries += 1
        work = {
            contract.SCAN_MAILBOX: self._scan,
            contract.ANSWER_REQUEST: self._answer,
            contract.OPEN_RESPONSE: self._open,
        }[release.work]
        carrier = Carrier(self.lanes, self._carry, first_delay_s=5, longest_delay_s=600, remember_s=86_400)
        with suppress(Retry, Ignore, ExchangeError):  # the ledger knows; what became of it is judged by the oracle
            carrier.carry(release.id, release.generation, work)

    def _carry(self, releases: Iterable[Release]) -> None:
        self._carried += releases

    def _box(self) -> MailboxClient:
        return _SmallPages(self.server, self.mailbox.name)

    def _scan(self, _: Start, journal: Journal) -> Outcome:
        def offer(messages: list[MeetingMessage]) -> tuple[int, int]:
            items = [contract.message_item(self.mailbox, message) for message in messages]
            return self.lanes.ledger.offer(contract.lane_of(self.mailbox), items).new, 0

        def decide_on(message: MeetingMessage, newest: Version | None) -> Decision:
            return decide(self.policy, message, self._facts(message, newest), datetime.now(UTC))

        return scan(self._box(), journal, decide_on, offer)

    def _answer(self, start: Start, journal: ItemJournal) -> Outcome:
        request = MeetingMessage.from_payload(start.payload)
        box = self._box()
        decide = self._decide_in(box, start, journal)
        return self.ways.answer(start.server, start.mailbox, request, box, journal, decide)

    def _open(self, start: Start, journal: ItemJournal) -> Outcome:
        response = MeetingMessage.from_payload(start.payload)
        box = self._box()
        return self.ways.open(start.server, response, box, journal, self._decide_in(box, start, journal), "move")

    def _decide_in(self, box: MailboxClient, start: Start, journal: ItemJournal) -> Decide:
        recollection = Recollection(self.lanes, self.policy.max_age)

        def decide_on(message: MeetingMessage) -> Decision:
            memory = recollection.at_start(start, box, journal)
            facts = replace(self._facts(message), settled=by_another(Settled.parse(memory), start.id))
            decision = decide_knowing(self.policy, message, box, facts)
            journal.memory = recollection.of_decision(start.id, message, decision, memory)
            return decision

        return decide_on

    def _facts(self, message: MeetingMessage, newest: Version | None = None) -> Facts:
        facts = Facts.about(message, self.mailbox.name, "", newest)
        return replace(facts, identity=message.identity(self.mailbox))
