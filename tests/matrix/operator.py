"""Works one mailbox as the processes of an installation do, in this process and without waiting.

The main paths, the carrier and the lanes are the real ones on a real Redis; what is left out is Celery between them,
and time: when nothing may run, the clock of the lanes jumps to when something may.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace

from celery.exceptions import Ignore, Retry

from producer.scan import scan
from producer.visit import Visit
from rsvpq.audit.record import Audit, Redaction
from rsvpq.lanes import Lanes, Release
from rsvpq.mail.editions import Settled
from rsvpq.mail.errors import ExchangeError
from rsvpq.mail.messages import Kind, Mailbox, MeetingMessage
from rsvpq.mail.ports import Page
from rsvpq.policy import Facts, Policy
from rsvpq.policy.gather import decide_knowing
from rsvpq.tasks import contract
from rsvpq.tasks.journal import Attached, Decided, Outcome
from rsvpq.tasks.recollection import Recollection, without_item
from rsvpq.tasks.runner import Attempt, Carrier
from rsvpq.webdav.mailbox import Commands, WebDavMailbox
from rsvpq.webdav.server import WebDavServer
from tests.support.exchange_site import lenient
from tests.support.lanes_with_clock import Clock
from tests.support.visits import NO_CAPS
from workers.answer import answer
from workers.open import open_response
from workers.unsent import send_unsent
from workers.work import DraftWork

#: How far the clock jumps when nothing may run, and how often at most: beyond every delay, hold and number of attempts.
_JUMP_S, _MOST_JUMPS = 900, 40


class _SmallPages(WebDavMailbox):
    """Asks for two rows at a time, so that every case pages."""

    def meeting_messages(self, page_rows: int = 2) -> Iterator[Page]:
        return super().meeting_messages(page_rows)


@dataclass(slots=True)
class Operator:
    """One mailbox on one server.

    ``deliveries`` counts what Celery would have carried; ``lanes`` must be on ``clock``.
    """

    lanes: Lanes
    clock: Clock
    server: WebDavServer
    mailbox: Mailbox
    commands: Commands
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

    def _box(self) -> WebDavMailbox:
        return _SmallPages(self.server, self.mailbox.name, commands=self.commands)

    def _scan(self, attempt: Attempt) -> Outcome:
        visit = Visit(
            item=attempt.start.id,
            mailbox=self.mailbox,
            box=self._box(),
            journal=attempt.journal,
            policy=self.policy,
            lanes=self.lanes,
            audit=Audit(self.lanes, Redaction(), 3600),
            publish=self._carry,
            caps=NO_CAPS,
        )
        return scan(visit)

    def _answer(self, attempt: Attempt) -> Outcome:
        with self.server.for_item(attempt.lease):
            work = self._work(attempt)
            if work.message.kind is Kind.ANSWER:  # one of ours that a scan found unsent
                memory = self._recollection.at_start(attempt.start, work.box, attempt.journal)
                settled = Attached(memory=self._recollection.of_draft(work.item, work.message, memory))
                return send_unsent(work, settled)
            return answer(work)

    def _open(self, attempt: Attempt) -> Outcome:
        with self.server.for_item(attempt.lease):
            return open_response(self._work(attempt), "move")

    def _work(self, attempt: Attempt) -> DraftWork:
        start, box = attempt.start, self._box()
        return DraftWork(
            item=start.id,
            message=MeetingMessage.from_payload(start.payload),
            address=start.mailbox,
            box=box,
            journal=attempt.journal,
            lease=attempt.lease,
            decide=self._decide_in(box, attempt),
        )

    def _decide_in(self, box: WebDavMailbox, attempt: Attempt) -> Callable[[MeetingMessage], Decided]:
        start, recollection = attempt.start, self._recollection

        def decide_on(message: MeetingMessage) -> Decided:
            memory = recollection.at_start(start, box, attempt.journal)
            facts = replace(self._facts(message), settled=without_item(Settled.parse(memory), start.id))
            decision = decide_knowing(self.policy, message, box, facts)
            return Decided(decision, Attached(memory=recollection.of_decision(start.id, message, decision, memory)))

        return decide_on

    @property
    def _recollection(self) -> Recollection:
        return Recollection(self.lanes, self.policy.max_age)

    def _facts(self, message: MeetingMessage) -> Facts:
        facts = Facts.about(message, self.mailbox.name, "")
        return replace(facts, identity=message.identity(self.mailbox))
