"""The path without OWA's commands: each request is answered once by an iCalendar reply, whatever dies in between."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

import pytest

from rsvpq.http import auth
from rsvpq.mail.drafts import unsent_answers
from rsvpq.mail.errors import Busy, ExchangeError, Gone, Refused, Transient, Unknown, Unsupported
from rsvpq.mail.messages import Intent, Kind, Mailbox, MeetingMessage, Verdict
from rsvpq.policy import Action
from rsvpq.tasks.journal import Attached, Journal, LeaseLost, Outcome, Paused, Record
from rsvpq.webdav.mailbox import Answers, Commands, WebDavMailbox
from rsvpq.webdav.rows import href_of
from rsvpq.webdav.server import WebDavServer
from testbed.fork_server import fork_server
from testbed.simulated_exchange import SimulatedExchange, World
from tests.integration.test_answer import FOLDERS, HELD, LEFT, REQUEST, draft_of_a_person, worker_at
from tests.support.calendar_writer import Diary
from tests.support.crashing_worker import Worker, die_twice_everywhere
from tests.support.exchange_site import PASSWORD, Site, always, box_name, inbox, requests_in, sent_in
from tests.support.scripted_server import NO_ROWS, RESET, XML, Play, ScriptedServer, play, rows_page
from tests.support.work import work_on
from workers.answer import answer
from workers.reply import draft_name, reply

ANSWERED = Outcome("answered", "by an iCalendar reply")
#: The draft of an answer to REQUEST. Another name would not be found by the next attempt, nor by another version.
NAME = "781124df-6126-5215-b0c9-41594b9de44b.EML"
#: What happens while one request is answered without trouble: requests to the server, and steps written.
STRAIGHT_PATH = (
    "PROPFIND sent",
    "PROPFIND request",
    "GET request",
    "intend draft",
    "PROPPATCH draft",
    "PUT draft",
    "intend send",
    "MOVE draft",
    "note sent",
    "PROPFIND request",
    "PROPPATCH request",
)


class Replier(Worker):
    """A worker that answers by iCalendar, in the name of an address."""

    def __init__(
        self, site: Site, box: WebDavMailbox, request: MeetingMessage, verdict: Verdict = Verdict.ACCEPT
    ) -> None:
        super().__init__(site, box, request)
        self.verdict = verdict
        self.name = draft_name(box, request, verdict)
        self._address = address_of(site, box)

    def run(self, die_after: int = -1) -> Outcome:
        """One attempt; dies after so many events, if told to."""
        self.events, self._die_after = 0, die_after
        return reply(
            work_on(
                self.request,
                self._box,
                always(Action(self.verdict)),
                Journal(self.steps, self._record),
                "item",
                address=self._address,
            )
        )


def address_of(site: Site, box: WebDavMailbox) -> str:
    """The SMTP address of a mailbox."""
    address: str = next(facts["address"] for facts in site.mailboxes() if facts["mailbox"] == box_name(box))
    return address


def mailbox_of(site: Site, address: str) -> WebDavMailbox | None:
    """The mailbox with this address, if it is here."""
    names = [facts["mailbox"] for facts in site.mailboxes() if facts["address"] == address]
    return WebDavMailbox(site.server(), names[0]) if names else None


def after(event: str) -> int:
    """How many events there are up to this one."""
    return STRAIGHT_PATH.index(event) + 1


def marked(box: WebDavMailbox, request: MeetingMessage) -> bool:
    """Whether the request is where it was, and marked."""
    return [message.processed for message in inbox(box) if message.ref.key == request.ref.key] == [True]


@pytest.fixture
def box(site: Site) -> WebDavMailbox:
    """A mailbox of the test's own."""
    return site.take(fits=lambda box: bool(requests_in(box)))


@pytest.fixture
def worker(site: Site, box: WebDavMailbox) -> Replier:
    """A worker with a request that wants a response, in :func:`box`."""
    return Replier(site, box, requests_in(box)[0])


def test_a_request_is_answered_once_and_marked(site: Site, box: WebDavMailbox, worker: Replier) -> None:
    assert worker.run() == ANSWERED
    assert worker.events == len(STRAIGHT_PATH)
    assert list(worker.steps) == ["draft", "send", "sent"]
    assert site.sent(box, worker.request) == (1, 1)
    assert unsent_answers(box) == []
    (sent,) = sent_in(box)
    assert (sent.uid, sent.type_name) == (worker.request.uid, "IPM.Schedule.Meeting.Resp.Pos")
    assert sent.subject == f"Accepted: {worker.request.subject}"
    assert marked(box, worker.request)
    assert site.recorded(box, worker.request)["deleted"] == 0


@pytest.mark.parametrize("written", ["bom", "bare-organizer", "urn-organizer", "no-method", "torn"])
def test_a_request_is_answered_whatever_program_has_written_it(
    site: Site, box: WebDavMailbox, worker: Replier, written: str
) -> None:
    diary = Diary(site, box)
    diary.turn(request_text=written)
    outcome = worker.run()
    diary.turn(request_text="cdo")
    assert outcome == ANSWERED
    assert site.sent(box, worker.request) == (1, 1)


@pytest.mark.parametrize("verdict", [Verdict.DECLINE, Verdict.TENTATIVE])
def test_each_verdict_is_what_the_server_counts(site: Site, box: WebDavMailbox, verdict: Verdict) -> None:
    request = requests_in(box)[0]
    Replier(site, box, request, verdict).run()
    counts = site.recorded(box, request)
    assert (counts["declined"], counts["tentative"]) == (
        int(verdict is Verdict.DECLINE),
        int(verdict is Verdict.TENTATIVE),
    )
    assert (counts["accepted"], counts["submitted"]) == (0, 1)


def test_the_organizer_receives_the_answer(site: Site) -> None:
    for facts in site.mailboxes():
        box = WebDavMailbox(site.server(), facts["mailbox"])
        for request in requests_in(box):
            organizer = mailbox_of(site, site.recorded(box, request)["organizer"])
            if organizer is not None and not request.processed and box_name(organizer) != box_name(box):
                Replier(site, box, request).run()
                found = [m for m in inbox(organizer) if m.uid == request.uid and m.kind is Kind.RESPONSE]
                assert [m.type_name for m in found] == ["IPM.Schedule.Meeting.Resp.Pos"]
                return
    pytest.fail("no organizer of this world has a mailbox in it")


def test_running_again_after_the_end_does_nothing_more(site: Site, box: WebDavMailbox, worker: Replier) -> None:
    worker.run()
    assert worker.run() == ANSWERED
    assert site.sent(box, worker.request) == (1, 1)


@pytest.mark.parametrize("point", range(1, len(STRAIGHT_PATH) + 1))
def test_whenever_the_worker_dies_the_next_one_completes_exactly_one_answer(
    site: Site, box: WebDavMailbox, worker: Replier, point: int
) -> None:
    worker.dies(after=point)
    assert worker.run() == ANSWERED
    assert site.sent(box, worker.request) == (1, 1)
    assert (
        unsent_answers(box),
        len([*sent_in(box)]),
    ) == ([], 1)
    assert marked(box, worker.request)


def test_two_deaths_in_a_row_still_leave_exactly_one_answer(site: Site) -> None:
    box, found = die_twice_everywhere(site, Replier, events=len(STRAIGHT_PATH))
    recorded = {message["uid"]: message for message in site.of_mailbox(box)}
    assert {(recorded[request.uid]["accepted"], recorded[request.uid]["submitted"]) for request in found} == {(1, 1)}
    assert unsent_answers(box) == []


@pytest.mark.parametrize("point", range(1, len(STRAIGHT_PATH) + 1))
def test_whenever_the_worker_dies_and_redis_is_lost_too_there_is_one_answer(
    site: Site, box: WebDavMailbox, worker: Replier, point: int
) -> None:
    worker.dies(after=point)
    worker.steps = {}
    assert replace(worker.run(), attached=None) == ANSWERED
    assert site.sent(box, worker.request) == (1, 1)
    assert unsent_answers(box) == []


def test_a_request_that_somebody_else_removed_is_gone(site: Site, box: WebDavMailbox, worker: Replier) -> None:
    site.raw("DELETE", href_of(worker.request))
    assert worker.run().result == "gone"
    assert worker.steps == {}
    assert site.sent(box, worker.request) == (0, 0)


def test_a_request_that_goes_before_its_answer_is_sent_leaves_no_draft(
    site: Site, box: WebDavMailbox, worker: Replier
) -> None:
    worker.dies(after("PUT draft"))
    assert len(unsent_answers(box)) == 1
    site.raw("DELETE", href_of(worker.request))
    assert worker.run().result == "gone"
    assert worker.run().result == "gone"
    assert unsent_answers(box) == []
    assert site.sent(box, worker.request) == (0, 0)


def test_where_no_response_is_wanted_none_is_sent(site: Site) -> None:
    box = site.take(fits=lambda box: bool(requests_in(box, wanted=False)))
    worker = Replier(site, box, requests_in(box, wanted=False)[0])
    assert worker.run().result == "processed"
    assert site.sent(box, worker.request) == (0, 0)
    assert marked(box, worker.request)


def test_a_persons_draft_for_the_same_meeting_is_not_sent(site: Site, box: WebDavMailbox, worker: Replier) -> None:
    theirs = draft_of_a_person(site, box, worker.request)
    worker.run()
    assert [draft.ref.key for draft in unsent_answers(box)] == [theirs.ref.key]
    assert site.sent(box, worker.request)[1] == 1


def test_a_draft_that_is_nowhere_is_unknown_and_nothing_is_sent(
    site: Site, box: WebDavMailbox, worker: Replier
) -> None:
    worker.dies(after("intend send"))
    site.raw("DELETE", href_of(unsent_answers(box)[0]))
    for _ in range(2):
        with pytest.raises(Unknown, match="neither in Drafts nor in Sent Items"):
            worker.run()
    assert site.sent(box, worker.request) == (0, 0)


def test_an_answer_that_has_another_name_in_sent_items_was_sent(
    site: Site, box: WebDavMailbox, worker: Replier
) -> None:
    worker.dies(after("MOVE draft"))
    (sent,) = sent_in(box)
    there = site.exchange.urls[0] + f"{box.folders.sentitems}/Accepted.EML"
    assert site.raw("MOVE", href_of(sent), Destination=there, Overwrite="f").status_code == 201
    assert worker.run() == ANSWERED
    assert site.sent(box, worker.request) == (1, 1)


@pytest.mark.parametrize(("step", "drafts"), [("draft", 0), ("send", 1)])
def test_a_pause_leaves_everything_as_it_is(
    site: Site, box: WebDavMailbox, worker: Replier, step: str, drafts: int
) -> None:
    worker.paused_at = step
    with pytest.raises(Paused):
        worker.run()
    assert site.sent(box, worker.request) == (0, 0)
    assert len(unsent_answers(box)) == drafts
    worker.paused_at = ""
    assert worker.run() == ANSWERED
    assert site.sent(box, worker.request) == (1, 1)


@pytest.mark.parametrize(("step", "sent"), [("draft", (0, 0)), ("send", (0, 0)), ("sent", (1, 1))])
def test_without_the_lease_nothing_more_is_done(
    site: Site, box: WebDavMailbox, worker: Replier, step: str, sent: tuple[int, int]
) -> None:
    worker.lost_at = step
    with pytest.raises(LeaseLost):
        worker.run()
    assert site.sent(box, worker.request) == sent


def test_an_answer_in_another_name_is_refused_by_the_server(site: Site, box: WebDavMailbox, worker: Replier) -> None:
    worker._address = "somebody.else@example.com"
    for _ in range(2):
        with pytest.raises(Refused, match=r"MOVE .* returned 403"):
            worker.run()
    assert site.sent(box, worker.request) == (0, 0)
    assert len(unsent_answers(box)) == 1


# -- which way -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def exchange_2007(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server that sends a browser to /owa."""
    world = World(mailboxes=12, requests=8, responses=3, seed=7)
    directory = tmp_path_factory.mktemp("exchange-2007")
    exchange = SimulatedExchange(directory, world, PASSWORD, ["--switch", "version=2007"], fork_server())
    try:
        yield Site(exchange)
    finally:
        exchange.part.end()


def answer_by(
    commands: Commands,
    site: Site,
    box: WebDavMailbox,
    request: MeetingMessage,
    steps: dict[str, Any] | None = None,
    settle_s: float = 120.0,
) -> list[str]:
    """Answer a request where this is known of the server's commands; the steps that it took."""
    steps, address = {} if steps is None else steps, address_of(site, box)
    there = WebDavMailbox(box._server, box_name(box), box.folders, commands)
    item, journal = request.identity(Mailbox(address, "hq1")), Journal(steps, recorder(steps))
    answer(work_on(request, there, always(), journal, item, settle_s, address=address))
    return list(steps)


def recorder(steps: dict[str, Any]) -> Record:
    """What writes a journal into a dict."""

    def record(written: Mapping[str, Any], _intent: bool, _attached: Attached | None) -> Literal["ok"]:
        steps.update(written)
        return "ok"

    return record


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ("owa", ["accept", "send"]),
        ("detect", ["accept", "send"]),
        ("icalendar", ["draft", "send", "sent"]),
    ],
)
def test_where_commands_work_they_are_used_by_default(
    site: Site, box: WebDavMailbox, answers: Answers, expected: list[str]
) -> None:
    request = requests_in(box)[0]
    assert answer_by(Commands(answers), site, box, request) == expected
    assert site.sent(box, request) == (1, 1)


def test_where_no_commands_work_that_is_said_once_and_remembered(exchange_2007: Site) -> None:
    box = exchange_2007.take(fits=lambda box: len(requests_in(box)) > 1)
    first, second = requests_in(box)[:2]
    commands = Commands("detect")
    assert answer_by(commands, exchange_2007, box, first) == ["accept", "draft", "send", "sent"]
    assert answer_by(commands, exchange_2007, box, second) == ["draft", "send", "sent"]
    assert [exchange_2007.sent(box, request) for request in (first, second)] == [(1, 1), (1, 1)]


def test_the_marker_of_a_command_that_was_tried_in_vain_says_in_the_end_that_all_was_done(exchange_2007: Site) -> None:
    box = exchange_2007.take(fits=lambda box: bool(requests_in(box)))
    request = requests_in(box)[0]
    answer_by(Commands("detect"), exchange_2007, box, request)
    (left,) = [one for one in inbox(box) if one.ref.key == request.ref.key]
    intent = left.intent
    assert intent is not None
    assert intent.finished


def test_what_was_begun_by_command_is_finished_so_where_its_journal_is_lost(uncertain: Site) -> None:
    box, worker = worker_at(uncertain, LEFT)
    identity = worker.request.identity(Mailbox(address_of(uncertain, box), "hq1"))
    box.mark(worker.request, Intent.now(identity, Verdict.ACCEPT))
    box.command(worker.request, Verdict.ACCEPT)
    (found,) = [one for one in inbox(box) if one.ref.key == worker.request.ref.key]
    assert "draft" not in answer_by(Commands("icalendar"), uncertain, box, found, settle_s=0)
    assert uncertain.sent(box, worker.request) == (1, 1)
    assert unsent_answers(box) == []


def test_where_no_commands_work_and_only_they_are_allowed_the_remedy_is_reported(exchange_2007: Site) -> None:
    box = exchange_2007.take(fits=lambda box: bool(requests_in(box)))
    with pytest.raises(Unsupported, match='set answers = "icalendar"'):
        answer_by(Commands("owa"), exchange_2007, box, requests_in(box)[0])
    assert exchange_2007.sent(box, requests_in(box)[0]) == (0, 0)


def test_what_was_begun_by_command_is_looked_at_before_it_is_answered_otherwise(site: Site, box: WebDavMailbox) -> None:
    request = requests_in(box)[0]
    worker = Worker(site, box, request)
    worker.dies(after=5)  # the accept was done, and its outcome never written
    assert "draft" not in answer_by(Commands("icalendar"), site, box, request, worker.steps, settle_s=0)
    assert site.sent(box, request) == (1, 1)


# -- where the server lies -----------------------------------------------------------------------------------------

NONE = play(404)
DONE = play(201)
SOURCE = play(
    200,
    b"Content-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:1\r\n"
    b"ORGANIZER:MAILTO:ann@example.com\r\nDTSTART:20090210T090000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
    Content_Type="message/rfc822",
)
UNTIL_DRAFT = (HELD, NONE, SOURCE)
MARKED_BODY = (
    b'<D:multistatus xmlns:D="DAV:" xmlns:p="http://schemas.microsoft.com/mapi/proptag/"><D:response>'
    b"<D:href>/exchange/adele/Inbox/1.EML</D:href><D:propstat><D:status>HTTP/1.1 200 OK</D:status>"
    b"<D:prop><p:x65e8000b/></D:prop></D:propstat></D:response></D:multistatus>"
)
LOCKED_BODY = MARKED_BODY.replace(b"<D:propstat>", b"<D:status>HTTP/1.1 423 Locked</D:status><D:propstat>")
MARKED = play(207, MARKED_BODY, **XML)


def reply_at(server: ScriptedServer, steps: dict[str, Any]) -> Outcome:
    """Answer REQUEST at the scripted server; the journal is left in ``steps``."""
    box = WebDavMailbox(WebDavServer(server.url + "/exchange/", auth.basic("svc", "secret")), "adele", FOLDERS)
    return reply(work_on(REQUEST, box, always(), Journal(steps, recorder(steps)), "item", address="adele@example.com"))


def test_a_reply_is_sent_over_the_wire_as_specified(scripted: ScriptedServer) -> None:
    scripted.script(*UNTIL_DRAFT, HELD, DONE, DONE, HELD, MARKED)
    reply_at(scripted, {})
    _, _, get, create, put, move, _, mark = scripted.requests
    draft = f"/exchange/adele/Drafts/{NAME}"
    assert (get.method, get.target, get.headers["Translate"]) == ("GET", href_of(REQUEST), "f")
    assert (create.method, create.target) == ("PROPPATCH", draft)
    assert re.search(rb"x0e070003[^<]*>9<", create.body)
    assert (put.method, put.target) == ("PUT", draft)
    assert (put.headers["Translate"], put.headers["Content-Type"]) == ("f", "message/rfc822")
    assert b"METHOD:REPLY" in put.body
    assert (move.method, move.target) == ("MOVE", draft)
    assert move.headers["Destination"] == f"{scripted.url}/exchange/adele/sendmsg/"
    assert (mark.method, mark.target) == ("PROPPATCH", href_of(REQUEST))


def test_what_is_shown_of_another_item_is_no_sent_answer(scripted: ScriptedServer) -> None:
    scripted.script(HELD, HELD, SOURCE, HELD, DONE, DONE, HELD, MARKED)
    assert reply_at(scripted, {}) == ANSWERED
    assert "MOVE" in {request.method for request in scripted.requests}


@pytest.mark.parametrize(
    ("put", "error"),
    [
        (play(403), Refused),
        (play(406), Refused),
        (play(412), Transient),
        (play(500), Unknown),
        (RESET, Unknown),
        (play(440), Busy),
        (play(302, Location="http://mail2.example.com/"), Refused),
    ],
    ids=["403", "406", "412", "500", "reset", "login", "redirect"],
)
def test_nothing_is_sent_where_the_draft_was_not_taken(
    scripted: ScriptedServer, put: Play, error: type[ExchangeError]
) -> None:
    scripted.script(*UNTIL_DRAFT, HELD, put)
    steps: dict[str, Any] = {}
    with pytest.raises(error):
        reply_at(scripted, steps)
    assert list(steps) == ["draft"]


@pytest.mark.parametrize(
    ("submission", "error"),
    [
        (play(207, NO_ROWS, **XML), Refused),
        (play(403), Refused),
        (play(500), Unknown),
        (RESET, Unknown),
        (play(440), Busy),
    ],
    ids=["nothing done", "403", "500", "reset", "login"],
)
def test_an_answer_is_noted_as_sent_only_where_the_server_says_so(
    scripted: ScriptedServer, submission: Play, error: type[ExchangeError]
) -> None:
    scripted.script(*UNTIL_DRAFT, HELD, DONE, submission)
    steps: dict[str, Any] = {}
    with pytest.raises(error):
        reply_at(scripted, steps)
    assert list(steps) == ["draft", "send"]


def test_after_a_lost_answer_to_the_submission_the_mailbox_is_looked_at_first(scripted: ScriptedServer) -> None:
    steps: dict[str, Any] = {}
    scripted.script(*UNTIL_DRAFT, HELD, DONE, RESET)
    with pytest.raises(Unknown):
        reply_at(scripted, steps)
    draft = play(207, rows_page(1).replace(b"Inbox/1.EML", f"Drafts/{NAME}".encode()), **XML)
    scripted.script(NONE, draft, DONE, HELD, MARKED)
    assert reply_at(scripted, steps) == ANSWERED
    methods = [request.method for request in scripted.requests]
    assert methods == ["PROPFIND", "PROPFIND", "MOVE", "PROPFIND", "PROPPATCH"]


@pytest.mark.parametrize(
    "refusal",
    [play(403), play(207, MARKED_BODY.replace(b"200 OK", b"403 Forbidden"), **XML)],
    ids=["403", "within 207"],
)
def test_a_request_that_cannot_be_marked_goes_to_deleted_items(scripted: ScriptedServer, refusal: Play) -> None:
    scripted.script(*UNTIL_DRAFT, HELD, DONE, DONE, HELD, refusal, DONE)
    assert reply_at(scripted, {}) == ANSWERED
    last = scripted.requests[-1]
    assert (last.method, last.target) == ("MOVE", href_of(REQUEST))
    assert last.headers["Destination"] == f"{scripted.url}/exchange/adele/Deleted/1.EML"


@pytest.mark.parametrize(
    ("creation", "error"),
    [
        (play(409), Gone),  # so that the folders are asked for again
        (play(403), Refused),
        (play(207, LOCKED_BODY, **XML), Transient),
        (play(500), Unknown),
    ],
    ids=["409", "403", "locked within 207", "500"],
)
def test_without_a_place_for_the_draft_no_message_is_put_there(
    scripted: ScriptedServer, creation: Play, error: type[ExchangeError]
) -> None:
    scripted.script(*UNTIL_DRAFT, creation)
    with pytest.raises(error):
        reply_at(scripted, {})
    assert scripted.requests[-1].method == "PROPPATCH"


def test_a_request_whose_address_is_not_known_is_refused_before_anything_is_done(scripted: ScriptedServer) -> None:
    scripted.script(*UNTIL_DRAFT)
    box = WebDavMailbox(WebDavServer(scripted.url + "/exchange/", auth.basic("svc", "secret")), "adele", FOLDERS)
    steps: dict[str, Any] = {}
    with pytest.raises(Refused, match="SMTP address in the mailbox column"):
        reply(work_on(REQUEST, box, always(), Journal(steps, recorder(steps)), "item", address="adele"))
    assert (list(steps), len(scripted.requests)) == ([], 3)


def test_a_command_that_leads_to_the_draft_is_no_sign_of_missing_commands(scripted: ScriptedServer) -> None:
    box = WebDavMailbox(WebDavServer(scripted.url + "/exchange/", auth.basic("svc", "secret")), "adele", FOLDERS)
    for target in ("/exchange/ADELE/Drafts/1.EML?Cmd=edit", "../Drafts/1.EML", "http://mail/Exchange/adele/"):
        scripted.script(play(302, Location=target))
        box.command(REQUEST, Verdict.ACCEPT)
    for target in ("/owa/?ae=Item", "https://mail.example.com/owa", "/"):
        scripted.script(play(302, Location=target))
        with pytest.raises(Unsupported):
            box.command(REQUEST, Verdict.ACCEPT)
