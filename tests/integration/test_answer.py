"""The main path: each request is accepted once and answered once, whatever dies in between."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal

import pytest

from rsvpq.http import auth
from rsvpq.mail import lease
from rsvpq.mail.drafts import unsent_answers
from rsvpq.mail.errors import Busy, ExchangeError, Refused, Transient, Unknown
from rsvpq.mail.messages import ItemRef, Kind, Mailbox, MeetingMessage
from rsvpq.tasks.journal import Attached, Journal, LeaseLost, Outcome, Paused
from rsvpq.webdav.folders import Folders
from rsvpq.webdav.mailbox import WebDavMailbox
from rsvpq.webdav.rows import href_of
from rsvpq.webdav.server import WebDavServer
from tests.support.crashing_worker import Worker, die_twice_everywhere
from tests.support.exchange_site import Site, always, box_name, inbox, requests_in, sent_in
from tests.support.scripted_server import NO_ROWS, RESET, XML, Play, ScriptedServer, play, rows_page
from tests.support.work import work_on
from workers.answer import answer

#: What happens while one request is answered without trouble: requests to the server, and steps written.
STRAIGHT_PATH = (
    "PROPFIND request",
    "SEARCH drafts",
    "intend accept",
    "PROPPATCH request",
    "GET accept",
    "SEARCH drafts",
    "PROPFIND request",
    "PROPPATCH draft",
    "intend send",
    "MOVE draft",
)
#: What comes after it where the request is left behind.
LEFT_BEHIND = ("note sent", "PROPFIND request", "PROPPATCH request")


@pytest.fixture
def box(site: Site) -> WebDavMailbox:
    """A mailbox of the test's own."""
    return site.take(fits=lambda box: bool(requests_in(box)))


@pytest.fixture
def worker(site: Site, box: WebDavMailbox) -> Worker:
    """A worker with a request that wants a response, in :func:`box`."""
    return Worker(site, box, requests_in(box)[0])


def after(event: str) -> int:
    """How many events there are up to this one."""
    return STRAIGHT_PATH.index(event) + 1


def test_a_request_is_accepted_once_answered_once_and_gone(site: Site, box: WebDavMailbox, worker: Worker) -> None:
    assert worker.run() == Outcome("answered")
    assert site.sent(box, worker.request) == (1, 1)
    assert unsent_answers(box) == []
    assert not box.holds(worker.request)


def test_the_straight_path_has_the_events_that_the_deaths_below_go_through(worker: Worker) -> None:
    worker.run()
    assert worker.events == len(STRAIGHT_PATH)


def test_the_journal_tells_each_step(worker: Worker) -> None:
    worker.run()
    assert list(worker.steps) == ["accept", "send"]


def test_running_again_after_the_end_does_nothing_more(site: Site, box: WebDavMailbox, worker: Worker) -> None:
    worker.run()
    assert worker.run() == Outcome("answered")
    assert site.sent(box, worker.request) == (1, 1)


def test_a_request_that_somebody_else_removed_is_gone(site: Site, box: WebDavMailbox, worker: Worker) -> None:
    site.raw("DELETE", href_of(worker.request))
    assert worker.run().result == "gone"
    assert worker.steps == {}
    assert site.sent(box, worker.request) == (0, 0)


def test_a_request_that_somebody_else_answered_is_gone(site: Site, box: WebDavMailbox, worker: Worker) -> None:
    Worker(site, box, worker.request).run()
    assert worker.run().result == "gone"
    assert site.sent(box, worker.request) == (1, 1)


def test_a_name_that_another_request_has_by_now_is_not_accepted(site: Site, box: WebDavMailbox, worker: Worker) -> None:
    other = requests_in(box)[1]
    site.raw("DELETE", href_of(worker.request))
    site.raw("MOVE", href_of(other), Destination=site.exchange.urls[0] + href_of(worker.request), Overwrite="f")
    assert worker.run().result == "gone"
    assert site.sent(box, other) == (0, 0)


def test_where_no_response_is_wanted_none_is_sent(site: Site) -> None:
    box = site.take(fits=lambda box: bool(requests_in(box, wanted=False)))
    worker = Worker(site, box, requests_in(box, wanted=False)[0])
    outcome = worker.run()
    assert (outcome.result, outcome.note) == ("accepted", "no response was requested, so none was sent")
    assert site.sent(box, worker.request) == (1, 0)
    assert worker.run() == outcome
    assert site.sent(box, worker.request) == (1, 0)


def test_two_requests_with_the_same_subject_are_each_answered_to_their_own_organizer(site: Site) -> None:
    def twins(box: WebDavMailbox) -> list[MeetingMessage]:
        found = requests_in(box)
        subjects = [message.subject for message in found]
        return [message for message in found if subjects.count(message.subject) > 1]

    box = site.take(fits=lambda box: len(twins(box)) > 1)
    for request in twins(box)[:2]:
        Worker(site, box, request).run()
        assert site.sent(box, request) == (1, 1)
        assert request.uid in {sent.uid for sent in sent_in(box)}


def test_the_draft_of_an_update_is_not_taken_for_that_of_the_first_invitation(site: Site) -> None:
    def editions(box: WebDavMailbox) -> list[MeetingMessage]:
        found = [message for message in inbox(box) if message.kind is Kind.REQUEST and message.response_requested]
        times = Counter(message.uid for message in found)
        return sorted((m for m in found if times[m.uid] == 2), key=lambda message: (message.uid, message.sequence or 0))

    box = site.take(fits=lambda box: len({m.sequence for m in editions(box)[:2]}) == 2)
    first, update = (Worker(site, box, request) for request in editions(box)[:2])
    first.dies(after("intend accept"))
    update.dies(after("GET accept"))
    assert first.run().result == "answered"
    assert update.run().result == "answered"
    for worker in (first, update):
        recorded = [
            m
            for m in site.of_mailbox(box)
            if (m["uid"], m["sequence"]) == (worker.request.uid, worker.request.sequence)
        ]
        assert [(message["accepted"], message["submitted"]) for message in recorded] == [(1, 1)]


def draft_of_a_person(site: Site, box: WebDavMailbox, request: MeetingMessage) -> MeetingMessage:
    """Somebody accepts a copy of the request in Outlook Web Access and has not sent the answer yet."""
    copy = href_of(request).removesuffix(".EML") + "-9.EML"
    site.copy(href_of(request), copy)
    assert site.raw("GET", copy + "?Cmd=accept").status_code == 200
    (draft,) = [draft for draft in unsent_answers(box) if draft.uid == request.uid]
    return draft


def test_a_persons_draft_with_the_name_of_the_request_is_not_sent(
    site: Site, box: WebDavMailbox, worker: Worker
) -> None:
    other = requests_in(box)[1]
    theirs = draft_of_a_person(site, box, other)
    name = href_of(worker.request).rsplit("/", 1)[-1]
    there = site.exchange.urls[0] + f"{box.folders.drafts}/{name}"
    site.raw("MOVE", href_of(theirs), Destination=there, Overwrite="f")
    worker.run()
    assert site.sent(box, worker.request) == (1, 1)
    assert [draft.uid for draft in unsent_answers(box)] == [other.uid]


def test_a_persons_draft_for_the_same_meeting_is_not_sent(site: Site, box: WebDavMailbox, worker: Worker) -> None:
    theirs = draft_of_a_person(site, box, worker.request)
    worker.run()
    assert [draft.ref.key for draft in unsent_answers(box)] == [theirs.ref.key]
    assert site.sent(box, worker.request)[1] == 1


@pytest.mark.parametrize("point", range(1, len(STRAIGHT_PATH) + 1))
def test_whenever_the_worker_dies_the_next_one_completes_exactly_one_answer(
    site: Site, box: WebDavMailbox, worker: Worker, point: int
) -> None:
    worker.dies(after=point)
    assert worker.run().result == "answered"
    assert site.sent(box, worker.request) == (1, 1)
    assert unsent_answers(box) == []


@pytest.mark.slow
def test_two_deaths_in_a_row_still_leave_exactly_one_answer(site: Site) -> None:
    box, found = die_twice_everywhere(site, Worker, events=len(STRAIGHT_PATH))
    recorded = {message["uid"]: message for message in site.of_mailbox(box)}
    assert {(recorded[request.uid]["accepted"], recorded[request.uid]["submitted"]) for request in found} == {(1, 1)}
    assert unsent_answers(box) == []


@pytest.mark.parametrize("point", range(1, 6))
def test_whenever_the_worker_dies_no_answer_is_sent_where_none_is_wanted(site: Site, point: int) -> None:
    box = site.take(fits=lambda box: bool(requests_in(box, wanted=False)))
    worker = Worker(site, box, requests_in(box, wanted=False)[0])
    worker.dies(after=point)
    assert worker.run().result == "accepted"
    assert site.sent(box, worker.request) == (1, 0)


def test_an_accept_that_was_intended_but_never_happened_is_done(site: Site, box: WebDavMailbox, worker: Worker) -> None:
    worker.dies(after("intend accept"))
    assert site.sent(box, worker.request) == (0, 0)
    assert worker.run().result == "answered"
    assert site.sent(box, worker.request) == (1, 1)


def test_a_draft_that_an_accept_left_behind_is_sent(site: Site, box: WebDavMailbox, worker: Worker) -> None:
    worker.dies(after("GET accept"))
    assert len(unsent_answers(box)) == 1
    assert worker.run().result == "answered"
    assert site.sent(box, worker.request) == (1, 1)


def test_a_draft_that_is_gone_and_in_sent_items_was_sent(site: Site, box: WebDavMailbox, worker: Worker) -> None:
    worker.dies(after("MOVE draft"))
    assert "sent" not in worker.steps
    assert worker.run().result == "answered"
    assert site.sent(box, worker.request) == (1, 1)


def test_a_draft_that_is_nowhere_is_unknown_and_nothing_is_sent(site: Site, box: WebDavMailbox, worker: Worker) -> None:
    worker.dies(after("intend send"))
    site.raw("DELETE", href_of(unsent_answers(box)[0]))
    for _ in range(2):
        with pytest.raises(Unknown, match="neither in Drafts nor in Sent Items"):
            worker.run()
    assert site.sent(box, worker.request) == (1, 0)


def test_an_accepted_request_without_its_draft_is_unknown(site: Site, box: WebDavMailbox, worker: Worker) -> None:
    worker.dies(after("GET accept"))
    site.raw("DELETE", href_of(unsent_answers(box)[0]))
    with pytest.raises(Unknown, match="no draft"):
        worker.run()
    assert site.sent(box, worker.request) == (1, 0)


def test_two_new_drafts_are_unknown_and_neither_is_sent(site: Site, box: WebDavMailbox, worker: Worker) -> None:
    worker.dies(after("GET accept"))
    (draft,) = unsent_answers(box)
    site.copy(href_of(draft), href_of(draft).removesuffix(".EML") + "-9.EML")
    with pytest.raises(Unknown, match="2 new drafts"):
        worker.run()
    assert site.sent(box, worker.request) == (1, 0)
    assert len(unsent_answers(box)) == 2


def test_a_pause_before_accept_leaves_the_request_alone(site: Site, box: WebDavMailbox, worker: Worker) -> None:
    worker.paused_at = "accept"
    with pytest.raises(Paused):
        worker.run()
    assert site.sent(box, worker.request) == (0, 0)
    worker.paused_at = ""
    assert worker.run().result == "answered"
    assert site.sent(box, worker.request) == (1, 1)


def test_a_pause_before_send_leaves_the_draft_alone(site: Site, box: WebDavMailbox, worker: Worker) -> None:
    worker.paused_at = "send"
    with pytest.raises(Paused):
        worker.run()
    assert site.sent(box, worker.request) == (1, 0)
    assert len(unsent_answers(box)) == 1
    worker.paused_at = ""
    assert worker.run().result == "answered"
    assert site.sent(box, worker.request) == (1, 1)


@pytest.mark.parametrize(("step", "sent"), [("accept", (0, 0)), ("send", (1, 0))])
def test_without_the_lease_nothing_more_is_done(
    site: Site, box: WebDavMailbox, worker: Worker, step: str, sent: tuple[int, int]
) -> None:
    worker.lost_at = step
    with pytest.raises(LeaseLost):
        worker.run()
    assert site.sent(box, worker.request) == sent


def test_a_ledger_that_forgets_the_item_after_the_command_leaves_a_draft_that_is_known_to_be_ours(
    site: Site, box: WebDavMailbox, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "FRESH_S", 0.0)
    forgotten: list[str] = []

    def renew() -> float:
        if forgotten:
            raise LeaseLost("the ledger knows nothing of it")
        return 60.0

    server = site.server()
    server.after = lambda _method, path: forgotten.append(path) if "Cmd=accept" in path else None
    journal = Journal({}, lambda *_: "lost" if forgotten else "ok")
    identity = worker.request.identity(Mailbox(box_name(box), "mail1"))
    its_lease, its_box = lease.Lease(renew), WebDavMailbox(server, box_name(box))
    with server.for_item(its_lease), pytest.raises(LeaseLost):
        answer(work_on(worker.request, its_box, always(), journal, identity, lease=its_lease))
    assert site.sent(box, worker.request) == (1, 0)
    assert [draft.answers.split()[0] for draft in unsent_answers(box)] == [identity]


def test_without_the_lease_a_request_that_is_left_behind_is_not_marked(uncertain: Site) -> None:
    box, worker = worker_at(uncertain, LEFT)
    worker.lost_at = "sent"
    with pytest.raises(LeaseLost):
        worker.run()
    assert uncertain.sent(box, worker.request) == (1, 1)
    (left,) = [message for message in inbox(box) if message.ref.key == worker.request.ref.key]
    intent = left.intent
    assert intent is not None
    assert not intent.finished


# -- where the server behaves otherwise ----------------------------------------------------------------------------

LEFT, DELETED_ITEMS, REDIRECT = range(3)


def worker_at(site: Site, number: int) -> tuple[WebDavMailbox, Worker]:
    """A worker with a request in a mailbox of that server."""
    box = site.take(number, fits=lambda box: bool(requests_in(box)))
    return box, Worker(site, box, requests_in(box)[0], number)


@pytest.mark.parametrize("number", [LEFT, DELETED_ITEMS, REDIRECT], ids=["left", "deleted-items", "redirect"])
def test_a_request_is_answered_once_however_the_server_accepts(uncertain: Site, number: int) -> None:
    box, worker = worker_at(uncertain, number)
    assert worker.run().result == "answered"
    assert uncertain.sent(box, worker.request) == (1, 1)
    assert unsent_answers(box) == []


def test_a_request_that_is_left_behind_is_marked_and_not_deleted(uncertain: Site) -> None:
    box, worker = worker_at(uncertain, LEFT)
    worker.run()
    (left,) = [message for message in inbox(box) if message.ref.key == worker.request.ref.key]
    assert left.processed
    assert (uncertain.recorded(box, left)["deleted"], uncertain.recorded(box, left)["moved"]) == (0, 0)


def test_whenever_the_worker_dies_a_request_that_is_left_behind_and_wants_no_response_is_accepted_once(
    uncertain: Site,
) -> None:
    accepted = []
    for point in range(1, 8):
        box = uncertain.take(LEFT, fits=lambda box: bool(untouched(uncertain, box)))
        request = untouched(uncertain, box)[0]
        worker = Worker(uncertain, box, request, LEFT)
        worker.dies(after=point)
        assert worker.run().result == "accepted"
        accepted.append(uncertain.sent(box, request))
    assert accepted == [(1, 0)] * 7


def untouched(site: Site, box: WebDavMailbox) -> list[MeetingMessage]:
    """The requests that want no response, and that nobody has accepted yet."""
    return [one for one in requests_in(box, wanted=False) if site.sent(box, one) == (0, 0)]


def test_whenever_the_worker_dies_a_request_that_is_left_behind_is_answered_once(uncertain: Site) -> None:
    box = uncertain.take(LEFT)
    events = len(STRAIGHT_PATH + LEFT_BEHIND)
    for point, request in enumerate(requests_in(box)[:events], start=1):
        worker = Worker(uncertain, box, request, LEFT)
        worker.dies(after=point)
        assert worker.run().result == "answered"
        assert uncertain.sent(box, request) == (1, 1), point
    assert sum(message.processed for message in inbox(box)) == events


# -- where the server lies -----------------------------------------------------------------------------------------

FOLDERS = Folders(*(f"/exchange/adele/{name}" for name in ("Inbox", "Drafts", "Sent", "Deleted", "sendmsg")))
REQUEST = MeetingMessage(Kind.REQUEST, ItemRef("rid:1", ("/exchange/adele/Inbox/1.EML", "")))
HELD = play(207, rows_page(1), **XML)
EMPTY = play(207, NO_ROWS, **XML)
MARKED = play(207, NO_ROWS, **XML)
PAGE = play(200, b"<html>The item could not be processed.</html>", Content_Type="text/html")
DRAFT = play(
    207, rows_page(2, href="/exchange/adele/Drafts/{}.EML", message_class="IPM.Schedule.Meeting.Resp.Pos"), **XML
)


def answer_at(server: ScriptedServer, steps: dict[str, Any]) -> Outcome:
    """Answer REQUEST at the scripted server; the journal is left in ``steps``."""

    def record(written: Mapping[str, Any], _intent: bool, _attached: Attached | None) -> Literal["ok"]:
        steps.update(written)
        return "ok"

    box = WebDavMailbox(WebDavServer(server.url + "/exchange/", auth.basic("svc", "secret")), "adele", FOLDERS)
    return answer(work_on(REQUEST, box, always(), Journal(steps, record), "item", settle_s=0))


def test_a_page_that_says_nothing_was_accepted_is_transient(scripted: ScriptedServer) -> None:
    scripted.script(HELD, EMPTY, MARKED, PAGE, EMPTY, HELD)
    steps: dict[str, Any] = {}
    with pytest.raises(Transient, match="accept changed nothing"):
        answer_at(scripted, steps)
    assert list(steps) == ["accept"]


@pytest.mark.parametrize(
    ("submission", "error"),
    [
        (play(302, Location="http://mail2.example.com/exchange/adele/"), Refused),
        (play(207, NO_ROWS, **XML), Refused),
        (play(403), Refused),
        (play(500), Unknown),
        (RESET, Unknown),
        (play(440), Busy),
        (PAGE, Unknown),
        (play(201, b"Try again later"), Unknown),
    ],
    ids=["redirect", "nothing done", "403", "500", "reset", "login", "page", "words"],
)
def test_a_draft_is_noted_as_sent_only_where_the_server_says_so(
    scripted: ScriptedServer, submission: Play, error: type[ExchangeError]
) -> None:
    scripted.script(HELD, EMPTY, MARKED, PAGE, DRAFT, play(404), MARKED, submission)
    steps: dict[str, Any] = {}
    with pytest.raises(error):
        answer_at(scripted, steps)
    assert list(steps) == ["accept", "send"]
    assert steps["send"] == "rid:2"


def test_a_page_of_exchanges_own_is_believed(scripted: ScriptedServer) -> None:
    own = play(200, b"<html></html>", Content_Type="text/html", MS_WebStorage="6.5.7638")
    scripted.script(HELD, EMPTY, MARKED, PAGE, DRAFT, play(404), MARKED, own)
    assert answer_at(scripted, {}) == Outcome("answered")


def test_a_server_that_takes_no_markers_is_answered_all_the_same(scripted: ScriptedServer) -> None:
    scripted.script(HELD, EMPTY, play(403), PAGE, DRAFT, play(404), play(403), play(200))
    assert answer_at(scripted, {}) == Outcome("answered")


@pytest.mark.parametrize("lost", [RESET, play(500)], ids=["reset", "500"])
def test_after_a_lost_answer_to_accept_the_mailbox_is_looked_at_first(scripted: ScriptedServer, lost: Play) -> None:
    steps: dict[str, Any] = {}
    scripted.script(HELD, EMPTY, MARKED, lost)
    with pytest.raises(Unknown):
        answer_at(scripted, steps)
    scripted.script(DRAFT, play(404), MARKED, play(200))
    assert answer_at(scripted, steps) == Outcome("answered")
    assert [request.method for request in scripted.requests] == ["SEARCH", "PROPFIND", "PROPPATCH", "MOVE"]


def test_of_a_request_without_a_uid_no_sent_answer_is_taken_for_its_own(scripted: ScriptedServer) -> None:
    scripted.script(EMPTY, play(404))
    with pytest.raises(Unknown, match="neither in Drafts nor in Sent Items"):
        answer_at(scripted, {"accept": [], "send": "rid:2"})
    assert [request.method for request in scripted.requests] == ["SEARCH"]
