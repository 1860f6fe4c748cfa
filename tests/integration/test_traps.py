"""The traps of the article that this project goes back to, one test each.

The article is "Processing Meeting requests remotely with WebDAV and OWA" (gsexdev.blogspot.com, September 2004); its
script works on its author's server, and each test tells where it would not work on another.
"""

import re
import threading
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from lxml import etree

from producer.scan import scan
from rsvpq.http import auth
from rsvpq.lanes import Lanes, ScanTotals
from rsvpq.mail.classes import kind_of
from rsvpq.mail.drafts import unsent_answers
from rsvpq.mail.errors import Busy, Refused, Unsettled
from rsvpq.mail.messages import ItemRef, Kind, MeetingMessage, Verdict
from rsvpq.policy import Action, Facts, decide
from rsvpq.tasks.journal import Journal
from rsvpq.webdav import wire
from rsvpq.webdav.folders import Folders
from rsvpq.webdav.mailbox import WebDavMailbox
from rsvpq.webdav.rows import href_of
from rsvpq.webdav.server import WebDavServer
from tests.support.exchange_site import Site, always, box_name, inbox, lenient, requests_in, responses_in
from tests.support.multistatus_bodies import page, read, response
from tests.support.scripted_server import DRAFT, NO_ROWS, XML, ScriptedServer, play, rows_page
from tests.support.visits import Visitor
from tests.support.work import work_on
from workers.answer import answer
from workers.open import open_response

FOLDERS = Folders(*(f"/exchange/adele/{name}" for name in ("Inbox", "Drafts", "Sent", "Deleted", "sendmsg")))
LOGIN_FORM = b'<html><form action="/exchweb/bin/auth/owaauth.dll"><input name="username"></form></html>'


def adele(server: ScriptedServer) -> WebDavMailbox:
    return WebDavMailbox(WebDavServer(server.url + "/exchange/", auth.basic("svc", "secret")), "adele", FOLDERS)


def journal() -> Journal:
    return Journal({}, lambda *_: "ok")


@pytest.mark.parametrize("count", [0, 1, 2, 1000])
def test_t01_the_last_item_is_worked_like_the_others(scripted: ScriptedServer, count: int) -> None:
    """`For i = 0 To length - 2` leaves the last item, and a single one, for ever."""
    scripted.script(play(207, rows_page(*range(count)), **XML))
    assert [message.ref.key for message in inbox(adele(scripted))] == [f"rid:{number}" for number in range(count)]


def test_t02_a_row_without_a_property_shifts_no_other() -> None:
    """Two node lists run side by side; where one row lacks a property, every later row gets its neighbor's."""
    nameless = response(2).replace(b"<f:repl-uid>rid:2</f:repl-uid>", b"")
    rows = read(page(response(1), nameless, response(3)))
    assert [(row.href[-5:], row.text(wire.REPL_UID)) for row in rows] == [
        *(("1.EML", "rid:1"), ("2.EML", ""), ("3.EML", "rid:3"))
    ]


def test_t03_prefixes_are_the_servers_choice() -> None:
    """`a:` and `d:` are written into the script, but Exchange allots prefixes by first use."""
    body = page(response(1))
    other = re.sub(rb"(</?|xmlns:|\s)([a-g])([:=])", rb"\1q\2\3", body)
    assert other != body
    assert read(other) == read(body)


def test_t04_the_search_is_xml_with_its_sql_escaped() -> None:
    """The blog swallowed the envelope of the SEARCH; what is left of it is not a request."""
    root = etree.fromstring(wire.appointment_search("a<b>&'c"))
    assert root.tag == "{DAV:}searchrequest"
    assert (root.findtext("{DAV:}sql") or "").count("'a<b>&''c'") == 1


@pytest.mark.parametrize("language", ["de", "ja"])
def test_t05_folders_are_found_by_asking(site: Site, language: str) -> None:
    """`replace(lcase(href), "/inbox/", "/drafts/")` knows English only, and a mailbox named inbox breaks it."""
    names = {facts["mailbox"] for facts in site.mailboxes() if facts["language"] == language}
    box = site.take(fits=lambda box: box_name(box) in names and bool(requests_in(box)))
    request = requests_in(box)[0]
    assert "/Drafts" not in box.folders.drafts
    assert answer(work_on(request, box, always(), journal(), request.ref.key)).result == "answered"
    assert site.sent(box, request) == (1, 1)


def test_t06_the_draft_is_found_by_meeting_and_not_by_name(site: Site) -> None:
    """The draft is taken for one with the request's file name; that can be a stale one, or another meeting's."""
    box = site.take(fits=lambda box: len(requests_in(box)) > 1)
    request, other = requests_in(box)[:2]
    stale = f"{box.folders.drafts}/{href_of(request).rsplit('/', 1)[-1]}"
    box.command(other, Verdict.ACCEPT)
    (theirs,) = unsent_answers(box)
    site.raw("MOVE", href_of(theirs), Destination=site.exchange.urls[0] + stale, Overwrite="f")
    assert answer(work_on(request, box, always(), journal(), request.ref.key)).result == "answered"
    assert (site.sent(box, request), site.sent(box, other)) == ((1, 1), (1, 0))


def test_t07_subclasses_are_requests_and_reports_about_them_are_not() -> None:
    """Classes are compared letter by letter."""
    assert kind_of("ipm.schedule.MEETING.request.Contoso") is Kind.REQUEST
    assert kind_of("IPM.Schedule.Meeting.Request.NDR") is Kind.OTHER


@pytest.mark.parametrize(
    ("pages", "error"),
    [
        # Command, root of the mailbox, command, root of the mailbox, and that of the one that was opened before.
        ([LOGIN_FORM] * 5, Busy),
        # Command, root of the mailbox: it is a message with a form in it.
        ([LOGIN_FORM, b""], Unsettled),
        ([b"<html>Access is denied.</html>"], Unsettled),
    ],
)
def test_t08_a_page_with_200_is_no_acceptance(
    scripted: ScriptedServer, pages: list[bytes], error: type[Exception]
) -> None:
    """The status of accept is never looked at, and 200 may be a login page (asked once more) or say that it failed."""
    held, none = play(207, rows_page(1), **XML), play(207, NO_ROWS, **XML)
    answers = [play(200, page, Content_Type="text/html") if page else none for page in pages]
    scripted.script(held, none, none, *answers, none, held, none, held)
    (request,) = [MeetingMessage(Kind.REQUEST, ItemRef("rid:1", ("/exchange/adele/Inbox/1.EML", "")))]
    with pytest.raises(error):
        answer(work_on(request, adele(scripted), always(), journal(), request.ref.key))
    assert "MOVE" not in {request.method for request in scripted.requests}


def test_t09_cancellations_are_counted_and_left_alone(lanes: Lanes, scripted: ScriptedServer) -> None:
    """There are more kinds of meeting messages than two."""
    cancellation = rows_page(1, message_class="IPM.Schedule.Meeting.Canceled")
    scripted.script(play(207, cancellation, **XML), play(207, NO_ROWS, **XML))
    outcome = scan(Visitor(lanes, adele(scripted)).visit())
    assert (outcome.counts, outcome.totals) == ({}, ScanTotals(1, 0, 0, {"cancellation": 1}))


def test_t10_the_number_signs_of_the_submission_uri_survive(scripted: ScriptedServer) -> None:
    """`#` begins a fragment for every library that takes URLs apart."""
    scripted.script(play(200))
    box = adele(scripted)
    raw = wire.path_below(scripted.url + "/exchange/adele/##DavMailSubmissionURI##/", "/exchange/adele/")
    box.folders = replace(FOLDERS, sendmsg=raw.rstrip("/"))
    box.send(DRAFT)
    assert scripted.requests[0].headers["Destination"].endswith("/adele/%23%23DavMailSubmissionURI%23%23/")


def test_t11_the_move_is_clean(scripted: ScriptedServer) -> None:
    """A header named `Content-Length:` with a colon, and a body that was never defined."""
    scripted.script(play(200))
    adele(scripted).send(DRAFT)
    (move,) = scripted.requests
    assert (move.body, move.headers["Content-Length"], move.headers["Overwrite"]) == (b"", "0", "f")
    assert move.headers["Allow-Rename"] == "t"
    assert "Saveinsent" not in move.headers
    assert not any(name.endswith(":") for name in move.headers)


def test_t12_the_credential_is_configured_and_goes_nowhere_else(
    scripted: ScriptedServer, elsewhere: ScriptedServer
) -> None:
    """http and whoever is logged on to the machine: the script says neither where to nor as whom."""
    scripted.script(play(302, Location=elsewhere.url + "/exchange/adele/"))
    with pytest.raises(Refused):
        adele(scripted).send(DRAFT)
    assert scripted.requests[0].headers["Authorization"].startswith("Basic ")
    assert elsewhere.requests == []


def test_t13_the_inbox_is_read_page_by_page(scripted: ScriptedServer) -> None:
    """Everything is asked for at once."""
    first = play(207, rows_page(*range(100)), Content_Range="rows 0-99; total=101", **XML)
    scripted.script(first, play(207, rows_page(100), Content_Range="rows 100-100; total=101", **XML))
    assert len(inbox(adele(scripted))) == 101
    assert [request.headers["Range"] for request in scripted.requests] == ["rows=0-99", "rows=100-199"]


def test_t14_mailboxes_are_worked_side_by_side(site: Site) -> None:
    """One mailbox, one after the other; the order within one is kept by the lanes."""
    boxes = [site.take(fits=lambda box: bool(requests_in(box))) for _ in range(3)]
    work = [(box, requests_in(box)[0]) for box in boxes]
    threads = [
        threading.Thread(target=answer, args=[work_on(request, box, always(), journal(), request.ref.key)])
        for box, request in work
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [site.sent(box, request) for box, request in work] == [(1, 1)] * 3


@pytest.mark.parametrize(("status", "fine"), [("200 OK", True), ("403 Forbidden", False)])
def test_t15_a_207_is_opened_before_it_is_judged(scripted: ScriptedServer, status: str, fine: bool) -> None:
    """207 is printed as an error; it may be a success, or hide a refusal."""
    part = f"<response><href>/exchange/adele/Drafts/1.EML</href><status>HTTP/1.1 {status}</status></response>"
    scripted.script(play(207, f'<multistatus xmlns="DAV:">{part}</multistatus>'.encode(), **XML))
    box = adele(scripted)
    if fine:
        box.send(DRAFT)
    else:
        with pytest.raises(Refused):
            box.send(DRAFT)


def test_t16_all_responses_of_a_mailbox_are_opened(site: Site) -> None:
    """Responses to one appointment, opened at the same time, overwrite each other; so one after the other."""
    box = site.take(fits=lambda box: len(responses_in(box)) > 1)
    found = responses_in(box)
    for message in found:
        facts = Facts("adele@example.com")
        assert decide(lenient(), message, facts, datetime.now(UTC)).action is Action.OPEN
        assert open_response(work_on(message, box, always(Action.OPEN), journal()), "keep").result == "opened"
    assert [site.recorded(box, message)["opened"] for message in found] == [1] * len(found)
