"""What a command does may show late, or never: it is not given again before it has settled, and nothing is guessed."""

from collections.abc import Iterator
from contextlib import suppress

import pytest

from rsvpq.mail.drafts import answered_request, unsent_answers
from rsvpq.mail.errors import Transient, Unknown, Unsettled
from rsvpq.mail.messages import MeetingMessage
from rsvpq.tasks.journal import Outcome
from rsvpq.webdav.mailbox import WebDavMailbox
from rsvpq.webdav.rows import href_of
from testbed.simulated_exchange import World
from tests.integration.test_answer import after
from tests.support.calendar_writer import Diary
from tests.support.cancellations import SECOND, WEEKLY, Attendee
from tests.support.crashing_worker import Worker
from tests.support.exchange_site import Site, inbox, requests_in, simulated_site

#: Longer than any test, so that nothing is repeated because a wait is over.
LONG_S = 3600.0


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Many small mailboxes."""
    sizes = World(mailboxes=80, requests=6, responses=3, seed=12)
    yield from simulated_site(tmp_path_factory.mktemp("late"), sizes)


@pytest.fixture
def site(world: Site) -> Site:
    """The world, with all switches at their defaults."""
    world.exchange.set_switches({name: one["default"] for name, one in world.exchange.ask("switches").items()})
    world.exchange.have_faults([])
    return world


def worker_at(site: Site, settle_s: float = LONG_S, **switches: object) -> tuple[WebDavMailbox, Worker]:
    """A worker with a request that wants a response, where the server has these habits."""
    box = site.take(fits=lambda box: len(unread(box)) > 1)
    site.exchange.set_switches(switches)
    return box, Worker(site, box, unread(box)[0], settle_s=settle_s)


def unread(box: WebDavMailbox) -> list[MeetingMessage]:
    """The requests that want a response, and that nobody has looked at."""
    return [one for one in requests_in(box) if not one.read]


def attempts(worker: Worker) -> Outcome:
    """As many attempts as it takes; the ledger would leave time between them."""
    while True:
        with suppress(Unsettled):
            return worker.run()


@pytest.mark.parametrize("fate", ["removed", "left", "deleted-items"])
@pytest.mark.parametrize("marks", ["nothing", "read", "processed"])
def test_a_draft_that_is_late_is_waited_for_and_the_command_is_given_once(site: Site, fate: str, marks: str) -> None:
    box, worker = worker_at(site, request_fate=fate, request_marks=marks, draft_delay_requests=12)
    assert attempts(worker).result == "answered"
    assert site.sent(box, worker.request) == (1, 1)
    assert unsent_answers(box) == []


@pytest.mark.parametrize("fate", ["removed", "left"])
def test_a_reply_that_never_comes_leads_to_no_second_command(site: Site, fate: str) -> None:
    box, worker = worker_at(site, request_fate=fate, draft_delay_requests=9)
    site.exchange.have_faults([{"step": "accept", "kind": "lost-reply", "rate": 1, "times": 1}])
    with pytest.raises(Unknown):
        worker.run()
    assert attempts(worker).result == "answered"
    assert site.sent(box, worker.request) == (1, 1)


def test_waiting_is_reported_with_the_time_to_come_again(site: Site) -> None:
    _, worker = worker_at(site, settle_s=100, draft_delay_requests=500)
    with pytest.raises(Unsettled, match="does not show yet") as waiting:
        worker.run()
    assert 1 <= waiting.value.delay_s <= 100


def test_a_command_that_did_nothing_is_given_again_once_it_has_settled(site: Site) -> None:
    box, worker = worker_at(site, settle_s=0)
    worker.dies(after("intend accept"))
    assert site.sent(box, worker.request) == (0, 0)
    assert worker.run().result == "answered"
    assert worker.steps["accept"]["times"] == 2
    assert site.sent(box, worker.request) == (1, 1)


def test_a_command_that_did_nothing_is_not_given_again_before(site: Site) -> None:
    box, worker = worker_at(site)
    worker.dies(after("intend accept"))
    for _ in range(3):
        with pytest.raises(Unsettled):
            worker.run()
    assert site.sent(box, worker.request) == (0, 0)


def test_a_command_that_does_nothing_however_often_it_is_given_costs_attempts(site: Site) -> None:
    box, worker = worker_at(site, settle_s=0, command_answer="denied")
    for _ in range(3):
        with pytest.raises(Transient, match="changed nothing"):
            worker.run()
    assert site.sent(box, worker.request) == (0, 0)


def test_a_command_of_which_nobody_hears_and_nothing_shows_costs_attempts_too(site: Site) -> None:
    def unheard(box: WebDavMailbox) -> list[MeetingMessage]:
        return [one for one in requests_in(box, wanted=False) if not one.read]

    box = site.take(fits=lambda box: bool(unheard(box)))
    site.exchange.set_switches({"request_fate": "left", "request_marks": "read", "calendar_item": "never"})
    worker = Worker(site, box, unheard(box)[0], settle_s=LONG_S)
    with pytest.raises(Unsettled):
        worker.run()
    for times in (2, 3):
        worker.ahead_s += LONG_S
        with pytest.raises(Transient, match="changed nothing"):
            worker.run()
        assert worker.steps["accept"]["times"] == times


def test_the_series_in_the_calendar_does_not_show_that_an_occurrence_was_accepted(site: Site) -> None:
    attendee = Attendee(Diary(site, site.take()))
    attendee.accepts(rule=WEEKLY)
    worker = Worker(site, attendee.box, attendee.is_invited(SECOND, wanted=False))
    worker.dies(after("intend accept"))
    assert worker.run().result == "accepted"
    assert worker.steps["accept"]["times"] == 2


def test_a_clock_that_is_set_back_makes_nobody_wait_until_it_is_where_it_was(site: Site) -> None:
    box, worker = worker_at(site)
    worker.dies(after("intend accept"))
    worker.ahead_s -= 100 * LONG_S
    for _ in range(2):
        with pytest.raises(Unsettled):
            worker.run()
    assert site.sent(box, worker.request) == (0, 0)
    worker.ahead_s += LONG_S
    assert worker.run().result == "answered"
    assert site.sent(box, worker.request) == (1, 1)


@pytest.mark.parametrize(("marks", "shown"), [("processed", "processed"), ("read", "read since")])
def test_a_request_that_shows_the_command_is_never_commanded_again(site: Site, marks: str, shown: str) -> None:
    box, worker = worker_at(site, settle_s=0, request_fate="left", request_marks=marks, draft="none")
    for _ in range(2):
        with pytest.raises(Unknown, match=f"the request is {shown}, and there is no draft"):
            worker.run()
    assert site.sent(box, worker.request) == (1, 0)


def test_two_drafts_of_two_commands_are_both_ours_one_is_sent_and_one_thrown_away(site: Site) -> None:
    box, worker = worker_at(site, settle_s=0, request_fate="left", request_marks="nothing")
    worker.dies(after("GET accept"))
    (draft,) = unsent_answers(box)
    site.copy(href_of(draft), href_of(draft).removesuffix(".EML") + "-9.EML")
    worker.steps["accept"]["times"] = 2
    assert worker.run().result == "answered"
    assert site.recorded(box, worker.request)["submitted"] == 1
    assert unsent_answers(box) == []


# -- drafts that say nothing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["same-name", "verdict", "localized"])
@pytest.mark.parametrize("answer", ["page", "redirect", "closing"])
def test_the_only_new_draft_without_a_name_is_ours(site: Site, name: str, answer: str) -> None:
    box, worker = worker_at(site, draft=name, draft_uid=False, draft_subject=False, command_answer=answer)
    assert attempts(worker).result == "answered"
    assert site.sent(box, worker.request) == (1, 1)


def test_a_persons_draft_without_a_name_is_not_sent(site: Site) -> None:
    box, worker = worker_at(site, draft_uid=False, draft_subject=False, request_fate="left")
    theirs = next(one for one in requests_in(box) if one.ref.key != worker.request.ref.key)
    assert site.raw("GET", href_of(theirs) + "?Cmd=accept").status_code == 200
    (draft,) = unsent_answers(box)
    assert attempts(worker).result == "answered"
    assert [one.ref.key for one in unsent_answers(box)] == [draft.ref.key]
    assert site.sent(box, theirs) == (1, 0)


# -- somebody was quicker ------------------------------------------------------------------------------------------


def somebody(site: Site, does: str) -> None:
    """What somebody does right before our command."""
    site.exchange.have_faults([{"step": "accept", "kind": does, "rate": 1, "times": 1}])


def test_a_request_that_a_person_answered_right_before_the_command_is_gone(site: Site) -> None:
    box, worker = worker_at(site)
    somebody(site, "answered-by-hand")
    outcome = worker.run()
    assert outcome.result == "gone"
    assert outcome.note.startswith("somebody else answered it first (")
    assert site.sent(box, worker.request) == (1, 1)  # theirs
    assert unsent_answers(box) == []


def test_folders_that_are_renamed_right_before_the_command_are_found_again(site: Site) -> None:
    box, worker = worker_at(site)
    somebody(site, "folders-renamed")
    assert worker.run().result == "answered"
    assert site.sent(box, worker.request) == (1, 1)


def test_a_request_that_a_person_reads_meanwhile_is_answered_all_the_same(site: Site) -> None:
    box, worker = worker_at(site)
    somebody(site, "read-by-hand")
    assert worker.run().result == "answered"
    assert site.sent(box, worker.request) == (1, 1)


def test_what_a_person_did_to_a_request_that_we_came_too_late_for_is_not_taken_for_ours(site: Site) -> None:
    """They answer in Outlook Web Access between our marker and our command, and have not sent it yet."""
    box, worker = worker_at(site, request_fate="deleted-items")
    worker.meanwhile[after("PROPPATCH request")] = lambda: site.raw("GET", href_of(worker.request) + "?Cmd=accept")
    assert worker.run().result == "gone"
    (theirs,) = unsent_answers(box)
    assert answered_request(theirs, box) == ""
    assert site.recorded(box, worker.request)["submitted"] == 0


# -- the loss of Redis, with the request left behind ---------------------------------------------------------------


@pytest.mark.parametrize("marks", ["nothing", "read", "processed"])
@pytest.mark.parametrize("event", ["PROPPATCH request", "GET accept", "PROPPATCH draft", "MOVE draft"])
def test_whatever_the_server_marks_what_was_begun_is_finished_when_redis_is_lost(
    site: Site, marks: str, event: str
) -> None:
    box, worker = worker_at(site, settle_s=0, request_fate="left", request_marks=marks)
    worker.dies(after(event))
    worker.steps.clear()
    assert attempts(worker).result == "answered"
    assert site.sent(box, worker.request) == (1, 1)
    assert unsent_answers(box) == []


@pytest.mark.parametrize("skew", [-7200, 7200])
@pytest.mark.parametrize("fate", ["left", "deleted-items"])
def test_an_unmarked_draft_is_known_as_ours_whatever_the_clock_of_the_server_says(
    site: Site, fate: str, skew: int
) -> None:
    box, worker = worker_at(site, request_fate=fate, clock_skew_s=skew)
    worker.dies(after("GET accept"))
    (draft,) = unsent_answers(box)
    assert (draft.answers, answered_request(draft, box)) == ("", worker.request.ref.key)


def test_a_request_that_was_finished_says_so(site: Site) -> None:
    box, worker = worker_at(site, request_fate="left")
    attempts(worker)
    (left,) = [one for one in inbox(box) if one.ref.key == worker.request.ref.key]
    intent = left.intent
    assert intent is not None
    assert (intent.finished, intent.identity, left.processed) == (True, worker.request.ref.key, True)
