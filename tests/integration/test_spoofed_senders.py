"""Invitations that name one of ours as the organizer, sent by somebody else who knows whom to name and the uid."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from rsvpq.lanes import Lanes
from rsvpq.mail.messages import Mailbox, MeetingMessage, Verdict
from rsvpq.policy import Action, Facts, Policy, Rule
from rsvpq.policy.gather import decide_knowing
from rsvpq.webdav.mailbox import WebDavMailbox
from testbed.simulated_exchange import World
from tests.support.calendar_writer import Diary
from tests.support.exchange_site import Site, box_name, inbox, simulated_site
from tests.support.visits import Visitor

CEO, SECRETARY, MALLORY = "ceo@example.com", "secretary@example.com", "mallory@evil.example"
#: An address of SMTP that looks like a name of the directory: all of it may stand before an @ (RFC 5321, 4.1.2).
DISGUISED = "/o=firm/ou=site/cn=recipients/cn=ceo@evil.example"
POLICY = Policy("respond", internal_domains=("example.com",), cancellations="process")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A simulator with mailboxes that have hardly any mail."""
    yield from simulated_site(tmp_path_factory.mktemp("spoofed"), World(mailboxes=80, requests=2, deep=0, seed=11))


@dataclass(frozen=True, slots=True)
class Victim:
    """The owner of a mailbox, who gets what strangers write."""

    diary: Diary
    lanes: Lanes

    @property
    def box(self) -> WebDavMailbox:
        """The mailbox."""
        return self.diary.box

    def gets(
        self,
        *,
        organizer: str = CEO,
        sender: str = CEO,
        sent_by: str = "",
        sequence: int = 0,
        method: str = "REQUEST",
        uid: str = "meeting",
    ) -> MeetingMessage:
        """A request, or a cancellation, of one and the same meeting unless it has another uid."""
        before = {one.ref.key for one in inbox(self.box)}
        lines = ["BEGIN:VEVENT", f"UID:{uid}", f"SEQUENCE:{sequence}", f"SUMMARY:{organizer} {sender}"]
        times = ["DTSTART:20300506T090000Z", "DTEND:20300506T100000Z"]
        event = [*lines, *times, f"ORGANIZER:mailto:{organizer}", "END:VEVENT"]
        self.diary.put(event, method=method, sender=sender, sent_by=sent_by, name=f"{method} {sequence} {uid}")
        (message,) = [one for one in inbox(self.box) if one.ref.key not in before]
        return message

    def decided(self, policy: Policy = POLICY) -> dict[str, str]:
        """What a scan decides on the messages of the meeting, by their item."""
        visit = Visitor(self.lanes, self.box, Mailbox(box_name(self.box), "mail1"), policy).visit()
        return {message.ref.key: str(decision.reason) for message, decision in visit.decide(visit.read_inbox())}

    def decides(self, message: MeetingMessage, policy: Policy) -> str:
        """What a worker decides, who looks into the calendar."""
        return decide_knowing(policy, message, self.box, Facts(box_name(self.box))).label


@pytest.fixture
def victim(world: Site, lanes: Lanes) -> Victim:
    """A mailbox of the test's own."""
    return Victim(Diary(world, world.take()), lanes)


@pytest.mark.parametrize("recipients", ["smtp", "x500", "mixed"])
@pytest.mark.parametrize(
    ("sender", "sent_by", "reason"),
    [
        (CEO, "", "every-request"),
        (CEO, SECRETARY, "every-request"),
        (MALLORY, "", "external-organizer"),
        (CEO, MALLORY, "external-organizer"),
        (MALLORY, CEO, "external-organizer"),
        (DISGUISED, "", "external-organizer"),
        (CEO, DISGUISED, "external-organizer"),
    ],
)
def test_whoever_names_one_of_ours_as_the_organizer_is_external_unless_he_sends_it(
    victim: Victim, recipients: str, sender: str, sent_by: str, reason: str
) -> None:
    victim.diary.turn(recipients=recipients)
    try:
        message = victim.gets(sender=sender, sent_by=sent_by)
        assert victim.decided()[message.ref.key] == reason
        found = victim.box.refresh(message)
        assert found is not None
        # A look at the message alone tells how it stands besides; who sent it and who is named, it tells alike.
        assert replace(found, modified=message.modified, etag=message.etag) == message
    finally:
        victim.diary.turn(recipients="smtp")


def test_a_colleague_who_names_the_boss_as_the_organizer_is_not_the_boss(victim: Victim) -> None:
    message = victim.gets(sender="colleague@example.com")
    assert victim.decided()[message.ref.key] == "external-organizer"


@pytest.mark.parametrize("method", ["REQUEST", "CANCEL"])
@pytest.mark.parametrize(
    "spoofed",
    [
        {"organizer": MALLORY, "sender": MALLORY},
        {"sender": MALLORY},
        {"sent_by": MALLORY},
        {"sender": DISGUISED},
    ],
    ids=["by his own name", "by the name of the boss", "on behalf of the boss", "as if from the directory"],
)
def test_a_stranger_who_knows_the_uid_makes_no_invitation_out_of_date(
    victim: Victim, method: str, spoofed: dict[str, str]
) -> None:
    real = victim.gets()
    strange = victim.gets(sequence=99, method=method, **spoofed)
    assert victim.decided()[real.ref.key] == "every-request"
    assert victim.decided()[strange.ref.key] == "external-organizer"


@pytest.mark.parametrize("method", ["REQUEST", "CANCEL"])
def test_the_organizer_and_who_sends_for_him_do(victim: Victim, method: str) -> None:
    real = victim.gets()
    victim.gets(sequence=1, method=method, sent_by=SECRETARY)
    assert victim.decided()[real.ref.key] == "out-of-date"


@pytest.mark.parametrize("day", ["07EE0506", "07EE0507", "00000000", "zzzzzzzz"])
def test_a_uid_made_from_that_of_another_meeting_hides_no_conflict_with_it(victim: Victim, day: str) -> None:
    outlook = "040000008200E00074C5B7101A82E008{}" + 40 * "A"
    rules = Rule("clash", Action.DECLINE, conditions={"conflict": True}), Rule("rest", Action.ACCEPT)
    policy = replace(POLICY, rules=rules)
    real = victim.gets(uid=outlook.format("07EE0506"))
    assert victim.decides(real, policy) == "rule:rest"
    victim.box.command(real, Verdict.ACCEPT)
    colleague = "colleague@example.com"
    made_up = victim.gets(uid=outlook.format(day), organizer=colleague, sender=colleague)
    assert victim.decides(made_up, policy) == ("rule:clash" if day == "zzzzzzzz" else "other-organizer")
    update = victim.gets(uid=outlook.format("07EE0506"), sequence=1)
    assert victim.decides(update, replace(policy, details_only="rules")) == "rule:rest"
