"""The workers' tasks, one per message: thin shells around :mod:`workers.ways`.

What a task is passed beside its generation is there to be read and searched in Flower; the ledger has the rest.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from celery import Task

from rsvpq.audit.record import Told
from rsvpq.lanes import Start
from rsvpq.mail.editions import Settled
from rsvpq.mail.errors import ExchangeError, Refused
from rsvpq.mail.messages import Kind, Mailbox, MeetingMessage, Outcome
from rsvpq.policy import Decision, Facts
from rsvpq.policy.gather import decide_knowing
from rsvpq.tasks import contract
from rsvpq.tasks.admission import require_task
from rsvpq.tasks.recollection import by_another
from rsvpq.tasks.runner import ItemJournal
from rsvpq.webdav.mailbox import MailboxClient
from workers.app import app, audit, carrier, exchange, lanes, policy, recollection, settings, ways
from workers.cancel import process_cancellation as process
from workers.look import GONE
from workers.orphan import send_and_remember


@app.task(name=contract.ANSWER_REQUEST, bind=True, throws=(ExchangeError,))
def answer_request(self: Task[Any, Any], /, *, generation: int, **_: Any) -> str:
    """Answer one meeting request as the policy has it, and send the answer."""
    return carrier.carry(str(self.request.id), generation, _answer)


@app.task(name=contract.OPEN_RESPONSE, bind=True, throws=(ExchangeError,))
def open_response(self: Task[Any, Any], /, *, generation: int, **_: Any) -> str:
    """Open one meeting response and clean it up as configured."""
    return carrier.carry(str(self.request.id), generation, _open)


@app.task(name=contract.PROCESS_CANCELLATION, bind=True, throws=(ExchangeError,))
def process_cancellation(self: Task[Any, Any], /, *, generation: int, **_: Any) -> str:
    """Take one cancelled meeting out of the calendar, and the message out of the Inbox."""
    return carrier.carry(str(self.request.id), generation, _process)


def _answer(start: Start, journal: ItemJournal) -> Outcome:
    try:
        with _at_work(start, journal, contract.ANSWER_REQUEST) as work:
            if work.message.kind is Kind.RESPONSE:  # an answer of ours that a scan found unsent
                by_hand = work.message.identity(work.mailbox) == start.id
                asked = "" if by_hand else start.id
                return send_and_remember(start, work.message, work.box, journal, recollection, asked)
            outcome = ways.answer(start.server, start.mailbox, work.message, work.box, journal, work.decide, start.id)
            if outcome.left_alone or outcome.result == GONE.result:
                _give_back(start)
            return outcome
    except Refused:  # for good, and not because the whole mailbox is
        _give_back(start)
        raise


def _give_back(start: Start) -> None:
    """What is not answered does not count against the cap of its run."""
    run = start.payload.get("run", "")
    if run:
        lanes.run_budget(run, settings.policy.most_answers_per_run).give_back_of(start.id)


def _open(start: Start, journal: ItemJournal) -> Outcome:
    with _at_work(start, journal, contract.OPEN_RESPONSE) as work:
        return ways.open(start.server, work.message, work.box, journal, work.decide, settings.responses.after)


def _process(start: Start, journal: ItemJournal) -> Outcome:
    with _at_work(start, journal, contract.PROCESS_CANCELLATION) as work:
        return process(work.message, work.box, journal, work.decide)


@dataclass(frozen=True, slots=True)
class _Work:
    """A message and its mailbox, and how to decide on it."""

    start: Start
    journal: ItemJournal
    box: MailboxClient
    message: MeetingMessage

    @property
    def mailbox(self) -> Mailbox:
        """Where the message is."""
        return Mailbox(self.start.mailbox, self.start.server)

    def decide(self, message: MeetingMessage) -> Decision:
        """Decide on fresh facts; the audit is told if it came to anything else than the scan thought."""
        group, rules = self.start.payload.get("group", ""), policy()
        self.journal.policy = rules.fingerprint(group)
        memory = recollection.at_start(self.start, self.box, self.journal)
        known = Facts.about(message, self.start.mailbox, group)
        facts = replace(known, identity=self.start.id, settled=by_another(Settled.parse(memory), self.start.id))
        decision = decide_knowing(rules, message, self.box, facts)
        self.journal.memory = recollection.of_decision(self.start.id, message, decision, memory)
        told = Told(decision.word, decision.rule, decision.reason)
        run = self.start.payload.get("run", "")
        self.journal.decisions = audit.decisions(self.mailbox, "", run, [(message, told)])
        return decision


@contextmanager
def _at_work(start: Start, journal: ItemJournal, task: str) -> Iterator[_Work]:
    require_task(start, task)
    journal.policy = policy().fingerprint(start.payload.get("group", ""))
    with exchange.mailbox(start.server, start.mailbox, journal.lease) as box:
        message = MeetingMessage.from_payload(start.payload)
        box.require_own(message)
        yield _Work(start, journal, box, message)
