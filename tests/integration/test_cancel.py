"""A cancellation is carried out in the attendee's calendar, where the policy says so and nothing else may be meant."""

import pytest

from rsvpq.exchange import wire
from rsvpq.exchange.client import MailboxClient
from rsvpq.journal import Journal, Paused
from rsvpq.messages import Kind, MeetingMessage
from rsvpq.policy import Action
from tests.integration.exchange_site import Site, always, inbox, requests_in
from workers.cancel import process_cancellation

PROCESS = always(Action.PROCESS)


def journal(answer: str = "ok") -> Journal:
    """A journal whose ledger gives this answer."""
    return Journal({}, lambda _steps, _intent: answer)  # type: ignore[arg-type,return-value]


@pytest.fixture
def cancelled(site: Site) -> tuple[MailboxClient, MeetingMessage]:
    """A mailbox that has accepted a meeting, and the cancellation of that meeting."""
    box = site.take(fits=lambda box: bool(_single(box)) and bool(_cancellations(box)))
    request, cancellation = _single(box)[0], _cancellations(box)[0]
    box.accept(request)
    body = wire.proppatch({wire.UID: request.uid})
    site.server().send("PROPPATCH", cancellation.href, headers={"Content-Type": "text/xml"}, body=body, effect=True)
    (there,) = [message for message in inbox(box) if message.rid == cancellation.rid]
    assert box.appointment_urls(there.uid)
    return box, there


def _single(box: MailboxClient) -> list[MeetingMessage]:
    return [request for request in requests_in(box) if not request.recurring]


def _cancellations(box: MailboxClient) -> list[MeetingMessage]:
    return [one for one in inbox(box) if one.kind is Kind.CANCELLATION and not one.recurring]


def test_the_appointment_and_the_message_go_to_deleted_items(
    cancelled: tuple[MailboxClient, MeetingMessage],
) -> None:
    box, message = cancelled
    assert process_cancellation(message, box, journal(), PROCESS).result == "processed"
    assert box.appointment_urls(message.uid) == []
    assert not box.holds(message)


def test_doing_it_again_does_nothing_more(cancelled: tuple[MailboxClient, MeetingMessage]) -> None:
    box, message = cancelled
    process_cancellation(message, box, journal(), PROCESS)
    assert process_cancellation(message, box, journal(), PROCESS).result == "gone"


def test_a_worker_that_died_in_between_is_followed_by_one_that_finishes(
    cancelled: tuple[MailboxClient, MeetingMessage],
) -> None:
    box, message = cancelled
    (appointment,) = box.appointment_urls(message.uid)
    box.move_to_deleted_items(appointment)
    outcome = process_cancellation(message, box, journal(), PROCESS)
    assert (outcome.result, outcome.note) == ("processed", "the calendar has no such meeting")
    assert not box.holds(message)


@pytest.mark.parametrize("action", [Action.KEEP, Action.HOLD, Action.SKIP])
def test_what_is_decided_otherwise_stays(cancelled: tuple[MailboxClient, MeetingMessage], action: Action) -> None:
    box, message = cancelled
    outcome = process_cancellation(message, box, journal(), always(action))
    assert (outcome.result, outcome.left_alone) == ("left", True)
    assert box.holds(message)
    assert box.appointment_urls(message.uid)


def test_a_pause_stops_it_before_anything_is_done(cancelled: tuple[MailboxClient, MeetingMessage]) -> None:
    box, message = cancelled
    with pytest.raises(Paused):
        process_cancellation(message, box, journal("held"), PROCESS)
    assert box.holds(message)
    assert box.appointment_urls(message.uid)
