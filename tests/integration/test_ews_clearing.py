"""Responses and cancellations on a server that works on them by itself: what is left to do, and what a person does."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Literal

import pytest

from rsvpq.ews.envelope import Access
from rsvpq.ews.mailbox import EwsMailbox
from rsvpq.ews.properties import COUNTER_PROPOSAL
from rsvpq.mail.errors import Unknown
from rsvpq.mail.lease import NoLease
from rsvpq.mail.messages import Kind, MeetingMessage, Verdict
from rsvpq.mail.ports import Place
from rsvpq.policy import Action, Facts, Left, Reason
from rsvpq.policy.gather import decide_knowing
from rsvpq.tasks.journal import Decided, Journal, Outcome
from rsvpq.webdav.mailbox import WebDavMailbox
from testbed.fork_server import fork_server
from testbed.simulated_exchange import SimulatedExchange, World
from tests.support.calendar_writer import Diary
from tests.support.cancellations import UID, Attendee
from tests.support.ews_site import EwsSite, inbox
from tests.support.exchange_site import PASSWORD, Site, always, box_name, lenient
from tests.support.work import Decide
from workers.cancel import process_cancellation
from workers.open import After, open_response
from workers.work import Work

POLICY = replace(lenient(), cancellations="process", internal_domains=("example.com",))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EwsSite]:
    """A simulator for the tests of this module."""
    world = World(mailboxes=60, requests=3, responses=1, seed=8)
    exchange = SimulatedExchange(tmp_path_factory.mktemp("cleared"), world, PASSWORD, ["--inside", "50"], fork_server())
    try:
        yield EwsSite(exchange)
    finally:
        exchange.part.end()


def work_on(message: MeetingMessage, box: EwsMailbox, decide: Decide) -> Work:
    """Return the work of a task on this message."""

    def record(*_: object) -> Literal["ok"]:
        return "ok"

    return Work(
        item=message.ref.key,
        message=message,
        address="adele@example.com",
        box=box,
        journal=Journal({}, record),
        lease=NoLease(),
        decide=lambda now: Decided(decide(now)),
    )


# -- responses -----------------------------------------------------------------------------------------------------


def fresh_response(site: EwsSite) -> tuple[str, EwsMailbox, MeetingMessage]:
    """A response that has just come, in the organizer's mailbox, with its address."""
    addresses = {one["address"] for one in site.exchange.ask("mailboxes")}
    for meeting in site.exchange.meetings():
        uid, organizer, attendees = meeting["uid"], meeting["organizer_address"], meeting["attendees"]
        for name in [one["address"] for one in attendees if one["status"] == "not-responded"]:
            guest = site.box(name) if name in addresses else None
            found = [one for one in inbox(guest) if (one.kind, one.uid) == (Kind.REQUEST, uid)] if guest else []
            if guest and len(found) == 1 and not (found[0].received_for or found[0].outdated):
                guest.respond(found[0], Verdict.TENTATIVE)
                box = site.box(organizer)
                (response,) = [one for one in inbox(box) if (one.kind, one.uid) == (Kind.RESPONSE, uid)]
                return organizer, box, response
    raise LookupError("nobody here waits for a response; make the world larger")


def trash(box: EwsMailbox, uid: str) -> set[Kind]:
    """What lies in Deleted Items of a meeting."""
    return {message.kind for page in box.messages_in(Place.TRASH, uid) for message in page.messages}


def opened(box: EwsMailbox, response: MeetingMessage, after: After, within: timedelta = timedelta(hours=1)) -> Outcome:
    """Work on a response."""
    return open_response(work_on(response, box, always(Action.OPEN)), after, within)


@pytest.mark.parametrize("after", ["keep", "move", "delete"])
def test_a_response_that_was_absorbed_is_cleared_as_configured(site: EwsSite, after: After) -> None:
    _, box, response = fresh_response(site)
    assert opened(box, response, after).result == "opened"
    there = box.refresh(response)
    assert (there is not None and there.processed) is (after == "keep")
    assert trash(box, response.uid) == ({Kind.RESPONSE} if after == "move" else set())


@pytest.mark.parametrize("after", ["move", "delete"])
@pytest.mark.parametrize("step", ["moveitem", "deleteitem"])
def test_a_response_whose_clearing_is_not_heard_of_is_gone(site: EwsSite, after: After, step: str) -> None:
    _, box, response = fresh_response(site)
    with site.failing(step, "lost-reply"), suppress(Unknown):
        opened(box, response, after)
    assert opened(box, response, after).result == "gone"


@pytest.mark.parametrize("after", ["keep", "move", "delete"])
def test_a_response_that_proposes_another_time_is_kept(site: EwsSite, after: After) -> None:
    _, box, response = fresh_response(site)
    box._update(response, {COUNTER_PROPOSAL: "true"}, "AlwaysOverwrite")  # as the attendee's Outlook writes it
    assert opened(box, response, after) == Outcome("opened", "kept, because it proposes another time")
    there = box.refresh(response)
    assert there is not None
    assert there.processed


def test_a_response_that_the_server_has_not_entered_yet_is_left_until_it_has_or_a_person_looks_at_it(
    site: EwsSite,
) -> None:
    with site.switched(ews_attendant_delay_ms=600_000):
        _, box, response = fresh_response(site)
        outcome = opened(box, response, "delete")
        assert (outcome.result, outcome.left) == ("left", Left(Reason.NOT_ABSORBED, passing=True))
        outcome = opened(box, response, "delete", within=timedelta(0))
        assert outcome.left == Left(Reason.NOT_ABSORBED, on_hold=True)
        assert box.refresh(response) is not None
    assert opened(box, response, "delete") == Outcome("opened", "deleted")


# -- cancellations -------------------------------------------------------------------------------------------------


@pytest.fixture
def attendee(site: EwsSite) -> Attendee:
    """Somebody whose mailbox no other test has, by another protocol."""
    address = site.take(lambda _: True)
    other = Site(site.exchange)
    return Attendee(Diary(other, WebDavMailbox(other.server(), site.name_of(address))))


def box_of(site: EwsSite, attendee: Attendee, access: Access = "impersonation") -> tuple[str, EwsMailbox]:
    """The mailbox of an attendee."""
    name = box_name(attendee.box)
    (address,) = [one["address"] for one in site.exchange.ask("mailboxes") if one["mailbox"] == name]
    return address, site.box(address, access=access)


def invited(site: EwsSite, attendee: Attendee, access: Access) -> tuple[str, EwsMailbox, MeetingMessage]:
    """Accept a meeting and get its cancellation."""
    attendee.is_invited()
    address, box = box_of(site, attendee, access)
    (request,) = [one for one in inbox(box) if one.kind is Kind.REQUEST and one.uid == UID]
    box.respond(request, Verdict.ACCEPT)
    attendee.gets_cancellation()
    (cancellation,) = [one for one in inbox(box) if one.kind is Kind.CANCELLATION and one.uid == UID]
    return address, box, cancellation


def carried_out(address: str, box: EwsMailbox, cancellation: MeetingMessage) -> Outcome:
    """Work on a cancellation as a worker does."""
    facts = Facts(address)
    return process_cancellation(work_on(cancellation, box, lambda message: decide_knowing(POLICY, message, box, facts)))


@pytest.mark.parametrize("access", ["impersonation", "delegate"])
def test_a_canceled_meeting_leaves_the_calendar_and_its_message_the_inbox(
    site: EwsSite, attendee: Attendee, access: Access
) -> None:
    address, box, cancellation = invited(site, attendee, access)
    assert carried_out(address, box, cancellation) == Outcome("processed")
    assert box.appointments(UID) == []
    assert box.refresh(cancellation) is None
    assert Kind.CANCELLATION in trash(box, UID)
    assert carried_out(address, box, cancellation).result == "gone"


@pytest.mark.parametrize("access", ["impersonation", "delegate"])
@pytest.mark.parametrize("step", ["createitem", "deleteitem", "moveitem"])
def test_whatever_is_lost_a_second_attempt_removes_the_rest(
    site: EwsSite, attendee: Attendee, access: Access, step: str
) -> None:
    address, box, cancellation = invited(site, attendee, access)
    with site.failing(step, "lost-reply"):
        try:
            carried_out(address, box, cancellation)
        except Unknown:
            assert carried_out(address, box, cancellation).result in {"processed", "gone"}
    assert box.appointments(UID) == []
    assert box.refresh(cancellation) is None


@pytest.mark.parametrize("access", ["impersonation", "delegate"])
def test_a_cancellation_of_what_the_calendar_does_not_have_is_put_away(
    site: EwsSite, attendee: Attendee, access: Access
) -> None:
    attendee.gets_cancellation()
    address, box = box_of(site, attendee, access)
    (cancellation,) = [one for one in inbox(box) if one.kind is Kind.CANCELLATION and one.uid == UID]
    assert carried_out(address, box, cancellation) == Outcome("processed", "the calendar has no such meeting")
    assert box.refresh(cancellation) is None
