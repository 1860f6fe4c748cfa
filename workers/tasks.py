"""The workers' tasks, one per message: thin shells around :mod:`workers.ways`.

What a task is passed beside its generation is there to be read and searched in Flower; the ledger has the rest.
"""

from typing import Any

from celery import Task

from rsvpq import queue
from rsvpq.exchange.errors import ExchangeError
from rsvpq.journal import Journal
from rsvpq.lanes import Start
from rsvpq.messages import Kind, MeetingMessage, Outcome
from workers.app import app, carrier, exchange, settings, ways
from workers.orphan import send_orphan


@app.task(name=queue.ANSWER_REQUEST, bind=True, throws=(ExchangeError,))
def answer_request(self: Task[Any, Any], /, *, generation: int, **_: Any) -> str:
    """Accept one meeting request and send the answer."""
    return carrier.carry(str(self.request.id), generation, _answer)


@app.task(name=queue.OPEN_RESPONSE, bind=True, throws=(ExchangeError,))
def open_response(self: Task[Any, Any], /, *, generation: int, **_: Any) -> str:
    """Open one meeting response and clean it up as configured."""
    return carrier.carry(str(self.request.id), generation, _open)


def _answer(start: Start, journal: Journal) -> Outcome:
    with exchange.mailbox(start.server, start.mailbox) as box:
        message = MeetingMessage.from_payload(start.payload)
        if message.kind is Kind.RESPONSE:  # an answer of ours that a scan found unsent
            return send_orphan(message, box, journal)
        return ways.answer(start.server, start.mailbox, message, box, journal)


def _open(start: Start, journal: Journal) -> Outcome:
    with exchange.mailbox(start.server, start.mailbox) as box:
        response = MeetingMessage.from_payload(start.payload)
        return ways.open(start.server, response, box, journal, settings.responses.after)
