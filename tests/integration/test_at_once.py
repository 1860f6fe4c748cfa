"""Answering in one step by Exchange Web Services: each request is answered once, whatever dies in between."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from rsvpq.ews import properties
from rsvpq.ews.calls import Calls
from rsvpq.ews.envelope import ItemId
from rsvpq.ews.mailbox import EwsMailbox
from rsvpq.ews.search import read_items
from rsvpq.mail.errors import Busy, ExchangeError, Refused, Transient, Unknown, Unsettled
from rsvpq.mail.messages import Kind, MeetingMessage, Verdict
from rsvpq.mail.ports import Clear, Place
from rsvpq.policy import Action, Decision, Facts, Left, Reason
from rsvpq.policy.gather import decide_knowing
from rsvpq.tasks.journal import Outcome, Paused
from testbed.fork_server import fork_server
from testbed.simulated_exchange import SimulatedExchange, World
from tests.support.crashing_worker import Died
from tests.support.ews_site import EwsSite, EwsWorker, inbox, requests_in
from tests.support.exchange_site import PASSWORD, always, lenient
from tests.support.work import Decide
from workers.at_once import GivenAnswer
from workers.steps import Command

#: What happens while one request is answered without trouble: requests to the server, and steps written.
STRAIGHT_PATH = ["GetItem", "intend accept", "UpdateItem", "CreateItem", "note sent"]
#: At least as many as an attempt has that finishes what an earlier one began.
LONGEST = 13
SETTLE_S = 120.0
points = pytest.mark.parametrize("point", range(1, len(STRAIGHT_PATH) + 1))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EwsSite]:
    """A simulator for the tests of this module."""
    world = World(mailboxes=160, requests=8, responses=3, deep=330, seed=5)
    exchange = SimulatedExchange(tmp_path_factory.mktemp("exchange"), world, PASSWORD, forks=fork_server())
    try:
        yield EwsSite(exchange)
    finally:
        exchange.part.end()


@pytest.fixture
def address(site: EwsSite) -> str:
    """A mailbox of the test's own."""
    return site.take(lambda box: len(requests_in(box)) > 1)


@pytest.fixture
def worker(site: EwsSite, address: str) -> EwsWorker:
    """A worker with a request that wants a response."""
    return worker_at(site, address)


def worker_at(site: EwsSite, address: str, settle_s: float = 0) -> EwsWorker:
    """A worker with the oldest request that wants a response."""
    return EwsWorker(site, address, requests_in(site.box(address))[0], settle_s)


def waits(worker: EwsWorker) -> float:
    """Run an attempt that has to wait; for how long."""
    with pytest.raises(Unsettled) as caught:
        worker.run()
    assert "CreateItem" not in worker.events
    return caught.value.delay_s


def unknown(worker: EwsWorker) -> str:
    """Run an attempt at whose end nobody knows; the reason."""
    with pytest.raises(Unknown) as caught:
        worker.run()
    return str(caught.value)


# -- the straight path ---------------------------------------------------------------------------------------------


def test_a_request_is_answered_once_and_gone(site: EwsSite, address: str, worker: EwsWorker) -> None:
    assert worker.run() == Outcome("answered")
    assert worker.events == STRAIGHT_PATH
    assert site.done(address, worker.request) == (1, 1)
    assert worker.box.refresh(worker.request) is None


def test_running_again_after_the_end_does_nothing_more(site: EwsSite, address: str, worker: EwsWorker) -> None:
    worker.run()
    assert worker.run() == Outcome("answered")
    assert {"CreateItem", "MoveItem"}.isdisjoint(worker.events)
    assert site.done(address, worker.request) == (1, 1)


@pytest.mark.parametrize("verdict", Verdict)
def test_the_answer_is_that_of_the_policy(site: EwsSite, address: str, verdict: Verdict) -> None:
    request = requests_in(site.box(address))[0]
    worker = EwsWorker(site, address, request, decide=always(Action(verdict)))
    assert worker.run() == Outcome("answered")
    recorded = site.recorded(address, request)
    names = {Verdict.ACCEPT: "accepted", Verdict.DECLINE: "declined", Verdict.TENTATIVE: "tentative"}
    assert {one: recorded[name] for one, name in names.items()} == {one: int(one is verdict) for one in Verdict}
    assert recorded["submitted"] == 1


def explaining(text: str) -> Decide:
    """A policy that accepts with this text."""
    return lambda _message: Decision(Action.ACCEPT, "always", text=text)


def texts_sent(box: EwsMailbox, request: MeetingMessage) -> list[str | None]:
    """Return the texts of the answers to a request in Sent Items."""
    found = [one for page in box.messages_in(Place.SENT) for one in page.messages if one.uid == request.uid]
    calls = Calls(box._server, box._envelope)  # the port reads no text of any message
    addresses, lost = [ItemId(*one.ref.address) for one in found], list[int]()
    read = [item for _, item in read_items(calls, addresses, [properties.field("item:Body")], lost.append)]
    assert not any(lost)
    return [item.text("Body") for item in read]


def test_the_answer_has_the_text_of_the_policy(site: EwsSite, address: str) -> None:
    worker = EwsWorker(site, address, requests_in(site.box(address))[0], decide=explaining("Ünïque:\n<&>"))
    worker.run()
    assert texts_sent(worker.box, worker.request) == ["Ünïque:\n<&>"]


def test_an_answer_that_is_given_again_has_the_same_text_whatever_the_policy_says_by_now(
    site: EwsSite, address: str
) -> None:
    worker = EwsWorker(site, address, requests_in(site.box(address))[0], decide=explaining("Before"))
    worker.dies("UpdateItem")
    worker.decide = explaining("After")
    assert worker.run() == Outcome("answered")
    assert texts_sent(worker.box, worker.request) == ["Before"]


@pytest.mark.parametrize(
    "switches",
    [
        {"ews_answer_ids": "0"},
        {"ews_answer_ids": "1"},
        {"ews_request_fate": "removed"},
        {"ews_request_fate": "left"},
        {"ews_sent_copy": "never"},
        {"ews_search_key": "new", "ews_sent_copy": "never"},
        {"ews_marks": "refused"},
        {"ews_marks": "refused", "ews_request_fate": "left"},
        {"ews_conflicts": "ignored"},
        {"ews_effects": "send-calendar-move"},
        {"ews_attendant": False},
        {"ews_version": "2007"},
        {"ews_addresses": "x500", "ews_smtp_in_find": False},
        {"ews_response_objects": "missing", "ews_prefixes": "shuffled"},
    ],
    ids=str,
)
def test_however_the_server_behaves_a_death_at_any_point_leaves_exactly_one_answer(
    site: EwsSite, address: str, switches: dict[str, object]
) -> None:
    with site.switched(**switches):
        found = requests_in(site.box(address))
        for point, request in enumerate(found[: len(STRAIGHT_PATH) - 1], start=1):
            worker = EwsWorker(site, address, request)
            worker.dies(after=point)
            ends_well_or_unknown(worker)
            assert site.done(address, request)[1] == 1, worker.events


def ends_well_or_unknown(worker: EwsWorker) -> None:
    """Run an attempt, at whose end an operator may be asked; but never a second answer is sent."""
    try:
        assert worker.run().result == "answered"
    except Unknown:
        assert "CreateItem" not in worker.events


# -- deaths --------------------------------------------------------------------------------------------------------


@points
def test_whenever_the_worker_dies_the_next_one_completes_exactly_one_answer(
    site: EwsSite, address: str, worker: EwsWorker, point: int
) -> None:
    worker.dies(after=point)
    assert worker.run().result == "answered"
    assert len(worker.events) <= LONGEST
    assert site.done(address, worker.request) == (1, 1)


@pytest.mark.slow
def test_two_deaths_in_a_row_still_leave_exactly_one_answer(site: EwsSite) -> None:
    address = next(site.addresses(deep=True))
    deaths = [(first, second) for first in range(1, len(STRAIGHT_PATH) + 1) for second in range(1, LONGEST + 1)]
    found = requests_in(site.box(address))[: len(deaths)]
    for request, (first, second) in zip(found, deaths, strict=True):
        worker = EwsWorker(site, address, request)
        worker.dies(after=first)
        try:
            worker.run(second)
        except Died:
            worker.run()
        assert site.done(address, request) == (1, 1), (first, second)


def test_an_answer_that_was_intended_but_never_given_waits_and_is_given(site: EwsSite, address: str) -> None:
    worker = worker_at(site, address, SETTLE_S)
    worker.dies("UpdateItem")
    assert SETTLE_S - 30 < waits(worker) <= SETTLE_S
    worker.ahead_s = SETTLE_S
    assert worker.run() == Outcome("answered")
    assert site.done(address, worker.request) == (1, 1)


def test_a_clock_that_is_set_back_lets_nothing_settle_early(site: EwsSite, address: str) -> None:
    worker = worker_at(site, address, SETTLE_S)
    worker.ahead_s = 3600
    worker.dies("UpdateItem")
    worker.ahead_s = 0
    assert waits(worker) == pytest.approx(SETTLE_S, abs=5)
    worker.ahead_s = SETTLE_S - 10
    assert waits(worker) == pytest.approx(10, abs=5)
    worker.ahead_s = SETTLE_S
    assert worker.run() == Outcome("answered")
    assert site.done(address, worker.request) == (1, 1)


def test_a_pause_before_the_answer_leaves_the_request_alone(site: EwsSite, address: str, worker: EwsWorker) -> None:
    worker.paused_at = "accept"
    with pytest.raises(Paused):
        worker.run()
    assert worker.events == ["GetItem"]
    worker.paused_at = ""
    assert worker.run() == Outcome("answered")
    assert site.done(address, worker.request) == (1, 1)


# -- what the server says, or does not say -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["lost-reply", "timeout-after", "500-after", "reset-after", "truncate", "garbage", "error-page-after"]
)
def test_an_answer_that_was_given_and_not_heard_of_is_not_given_again(
    site: EwsSite, address: str, worker: EwsWorker, kind: str
) -> None:
    with site.failing("createitem", kind):
        unknown(worker)
    assert worker.run() == Outcome("answered", "an answer is in Sent Items")
    assert "CreateItem" not in worker.events
    assert site.done(address, worker.request) == (1, 1)


@pytest.mark.parametrize("kind", ["reset-before", "500-before", "error-page"])
def test_an_answer_that_never_got_there_is_given_once_it_has_settled(site: EwsSite, address: str, kind: str) -> None:
    worker = worker_at(site, address, SETTLE_S)
    with site.failing("createitem", kind):
        unknown(worker)
    assert waits(worker) <= SETTLE_S
    worker.ahead_s = SETTLE_S
    assert worker.run() == Outcome("answered")
    assert site.done(address, worker.request) == (1, 1)


@pytest.mark.parametrize("kind", ["lost-reply", "500-after", "error-page-after", "reset-before", "error-page"])
def test_a_mark_that_was_not_heard_of_delays_the_answer_by_no_settling(site: EwsSite, address: str, kind: str) -> None:
    """The answer comes after the mark, so it was certainly not given."""
    worker = worker_at(site, address, SETTLE_S)
    with site.failing("updateitem", kind), pytest.raises(Transient):
        worker.run()
    assert "CreateItem" not in worker.events
    assert worker.run() == Outcome("answered")
    assert site.done(address, worker.request) == (1, 1)


@pytest.mark.parametrize("kind", ["lost-reply", "reset-before"])
def test_a_mark_that_was_not_heard_of_lets_no_two_installations_answer(site: EwsSite, address: str, kind: str) -> None:
    first, second = worker_at(site, address, SETTLE_S), worker_at(site, address, SETTLE_S)
    with site.failing("updateitem", kind), pytest.raises(Transient):
        first.run()
    if kind == "lost-reply":  # the second one finds the mark of the first
        waits(second)
    else:
        second.meanwhile["UpdateItem"] = lambda: waits(first)
        assert second.run() == Outcome("answered")
    assert first.run().result == "answered"
    second.ahead_s = SETTLE_S
    assert second.run().result in {"answered", "gone"}
    assert site.done(address, first.request) == (1, 1)


@pytest.mark.parametrize("page", ["front-end", "application"])
def test_a_server_that_is_away_behind_its_front_end_gets_the_answer_once_it_is_back(
    site: EwsSite, address: str, worker: EwsWorker, page: str
) -> None:
    with site.switched(ews_error_page=page), site.failing("any", "error-page", times=None):
        with pytest.raises(Transient, match="the server behind the front end failed or is away"):
            worker.box.refresh(worker.request)
        for _ in range(2):
            with pytest.raises(Transient):
                worker.run()
            assert worker.events == ["GetItem"]
    assert worker.run() == Outcome("answered")
    assert site.done(address, worker.request) == (1, 1)


@pytest.mark.parametrize("way", ["fault", "inside"])
def test_a_busy_server_has_done_nothing_and_is_asked_again_at_once_when_it_is_rested(
    site: EwsSite, address: str, way: str
) -> None:
    worker = worker_at(site, address, SETTLE_S)
    with site.switched(ews_busy=way), site.failing("createitem", "server-busy", ms=7000), pytest.raises(Busy) as caught:
        worker.run()
    assert caught.value.delay_s == (7 if way == "fault" else 30)
    assert worker.steps["accept"]["at"] == 0
    assert worker.run() == Outcome("answered")
    assert site.done(address, worker.request) == (1, 1)


def test_a_calendar_that_was_written_without_an_answer_is_left_to_a_person(
    site: EwsSite, address: str, worker: EwsWorker
) -> None:
    with site.switched(ews_effects_done=1), site.failing("createitem", "half-done"):
        unknown(worker)
    for _ in range(2):
        assert "the calendar shows the answer" in unknown(worker)
        assert "CreateItem" not in worker.events
    assert site.done(address, worker.request) == (1, 0)


def test_a_calendar_that_was_written_without_an_answer_is_left_to_a_person_if_redis_is_lost_as_well(
    site: EwsSite, address: str, worker: EwsWorker
) -> None:
    with site.switched(ews_effects_done=1), site.failing("createitem", "half-done"):
        unknown(worker)
    worker.forgets()
    for _ in range(2):
        assert "the calendar shows the answer" in unknown(worker)
    assert site.done(address, worker.request) == (1, 0)


@pytest.mark.parametrize(
    ("order", "done", "answered"),
    [
        ("calendar-send-move", 0, (1, 1)),
        ("calendar-send-move", 2, (1, 1)),
        ("send-calendar-move", 1, (0, 1)),
        ("send-calendar-move", 2, (1, 1)),
    ],
)
def test_what_was_sent_before_the_server_failed_is_not_sent_again(
    site: EwsSite, address: str, worker: EwsWorker, order: str, done: int, answered: tuple[int, int]
) -> None:
    with site.switched(ews_effects=order, ews_effects_done=done), site.failing("createitem", "half-done"):
        unknown(worker)
    assert worker.run().result == "answered"
    assert worker.box.refresh(worker.request) is None
    assert site.done(address, worker.request) == answered


def test_an_answer_that_waits_in_the_outbox_is_waited_for(site: EwsSite, address: str, worker: EwsWorker) -> None:
    with site.switched(ews_sent_copy="late", ews_sent_delay_ms=60_000), site.failing("createitem", "lost-reply"):
        unknown(worker)
    assert "the answer is in the Outbox" in unknown(worker)
    site.exchange.put_clock_forward(61)
    assert worker.run() == Outcome("answered", "an answer is in Sent Items")
    assert site.done(address, worker.request) == (1, 1)


@pytest.mark.parametrize("verdict", Verdict)
def test_without_a_copy_the_calendar_and_deleted_items_show_that_it_was_answered(
    site: EwsSite, address: str, verdict: Verdict
) -> None:
    request = requests_in(site.box(address))[0]
    worker = EwsWorker(site, address, request, decide=always(Action(verdict)))
    with site.switched(ews_sent_copy="never"), site.failing("createitem", "lost-reply"):
        unknown(worker)
    outcome = worker.run()
    assert outcome.result == "answered"
    assert outcome.note.startswith("no copy in Sent Items")
    assert site.recorded(address, request)["submitted"] == 1


def test_a_second_attempt_that_is_not_heard_of_is_found_though_search_keys_change(
    site: EwsSite, address: str, worker: EwsWorker
) -> None:
    with site.failing("createitem", "reset-before"):
        unknown(worker)
    worker.ahead_s = 5
    with (
        site.switched(ews_sent_copy="never", ews_search_key="new"),
        site.failing("createitem", "lost-reply"),
        pytest.raises(Unknown),
    ):
        worker.run()
    assert worker.run().result == "answered"
    assert site.done(address, worker.request) == (1, 1)


# -- what others do ------------------------------------------------------------------------------------------------


def removes(site: EwsSite, address: str, request: MeetingMessage) -> Callable[[], object]:
    """Somebody who deletes a request for good."""

    def act() -> None:
        box = site.box(address)
        there = box.refresh(request)
        assert there is not None
        box.clear(there, Clear.DELETE)

    return act


def test_a_request_that_somebody_removed_is_gone(site: EwsSite, address: str, worker: EwsWorker) -> None:
    removes(site, address, worker.request)()
    assert worker.run().result == "gone"
    assert worker.steps == {}


@pytest.mark.parametrize("event", ["GetItem", "UpdateItem"])
def test_a_request_that_somebody_removes_meanwhile_is_gone_and_does_not_count_as_answered(
    site: EwsSite, address: str, worker: EwsWorker, event: str
) -> None:
    worker.meanwhile[event] = removes(site, address, worker.request)
    outcome = worker.run()
    assert (outcome.result, outcome.undone) == ("gone", True)
    assert site.done(address, worker.request) == (0, 0)


@pytest.mark.parametrize("event", ["GetItem", "UpdateItem"])
def test_a_request_that_a_person_answers_meanwhile_is_not_answered_again(
    site: EwsSite, address: str, worker: EwsWorker, event: str
) -> None:
    person = site.box(address)
    worker.meanwhile[event] = lambda: person.respond(worker.request, Verdict.DECLINE)
    assert worker.run().note == "somebody else answered it first (decline)"
    assert site.recorded(address, worker.request)["submitted"] == 1


@pytest.mark.parametrize("event", ["FindItem calendar", "UpdateItem"])
def test_a_request_that_leaves_the_inbox_before_it_is_answered_again_is_looked_for_again(
    site: EwsSite, address: str, worker: EwsWorker, event: str
) -> None:
    """An earlier attempt may have had its effect late."""
    worker.dies("UpdateItem")
    person = site.box(address)
    worker.meanwhile[event] = lambda: person.respond(worker.request, Verdict.ACCEPT)
    with pytest.raises(Transient, match="left the Inbox"):
        worker.run()
    worker.meanwhile.clear()
    assert worker.run() == Outcome("answered", "an answer is in Sent Items")
    assert site.done(address, worker.request) == (1, 1)


def by_policy(address: str, worker: EwsWorker) -> Decide:
    """Decide as a worker does."""
    return lambda message: decide_knowing(lenient(), message, worker.box, Facts(address, identity=worker.item))


def test_a_request_that_a_person_has_answered_and_that_stays_is_left_alone(
    site: EwsSite, address: str, worker: EwsWorker
) -> None:
    with site.switched(ews_request_fate="left"):
        site.box(address).respond(worker.request, Verdict.TENTATIVE)
    worker.decide = by_policy(address, worker)
    outcome = worker.run()
    assert outcome.left is not None
    assert (outcome.result, outcome.left.reason) == ("left", Reason.ALREADY_ANSWERED)
    assert worker.events == ["GetItem"]
    assert site.recorded(address, worker.request)["submitted"] == 1


@pytest.mark.parametrize("ids", ["3", "1", "0"])
@pytest.mark.parametrize("fate", ["deleted-items", "left", "removed"])
def test_whatever_the_server_does_with_an_answered_request_it_leaves_the_inbox(
    site: EwsSite, address: str, worker: EwsWorker, fate: str, ids: str
) -> None:
    with site.switched(ews_request_fate=fate, ews_answer_ids=ids):
        assert worker.run() == Outcome("answered")
    assert worker.request.ref.key not in {one.ref.key for one in inbox(worker.box)}
    away = [one.ref.key for page in worker.box.messages_in(Place.TRASH) for one in page.messages]
    assert away.count(worker.request.ref.key) == (0 if fate == "removed" else 1)
    assert site.done(address, worker.request) == (1, 1)


def test_where_a_request_is_left_is_asked_only_if_the_answer_does_not_show_it(site: EwsSite, worker: EwsWorker) -> None:
    with site.switched(ews_answer_ids="1"):
        worker.run()
    assert worker.events == [*STRAIGHT_PATH, "GetItem"]


@pytest.mark.parametrize("event", ["note sent", "MoveItem"])
def test_a_request_that_the_server_leaves_is_put_away_though_the_worker_dies(
    site: EwsSite, address: str, worker: EwsWorker, event: str
) -> None:
    with site.switched(ews_request_fate="left"):
        worker.dies(event)
        assert worker.run() == Outcome("answered")
    assert "CreateItem" not in worker.events
    assert worker.box.refresh(worker.request) is None
    assert site.done(address, worker.request) == (1, 1)


def test_a_request_that_cannot_be_put_away_yet_is_not_answered_again(
    site: EwsSite, address: str, worker: EwsWorker
) -> None:
    with site.switched(ews_request_fate="left"), site.failing("moveitem", "server-busy"), pytest.raises(Busy):
        worker.run()
    assert worker.run() == Outcome("answered")
    assert "CreateItem" not in worker.events
    assert worker.box.refresh(worker.request) is None
    assert site.done(address, worker.request) == (1, 1)


def test_a_request_that_somebody_removes_while_it_is_put_away_is_answered(
    site: EwsSite, address: str, worker: EwsWorker
) -> None:
    with site.switched(ews_request_fate="left"):
        removed = removes(site, address, worker.request)
        worker.meanwhile["GetItem"] = lambda: "note sent" in worker.events and removed()
        assert worker.run() == Outcome("answered")
    assert worker.events[-1] == "MoveItem"
    assert site.done(address, worker.request) == (1, 1)


@pytest.mark.parametrize("event", STRAIGHT_PATH[:4])
def test_a_request_that_stays_and_that_was_answered_is_finished_whoever_answered_it(
    site: EwsSite, address: str, worker: EwsWorker, event: str
) -> None:
    with site.switched(ews_request_fate="left"):
        worker.dies(event)
        if event != "CreateItem":
            site.box(address).respond(worker.request, Verdict.ACCEPT)
    worker.decide = by_policy(address, worker)
    assert worker.run().result == ("left" if event == "GetItem" else "answered")
    assert site.done(address, worker.request) == (1, 1)


# -- Redis is lost -------------------------------------------------------------------------------------------------


def test_an_answer_of_which_only_the_mark_is_left_waits_and_is_decided_anew(site: EwsSite, address: str) -> None:
    worker = worker_at(site, address, SETTLE_S)
    worker.dies("UpdateItem")
    worker.forgets()
    worker.decide = always(Action.DECLINE)
    assert waits(worker) == pytest.approx(SETTLE_S, abs=5)
    worker.ahead_s = SETTLE_S - 10
    assert waits(worker) == pytest.approx(10, abs=5)
    worker.ahead_s = SETTLE_S
    assert worker.run() == Outcome("answered")
    recorded = site.recorded(address, worker.request)
    assert (recorded["accepted"], recorded["declined"], recorded["submitted"]) == (0, 1, 1)


@pytest.mark.parametrize("fate", ["deleted-items", "left", "removed"])
@pytest.mark.parametrize("event", ["CreateItem", "note sent"])
def test_an_answer_that_was_given_before_redis_was_lost_is_not_given_again(
    site: EwsSite, address: str, worker: EwsWorker, event: str, fate: str
) -> None:
    with site.switched(ews_request_fate=fate):
        worker.dies(event)
    worker.forgets()
    worker.decide = by_policy(address, worker)
    assert worker.run().result == ("answered" if fate == "left" else "gone")
    assert "CreateItem" not in worker.events
    assert worker.box.refresh(worker.request) is None
    assert site.done(address, worker.request) == (1, 1)


def test_without_any_copy_an_answer_that_only_the_request_shows_is_not_given_again(
    site: EwsSite, address: str, worker: EwsWorker
) -> None:
    """Nor is it decided anew, because the mark says that it was ours."""
    with site.switched(ews_request_fate="left", ews_sent_copy="never"):
        worker.dies("CreateItem")
    site.exchange.put_clock_forward(3600)
    worker.forgets()
    worker.decide = by_policy(address, worker)
    unknown(worker)
    assert "CreateItem" not in worker.events
    assert site.done(address, worker.request) == (1, 1)


@pytest.mark.parametrize("fate", ["deleted-items", "left"])
def test_without_marks_a_lost_redis_leaves_exactly_one_answer(site: EwsSite, address: str, fate: str) -> None:
    with site.switched(ews_marks="refused", ews_request_fate=fate):
        for request in requests_in(site.box(address))[:2]:
            for event in ("UpdateItem", "CreateItem"):
                worker = EwsWorker(site, address, request)
                worker.decide = by_policy(address, worker)
                try:
                    worker.run(event)
                except Died:
                    worker.forgets()
                    worker.run()
            assert site.done(address, request) == (1, 1)


# -- two installations ---------------------------------------------------------------------------------------------


def test_of_two_installations_the_one_whose_mark_came_second_waits(site: EwsSite, address: str) -> None:
    first, second = worker_at(site, address, SETTLE_S), worker_at(site, address, SETTLE_S)
    first.meanwhile["UpdateItem"] = lambda: waits(second)
    assert first.run() == Outcome("answered")
    assert second.run().result == "gone"
    assert site.done(address, first.request) == (1, 1)


def test_of_two_installations_that_have_read_it_at_once_one_answers(site: EwsSite, address: str) -> None:
    first, second = worker_at(site, address, SETTLE_S), worker_at(site, address, SETTLE_S)
    second.meanwhile["intend accept"] = lambda: first.dies("UpdateItem")
    waits(second)
    second.meanwhile.clear()
    second.ahead_s = SETTLE_S
    assert second.run() == Outcome("answered")
    first.ahead_s = SETTLE_S
    assert first.run().result == "answered"
    assert "CreateItem" not in first.events
    assert site.done(address, first.request) == (1, 1)


def test_an_answer_that_another_installation_has_taken_over_is_left_to_it_until_it_has_settled(
    site: EwsSite, address: str
) -> None:
    first, second = worker_at(site, address, SETTLE_S), worker_at(site, address, SETTLE_S)
    first.dies("UpdateItem")
    waits(second)
    second.ahead_s = SETTLE_S
    second.meanwhile["UpdateItem"] = lambda: waits(first)  # the second one is about to answer
    first.ahead_s = SETTLE_S + 1
    assert second.run() == Outcome("answered")
    assert first.run().result == "answered"
    assert site.done(address, first.request) == (1, 1)


def test_an_answer_that_another_installation_took_over_and_died_is_taken_back(site: EwsSite, address: str) -> None:
    first, second = worker_at(site, address, SETTLE_S), worker_at(site, address, SETTLE_S)
    first.dies("UpdateItem")
    waits(second)
    second.ahead_s = SETTLE_S
    second.dies("UpdateItem")
    first.ahead_s = SETTLE_S + 1
    assert waits(first) == pytest.approx(SETTLE_S, abs=5)
    first.ahead_s = 2 * SETTLE_S + 2
    assert first.run() == Outcome("answered")
    second.ahead_s = 3 * SETTLE_S
    assert second.run().result == "answered"
    assert site.done(address, first.request) == (1, 1)


def test_an_answer_that_another_name_of_the_mailbox_has_taken_over_is_nobodys_to_repeat(
    site: EwsSite, address: str
) -> None:
    first, second = worker_at(site, address), worker_at(site, address)
    second.item = "another-name"
    first.dies("UpdateItem")
    second.dies("UpdateItem")
    assert "another name of this mailbox" in unknown(first)
    assert site.done(address, first.request) == (0, 0)


@pytest.mark.parametrize("conflicts", ["detected", "ignored"])
def test_two_installations_at_the_same_time_give_one_answer(site: EwsSite, address: str, conflicts: str) -> None:
    with site.switched(ews_conflicts=conflicts), ThreadPoolExecutor(2) as threads:
        for request in requests_in(site.box(address))[:3]:
            workers = [EwsWorker(site, address, request, SETTLE_S) for _ in range(2)]
            both = Barrier(2)
            for one in workers:
                one.meanwhile["GetItem"] = lambda one=one, both=both: (  # type: ignore[misc]
                    one.events == ["GetItem"] and both.wait()
                )
            results = list(threads.map(result_of, workers))
            assert "answered" in results
            assert set(results) <= {"answered", "gone", "unsettled", "transient"}
            for one in workers:
                one.meanwhile.clear()
                one.ahead_s = SETTLE_S
                one.run()
            assert site.done(address, request) == (1, 1)


def result_of(worker: EwsWorker) -> str:
    """The result of an attempt."""
    try:
        return worker.run().result
    except ExchangeError as error:
        return type(error).__name__.lower()


# -- what another protocol has begun -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fact", [[], ["rid:1"], Command(("rid:1",), 1.5, 1, read=True, token="abc").to_fact()], ids=str
)
def test_a_command_of_another_protocol_that_did_nothing_is_finished_by_this_one(
    site: EwsSite, address: str, worker: EwsWorker, fact: object
) -> None:
    worker.steps = {"decline": fact}
    assert worker.run() == Outcome("answered")
    recorded = site.recorded(address, worker.request)
    assert (recorded["declined"], recorded["submitted"]) == (1, 1)


@pytest.mark.parametrize(
    "steps", [{"accept": ["rid:1"], "send": "rid:2"}, {"draft": "a.EML", "send": "a.EML"}], ids=["command", "reply"]
)
def test_a_draft_that_another_protocol_was_about_to_send_is_never_doubled(
    site: EwsSite, address: str, worker: EwsWorker, steps: dict[str, object]
) -> None:
    worker.steps = steps
    assert "Sent Items does not have it" in unknown(worker)
    site.box(address).respond(worker.request, Verdict.ACCEPT)
    assert worker.run() == Outcome("answered")
    worker.steps = {**steps, "sent": True}
    assert worker.run() == Outcome("answered")
    assert site.done(address, worker.request) == (1, 1)


def test_the_journal_gives_back_an_answer_as_it_was_written() -> None:
    response = GivenAnswer(1_772_000_000.125, 1_772_000_180.5, 2, "token")
    assert GivenAnswer.parse(response.to_fact()) == response
    assert GivenAnswer.parse({"begun": 1.5, "at": 0, "times": 1}) == GivenAnswer(1.5, 0)


# -- without telling the organizer ---------------------------------------------------------------------------------


def silent_worker(site: EwsSite) -> tuple[str, EwsWorker]:
    """A worker with a request that wants no response."""
    address = site.take(lambda box: bool(requests_in(box, wanted=False)))
    return address, EwsWorker(site, address, requests_in(site.box(address), wanted=False)[0])


@pytest.mark.parametrize("point", [0, *range(1, len(STRAIGHT_PATH) + 1)])
def test_whenever_the_worker_dies_no_answer_is_sent_that_nobody_wants(site: EwsSite, point: int) -> None:
    address, worker = silent_worker(site)
    if point:
        worker.dies(after=point)
    assert worker.run() == Outcome("accepted", "no response was requested, so none was sent")
    assert site.done(address, worker.request) == (1, 0)


def test_a_silent_answer_that_was_not_heard_of_is_not_given_again(site: EwsSite) -> None:
    address, worker = silent_worker(site)
    with site.failing("createitem", "lost-reply"):
        unknown(worker)
    assert worker.run().result == "accepted"
    assert "CreateItem" not in worker.events
    assert site.done(address, worker.request) == (1, 0)


# -- what cannot be answered ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fits", "code", "reason"),
    [
        (lambda one: bool(one.received_for), "ErrorCalendarIsDelegatedForAccept", Reason.DELEGATE_COPY),
        (lambda one: one.outdated, "ErrorCalendarMeetingRequestIsOutOfDate", Reason.OUT_OF_DATE),
    ],
    ids=["delegated", "out-of-date"],
)
def test_a_request_that_is_not_to_be_answered_is_left_for_the_servers_reason_and_does_not_count_as_answered(
    site: EwsSite, fits: Callable[[MeetingMessage], bool], code: str, reason: Reason
) -> None:
    def found(box: EwsMailbox) -> list[MeetingMessage]:
        return [one for one in inbox(box) if one.kind is Kind.REQUEST and fits(one)]

    address = site.take(lambda box: bool(found(box)))
    request = found(site.box(address))[0]
    outcome = EwsWorker(site, address, request).run()
    assert (outcome.result, outcome.undone) == ("left", True)
    assert outcome.left == Left(reason)
    assert code in outcome.note
    assert site.recorded(address, request)["submitted"] == 0


@pytest.mark.parametrize(
    ("code", "left"),
    [
        ("ErrorCalendarIsCancelledForAccept", Left(Reason.OUT_OF_DATE)),
        ("ErrorCalendarIsOrganizerForAccept", Left(Reason.OWN_MEETING)),
        ("ErrorCalendarIsGroupMailboxForAccept", Left(Reason.BY_HAND, on_hold=True)),
    ],
)
def test_a_request_that_the_calendar_forbids_to_answer_is_left_for_that_reason(
    site: EwsSite, address: str, worker: EwsWorker, code: str, left: Left
) -> None:
    with site.switched(ews_error=code), site.failing("createitem", "error-code"):
        outcome = worker.run()
    assert (outcome.result, outcome.left, outcome.undone) == ("left", left, True)
    assert code in outcome.note
    assert site.done(address, worker.request) == (0, 0)


def test_a_server_that_changes_something_under_every_mark_gets_no_answer(
    site: EwsSite, address: str, worker: EwsWorker
) -> None:
    with site.failing("updateitem", "read-by-hand", times=None), pytest.raises(Transient):
        worker.run()
    assert worker.steps["accept"]["at"] == 0
    assert worker.run() == Outcome("answered")
    assert site.done(address, worker.request) == (1, 1)


# -- an account with full access -----------------------------------------------------------------------------------


def test_whenever_the_worker_dies_an_account_with_full_access_gives_exactly_one_answer(
    site: EwsSite, address: str
) -> None:
    for point, request in enumerate(requests_in(site.box(address))[: len(STRAIGHT_PATH) - 1], start=1):
        worker = EwsWorker(site, address, request, access="delegate")
        worker.dies(after=point)
        assert worker.run().result == "answered"
        assert site.done(address, request) == (1, 1)


def test_an_account_that_may_not_send_in_the_name_of_the_owner_ends_with_the_reason(
    site: EwsSite, address: str
) -> None:
    worker = EwsWorker(site, address, requests_in(site.box(address))[0], access="delegate")
    with (
        site.switched(ews_delegates="refused"),
        pytest.raises(Refused, match="an answer that was not sent is in Drafts"),
    ):
        worker.run()
    assert site.done(address, worker.request) == (0, 0)
    assert worker.run().result == "answered"
    assert site.done(address, worker.request)[1] == 1
