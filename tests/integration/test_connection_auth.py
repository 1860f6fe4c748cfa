"""A connection that is authenticated by several messages, and what a 401 means, played by a script."""

from types import SimpleNamespace

import pytest
from spnego import exceptions

from rsvpq.http import auth
from rsvpq.http.credential import Credential
from rsvpq.http.message import Target
from rsvpq.mail.errors import BUSY_DELAY_S, Busy, LoginRefused, MailboxRefused, Transient
from rsvpq.webdav.server import WebDavServer
from tests.support.scripted_server import NO_ROWS, Play, ScriptedServer, play

USERNAME, PASSWORD = r"CORP\svc", "secret"
ROWS = play(207, NO_ROWS, Content_Type="text/xml")
OFFER = play(401, b"page", WWW_Authenticate="Negotiate, Basic realm=x")
GO_ON = play(401, b"page", WWW_Authenticate="Negotiate c2Vjb25k")


class _Context:
    """A Kerberos that needs no domain: what it is told, and what it says."""

    def __init__(self, *tokens: bytes | Exception) -> None:
        self.received: list[bytes | None] = []
        self._tokens = list(tokens)

    def step(self, received: bytes | None) -> bytes | None:
        self.received.append(received)
        token = self._tokens.pop(0)
        if isinstance(token, Exception):
            raise token
        return token


def negotiating(url: str, context: _Context) -> WebDavServer:
    account = auth.ConnectionAuth("negotiate", USERNAME, PASSWORD)
    account._spnego = SimpleNamespace(client=lambda *_, **__: context)
    return WebDavServer(url + "/exchange/", account)


def propfind(client: WebDavServer, path: str = "/exchange/adele/") -> None:
    client.send("PROPFIND", path, headers={})


def test_the_messages_go_over_one_connection_with_the_request(scripted: ScriptedServer) -> None:
    scripted.script(OFFER, GO_ON, ROWS)
    context = _Context(b"first", b"third")
    propfind(negotiating(scripted.url, context))
    assert context.received == [None, b"second"]
    sent = [request.headers.get("Authorization") for request in scripted.requests]
    assert sent == [None, "Negotiate Zmlyc3Q=", "Negotiate dGhpcmQ="]
    assert scripted.connections == 1


def test_a_login_without_end_is_refused(scripted: ScriptedServer) -> None:
    scripted.script(OFFER, GO_ON)
    with pytest.raises(LoginRefused):
        propfind(negotiating(scripted.url, _Context(*[b"x"] * 50)))
    assert len(scripted.requests) < 10


def test_a_connection_lost_in_the_middle_refuses_nobody(scripted: ScriptedServer) -> None:
    lost = play(401, WWW_Authenticate="Negotiate c2Vjb25k", Connection="close")
    scripted.script(OFFER, lost, OFFER, ROWS)
    client = negotiating(scripted.url, _Context(b"first", b"third", b"first"))
    with pytest.raises(Transient, match="in the middle of a login"):
        propfind(client)
    propfind(client)


def test_what_kerberos_does_not_grant_is_a_refusal(scripted: ScriptedServer) -> None:
    scripted.script(OFFER)
    client = negotiating(scripted.url, _Context(exceptions.NoCredentialError(context_msg=PASSWORD)))
    with pytest.raises(LoginRefused, match=r"Negotiate login failed \(NoCredentialError\)") as caught:
        propfind(client)
    assert PASSWORD not in f"{caught.value}{caught.value!r}"
    with pytest.raises(LoginRefused, match="not sent"):
        propfind(client)
    assert len(scripted.requests) == 1


def test_a_new_connection_is_introduced_by_a_propfind(scripted: ScriptedServer) -> None:
    client = WebDavServer(scripted.url + "/exchange/", auth.ConnectionAuth("ntlm", USERNAME, PASSWORD))
    scripted.script(ROWS)
    client.send("PUT", "/exchange/adele/x", headers={}, effect=True)
    client.send("PUT", "/exchange/adele/y", headers={}, effect=True)
    assert [request.method for request in scripted.requests] == ["PROPFIND", "PUT", "PUT"]


def test_a_refused_introduction_ends_before_the_request(scripted: ScriptedServer) -> None:
    scripted.script(OFFER)
    with pytest.raises(LoginRefused):
        negotiating(scripted.url, _Context(b"first", b"")).send("PUT", "/exchange/adele/x", headers={}, effect=True)
    assert {request.method for request in scripted.requests} == {"PROPFIND"}


def test_a_mailbox_that_may_not_be_opened_does_not_stop_the_credential(scripted: ScriptedServer) -> None:
    scripted.reply = lambda request: play(401) if "/carla" in request.target else ROWS
    client = WebDavServer(scripted.url + "/exchange/", auth.basic(USERNAME, PASSWORD))
    propfind(client)
    with pytest.raises(Busy, match="give the account rights on this mailbox") as caught:
        propfind(client, "/exchange/carla/")
    assert (type(caught.value), caught.value.scope) == (MailboxRefused, "mailbox")
    propfind(client)


def test_a_password_that_was_changed_meanwhile_is_tried_once_more_and_then_stopped(scripted: ScriptedServer) -> None:
    client = WebDavServer(scripted.url + "/exchange/", auth.basic(USERNAME, PASSWORD))
    scripted.script(ROWS, play(401))
    propfind(client)
    for _ in range(3):
        with pytest.raises(LoginRefused):
            propfind(client, "/exchange/carla/")
    assert len(scripted.requests) == 3


def test_a_message_that_is_none_is_a_refusal(scripted: ScriptedServer) -> None:
    scripted.script(play(401, WWW_Authenticate="NTLM"), play(401, WWW_Authenticate="NTLM !!!!"))
    client = WebDavServer(scripted.url + "/exchange/", auth.ConnectionAuth("ntlm", USERNAME, PASSWORD))
    with pytest.raises(LoginRefused):
        propfind(client)


def test_a_401_that_breaks_off_costs_its_connection_only(scripted: ScriptedServer) -> None:
    broken = Play(b"HTTP/1.1 401 No\r\nWWW-Authenticate: Negotiate\r\nContent-Length: 9\r\n\r\nx", "close")
    scripted.script(broken, ROWS)
    propfind(negotiating(scripted.url, _Context(b"first")))
    assert scripted.connections == 2


FORMS = {
    "440": play(440),
    "a redirect": play(302, Location="/owa/auth/logon.aspx?url=x&reason=0"),
    "a page": play(200, b'<form action="/in"><input type="password" name="pw"></form>', Content_Type="text/html"),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_login_form_is_named_where_none_was_expected(scripted: ScriptedServer, form: Play) -> None:
    scripted.script(form)
    with pytest.raises(Busy, match='login form, twice; if the server has one, set auth = "forms"') as caught:
        propfind(WebDavServer(scripted.url + "/exchange/", auth.basic(USERNAME, PASSWORD)))
    assert (type(caught.value), caught.value.scope, caught.value.delay_s) == (Busy, "server", BUSY_DELAY_S)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_one_login_form_costs_one_more_request_and_holds_nobody(scripted: ScriptedServer, form: Play) -> None:
    scripted.script(form, ROWS, ROWS)
    server = WebDavServer(scripted.url + "/exchange/", auth.basic(USERNAME, PASSWORD))
    propfind(server)
    propfind(server)
    assert len(scripted.requests) == 3


@pytest.mark.parametrize(("opened", "scope"), [("/exchange/bruno/", "mailbox"), ("", "server")])
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_login_form_at_the_root_of_a_mailbox_holds_the_server_only_where_no_other_is_open(
    scripted: ScriptedServer, form: Play, opened: str, scope: str
) -> None:
    credential = Credential()
    server = WebDavServer(scripted.url + "/exchange/", auth.basic(USERNAME, PASSWORD), credential=credential)
    scripted.script(ROWS)
    propfind(server, "/exchange/bruno/")
    scripted.reply = lambda request: ROWS if request.target == opened else form
    with pytest.raises(Busy, match="login form, twice") as caught:
        server.send("GET", Target("/exchange/adele/Inbox/x.EML?Cmd=accept"), headers={}, effect=True)
    assert (type(caught.value), caught.value.scope, caught.value.delay_s) == (Busy, scope, BUSY_DELAY_S)
    credential.check("anything")  # nothing is held against the account


def test_a_logon_page_that_says_refused_stops_the_credential(scripted: ScriptedServer) -> None:
    scripted.script(play(302, Location="/exchweb/bin/auth/owalogon.asp?url=x&reason=2"))
    server = WebDavServer(scripted.url + "/exchange/", auth.basic(USERNAME, PASSWORD))
    for text in ("refused the user name or the password", "not sent"):
        with pytest.raises(LoginRefused, match=text):
            propfind(server)
    assert len(scripted.requests) == 1
