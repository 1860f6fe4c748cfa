"""Ordinary delivery is not a delegate's copy, however the server spells whom it was received by and for.

Exchange fills PR_RCVD_REPRESENTING_* of every message, with the same person as PR_RECEIVED_BY_* (MS-OXOMSG).
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from rsvpq.mail.messages import Kind, MeetingMessage
from rsvpq.mail.persons import Person
from rsvpq.policy import Facts, Policy, decide
from rsvpq.webdav.mailbox import WebDavMailbox
from simulator.world.directory import INTERNAL_DOMAIN
from testbed.simulated_exchange import World
from tests.support.calendar_writer import Diary
from tests.support.exchange_site import Site, box_name, inbox, simulated_site


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A mailbox deep enough to have delegates' copies in it."""
    yield from simulated_site(tmp_path_factory.mktemp("whose"), World(mailboxes=9, requests=6, deep=400, seed=4))


@pytest.fixture
def box(world: Site) -> Iterator[WebDavMailbox]:
    """The deep mailbox, which is listed by its alias."""
    name = next(facts["mailbox"] for facts in world.mailboxes() if facts["deep"])
    yield WebDavMailbox(world.server(), name)
    turn(world, "smtp")


def turn(site: Site, spelling: str) -> None:
    Diary(site, WebDavMailbox(site.server(), "inbox")).turn(recipients=spelling)


def decided(box: WebDavMailbox, message: MeetingMessage) -> str:
    """The reason of the default policy."""
    known = Facts.about(message, box_name(box), "")
    return str(decide(Policy("respond", internal_domains=(INTERNAL_DOMAIN,)), message, known, datetime.now(UTC)).reason)


@pytest.mark.parametrize("spelling", ["smtp", "x500", "mixed"])
def test_only_what_was_received_for_another_is_a_delegate_s_copy(
    world: Site, box: WebDavMailbox, spelling: str
) -> None:
    turn(world, spelling)
    requests = [message for message in inbox(box) if message.kind is Kind.REQUEST]
    copies = {one["subject"] + str(one["uid"]) for one in world.of_mailbox(box) if one["received_for"]}
    assert copies
    assert {one.subject + one.uid for one in requests if one.received_for} == copies
    reasons = {decided(box, one) for one in requests if not one.received_for}
    assert "delegate-copy" not in reasons
    assert "every-request" in reasons
    assert "delegate-copy" in {decided(box, one) for one in requests if one.received_for}


def test_where_the_server_shows_neither_nothing_is_a_delegate_s_copy(world: Site, box: WebDavMailbox) -> None:
    turn(world, "none")
    assert {(one.received_for, one.received_by, one.own) for one in inbox(box)} == {("", "", None)}


def test_the_owner_s_address_is_what_the_server_shows(world: Site, box: WebDavMailbox) -> None:
    address = next(facts["address"] for facts in world.mailboxes() if facts["mailbox"] == box_name(box))
    message = inbox(box)[0]
    assert message.received_by == address
    assert Facts.about(message, box_name(box), "").own_addresses == {address}
    turn(world, "x500")
    assert inbox(box)[0].received_by == ""


@pytest.mark.parametrize("spelling", ["smtp", "x500"])
def test_an_alias_makes_nobody_of_another_domain_the_owner(world: Site, spelling: str) -> None:
    diary = Diary(world, WebDavMailbox(world.server(), "inbox"))
    lines = ["BEGIN:VEVENT", f"UID:{spelling}", "DTSTART:20300506T090000Z", "DTEND:20300506T100000Z"]
    invited = [*lines, "ORGANIZER:mailto:inbox@branch.example", "END:VEVENT"]
    diary.put(invited, method="REQUEST", sender="inbox@branch.example")
    turn(world, spelling)
    message = next(one for one in inbox(diary.box) if one.uid == spelling)
    policy = Policy("respond", internal_domains=(INTERNAL_DOMAIN, "branch.example"))
    turn(world, "smtp")
    decision = decide(policy, message, Facts.about(message, "inbox", ""), datetime.now(UTC))
    assert decision.reason == "every-request"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Person("Adele@Example.com"), Person("adele@example.COM"), True),
        (Person("adele@example.com", "Adele"), Person("brian@example.com", "Adele"), False),
        (Person("/O=X/CN=ADELE"), Person("/o=x/cn=Adele"), True),
        (Person("/O=X/CN=ADELE", "Adele"), Person("/O=X/CN=BRIAN", "Adele"), False),
        (Person("/O=X/CN=ADELE"), Person("adele@example.com"), True),
        (Person("/O=X/CN=A1B2", "Adele Vance"), Person("adele.vance@example.com", "adele vance"), True),
        (Person("/O=X/CN=ADELE", "Adele Vance"), Person("brian@example.com", "Brian Lee"), False),
        (Person("/O=X/CN=ADELE"), Person("brian@example.com"), False),
        (Person("/O=X/CN=a@b", "Adele"), Person("/O=X/CN=A@B"), True),
    ],
)
def test_two_spellings_of_a_person_are_one(one: Person, other: Person, same: bool) -> None:
    assert one.may_be(other) is other.may_be(one) is same
