"""What looks like a login form on one message holds nobody, unless the root of the mailbox asks to log in as well.

OWA's pages show what a stranger wrote, and the names of items are made of subjects; nobody but the server writes what
it answers to a PROPFIND of a mailbox.
"""

from pathlib import Path

import pytest

from rsvpq.http import auth
from rsvpq.http.credential import Credential
from rsvpq.http.message import Target
from rsvpq.mail.errors import Busy, ExchangeError, LoginRefused, MailboxRefused, Transient, Unknown
from rsvpq.mail.messages import Mailbox
from rsvpq.policy import Action
from rsvpq.tasks.journal import Journal
from rsvpq.webdav.server import WebDavServer
from tests.integration.test_forms import Logon
from tests.support.exchange_site import always, box_name, requests_in, responses_in
from tests.support.login_sites import login_site
from tests.support.scripted_server import NO_ROWS, Play, Received, ScriptedServer, play
from tests.support.work import work_on
from workers.answer import answer
from workers.open import open_response

ROWS = play(207, NO_ROWS, Content_Type="text/xml")
LURE = play(
    200, b'<form action="/exchweb/bin/auth/owaauth.dll"><input type="password" name="pw">', Content_Type="text/html"
)
ENDED = play(302, Location="/exchweb/bin/auth/owalogon.asp?reason=0")
REFUSED = play(302, Location="/exchweb/bin/auth/owalogon.asp?reason=2")
HREF = "/exchange/adele/Inbox/x.EML"
ROOT = "/exchange/adele/"


def journal() -> Journal:
    """A journal of an item that nobody else has."""
    return Journal({}, lambda *_: "ok")


def client(scripted: ScriptedServer, credential: Credential | None = None) -> WebDavServer:
    """A client with Basic that has read one mailbox."""
    scripted.script(ROWS)
    server = WebDavServer(scripted.url + "/exchange/", auth.basic("svc", "secret"), credential=credential)
    server.send("PROPFIND", "/exchange/bruno/", headers={})
    scripted.requests.clear()
    return server


def suspicious_at(scripted: ScriptedServer, target: str, answer_there: Play) -> None:
    """Only what is asked of this target is answered so."""
    scripted.reply = lambda request: answer_there if request.target.startswith(target) else ROWS


def asked(scripted: ScriptedServer) -> list[tuple[str, str]]:
    """What the server was asked."""
    return [(request.method, request.target) for request in scripted.requests]


@pytest.mark.parametrize("command", ["accept", "open"])
def test_the_page_of_a_command_that_shows_a_form_is_a_page(scripted: ScriptedServer, command: str) -> None:
    server = client(scripted)
    suspicious_at(scripted, HREF, LURE)
    found = server.send("GET", Target(f"{HREF}?Cmd={command}"), headers={}, effect=True)
    assert (found.status, found.cleared) == (200, True)
    assert asked(scripted) == [("GET", f"{HREF}?Cmd={command}"), ("PROPFIND", ROOT)]


def test_the_page_of_a_command_that_shows_a_form_ends_no_session(scripted: ScriptedServer) -> None:
    logon = Logon(scripted)
    logon.inside = [ROWS, LURE, ROWS]
    server = logon.client()
    server.send("GET", Target(f"{HREF}?Cmd=open"), headers={}, effect=True)
    server.send("PROPFIND", ROOT, headers={})
    assert (len(logon.seen("POST")), len([one for one in logon.seen("GET") if one.target.startswith(HREF)])) == (1, 1)


@pytest.mark.parametrize("kind", ["basic", "ntlm", "forms2003", "forms2007", "portal"])
def test_invitations_and_responses_with_a_form_in_them_are_dealt_with_once(tmp_path: Path, kind: str) -> None:
    with login_site(tmp_path, kind) as site:
        site.exchange.set_switches({"message_form": True})
        server = site.server()
        box = next(one for number in range(6) if requests_in(one := site.box(server, number)) and responses_in(one))
        request, response = requests_in(box)[0], responses_in(box)[0]
        logins, identity = site.logins(), request.identity(Mailbox(box_name(box), "mail1"))
        assert answer(work_on(request, box, always(), journal(), identity)).result == "answered"
        assert open_response(work_on(response, box, always(Action.OPEN), journal()), "keep").result == "opened"
        reported = {one["uid"]: one for one in site.exchange.messages(box_name(box))}
        assert (reported[request.uid]["accepted"], reported[request.uid]["submitted"]) == (1, 1)
        if site.scheme == "forms":  # the others log in with each request or connection
            assert site.logins() == logins


@pytest.mark.parametrize("kind", ["basic", "forms2003"])
def test_a_login_form_instead_of_the_page_of_a_response_is_no_opened_response(tmp_path: Path, kind: str) -> None:
    with login_site(tmp_path, kind) as site:
        server = site.server()
        box = next(one for number in range(6) if responses_in(one := site.box(server, number)))
        response = responses_in(box)[0]
        site.exchange.have_faults([{"step": "open", "kind": "login-page", "times": 1}])
        with pytest.raises(Unknown, match="nothing shows that the response was opened"):
            open_response(work_on(response, box, always(Action.OPEN), journal()), "keep")
        assert open_response(work_on(response, box, always(Action.OPEN), journal()), "keep").result == "opened"


@pytest.mark.parametrize(("effect", "error"), [(False, Transient), (True, Unknown)])
@pytest.mark.parametrize("form", [LURE, ENDED, play(440)], ids=["page", "redirect", "440"])
@pytest.mark.parametrize("method", ["PROPPATCH", "PROPFIND", "MOVE"])
def test_a_form_that_only_one_message_is_answered_with_costs_an_attempt(
    scripted: ScriptedServer, method: str, form: Play, effect: bool, error: type[ExchangeError]
) -> None:
    credential = Credential()
    server = client(scripted, credential)
    suspicious_at(scripted, HREF, form)
    with pytest.raises(error, match="though the server accepts this account"):
        server.send(method, HREF, headers={}, effect=effect)
    assert asked(scripted) == [(method, HREF), (method, HREF), ("PROPFIND", ROOT)]
    credential.check("anything")


def test_a_refusal_that_only_one_message_is_answered_with_stops_no_credential(scripted: ScriptedServer) -> None:
    credential = Credential()
    server = client(scripted, credential)
    suspicious_at(scripted, HREF, REFUSED)
    with pytest.raises(Unknown):
        server.send("GET", Target(f"{HREF}?Cmd=accept"), headers={}, effect=True)
    credential.check("anything")
    scripted.reply = lambda request: ROWS if "bruno" in request.target else REFUSED
    with pytest.raises(Busy, match="accepts it elsewhere") as caught:
        server.send("GET", Target(f"{HREF}?Cmd=accept"), headers={}, effect=True)
    assert (type(caught.value), caught.value.scope) == (MailboxRefused, "mailbox")
    scripted.reply = lambda _request: REFUSED
    with pytest.raises(LoginRefused):
        server.send("GET", Target(f"{HREF}?Cmd=accept"), headers={}, effect=True)


@pytest.mark.parametrize("form", [ENDED, REFUSED, play(440)], ids=["ended", "refused", "440"])
def test_a_form_within_a_session_that_only_one_message_is_answered_with_costs_an_attempt(
    scripted: ScriptedServer, form: Play
) -> None:
    logon = Logon(scripted)
    server = logon.client()
    server.send("PROPFIND", ROOT, headers={})

    def reply(request: Received) -> Play:
        return form if request.target.startswith(HREF) else logon.reply(request)

    scripted.reply = reply
    with pytest.raises(Unknown, match="though the server accepts this account"):
        server.send("GET", Target(f"{HREF}?Cmd=accept"), headers={}, effect=True)
    server.send("PROPFIND", ROOT, headers={})
    assert len(logon.seen("POST")) <= 2


def test_a_server_that_is_busy_when_it_is_asked_whether_it_knows_us_is_left_alone(scripted: ScriptedServer) -> None:
    server = client(scripted)
    scripted.reply = lambda request: LURE if request.target.startswith(HREF) else play(503, Retry_After="7")
    with pytest.raises(Busy) as caught:
        server.send("GET", Target(f"{HREF}?Cmd=open"), headers={}, effect=True)
    assert caught.value.delay_s == 7
