"""The workers' tasks, one per message: each builds a :class:`workers.work.Work` and calls the function for it.

A task needs only its generation; its other arguments are for reading and searching in Flower. The ledger has the rest.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

from celery import Task

from rsvpq.mail.errors import ExchangeError, Refused
from rsvpq.mail.messages import Kind, Mailbox, MeetingMessage
from rsvpq.tasks import contract
from rsvpq.tasks.admission import require_task
from rsvpq.tasks.journal import Attached, Outcome
from rsvpq.tasks.runner import Attempt
from rsvpq.wiring.parts import Parts
from workers.answer import answer
from workers.app import app, lanes, parts
from workers.at_once import answer_at_once
from workers.cancel import process_cancellation as process
from workers.deciding import Decider
from workers.open import open_response as absorb
from workers.outcomes import GONE
from workers.unsent import send_unsent
from workers.work import AtOnceWork, DraftWork


@app.task(name=contract.ANSWER_REQUEST, bind=True, throws=(ExchangeError,))
def answer_request(self: Task[Any, Any], /, *, generation: int, **_: Any) -> str:
    """Answer one meeting request as the policy decides."""
    return _carry(self, generation, _answer)


@app.task(name=contract.OPEN_RESPONSE, bind=True, throws=(ExchangeError,))
def open_response(self: Task[Any, Any], /, *, generation: int, **_: Any) -> str:
    """Open one meeting response, then keep, move or delete it as configured."""
    return _carry(self, generation, _open)


@app.task(name=contract.PROCESS_CANCELLATION, bind=True, throws=(ExchangeError,))
def process_cancellation(self: Task[Any, Any], /, *, generation: int, **_: Any) -> str:
    """Remove one canceled meeting from the calendar, and the message from the Inbox."""
    return _carry(self, generation, _process)


def _carry(task: Task[Any, Any], generation: int, handle: Callable[[Parts, Attempt], Outcome]) -> str:
    """Run one delivery with the parts that are in force at its start, to its end."""
    now = parts.now
    return now.carrier.carry(str(task.request.id), generation, partial(handle, now))


def _answer(now: Parts, attempt: Attempt) -> Outcome:
    try:
        with _work(now, attempt, contract.ANSWER_REQUEST) as work:
            if isinstance(work, DraftWork):
                if work.message.kind is Kind.ANSWER:  # an answer of ours that a scan or an operator found unsent
                    return _send_unsent(now, attempt, work)
                outcome = answer(work)
            else:
                outcome = answer_at_once(work)
            if outcome.left_alone or outcome.result == GONE.result:
                _give_back(now, attempt)
            return outcome
    except Refused:  # final for this item; the mailbox may go on
        _give_back(now, attempt)
        raise


def _send_unsent(now: Parts, attempt: Attempt, work: DraftWork) -> Outcome:
    settled = None
    if "send" not in work.journal:
        memory = now.recollection.at_start(attempt.start, work.box, work.journal)
        settled = Attached(memory=now.recollection.of_draft(work.item, work.message, memory))
    mailbox = Mailbox(attempt.start.mailbox, attempt.start.server)
    return send_unsent(work, settled, by_hand=work.message.identity(mailbox) == work.item)


def _give_back(now: Parts, attempt: Attempt) -> None:
    """Return the item's place in the cap of its run, because it is not answered."""
    run = attempt.start.payload.get("run", "")
    if run:
        group = attempt.start.payload.get("group", "")
        caps = now.settings.policy.caps_of(group)
        lanes.run_budget(run, caps.per_run, group, caps.per_run_of_group).give_back_of(attempt.start.id)


def _open(now: Parts, attempt: Attempt) -> Outcome:
    responses = now.settings.responses
    with _work(now, attempt, contract.OPEN_RESPONSE) as work:
        within = timedelta(seconds=responses.absorbed_within.seconds)
        return absorb(work, responses.after, within)


def _process(now: Parts, attempt: Attempt) -> Outcome:
    with _work(now, attempt, contract.PROCESS_CANCELLATION) as work:
        return process(work)


@contextmanager
def _work(now: Parts, attempt: Attempt, task: str) -> Iterator[DraftWork | AtOnceWork]:
    start = attempt.start
    require_task(start, task)
    with now.backends.mailbox(start.server, start.mailbox, attempt.lease) as box:
        message = MeetingMessage.from_payload(start.payload)
        box.require_own(message)
        decider = Decider(attempt, box, now.policy, now.recollection, now.audit)
        with decider.recording():
            make = partial(DraftWork, box=box) if box.answering == "by-draft" else partial(AtOnceWork, box=box)
            yield make(
                item=start.id,
                message=message,
                address=start.mailbox,
                journal=attempt.journal,
                lease=attempt.lease,
                decide=decider.decide,
                settle_s=now.settings.settle_of(start.server).seconds,
            )
