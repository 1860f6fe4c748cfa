"""The mail that can be added to a simulated world: what is in it, and that it alters nothing else."""

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from simulator.mime.writer import rfc822
from simulator.oracle.summary import is_forbidden, request_states
from simulator.population.ambiguous_mail import add_ambiguous_mail
from simulator.population.appointments import fill_calendars
from simulator.population.forbidden_mail import add_forbidden
from simulator.population.mailbox_filler import Schedules
from simulator.population.populate import Size, populate
from simulator.world.booking import is_about
from simulator.world.languages import Role
from simulator.world.mailboxes import Item, Mailbox
from simulator.world.messages import Meeting
from simulator.world.series import instances
from simulator.world.state import Seeded, World
from simulator.world.tally import Action, Kind
from testbed.simulated_exchange import World as Asked

SIZE = Size(mailboxes=12, requests=6, responses=3, servers=2)
TODAY = date(2026, 3, 2)
MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)


def made(*, occurrences: int = 0, copies: int = 0, updates: int = 0, forbidden: int = 0, calendar: int = 0) -> World:
    world = populate(3, SIZE, TODAY)
    fill_calendars(world, 3, calendar)
    diaries = Schedules(world)
    add_ambiguous_mail(world, 3, diaries, occurrences=occurrences, copies=copies, updates=updates)
    add_forbidden(world, 3, diaries, forbidden)
    return world


def meeting(one: Seeded | Item) -> Meeting:
    assert one.message.meeting is not None
    return one.message.meeting


def added(world: World) -> list[Seeded]:
    return world.seeded[len(populate(3, SIZE, TODAY).seeded) :]


def by_meeting(seeded: list[Seeded], kind: Kind = Kind.REQUEST) -> list[list[Seeded]]:
    groups: defaultdict[tuple[str, str], list[Seeded]] = defaultdict(list)
    for one in seeded:
        if one.kind is kind:
            groups[one.mailbox.name, meeting(one).uid].append(one)
    return list(groups.values())


def booked(mailbox: Mailbox, uid: str) -> list[Meeting]:
    return [meeting(item) for item in mailbox.folders[Role.CALENDAR].items.values() if is_about(item, uid)]


def test_without_situations_a_seed_makes_the_world_that_it_always_made() -> None:
    plain, rich = populate(3, SIZE, TODAY), made(occurrences=3, copies=2, updates=2)
    assert [one.message for one in rich.seeded[: len(plain.seeded)]] == [one.message for one in plain.seeded]
    assert [one.message for one in made().seeded] == [one.message for one in plain.seeded]
    assert len(added(rich)) > 60


def test_situations_are_the_same_every_time() -> None:
    both = [made(occurrences=3, copies=2, updates=2, forbidden=7, calendar=4) for _ in range(2)]
    assert [one.message for one in both[0].seeded] == [one.message for one in both[1].seeded]


def test_empty_mailboxes_stay_empty() -> None:
    world = made(occurrences=1, copies=1, updates=1, forbidden=1)
    assert not [one for one in world.seeded if one.mailbox is world.mailboxes[7]]


def test_two_moved_occurrences_have_one_uid_and_one_sequence() -> None:
    world = made(occurrences=3)
    pairs = [group for group in by_meeting(added(world)) if len(group) == 2 and not any(one.why for one in group)]
    assert len(pairs) == 11
    for one, other in pairs:
        assert meeting(one).sequence == meeting(other).sequence == 1
        assert meeting(one).recurrence_id != meeting(other).recurrence_id
        assert one.edition != other.edition
        assert meeting(one).instance_type == 3
        assert all(b"RECURRENCE-ID:" in rfc822(world, item) for item in items_of(one, other))


def items_of(*seeded: Seeded) -> list[Item]:
    tallies = {id(one.tally) for one in seeded}
    inboxes = {one.mailbox.folders[Role.INBOX] for one in seeded}
    return [item for inbox in inboxes for item in inbox.items.values() if id(item.tally) in tallies]


def test_some_who_are_asked_about_moved_occurrences_have_the_series_and_some_have_not() -> None:
    world = made(occurrences=3)
    pairs = [group for group in by_meeting(added(world)) if len(group) == 2 and not any(one.why for one in group)]
    have = [bool(booked(one.mailbox, meeting(one).uid)) for one, _ in pairs]
    assert {True, False} == set(have)


def test_the_organizer_of_moved_occurrences_can_live_here() -> None:
    world = made(occurrences=3)
    here = [attendance for key, attendance in world.arranged.meetings.items() if key[1] is not None]
    assert here
    for attendance in here:
        (series,) = booked(attendance.organizer, attendance.uid)
        starts = {one.recurrence_id: one for one in instances(series, MIDNIGHT, MIDNIGHT + timedelta(days=300))}
        assert starts[attendance.recurrence_id].instance_type == 3


def test_a_first_invitation_to_one_occurrence_comes_after_another_was_accepted_in_a_later_edition() -> None:
    world = made(occurrences=3)
    alone = [group[0] for group in by_meeting(added(world)) if len(group) == 1]
    assert len(alone) == 11
    for one in alone:
        (other,) = booked(one.mailbox, meeting(one).uid)
        assert other.recurrence_id not in {None, meeting(one).recurrence_id}
        assert other.sequence > meeting(one).sequence


def test_a_canceled_occurrence_must_not_be_answered_and_the_next_one_must() -> None:
    world = made(occurrences=3)
    cancellations = [one for one in added(world) if one.kind is Kind.CANCELLATION]
    assert len(cancellations) == 11
    for canceled in cancellations:
        about = [one for one in added(world) if one.mailbox is canceled.mailbox and one.kind is Kind.REQUEST]
        about = [one for one in about if meeting(one).uid == meeting(canceled).uid]
        update, new = about
        assert (update.why, meeting(update).recurrence_id) == ("canceled", meeting(canceled).recurrence_id)
        assert (new.why, meeting(new).recurrence_id == meeting(canceled).recurrence_id) == ("", False)
        assert len(booked(canceled.mailbox, meeting(canceled).uid)) == 2


def test_copies_are_one_edition_at_two_places() -> None:
    world = made(copies=2)
    for one, copy in by_meeting(added(world)):
        assert one.edition == copy.edition
        assert one.message.recipient != copy.message.recipient
        assert len({item.serial for item in items_of(one, copy)}) == 2
    counted = request_states(world.seeded)
    assert len(counted) == sum(one.kind is Kind.REQUEST for one in world.seeded) - 22


def test_an_update_moves_a_meeting_from_a_free_hour_into_a_clash() -> None:
    world = made(updates=2, calendar=10)
    pairs = [group for group in by_meeting(added(world)) if meeting(group[0]).rrule is None]
    assert len(pairs) == 11
    for old, new in pairs:
        assert [(one.outdated, one.why, meeting(one).sequence) for one in (old, new)] == [
            (True, "outdated", 0),
            (False, "", 1),
        ]
        assert [clashes(one) for one in (old, new)] == [False, True]


def clashes(one: Seeded) -> bool:
    start, end = meeting(one).start, meeting(one).end
    for item in one.mailbox.folders[Role.CALENDAR].items.values():
        other = meeting(item)
        found = instances(other, start, end) if other.rrule else [other]
        if any(each.start < end and start < each.end for each in found):
            return True
    return False


def test_a_superseded_series_must_not_be_answered() -> None:
    for old, new in [group for group in by_meeting(added(made(updates=2))) if meeting(group[0]).rrule]:
        assert meeting(new).rrule == meeting(old).rrule
        assert (old.outdated, new.outdated, meeting(old).sequence, meeting(new).sequence) == (True, False, 0, 1)


def test_of_what_the_population_made_a_superseded_series_is_outdated_too() -> None:
    world = populate(1, Size(mailboxes=20, requests=150, responses=1), TODAY)
    series = [group for group in by_meeting(world.seeded) if meeting(group[0]).rrule and len(group) > 1]
    assert series
    for group in series:
        newest = max(meeting(one).sequence for one in group)
        assert [one.outdated for one in group].count(False) == 1
        assert not any(one.outdated and meeting(one).sequence == newest for one in group[-1:])


REASONS = {"private", "external", "delegate", "too-old", "past", "outdated", "draft"}


def test_every_reason_for_leaving_a_message_alone_is_there() -> None:
    world = made(forbidden=7)
    for mailbox in world.mailboxes:
        if mailbox.folders[Role.INBOX].items:
            assert {one.why for one in added(world) if one.mailbox is mailbox} == REASONS


def test_what_the_population_made_is_judged_by_the_same_care() -> None:
    world = made(forbidden=1)
    for one in world.seeded[: len(populate(3, SIZE, TODAY).seeded)]:
        if one.kind is not Kind.REQUEST or one.outdated:
            continue
        inside = meeting(one).organizer.address.endswith("@example.com")
        refused = one.message.private or bool(one.message.received_for) or not inside
        over = meeting(one).rrule is None and meeting(one).end <= MIDNIGHT
        over = over or (meeting(one).rrule == "FREQ=DAILY;COUNT=5" and meeting(one).end <= MIDNIGHT - timedelta(days=4))
        assert bool(one.why) == (refused or over), one


def test_no_meeting_ends_while_clients_work() -> None:
    for one in made(forbidden=1).seeded:
        if one.kind is Kind.REQUEST and meeting(one).rrule is None:
            assert not -timedelta(days=1) < meeting(one).end - MIDNIGHT < timedelta(days=2)


def test_a_draft_of_a_person_has_the_name_of_a_request_and_answers_another_meeting() -> None:
    world = made(forbidden=7)
    drafts = [item for mailbox in world.mailboxes for item in mailbox.folders[Role.DRAFTS].items.values()]
    assert len(drafts) == 11
    for draft in drafts:
        inbox = draft.mailbox.folders[Role.INBOX].items
        assert draft.name.casefold() in inbox
        assert not any(is_about(item, meeting(draft).uid) for item in inbox.values())


@pytest.mark.parametrize("action", [Action.ACCEPTED, Action.DECLINED, Action.TENTATIVE])
def test_an_answer_to_what_must_not_be_answered_is_forbidden(action: Action) -> None:
    world = made(forbidden=7)
    for one in world.seeded:
        if one.kind is Kind.REQUEST:
            one.tally.record(action)
            assert is_forbidden(one) is bool(one.why)


@pytest.mark.parametrize("action", [Action.SUBMITTED, Action.MOVED, Action.DELETED])
def test_a_draft_of_a_person_is_neither_sent_nor_put_away(action: Action) -> None:
    (one, *_) = [one for one in made(forbidden=7).seeded if one.kind is Kind.DRAFT]
    assert not is_forbidden(one)
    one.tally.record(action)
    assert is_forbidden(one)


def states(*actions: tuple[Action, ...], why: str = "") -> str:
    """What became of the edition whose copies met these fates."""
    world = made(copies=1)
    copies = by_meeting(added(world))[0]
    for one, done in zip(copies, actions, strict=True):
        one.why, one.outdated = why, why == "outdated"
        for action in done:
            one.tally.record(action)
    return request_states(copies)[copies[0].mailbox, copies[0].edition]


@pytest.mark.parametrize(
    ("first", "second", "state"),
    [
        ((), (), "waiting"),
        ((Action.ACCEPTED, Action.SUBMITTED), (), "answered_once"),
        ((), (Action.DECLINED, Action.SUBMITTED), "answered_once"),
        ((Action.ACCEPTED,), (), "accepted_unsent"),
        ((Action.DECLINED, Action.SUBMITTED), (Action.DECLINED, Action.SUBMITTED), "answered_twice"),
        ((Action.ACCEPTED, Action.SUBMITTED), (Action.ACCEPTED,), "answered_twice"),
        ((Action.TAKEN,), (), "taken_away"),
        ((Action.REFUSED,), (Action.REFUSED,), "refused"),
        ((Action.REFUSED,), (), "waiting"),
        ((Action.REFUSED,), (Action.ACCEPTED, Action.SUBMITTED), "answered_once"),
    ],
)
def test_copies_are_judged_together(first: tuple[Action, ...], second: tuple[Action, ...], state: str) -> None:
    assert states(first, second) == state


@pytest.mark.parametrize(("why", "state"), [("outdated", "outdated"), ("private", "left_alone")])
def test_what_is_rightly_left_alone_is_not_waiting(why: str, state: str) -> None:
    assert states((), (), why=why) == state


def test_an_edition_is_recognized_by_meeting_occurrence_sequence_and_stamp() -> None:
    one = by_meeting(added(made(copies=1)))[0][0]
    others = [
        replace(meeting(one), uid="other"),
        replace(meeting(one), recurrence_id=MIDNIGHT),
        replace(meeting(one), sequence=9),
        replace(meeting(one), stamp=MIDNIGHT),
    ]
    editions = {one.edition} | {
        Seeded(one.mailbox, one.kind, replace(one.message, meeting=other), one.tally).edition for other in others
    }
    assert len(editions) == 5
    moved = replace(meeting(one), start=meeting(one).start + timedelta(hours=1))
    assert Seeded(one.mailbox, one.kind, replace(one.message, meeting=moved), one.tally).edition == one.edition


def test_the_test_bed_asks_for_situations() -> None:
    asked = Asked(copies=2, forbidden=1).arguments()
    assert asked[asked.index("--copies") :] == ["--copies", "2", "--forbidden", "1"]
    assert not {"--copies", "--forbidden"} & set(Asked().arguments())
