"""A cancellation takes out of the attendee's calendar what is certainly meant, and nothing else.

What a message or the calendar does not show is not known: then nothing is removed, and a person is told why.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from rsvpq.mail.messages import MeetingMessage
from rsvpq.policy import Action, Facts, Policy
from rsvpq.policy.gather import decide_knowing
from rsvpq.tasks.journal import Journal, Outcome, Paused
from rsvpq.webdav.rows import href_of
from testbed.simulated_exchange import World
from tests.support.calendar_writer import Diary
from tests.support.cancellations import FIRST, MALLORY, NORA, SECOND, WEEKLY, Attendee
from tests.support.exchange_site import Site, always, box_name, lenient, simulated_site
from tests.support.work import Decide, work_on
from workers.answer import answer
from workers.cancel import process_cancellation

DEFAULTS = {
    "instance_types": "all",
    "organizers": "smtp",
    "occurrence_uid": "clean",
    "calendar_twin": "replaced",
    "calendar_access": "full",
    "row_error": "none",
}
SERIES = ["06-03", "06-10", "06-17"]
POLICY = replace(lenient(), cancellations="process", internal_domains=("example.com",))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Mailboxes with empty calendars."""
    world = World(mailboxes=110, requests=3, responses=2, seed=8)
    yield from simulated_site(tmp_path_factory.mktemp("canceled"), world, "--inside", "0")


@pytest.fixture
def attendee(site: Site) -> Iterator[Attendee]:
    """Somebody whose mailbox no other test has."""
    diary = Diary(site, site.take())
    yield Attendee(diary)
    diary.turn(**DEFAULTS)


def journal(answer: str = "ok") -> Journal:
    """A journal whose ledger gives this answer."""
    return Journal({}, lambda *_: answer)  # type: ignore[arg-type]


def by_policy(attendee: Attendee, policy: Policy = POLICY) -> Decide:
    """Decide as a worker does."""
    return lambda message: decide_knowing(policy, message, attendee.box, Facts(box_name(attendee.box)))


def carried_out(attendee: Attendee, message: MeetingMessage, policy: Policy = POLICY) -> Outcome:
    """Work on a cancellation."""
    return process_cancellation(work_on(message, attendee.box, by_policy(attendee, policy), journal()))


def is_left(attendee: Attendee, message: MeetingMessage, policy: Policy = POLICY) -> str:
    """Why it is left to a person: nothing was done to the calendar, and the message is where it was."""
    before = attendee.days()
    outcome = carried_out(attendee, message, policy)
    assert (outcome.result, outcome.left_alone) == ("left", True), outcome
    assert attendee.days() == before
    assert attendee.box.holds(message)
    return outcome.note


def is_done(attendee: Attendee, message: MeetingMessage, policy: Policy = POLICY) -> list[str]:
    """What the calendar has left once it was carried out, and the message is gone."""
    outcome = carried_out(attendee, message, policy)
    assert outcome == Outcome("processed"), outcome
    assert not attendee.box.holds(message)
    return attendee.days()


# -- a single meeting ----------------------------------------------------------------------------------------------


def test_a_single_meeting_is_taken_out(attendee: Attendee) -> None:
    attendee.accepts()
    assert attendee.days() == ["06-03"]
    assert is_done(attendee, attendee.gets_cancellation()) == []


def test_doing_it_again_does_nothing_more(attendee: Attendee) -> None:
    attendee.accepts()
    message = attendee.gets_cancellation()
    is_done(attendee, message)
    assert carried_out(attendee, message).result == "gone"


def test_a_worker_that_died_in_between_is_followed_by_one_that_finishes(attendee: Attendee) -> None:
    attendee.accepts()
    message = attendee.gets_cancellation()
    found = attendee.box.appointments(message.uid)
    assert isinstance(found, list)
    found = attendee.box.appointments(message.uid)
    assert isinstance(found, list)
    attendee.box.remove_appointment(found[0])
    outcome = carried_out(attendee, message)
    assert (outcome.result, outcome.note) == ("processed", "the calendar has no such meeting")
    assert not attendee.box.holds(message)


@pytest.mark.parametrize("action", [Action.KEEP, Action.HOLD, Action.SKIP])
def test_what_is_decided_otherwise_stays(attendee: Attendee, action: Action) -> None:
    attendee.accepts()
    message = attendee.gets_cancellation()
    outcome = process_cancellation(work_on(message, attendee.box, always(action), journal()))
    assert (outcome.result, outcome.left_alone) == ("left", True)
    assert attendee.box.holds(message)
    assert attendee.days() == ["06-03"]


def test_a_pause_stops_it_before_anything_is_done(attendee: Attendee) -> None:
    attendee.accepts()
    message = attendee.gets_cancellation()
    with pytest.raises(Paused):
        process_cancellation(work_on(message, attendee.box, by_policy(attendee), journal("held")))
    assert attendee.box.holds(message)
    assert attendee.days() == ["06-03"]


def test_of_several_appointments_none_is_taken_out(attendee: Attendee) -> None:
    attendee.diary.turn(calendar_twin="kept")
    attendee.accepts()
    attendee.accepts(sequence=2)
    assert "2 appointments" in is_left(attendee, attendee.gets_cancellation(sequence=3))


# -- a series ------------------------------------------------------------------------------------------------------


def test_a_series_is_taken_out_by_what_shows_that_all_of_it_is_off(attendee: Attendee) -> None:
    attendee.accepts(rule=WEEKLY)
    assert attendee.days() == SERIES
    assert is_done(attendee, attendee.gets_cancellation(rule=WEEKLY)) == []


@pytest.mark.parametrize("shown", ["in-calendars", "none"])
def test_a_series_stays_where_the_message_does_not_show_that_all_of_it_is_off(attendee: Attendee, shown: str) -> None:
    attendee.diary.turn(instance_types=shown)
    attendee.accepts(rule=WEEKLY)
    assert "series" in is_left(attendee, attendee.gets_cancellation(rule=WEEKLY))


def test_a_series_stays_where_the_message_is_about_a_single_meeting(attendee: Attendee) -> None:
    attendee.accepts(rule=WEEKLY)
    assert "series" in is_left(attendee, attendee.gets_cancellation())


def test_a_single_meeting_needs_no_message_that_says_that_it_is_one(attendee: Attendee) -> None:
    attendee.diary.turn(instance_types="in-calendars")
    attendee.accepts()
    assert is_done(attendee, attendee.gets_cancellation()) == []


def test_where_nothing_tells_a_meeting_from_a_series_it_stays(attendee: Attendee) -> None:
    attendee.diary.turn(instance_types="none")
    attendee.accepts()
    assert "series" in is_left(attendee, attendee.gets_cancellation())


# -- one occurrence ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("uid", ["clean", "dated"])
@pytest.mark.parametrize("shown", ["all", "none"])
def test_of_single_occurrences_only_the_one_that_is_off_is_taken_out(attendee: Attendee, uid: str, shown: str) -> None:
    attendee.diary.turn(occurrence_uid=uid, instance_types=shown)
    attendee.accepts(FIRST)
    attendee.accepts(SECOND)
    assert is_done(attendee, attendee.gets_cancellation(SECOND)) == ["06-03"]


@pytest.mark.parametrize("uid", ["clean", "dated"])
@pytest.mark.parametrize("shown", ["all", "none"])
def test_an_occurrence_inside_a_series_is_left_to_a_person(attendee: Attendee, uid: str, shown: str) -> None:
    attendee.diary.turn(occurrence_uid=uid)
    attendee.accepts(rule=WEEKLY)
    attendee.diary.turn(instance_types=shown)
    assert "one occurrence" in is_left(attendee, attendee.gets_cancellation(SECOND))
    assert attendee.days() == SERIES


def test_an_occurrence_that_the_calendar_does_not_have_takes_no_other_one_with_it(attendee: Attendee) -> None:
    attendee.accepts(FIRST)
    outcome = carried_out(attendee, attendee.gets_cancellation(SECOND))
    assert (outcome.result, outcome.note) == ("processed", "the calendar has no such meeting")
    assert attendee.days() == ["06-03"]


def test_single_occurrences_stay_where_their_whole_series_is_off(attendee: Attendee) -> None:
    attendee.accepts(FIRST)
    assert "occurrence" in is_left(attendee, attendee.gets_cancellation(rule=WEEKLY))


# -- editions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("original", ["", SECOND])
def test_a_cancellation_that_is_older_than_the_appointment_is_not_carried_out(
    attendee: Attendee, original: str
) -> None:
    attendee.accepts(original, sequence=3)
    message = attendee.gets_cancellation(original)
    assert "out-of-date" in is_left(attendee, message)
    outcome = process_cancellation(work_on(message, attendee.box, always(Action.PROCESS), journal()))
    assert (outcome.result, outcome.note) == ("left", "the calendar has a newer edition of this meeting")
    assert len(attendee.days()) == 1


def test_a_cancellation_that_shows_no_edition_is_not_carried_out(site: Site, attendee: Attendee) -> None:
    attendee.accepts()
    message = attendee.gets_cancellation()
    body = (
        '<D:propertyupdate xmlns:D="DAV:" xmlns:c="urn:schemas:calendar:"><D:remove><D:prop>'
        "<c:sequence/><c:dtstamp/></D:prop></D:remove></D:propertyupdate>"
    )
    assert site.raw("PROPPATCH", href_of(message), body=body, Content_Type="text/xml").status_code == 207
    assert "newer" in is_left(attendee, replace(message, sequence=None, stamp=None))


# -- who sent it ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["", WEEKLY])
def test_what_another_one_cancels_stays(attendee: Attendee, kind: str) -> None:
    attendee.accepts(rule=kind)
    assert "other-organizer" in is_left(attendee, attendee.gets_cancellation(rule=kind, organizer=MALLORY))


def test_what_another_one_cancels_in_the_name_of_the_organizer_stays(attendee: Attendee) -> None:
    attendee.accepts()
    assert "other-organizer" in is_left(attendee, attendee.gets_cancellation(organizer=NORA, sender=MALLORY))


@pytest.mark.parametrize("spelling", ["smtp", "x500", "x500-in-calendars"])
def test_nobody_from_outside_cancels_on_behalf_of_the_organizer(attendee: Attendee, spelling: str) -> None:
    attendee.diary.turn(organizers=spelling)
    attendee.accepts()
    message = attendee.gets_cancellation(organizer=NORA, sender=NORA, sent_by="mallory@evil.example")
    assert "other-organizer" in is_left(attendee, message)


def test_who_sends_for_the_organizer_cancels_for_him(attendee: Attendee) -> None:
    attendee.accepts()
    message = attendee.gets_cancellation(organizer=NORA, sender=NORA, sent_by="secretary@example.com")
    assert is_done(attendee, message) == []


@pytest.mark.parametrize("spelling", ["smtp", "x500", "x500-in-calendars"])
def test_the_organizer_may_be_spelled_in_two_ways(attendee: Attendee, spelling: str) -> None:
    attendee.diary.turn(organizers=spelling)
    attendee.accepts()
    assert is_done(attendee, attendee.gets_cancellation(organizer=NORA.upper())) == []


@pytest.mark.parametrize("spelling", ["smtp", "x500", "x500-in-calendars"])
def test_another_one_is_another_one_in_every_spelling(attendee: Attendee, spelling: str) -> None:
    attendee.diary.turn(organizers=spelling)
    attendee.accepts()
    assert "other-organizer" in is_left(attendee, attendee.gets_cancellation(organizer=MALLORY))


def test_half_an_address_makes_nobody_from_outside_the_organizer(attendee: Attendee) -> None:
    attendee.diary.turn(organizers="x500-in-calendars")
    attendee.accepts()
    assert "other-organizer" in is_left(attendee, attendee.gets_cancellation(organizer="nora@evil.example"))


@pytest.mark.parametrize("shown", ["not-in-calendars", "none"])
def test_a_meeting_stays_where_nobody_can_tell_whose_it_is(attendee: Attendee, shown: str) -> None:
    attendee.diary.turn(organizers=shown)
    attendee.accepts()
    assert "other-organizer" in is_left(attendee, attendee.gets_cancellation())


@pytest.mark.parametrize(
    ("shown", "organizer", "result"),
    [
        ("smtp", NORA, "answered"),
        ("x500", NORA, "answered"),
        ("x500-in-calendars", NORA, "answered"),
        ("not-in-calendars", NORA, "answered"),
        ("none", NORA, "answered"),
        ("smtp", MALLORY, "left"),
        ("x500", MALLORY, "left"),
    ],
)
def test_an_update_is_answered_unless_it_is_certainly_from_another_one(
    attendee: Attendee, shown: str, organizer: str, result: str
) -> None:
    attendee.diary.turn(organizers=shown)
    attendee.accepts()
    update = attendee.is_invited(sequence=2, organizer=organizer)
    outcome = answer(work_on(update, attendee.box, by_policy(attendee), Journal({}, lambda *_: "ok"), update.ref.key))
    assert outcome.result == result, outcome
    assert ("other-organizer" in outcome.note) is (result == "left")


# -- calendars that cannot be read ---------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["401", "403", "404"])
@pytest.mark.parametrize("policy", [POLICY, replace(POLICY, unknown_calendar="hold")], ids=["rules", "hold"])
def test_nothing_is_done_where_the_calendar_cannot_be_read(attendee: Attendee, status: str, policy: Policy) -> None:
    attendee.accepts()
    message = attendee.gets_cancellation()
    attendee.diary.turn(calendar_access=status)
    outcome = carried_out(attendee, message, policy)
    assert (outcome.result, outcome.left_alone) == ("left", True)
    attendee.diary.turn(calendar_access="full")
    assert (attendee.days(), attendee.box.holds(message)) == (["06-03"], True)


def test_nothing_is_done_where_the_calendar_may_not_be_seen(attendee: Attendee) -> None:
    message = attendee.gets_cancellation()
    attendee.box.folders = replace(attendee.box.folders, calendar="")
    outcome = carried_out(attendee, message)
    assert (outcome.result, outcome.note) == ("left", "the account may not see the calendar")
    assert attendee.box.holds(message)


@pytest.mark.parametrize("uid", ["%", "04000000%", "a' OR '1' = '1"])
def test_a_uid_that_is_a_pattern_is_of_no_meeting(attendee: Attendee, uid: str) -> None:
    """Of text that ends with a percent sign the search finds all that begins so, as DavMail uses it."""
    attendee.accepts()
    outcome = carried_out(attendee, attendee.gets_cancellation(uid=uid))
    assert (outcome.result, outcome.note) == ("processed", "the calendar has no such meeting")
    assert attendee.days() == ["06-03"]
