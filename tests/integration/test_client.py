"""The client against a well-behaved Exchange, and against servers that do everything else."""

import gzip
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rsvpq.http import auth
from rsvpq.http.deadlines import Timeouts
from rsvpq.mail.drafts import unsent_answers
from rsvpq.mail.errors import (
    Busy,
    ExchangeError,
    Gone,
    LoginRefused,
    MailboxRefused,
    Malformed,
    Refused,
    Transient,
    Unknown,
)
from rsvpq.mail.messages import ItemRef, Kind, MeetingMessage, Sensitivity, Verdict
from rsvpq.mail.ports import Clear
from rsvpq.webdav.mailbox import WebDavMailbox
from rsvpq.webdav.rows import at, href_of, permanent_url_of
from rsvpq.webdav.server import WebDavServer
from testbed.processes import WAIT_S, free_port
from testbed.simulated_exchange import World
from tests.support import scripted_server as scripts
from tests.support.exchange_site import Site, box_name, inbox, requests_in, responses_in, sent_in, simulated_site
from tests.support.file_limit import no_more_files
from tests.support.scripted_server import DRAFT, FOLDERS, MESSAGE, NO_ROWS, XML, Play, ScriptedServer, play, rows_page

LANGUAGES = {"en", "de", "hu", "ja", "fr", "es"}


# -- the well-behaved server ---------------------------------------------------------------------------------------


def test_the_folders_are_found_in_every_language(site: Site) -> None:
    found = {}
    for facts in site.mailboxes()[: 2 * len(LANGUAGES)]:
        folders = WebDavMailbox(site.server(), facts["mailbox"]).folders
        found[facts["language"]] = folders.drafts.rsplit("/", 1)[-1]
    assert found.keys() == LANGUAGES
    assert (found["en"], found["de"]) == ("Drafts", "Entw%C3%BCrfe")


@pytest.mark.parametrize("trap", [" ", "'", "@", "&", "+", "inbox"])
def test_a_mailbox_with_a_trap_in_its_name_is_opened(site: Site, trap: str) -> None:
    name = next(facts["mailbox"] for facts in site.mailboxes() if trap in facts["mailbox"])
    box = WebDavMailbox(site.server(), name)
    assert box_name(box) == name
    assert box.folders.sendmsg.endswith("/%23%23DavMailSubmissionURI%23%23")


def test_a_mailbox_with_a_name_beyond_ascii_is_opened_and_read(site: Site) -> None:
    name = next(facts["mailbox"] for facts in site.mailboxes() if not facts["mailbox"].isascii())
    assert inbox(WebDavMailbox(site.server(), name))


def test_a_mailbox_that_is_not_there_is_gone(site: Site) -> None:
    with pytest.raises(Gone):
        WebDavMailbox(site.server(), "nobody")


def test_a_wrong_password_is_a_refused_login(site: Site) -> None:
    server = WebDavServer(site.exchange.urls[0] + "/exchange/", auth.basic(site.exchange.username, "wrong"))
    with pytest.raises(LoginRefused):
        WebDavMailbox(server, "adele0")


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Mailboxes to be cut down to an exact number of rows; the first holds over 250."""
    world = World(mailboxes=8, requests=130, responses=0, deep=260, seed=9)
    yield from simulated_site(tmp_path_factory.mktemp("full"), world)


def cut_down(site: Site, box: WebDavMailbox, rows: int) -> None:
    """Somebody deletes messages until so many meeting messages are left."""
    surplus = inbox(box)[rows:]
    for message in surplus:
        assert site.raw("DELETE", href_of(message)).status_code == 200


@pytest.mark.parametrize(
    ("index", "rows", "few"), [(0, 250, 7), (1, 101, 2), (2, 100, 3), (3, 99, 1), (4, 1, 1), (7, 0, 1)]
)
def test_every_row_is_found_once_and_in_order_on_pages_of_any_size(full: Site, index: int, rows: int, few: int) -> None:
    box = WebDavMailbox(full.server(), full.mailboxes()[index]["mailbox"])
    cut_down(full, box, rows)
    pages = list(box.meeting_messages())
    found = [message for page in pages for message in page.messages]
    assert len({message.ref.key for message in found}) == len(found) == rows
    received = [message.received for message in found if message.received is not None]
    assert len(received) == rows
    assert received == sorted(received)
    assert max((len(page.messages) for page in pages), default=0) == min(rows, 100)
    for size in (few, rows or 1):
        assert [message for page in box.meeting_messages(page_rows=size) for message in page.messages] == found


def test_a_message_has_all_that_the_search_asked_for(site: Site) -> None:
    box = site.take()
    request = requests_in(box)[0]
    recorded = site.recorded(box, request)
    assert request.kind is Kind.REQUEST
    assert request.type_name == recorded["message_class"]
    assert recorded["organizer"] in request.organizer
    assert request.ref.key.startswith("rid:")
    assert href_of(request).startswith(box.folders.inbox + "/")
    assert "-FlatUrlSpace-" in permanent_url_of(request)
    assert (request.response_requested, request.processed) == (True, False)


def test_a_message_is_held_where_it_is(site: Site) -> None:
    box = site.take()
    assert all(box.holds(message) for message in inbox(box))


def test_a_message_that_was_deleted_is_not_held(site: Site) -> None:
    box = site.take()
    request = requests_in(box)[0]
    site.raw("DELETE", href_of(request))
    assert not box.holds(request)


def test_another_item_under_the_same_name_is_not_held(site: Site) -> None:
    box = site.take()
    request, other = inbox(box)[:2]
    site.raw("DELETE", href_of(request))
    url = site.exchange.urls[0] + href_of(request)
    assert site.raw("MOVE", href_of(other), Destination=url, Overwrite="f").status_code == 201
    assert not box.holds(request)


def test_an_item_of_another_kind_is_not_held(site: Site) -> None:
    box = site.take()
    request = requests_in(box)[0]
    assert not box.holds(replace(request, kind=Kind.RESPONSE))


def without_rid(message: MeetingMessage) -> MeetingMessage:
    """The message as a server has it that shows no repl-uid."""
    return replace(message, ref=ItemRef(permanent_url_of(message) or href_of(message), message.ref.address))


def test_a_message_without_a_rid_is_held_by_its_kind(site: Site) -> None:
    box = site.take()
    assert box.holds(without_rid(requests_in(box)[0]))


def test_accepting_makes_one_draft_and_removes_the_request(site: Site) -> None:
    box = site.take()
    request = requests_in(box)[0]
    assert unsent_answers(box) == []
    box.command(request, Verdict.ACCEPT)
    (draft,) = unsent_answers(box)
    assert (draft.kind, draft.uid) == (Kind.ANSWER, request.uid)
    assert not box.holds(request)
    assert site.sent(box, request) == (1, 0)


def test_submitting_a_draft_sends_it_and_keeps_a_copy(site: Site) -> None:
    box = site.take()
    request = requests_in(box)[0]
    box.command(request, Verdict.ACCEPT)
    box.send(unsent_answers(box)[0])
    assert site.sent(box, request) == (1, 1)
    assert unsent_answers(box) == []
    assert [sent.uid for sent in sent_in(box)] == [request.uid]


def test_submitting_what_is_not_there_is_gone(site: Site) -> None:
    box = site.take()
    with pytest.raises(Gone):
        box.send(at(DRAFT, box.folders.drafts + "/nothing.EML"))


def test_opening_a_response_opens_it_and_leaves_it(site: Site) -> None:
    box = site.take()
    response = responses_in(box)[0]
    box.absorb(response)
    assert site.recorded(box, response)["opened"] == 1
    assert box.holds(response)


def test_moving_to_deleted_items_takes_a_message_out_of_the_inbox(site: Site) -> None:
    box = site.take()
    response = responses_in(box)[0]
    box.clear(response, Clear.TRASH)
    counts = site.recorded(box, response)
    assert (counts["moved"], counts["deleted"]) == (1, 0)
    assert not box.holds(response)


def test_moving_onto_a_taken_name_overwrites_nothing(site: Site) -> None:
    box = site.take()
    first, second = inbox(box)[:2]
    name = href_of(first).rsplit("/", 1)[-1]
    box.clear(first, Clear.TRASH)
    site.raw("MOVE", href_of(second), Destination=site.exchange.urls[0] + href_of(first), Overwrite="f")
    (again,) = [message for message in inbox(box) if message.uid == second.uid]
    assert href_of(again).endswith(name)
    box.clear(again, Clear.TRASH)
    assert [message["deleted"] for message in site.of_mailbox(box)].count(1) == 0


def test_deleting_is_for_good(site: Site) -> None:
    box = site.take()
    response = responses_in(box)[0]
    box.clear(response, Clear.DELETE)
    assert site.recorded(box, response)["deleted"] == 1
    assert not box.holds(response)


def test_a_message_marked_as_processed_is_found_as_such(site: Site) -> None:
    box = site.take()
    request = requests_in(box)[0]
    box.mark_processed(request)
    (marked,) = [message for message in inbox(box) if message.ref.key == request.ref.key]
    assert marked == replace(request, processed=True, read=True)


# -- servers that do something else --------------------------------------------------------------------------------

PASSWORD = "S3cret-in-no-message"
LOGIN_FORM = b'<html><form action="/exchweb/bin/auth/owaauth.dll"><input name="username"></form></html>'
HTML = {"Content_Type": "text/html; charset=utf-8"}

Operation = Callable[[WebDavMailbox], object]
READING: dict[str, Operation] = {
    "find folders": lambda box: WebDavMailbox(box._server, "adele", None),
    "search": lambda box: list(box.meeting_messages()),
    "holds": lambda box: box.holds(MESSAGE),
    "drafts": unsent_answers,
}
EFFECTS: dict[str, Operation] = {
    "accept": lambda box: box.command(MESSAGE, Verdict.ACCEPT),
    "open": lambda box: box.absorb(MESSAGE),
    "submit": lambda box: box.send(DRAFT),
    "move": lambda box: box.clear(MESSAGE, Clear.TRASH),
    "delete": lambda box: box.clear(MESSAGE, Clear.DELETE),
    "mark": lambda box: box.mark_processed(MESSAGE),
}
reading = pytest.mark.parametrize("operation", READING.values(), ids=READING)
effects = pytest.mark.parametrize("operation", EFFECTS.values(), ids=EFFECTS)


def client(url: str, *, read_s: float = WAIT_S) -> WebDavMailbox:
    """A client of adele's mailbox at this origin, who knows her folders."""
    server = WebDavServer(url + "/exchange/", auth.basic("svc", PASSWORD), timeouts=Timeouts(WAIT_S, read_s))
    return WebDavMailbox(server, "adele", FOLDERS)


def failure(operation: Operation, box: WebDavMailbox) -> ExchangeError:
    """What the operation raised; that it never tells the password is checked here, for every failure there is."""
    with pytest.raises(ExchangeError) as caught:
        operation(box)
    assert PASSWORD not in f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"
    return caught.value


SAME_FOR_BOTH = {
    "503 with a time": (play(503, Retry_After="7"), Busy),
    "429": (play(429), Busy),
    "401": (play(401, WWW_Authenticate='Basic realm="x"'), LoginRefused),
    "440": (play(440, Connection="close"), Busy),
    "a login form with 200": (play(200, LOGIN_FORM, **HTML), Busy),
    "a login form with 207": (play(207, LOGIN_FORM, **HTML), Busy),
    "a redirect to the login": (play(302, Location="/exchweb/bin/auth/owalogon.asp?url=x&reason=0"), Busy),
    "403": (play(403), Refused),
    "409": (play(409), Transient),
    "501": (play(501), Refused),
}


@pytest.mark.parametrize(("answer", "error"), SAME_FOR_BOTH.values(), ids=SAME_FOR_BOTH)
def test_an_answer_that_settles_the_matter_is_one_error_for_all(
    scripted: ScriptedServer, answer: Play, error: type[ExchangeError]
) -> None:
    scripted.script(answer)
    for operation in (*READING.values(), *EFFECTS.values()):
        assert type(failure(operation, client(scripted.url))) is error


LOST = {
    "500": play(500, b"<html>Error</html>", **HTML),
    "502": play(502),
    "reset": scripts.RESET,
    "truncated": scripts.TRUNCATED,
    "a chunk cut short": scripts.CUT_CHUNK,
    "no HTTP": scripts.NOT_HTTP,
    "not gzip": play(207, b"not gzip", Content_Encoding="gzip", **XML),
}


@pytest.mark.parametrize("answer", LOST.values(), ids=LOST)
def test_a_lost_answer_is_transient_where_nothing_was_changed(scripted: ScriptedServer, answer: Play) -> None:
    scripted.script(answer)
    for operation in READING.values():
        assert type(failure(operation, client(scripted.url))) is Transient


@pytest.mark.parametrize("answer", LOST.values(), ids=LOST)
def test_a_lost_answer_is_unknown_where_something_may_have_changed(scripted: ScriptedServer, answer: Play) -> None:
    scripted.script(answer)
    for operation in EFFECTS.values():
        assert type(failure(operation, client(scripted.url))) is Unknown


@pytest.mark.parametrize("answer", [scripts.HANG, scripts.HANGING_BODY], ids=["no answer", "half a body"])
def test_a_timeout_is_transient_for_reading_and_unknown_for_an_effect(scripted: ScriptedServer, answer: Play) -> None:
    scripted.script(answer)
    box = client(scripted.url, read_s=0.1)
    assert type(failure(READING["search"], box)) is Transient
    assert type(failure(EFFECTS["accept"], box)) is Unknown
    assert type(failure(EFFECTS["submit"], box)) is Unknown


def test_an_endless_answer_is_refused_but_may_have_been_an_effect(scripted: ScriptedServer) -> None:
    scripted.script(scripts.ENDLESS)
    assert type(failure(READING["search"], client(scripted.url))) is Refused
    assert type(failure(EFFECTS["accept"], client(scripted.url))) is Unknown


def test_a_compressed_bomb_is_not_unpacked(scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rsvpq.http.body.LARGEST_LISTING", 32 * 1024 * 1024)
    scripted.script(play(207, gzip.compress(bytes(64 * 1024 * 1024), 1), Content_Encoding="gzip", **XML))
    assert "larger than" in str(failure(READING["search"], client(scripted.url)))


@reading
def test_a_refused_connection_is_busy_for_the_whole_server_when_reading(operation: Operation) -> None:
    error = failure(operation, client(f"http://127.0.0.1:{free_port()}"))
    assert isinstance(error, Busy)
    assert error.scope == "server"


@effects
def test_a_refused_connection_is_busy_for_the_whole_server_before_an_effect(operation: Operation) -> None:
    error = failure(operation, client(f"http://127.0.0.1:{free_port()}"))
    assert isinstance(error, Busy)
    assert error.scope == "server"


def test_where_this_process_may_open_nothing_more_the_server_is_not_left_alone() -> None:
    """It has done nothing, and others can ask it."""
    box = client(f"http://127.0.0.1:{free_port()}")
    failure(EFFECTS["accept"], box)  # whatever is imported by then
    with no_more_files():
        error = failure(EFFECTS["accept"], box)
    assert isinstance(error, Busy)
    assert error.scope == "mailbox"
    assert "ulimit -n" in str(error)


def test_a_server_that_speaks_no_tls_is_busy_and_gets_nothing(scripted: ScriptedServer) -> None:
    scripted.greeting = scripts.NOT_HTTP.octets
    error = failure(EFFECTS["accept"], client(scripted.url.replace("http:", "https:")))
    assert type(error) is Busy
    assert scripted.requests == []


@pytest.mark.parametrize(("text", "delay_s"), [("7", 7.0), ("soon", 30.0)])
def test_busy_says_how_long(scripted: ScriptedServer, text: str, delay_s: float) -> None:
    scripted.script(play(503, Retry_After=text))
    error = failure(READING["search"], client(scripted.url))
    assert isinstance(error, Busy)
    assert error.delay_s == delay_s


@pytest.mark.parametrize("name", ["find folders", "search", "drafts"])
def test_404_is_gone_when_reading(scripted: ScriptedServer, name: str) -> None:
    scripted.script(play(404))
    assert type(failure(READING[name], client(scripted.url))) is Gone


@effects
def test_404_is_gone_for_an_effect(scripted: ScriptedServer, operation: Operation) -> None:
    scripted.script(play(404))
    assert type(failure(operation, client(scripted.url))) is Gone


MALFORMED = {
    "no XML": play(207, b"OK", **XML),
    "no body": play(207, b"", **XML),
    "another root": play(207, b"<html/>", **XML),
    "200": play(200, NO_ROWS, **XML),
    "a page with 200": play(200, b"<html>Welcome</html>", **HTML),
    "a redirect": play(302, Location="https://other.example/exchange/adele/"),
}


@pytest.mark.parametrize("answer", MALFORMED.values(), ids=MALFORMED)
@reading
def test_what_is_no_multistatus_is_malformed(scripted: ScriptedServer, answer: Play, operation: Operation) -> None:
    scripted.script(answer)
    assert type(failure(operation, client(scripted.url))) is Malformed


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "text/html", ""])
def test_a_multistatus_is_read_whatever_it_is_called(scripted: ScriptedServer, content_type: str) -> None:
    scripted.script(play(207, rows_page(1), Content_Type=content_type))
    assert len(inbox(client(scripted.url))) == 1


def test_a_row_range_beyond_the_end_is_an_empty_page(scripted: ScriptedServer) -> None:
    scripted.script(play(416))
    assert inbox(client(scripted.url)) == []


def test_a_server_that_never_stops_sending_pages_is_stopped(
    scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rsvpq.webdav.search.MOST_PAGES", 5)
    pages = [play(207, rows_page(n), Content_Range=f"rows {n}-{n}; total=*", **XML) for n in range(7)]
    scripted.script(*pages)
    assert "more than 5 pages" in str(failure(READING["search"], client(scripted.url)))


@pytest.mark.parametrize("total", ["total=3", "total=*", ""])
def test_pages_end_with_the_total_or_with_an_empty_page(scripted: ScriptedServer, total: str) -> None:
    headers = {"Content_Range": f"rows 0-1; {total}", **XML}
    scripted.script(play(207, rows_page(1, 2), **headers), play(207, rows_page(3), **headers), play(416))
    assert [message.ref.key for message in inbox(client(scripted.url))] == ["rid:1", "rid:2", "rid:3"]


def test_without_a_content_range_everything_came_at_once(scripted: ScriptedServer) -> None:
    scripted.script(play(207, rows_page(1, 2), **XML))
    assert len(inbox(client(scripted.url))) == 2
    assert len(scripted.requests) == 1


def test_a_row_that_leads_out_of_the_mailbox_is_left_out(scripted: ScriptedServer) -> None:
    scripted.script(play(207, rows_page(1, href="/exchange/bruno/Inbox/{}.EML"), **XML))
    assert inbox(client(scripted.url)) == []


def test_a_row_with_an_href_that_is_no_url_is_left_out(scripted: ScriptedServer) -> None:
    scripted.script(play(207, rows_page(1, href="http://[/exchange/adele/{}"), **XML))
    assert inbox(client(scripted.url)) == []


def test_an_href_on_another_host_is_asked_for_at_the_configured_one(
    scripted: ScriptedServer, elsewhere: ScriptedServer
) -> None:
    scripted.script(play(207, rows_page(1, href=elsewhere.url + "/exchange/adele/Inbox/{}.EML"), **XML), play(404))
    elsewhere.script(play(207, rows_page(1), **XML))
    box = client(scripted.url)
    (message,) = inbox(box)
    assert not box.holds(message)
    assert scripted.requests[-1].target == "/exchange/adele/Inbox/1.EML"
    assert elsewhere.requests == []


def test_folders_on_another_host_are_asked_for_at_the_configured_one(
    scripted: ScriptedServer, elsewhere: ScriptedServer
) -> None:
    elsewhere.script(play(207, NO_ROWS, **XML))
    scripted.script(play(207, folders_page(elsewhere.url + "/exchange/adele"), **XML), play(207, NO_ROWS, **XML))
    box = WebDavMailbox(WebDavServer(scripted.url + "/exchange/", auth.basic("svc", PASSWORD)), "adele")
    assert inbox(box) == []
    assert [request.target for request in scripted.requests] == ["/exchange/adele/", "/exchange/adele/inbox"]
    assert elsewhere.requests == []


def test_folders_in_another_mailbox_are_refused(scripted: ScriptedServer) -> None:
    scripted.script(play(207, folders_page("/exchange/bruno"), **XML))
    assert type(failure(READING["find folders"], client(scripted.url))) is Refused


@pytest.mark.parametrize("root", ["/public/bruno", "http://[x", "/exchange/adele/../bruno"])
def test_folders_outside_the_mailbox_are_malformed(scripted: ScriptedServer, root: str) -> None:
    scripted.script(play(207, folders_page(root), **XML))
    assert type(failure(READING["find folders"], client(scripted.url))) is Malformed


def test_folders_that_may_not_be_read_are_refused_with_a_hint(scripted: ScriptedServer) -> None:
    scripted.script(play(207, folders_page("/exchange/adele", status="403 Forbidden"), **XML))
    assert "may the account read it?" in str(failure(READING["find folders"], client(scripted.url)))


def folders_page(root: str, status: str = "200 OK") -> bytes:
    """The answer with the URLs of the folders."""
    names = ("inbox", "drafts", "sentitems", "deleteditems", "sendmsg")
    found = "".join(f"<m:{name}>{root}/{name}</m:{name}>" for name in names)
    return (
        '<D:multistatus xmlns:D="DAV:" xmlns:m="urn:schemas:httpmail:"><D:response><D:href>/exchange/adele/</D:href>'
        f"<D:propstat><D:status>HTTP/1.1 {status}</D:status><D:prop>{found}</D:prop></D:propstat>"
        "</D:response></D:multistatus>"
    ).encode()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_is_followed_and_no_credential_goes_elsewhere(
    scripted: ScriptedServer, elsewhere: ScriptedServer, status: int
) -> None:
    elsewhere.script(play(200))
    scripted.script(play(status, Location=elsewhere.url + "/exchange/adele/Inbox/Budget.EML"))
    for operation in READING.values():
        failure(operation, client(scripted.url))
    for operation in (EFFECTS["submit"], EFFECTS["delete"], EFFECTS["move"], EFFECTS["mark"]):
        failure(operation, client(scripted.url))
    EFFECTS["accept"](client(scripted.url))  # may be a redirect to the draft; what came of it is looked up
    assert len(scripted.requests) == len(READING) + 5
    assert elsewhere.requests == []


@pytest.mark.parametrize("name", ["submit", "move", "delete"])
def test_a_redirect_of_what_should_move_or_delete_is_no_success(scripted: ScriptedServer, name: str) -> None:
    scripted.script(play(302, Location="http://other.example/exchange/adele/Drafts/Budget.EML"))
    assert type(failure(EFFECTS[name], client(scripted.url))) is Refused


def parts(status: str) -> bytes:
    """A multistatus in which the one part has this status."""
    href = "<D:href>/exchange/adele/Drafts/Budget.EML</D:href>"
    response = f"<D:response>{href}<D:status>HTTP/1.1 {status}</D:status></D:response>"
    return f'<D:multistatus xmlns:D="DAV:">{response}</D:multistatus>'.encode()


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("401 Unauthorized", MailboxRefused),
        ("403 Forbidden", Refused),
        ("404 Not Found", Gone),
        ("423 Locked", Transient),
        ("500 Error", Unknown),
        ("", Unknown),
    ],
)
@pytest.mark.parametrize("name", ["submit", "move", "mark"])
def test_207_where_a_part_failed_is_the_error_of_its_status(
    scripted: ScriptedServer, name: str, status: str, error: type[ExchangeError]
) -> None:
    scripted.script(play(207, parts(status), **XML))
    assert type(failure(EFFECTS[name], client(scripted.url))) is error


@pytest.mark.parametrize("name", ["submit", "move", "mark"])
def test_207_where_the_part_succeeded_is_a_success(scripted: ScriptedServer, name: str) -> None:
    scripted.script(play(207, parts("200 OK"), **XML))
    EFFECTS[name](client(scripted.url))


@pytest.mark.parametrize("status", [200, 201, 204])
def test_any_2xx_sends_moves_and_deletes(scripted: ScriptedServer, status: int) -> None:
    scripted.script(play(status))
    for name in ("submit", "move", "delete"):
        EFFECTS[name](client(scripted.url))


def test_a_response_that_shows_nothing_is_not_taken_for_opened(scripted: ScriptedServer) -> None:
    scripted.script(play(207, rows_page(1), **XML), play(207, NO_ROWS, **XML))
    box = client(scripted.url)
    assert [box.shows_as_absorbed(MESSAGE), box.shows_as_absorbed(MESSAGE)] == [False, False]


@pytest.mark.parametrize(("uid", "holds"), [("a", True), ("b", False)])
def test_where_no_identity_is_shown_another_meeting_is_another_message(
    scripted: ScriptedServer, uid: str, holds: bool
) -> None:
    """Names are used again, and the next request may have that of one that was answered."""
    shown = f'<c:uid xmlns:c="urn:schemas:calendar:">{uid}</c:uid></D:prop>'.encode()
    scripted.script(
        play(207, rows_page(1).replace(b"<r:repl-uid>rid:1</r:repl-uid>", b"").replace(b"</D:prop>", shown), **XML)
    )
    assert client(scripted.url).holds(without_rid(replace(MESSAGE, uid="a"))) is holds


@pytest.mark.parametrize("ask", ["holds", "refresh"])
def test_a_message_whose_identity_is_not_shown_this_time_is_not_taken_for_another(
    scripted: ScriptedServer, ask: str
) -> None:
    scripted.script(play(207, rows_page(1).replace(b"<r:repl-uid>rid:1</r:repl-uid>", b""), **XML))
    with pytest.raises(Malformed, match="does not show the item's identity"):
        getattr(client(scripted.url), ask)(MESSAGE)


def test_an_answer_that_names_nothing_says_not_that_the_marker_was_kept(scripted: ScriptedServer) -> None:
    scripted.script(play(207, NO_ROWS, **XML))
    assert not client(scripted.url).mark_processed(MESSAGE)


@pytest.mark.parametrize("same", [True, False])
def test_what_a_proppatch_is_said_to_have_made_is_deleted_unless_it_is_the_message(
    scripted: ScriptedServer, same: bool
) -> None:
    there = rows_page(1, message_class="IPM.Schedule.Meeting.Request" if same else "IPM.Note")
    scripted.script(play(207, parts("201 Created"), **XML), play(207, there, **XML), play(200))
    if same:
        assert client(scripted.url).mark_processed(MESSAGE)
    else:
        with pytest.raises(Gone):
            client(scripted.url).mark_processed(MESSAGE)
    assert ("DELETE" in {request.method for request in scripted.requests}) is not same


@pytest.mark.parametrize(
    ("shown", "taken_for"),
    [
        ("", Sensitivity.NORMAL),
        ("0", Sensitivity.NORMAL),
        ("1", Sensitivity.PERSONAL),
        ("2", Sensitivity.PRIVATE),
        ("3", Sensitivity.CONFIDENTIAL),
        ("99", Sensitivity.CONFIDENTIAL),
        ("private", Sensitivity.CONFIDENTIAL),
        ("-1", Sensitivity.CONFIDENTIAL),
    ],
)
def test_a_sensitivity_that_cannot_be_read_is_the_highest(
    scripted: ScriptedServer, shown: str, taken_for: Sensitivity
) -> None:
    body = rows_page(1).replace(b"</D:prop>", f"<e:sensitivity>{shown}</e:sensitivity></D:prop>".encode())
    scripted.script(play(207, body, **XML))
    assert [message.sensitivity for message in inbox(client(scripted.url))] == [taken_for]


def test_every_request_goes_out_as_exchange_wants_it(scripted: ScriptedServer) -> None:
    scripted.script(play(207, parts("200 OK"), **XML))
    box = client(scripted.url)
    for operation in EFFECTS.values():
        operation(box)
    sent = {request.method + " " + request.target: request for request in scripted.requests}
    assert sent.keys() == {
        "GET /exchange/adele/Inbox/Budget.EML?Cmd=accept",
        "GET /exchange/adele/Inbox/Budget.EML?Cmd=open",
        "MOVE /exchange/adele/Drafts/Budget.EML",
        "MOVE /exchange/adele/Inbox/Budget.EML",
        "DELETE /exchange/adele/Inbox/Budget.EML",
        "PROPPATCH /exchange/adele/Inbox/Budget.EML",
    }
    submission = sent["MOVE /exchange/adele/Drafts/Budget.EML"]
    assert submission.headers["Destination"] == f"{scripted.url}/exchange/adele/%23%23DavMailSubmissionURI%23%23/"
    assert submission.headers["Content-Length"] == "0"
    for request in scripted.requests:
        assert not {"Translate", "Expect", "Cookie"} & request.headers.keys()
        assert request.headers["Accept-Language"] == "en"
        assert request.headers["Authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("100%25%20a%26y@z%27%2B%C3%BC.EML", "100%25%20a%26y@z%27%2B%C3%BC.EML"),
        ("12_xF8FF_24.EML", "12_xF8FF_24.EML"),
        ("{C0FFEE}.EML", "{C0FFEE}.EML"),
        ("b%c3%bcro%7e.EML", "b%c3%bcro%7e.EML"),
        ("a+b&c'd%20e^`|\"<>[]\\.EML", "a+b&c'd%20e^`|\"<>[]\\.EML"),
        ("%23%23x%25%25.EML", "%23%23x%25%25.EML"),
        ("100% sure.EML", "100%%20sure.EML"),
        ("für alle.EML", "f%C3%BCr%20alle.EML"),
        ("\r\nX: y.EML", "%0D%0AX:%20y.EML"),
    ],
)
def test_an_href_goes_back_as_it_came_and_what_no_url_may_hold_is_encoded(
    scripted: ScriptedServer, name: str, sent: str
) -> None:
    scripted.script(play(404))
    client(scripted.url).holds(at(MESSAGE, f"/exchange/adele/Inbox/{name}"))
    assert scripted.requests[0].target == f"/exchange/adele/Inbox/{sent}"


def test_proxies_and_netrc_of_the_environment_are_not_used(
    scripted: ScriptedServer, elsewhere: ScriptedServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    elsewhere.script(play(207, NO_ROWS, **XML))
    scripted.script(play(207, NO_ROWS, **XML))
    monkeypatch.setenv("http_proxy", elsewhere.url)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login other password other\n")
    assert inbox(client(scripted.url)) == []
    assert elsewhere.requests == []


def test_a_connection_is_used_again_also_after_an_error(scripted: ScriptedServer) -> None:
    scripted.script(play(404), play(500), play(207, NO_ROWS, **XML))
    box = client(scripted.url)
    assert not box.holds(MESSAGE)
    failure(READING["search"], box)
    assert inbox(box) == []
    assert scripted.connections == 1
