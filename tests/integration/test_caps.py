"""The caps hold back answers, and not what is left alone: old mail that nobody answers keeps no other waiting."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from producer.offer import MOST_OTHERS, offer_within_caps
from producer.visit import Caps
from rsvpq.http import auth
from rsvpq.lanes import Lanes
from rsvpq.mail.messages import ItemRef, Kind, Mailbox, MeetingMessage
from rsvpq.policy import Action, Decision
from rsvpq.tasks.journal import Decided
from rsvpq.tasks.runner import LOOK_AGAIN_S, Carrier
from rsvpq.webdav.mailbox import WebDavMailbox
from rsvpq.webdav.server import WebDavServer
from tests.support.lanes_with_clock import Clock
from tests.support.scripted_server import FOLDERS
from tests.support.visits import Visitor
from workers.outcomes import left_alone

ADELE = Mailbox("adele", "mail1")
#: The mailbox; an offer asks it nothing.
NOT_ASKED = WebDavMailbox(WebDavServer("http://127.0.0.1:9/exchange/", auth.basic("svc", "secret")), "adele", FOLDERS)


def sent(name: str, count: int) -> list[MeetingMessage]:
    """So many requests of one organizer."""
    return [
        MeetingMessage(
            kind=Kind.REQUEST,
            ref=ItemRef(f"{name}-{number}", (f"/exchange/adele/Inbox/{name}-{number}.EML", "")),
            organizer=f"{name}@example.com",
        )
        for number in range(count)
    ]


class Scans:
    """Scans of one mailbox, each a run of its own, and a worker that leaves all alone that it gets."""

    def __init__(self, lanes: Lanes, most: int, per_group: int | None = None, mailbox: Mailbox = ADELE) -> None:
        self.lanes = lanes
        self.visitor = Visitor(lanes, NOT_ASKED, mailbox, caps=Caps(most, 500, per_group))

    def scan(self, found: Sequence[MeetingMessage]) -> list[MeetingMessage]:
        """Offer what was found; what was new to the lane, or is looked at again."""
        before = set(self.visitor.waiting())
        offer_within_caps(self.visitor.visit(), found)
        new = set(self.visitor.waiting()) - before
        return [message for message in found if message.identity(ADELE) in new]

    def leave_all(self) -> None:
        """A worker finds a reason to leave alone whatever waits."""
        carrier = Carrier(self.lanes, self.visitor.publish, 1, 2, remember_s=7 * 86_400)
        held, published = left_alone(Decided(Decision(Action.HOLD, "rule"))), self.visitor.published
        self.visitor.publish(self.lanes.ledger.release())
        while published:
            release = published.pop(0)
            carrier.carry(release.id, release.generation, lambda _: held)
            self.visitor.publish(self.lanes.ledger.release())

    def is_first(self, messages: Sequence[MeetingMessage]) -> bool:
        """Whether the lane begins with these."""
        return self.visitor.waiting()[: len(messages)] == [message.identity(ADELE) for message in messages]


def test_a_flood_of_responses_is_behind_the_requests_and_its_rest_waits_for_the_next_scan(lanes: Lanes) -> None:
    flood = [replace(one, kind=Kind.RESPONSE) for one in sent("mallory", MOST_OTHERS + 300)]
    few = [replace(one, kind=Kind.RESPONSE) for one in sent("colleague", 5)]
    real = sent("nora", 10)
    scans = Scans(lanes, most=50)
    first = scans.scan([*flood, *few, *real])
    assert [one for one in first if one.kind is Kind.REQUEST] == real
    assert [one for one in first if one in few] == few
    assert len(first) == MOST_OTHERS + len(real)
    assert scans.is_first(real)
    assert len(scans.scan([*flood, *few, *real])) == 305


def test_what_was_left_alone_keeps_nothing_new_waiting_however_often_it_is_looked_at_again(
    lanes: Lanes, clock: Clock
) -> None:
    old, real = sent("mallory", 60), sent("nora", 10)
    scans = Scans(lanes, most=12)
    while scans.scan(old):
        scans.leave_all()
    clock.turn(LOOK_AGAIN_S)
    assert [one for one in scans.scan([*old, *real]) if one in real] == real


def test_of_what_was_never_looked_at_each_organizer_gets_a_share(lanes: Lanes) -> None:
    old, real = sent("mallory", 300), [one for name in "abcdef" for one in sent(name, 10)]
    first = Scans(lanes, most=50).scan([*old, *real])
    assert len(first) == 50
    assert len([one for one in first if one in real]) >= 42


@pytest.mark.parametrize("times", [1, 3])
def test_what_was_not_answered_does_not_count_against_its_run_and_that_once(lanes: Lanes, times: int) -> None:
    budget = lanes.run_budget("run", 5)
    assert budget.take(5) == 5
    for _ in range(times):
        budget.give_back_of("one")
    budget.give_back_of("other")
    assert budget.take(5) == 2


def test_a_group_takes_no_more_of_a_run_than_its_cap_and_leaves_the_rest_to_others(lanes: Lanes) -> None:
    pilot, others = lanes.run_budget("run", 10, "pilot", 3), lanes.run_budget("run", 10, "sales")
    assert [pilot.take(2), pilot.take(2), pilot.take(2)] == [2, 1, 0]
    assert others.take(20) == 7
    pilot.give_back_of("one")
    assert (pilot.take(5), others.take(5)) == (1, 0)
    pilot.give_back(1)
    assert (others.take(5), pilot.take(5)) == (1, 0)  # the run has no more, although the group has
    assert lanes.run_budget("run", 10, "legal", 5).take(1) == 0


def test_a_scan_offers_no_more_than_the_cap_of_the_group_of_its_mailbox(lanes: Lanes) -> None:
    scans = Scans(lanes, most=50, per_group=4, mailbox=Mailbox("adele", "mail1", "pilot"))
    found = sent("nora", 10)
    assert len(scans.scan(found)) == 4
    assert len(scans.scan(found)) == 4  # another run


@pytest.mark.parametrize(
    ("caps", "requests", "responses", "cap"),
    [
        (Caps(3, 500), 5, 0, "policy.most_answers_per_scan"),
        (Caps(50, 3), 5, 0, "policy.most_answers_per_run"),
        (Caps(3, 500, 400, per_scan_is_of_group=True), 5, 0, "policy.groups.pilot.most_answers_per_scan"),
        (Caps(50, 500, 3), 5, 0, "policy.most_answers_per_run or policy.groups.pilot.most_answers_per_run"),
        (Caps(50, 500), 5, MOST_OTHERS + 1, "1000 responses and cancellations per scan"),
        (Caps(50, 500), 5, 5, ""),
    ],
)
def test_what_is_held_back_names_its_cap(lanes: Lanes, caps: Caps, requests: int, responses: int, cap: str) -> None:
    found = sent("lucy", requests)
    found += [replace(message, kind=Kind.RESPONSE) for message in sent("max", responses)]
    pilot = Mailbox("adele", "mail1", "pilot")
    offered = offer_within_caps(Visitor(lanes, NOT_ASKED, pilot, caps=caps).visit(), found)
    assert (offered.cap, bool(offered.held_back)) == (cap, bool(cap))
