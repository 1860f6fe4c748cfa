"""Responses that reach an organizer in the simulator: which of them change the appointment and which do not."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from simulator.behavior import Behavior
from simulator.population.populate import Size, populate
from simulator.webdav.properties.items import reader
from simulator.world.answering import Verdict, open_item
from simulator.world.attendance import Attendance, Attendee
from simulator.world.languages import Role
from simulator.world.mailboxes import Item
from simulator.world.responses import enter, respond
from simulator.world.state import World

RESPONSE_STATUS = reader("http://schemas.microsoft.com/mapi/responsestatus")


@pytest.fixture
def world() -> World:
    return populate(1, Size(mailboxes=4, requests=20, responses=3, inside=0.9), date(2026, 3, 2))


@pytest.fixture
def meeting(world: World) -> Attendance:
    return next(meeting for meeting in world.arranged.meetings.values() if not meeting.sequence)


def invited(meeting: Attendance) -> Attendee:
    return next(iter(meeting.attendees.values()))


def answered(world: World, meeting: Attendance, verdict: Verdict, address: str | None = None) -> Item:
    return respond(world, meeting.organizer, meeting.uid, address or invited(meeting).address.upper(), verdict)


def opened(world: World, item: Item) -> None:
    open_item(world, Behavior(), item)
    enter(world, item)


def appointment(meeting: Attendance) -> Item:
    (found,) = [
        item
        for item in meeting.organizer.folders[Role.CALENDAR].items.values()
        if item.message.meeting and item.message.meeting.uid == meeting.uid
    ]
    return found


def test_a_response_is_entered_when_it_is_opened(world: World, meeting: Attendance) -> None:
    item = answered(world, meeting, Verdict.DECLINE)
    assert item.message.sender.name == invited(meeting).name
    assert item.message.subject == "Declined: " + appointment(meeting).message.subject
    assert not item.message.read
    before = appointment(meeting).change
    opened(world, item)
    assert (invited(meeting).status, world.arranged.updates) == (4, 1)
    assert invited(meeting).changed_at is not None
    assert appointment(meeting).change > before
    assert RESPONSE_STATUS(appointment(meeting), "") == 1


def test_the_response_that_came_last_counts_whichever_is_opened_last(world: World, meeting: Attendance) -> None:
    first, second = (answered(world, meeting, verdict) for verdict in (Verdict.ACCEPT, Verdict.DECLINE))
    second.message.received = first.message.received + timedelta(seconds=1)
    opened(world, second)
    opened(world, first)
    assert (invited(meeting).status, world.arranged.updates) == (4, 1)


def test_a_response_to_an_older_version_changes_nothing(world: World, meeting: Attendance) -> None:
    item = answered(world, meeting, Verdict.ACCEPT)
    meeting.sequence += 1
    opened(world, item)
    assert (invited(meeting).status, world.arranged.updates) == (5, 0)


def test_whoever_was_not_invited_changes_nothing(world: World, meeting: Attendance) -> None:
    opened(world, answered(world, meeting, Verdict.ACCEPT, "stranger@example.net"))
    assert world.arranged.updates == 0
    report = world.arranged.report()
    assert (report["delivered_opened"], report["delivered_entered"], report["attendees_updated"]) == (1, 0, 0)
    assert report["answers_delivered"] == 1


def test_a_response_about_nothing_known_arrives_and_changes_nothing(world: World, meeting: Attendance) -> None:
    item = respond(world, meeting.organizer, "0" * 8, "somebody@example.net", Verdict.TENTATIVE)
    opened(world, item)
    assert item.message.message_class == "IPM.Schedule.Meeting.Resp.Tent"
    assert meeting.responses == []
    report = world.arranged.report()
    assert (report["delivered_opened"], report["delivered_entered"], report["attendees_updated"]) == (1, 0, 0)
    assert report["answers_delivered"] == 1


def test_a_response_in_the_wrong_mailbox_changes_nothing(world: World, meeting: Attendance) -> None:
    other = next(mailbox for mailbox in world.mailboxes if mailbox is not meeting.organizer)
    opened(world, respond(world, other, meeting.uid, invited(meeting).address, Verdict.ACCEPT))
    assert (invited(meeting).status, meeting.responses) == (5, [])


def test_what_is_seeded_is_the_same_but_for_the_organizers() -> None:
    worlds = [populate(3, Size(6, 10, 3, inside=share), date(2026, 3, 2)) for share in (0.0, 0.5)]
    plain, circled = ([(s.mailbox.name, s.kind, s.message) for s in world.seeded] for world in worlds)
    changed = 0
    for (name, kind, message), (other_name, other_kind, other) in zip(plain, circled, strict=True):
        assert (name, kind) == (other_name, other_kind)
        changed += message.sender != other.sender
        same_meeting = message.meeting and other.meeting and replace(other.meeting, organizer=message.meeting.organizer)
        assert replace(other, sender=message.sender, meeting=same_meeting) == message
    assert changed > 0
    assert not worlds[0].arranged.meetings
    assert all(meeting.organizer.folders[Role.INBOX].items for meeting in worlds[1].arranged.meetings.values())
