"""What a backend promises that answers in one step: see :class:`rsvpq.mail.ports.AnswersAtOnce`."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from rsvpq.mail.calendar import Appointment, ResponseStatus
from rsvpq.mail.errors import Busy, Gone, Unknown, Unsupported
from rsvpq.mail.messages import Intent, Kind, MeetingMessage, Verdict
from rsvpq.mail.ports import AnswersAtOnce, AnswerState, Clear, Place
from tests.backends.backends import AT_ONCE
from tests.backends.harness import (
    WAIT_S,
    Failure,
    HalfDone,
    Harness,
    Opened,
    failing,
    fails,
    inbox,
    messages_in,
    opened,
    opened_at_once,
)

pytestmark = pytest.mark.parametrize("exchange", AT_ONCE, indirect=True, scope="module")

DONE = {Verdict.ACCEPT: "accepted", Verdict.DECLINE: "declined", Verdict.TENTATIVE: "tentative"}
STATUS = {Verdict.ACCEPT: ResponseStatus.ACCEPTED, Verdict.TENTATIVE: ResponseStatus.TENTATIVE}
verdicts = pytest.mark.parametrize("verdict", Verdict)


@pytest.fixture
def at(exchange: Harness) -> Iterator[Opened[AnswersAtOnce]]:
    """A mailbox of the test's own."""
    with opened_at_once(exchange, exchange.take()) as found:
        yield found


def sent(at: Opened[AnswersAtOnce]) -> list[MeetingMessage]:
    """What lies in Sent Items."""
    return messages_in(at.box, Place.SENT)


def state(
    at: Opened[AnswersAtOnce], request: MeetingMessage, verdict: Verdict = Verdict.ACCEPT, before_s: float = 1
) -> AnswerState:
    """What the mailbox shows of an answer that was begun a moment ago."""
    return at.box.evidence(request, verdict, datetime.now(UTC) - timedelta(seconds=before_s)).state


# -- one effect ----------------------------------------------------------------------------------------------------


@verdicts
def test_an_answer_is_one_request_that_books_sends_and_removes(at: Opened[AnswersAtOnce], verdict: Verdict) -> None:
    request = at.request()
    others = [message for message in inbox(at.box) if message.ref.key != request.ref.key]
    before = at.exchange.effects()
    at.box.respond(request, verdict)
    assert at.exchange.effects() == before + 1
    assert at.done_to(request) == {DONE[verdict]: 1, "submitted": 1}
    assert inbox(at.box) == others
    assert [(one.kind, one.reply, one.uid) for one in sent(at)] == [(Kind.ANSWER, verdict, request.uid)]
    found = at.box.appointment(request)
    if verdict is Verdict.DECLINE:
        assert found is None
    else:
        assert isinstance(found, Appointment)
        assert found.response is STATUS[verdict]


@verdicts
def test_the_organizer_gets_the_answer(exchange: Harness, verdict: Verdict) -> None:
    guest, organizer, uid = exchange.invitation()
    with opened_at_once(exchange, guest) as at:
        (request,) = [message for message in inbox(at.box) if message.uid == uid]
        at.box.respond(request, verdict, text="Answered automatically: ünïque, <&>, \x01.")
    with opened(exchange, organizer) as there:
        found = [one.reply for one in inbox(there.box) if (one.kind, one.uid) == (Kind.RESPONSE, uid)]
        assert found == [verdict]


def test_a_silent_answer_is_one_request_that_sends_nothing(at: Opened[AnswersAtOnce]) -> None:
    request, before = at.request(), at.exchange.effects()
    at.box.respond(request, Verdict.ACCEPT, silent=True)
    assert at.exchange.effects() == before + 1
    assert at.done_to(request) == {"accepted": 1}
    assert sent(at) == []
    assert messages_in(at.box, Place.DRAFTS) == []


@verdicts
def test_a_request_that_is_left_can_be_put_away(at: Opened[AnswersAtOnce], verdict: Verdict) -> None:
    request = at.request()
    with at.exchange.half_done(HalfDone.LEFT):
        assert at.box.respond(request, verdict)
    there = at.box.left(request)
    assert there is not None
    at.box.clear(there, Clear.TRASH)
    assert at.box.left(request) is None
    assert at.done_to(request)["submitted"] == 1


def test_a_request_that_was_moved_is_not_left(at: Opened[AnswersAtOnce]) -> None:
    request = at.request()
    at.box.respond(request, Verdict.ACCEPT)
    assert at.box.left(request) is None


def test_answering_what_is_gone_does_nothing(at: Opened[AnswersAtOnce]) -> None:
    request = at.request()
    at.box.respond(request, Verdict.ACCEPT)
    fails(lambda: at.box.respond(request, Verdict.DECLINE), Gone)
    assert at.done_to(request) == {"accepted": 1, "submitted": 1}


def test_an_answer_whose_outcome_is_lost_is_unknown_and_is_not_repeated(at: Opened[AnswersAtOnce]) -> None:
    request, before = at.request(), at.exchange.effects()
    with failing(at.exchange, Failure.LOST):
        fails(lambda: at.box.respond(request, Verdict.ACCEPT), Unknown)
    assert at.exchange.effects() == before + 1
    assert at.done_to(request)["submitted"] == 1


def test_an_answer_whose_outcome_breaks_off_is_unknown_unless_that_tells_and_is_not_repeated(
    at: Opened[AnswersAtOnce],
) -> None:
    request, before = at.request(), at.exchange.effects()
    with failing(at.exchange, Failure.TORN), suppress(Unknown):
        at.box.respond(request, Verdict.ACCEPT)
    assert at.exchange.effects() == before + 1
    assert at.done_to(request)["submitted"] == 1


def test_an_answer_that_never_got_there_is_unknown_and_is_not_repeated(at: Opened[AnswersAtOnce]) -> None:
    request, before = at.request(), at.exchange.effects()
    with failing(at.exchange, Failure.CUT):
        fails(lambda: at.box.respond(request, Verdict.ACCEPT), Unknown)
    assert at.exchange.effects() == before + 1
    assert at.done_to(request) == {}


def test_a_busy_server_has_not_answered_and_says_how_long_to_leave_it_alone(at: Opened[AnswersAtOnce]) -> None:
    request = at.request()
    with failing(at.exchange, Failure.BUSY):
        error = fails(lambda: at.box.respond(request, Verdict.ACCEPT), Busy)
    assert isinstance(error, Busy)
    assert error.delay_s == WAIT_S
    assert at.done_to(request) == {}


def test_responses_are_entered_by_the_server(at: Opened[AnswersAtOnce]) -> None:
    response, before = at.response(), at.exchange.effects()
    fails(lambda: at.box.absorb(response), Unsupported)
    assert at.exchange.effects() == before


# -- evidence ------------------------------------------------------------------------------------------------------


@verdicts
def test_before_an_answer_nothing_of_it_is_there(at: Opened[AnswersAtOnce], verdict: Verdict) -> None:
    request, before = at.request(), at.exchange.effects()
    assert state(at, request, verdict) is AnswerState.NOT_DONE
    at.box.mark(request, Intent("an-item", verdict, datetime.now(UTC)))
    assert state(at, request, verdict) is AnswerState.NOT_DONE
    assert at.exchange.effects() == before + 1


@verdicts
@pytest.mark.parametrize("given", Verdict)
def test_an_answer_in_sent_items_is_one_whoever_gave_it_and_whatever_it_says(
    at: Opened[AnswersAtOnce], verdict: Verdict, given: Verdict
) -> None:
    request = at.request()
    at.exchange.respond(at.name, request, given)
    found = at.box.evidence(request, verdict, datetime.now(UTC))
    assert found.state is AnswerState.ANSWERED
    assert (f"says {given}" in found.note) is (given is not verdict)


def test_an_answer_to_another_request_is_none(at: Opened[AnswersAtOnce]) -> None:
    request, other = map(at.now, at.requests()[:2])
    at.exchange.respond(at.name, other, Verdict.ACCEPT)
    assert state(at, request) is AnswerState.NOT_DONE


@verdicts
def test_without_a_copy_the_calendar_and_deleted_items_are_evidence_together(
    at: Opened[AnswersAtOnce], verdict: Verdict
) -> None:
    request = at.request()
    with at.exchange.half_done(HalfDone.NO_COPY):
        at.box.respond(request, verdict)
    assert state(at, request, verdict) is AnswerState.ANSWERED


@verdicts
def test_a_request_that_a_person_put_away_was_not_answered_as_far_as_anybody_knows(
    at: Opened[AnswersAtOnce], verdict: Verdict
) -> None:
    request = at.request()
    at.exchange.put_away(at.name, request)
    assert state(at, request, verdict) is AnswerState.UNCLEAR


@verdicts
def test_a_request_that_is_nowhere_is_unclear(at: Opened[AnswersAtOnce], verdict: Verdict) -> None:
    request = at.request()
    at.exchange.remove(at.name, request)
    assert state(at, request, verdict) is AnswerState.UNCLEAR


def test_an_answer_in_the_outbox_is_unclear(at: Opened[AnswersAtOnce]) -> None:
    request = at.request()
    with at.exchange.half_done(HalfDone.IN_OUTBOX):
        at.box.respond(request, Verdict.ACCEPT)
        assert state(at, request) is AnswerState.UNCLEAR


@verdicts
def test_a_calendar_that_was_written_and_a_request_that_stays_are_half_an_answer(
    at: Opened[AnswersAtOnce], verdict: Verdict
) -> None:
    request = at.request()
    with at.exchange.half_done(HalfDone.CALENDAR_ONLY), suppress(Unknown):
        at.box.respond(request, verdict)
    assert at.done_to(request) == {DONE[verdict]: 1}
    assert state(at, request, verdict) is AnswerState.HALF_DONE


def test_an_answer_that_was_sent_is_one_though_the_request_stays(at: Opened[AnswersAtOnce]) -> None:
    request = at.request()
    with at.exchange.half_done(HalfDone.SENT_ONLY), suppress(Unknown):
        at.box.respond(request, Verdict.ACCEPT)
    assert at.box.refresh(request) is not None
    assert state(at, request) is AnswerState.ANSWERED
