"""The login form, played by a script: what is sent where, what is kept, and what counts as a login."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import pytest

from rsvpq.http import auth
from rsvpq.http.deadlines import Timeouts
from rsvpq.http.message import Target
from rsvpq.mail.errors import LOGIN_DELAY_S, Busy, ExchangeError, LoginRefused, MailboxRefused, Unknown
from rsvpq.webdav.server import WebDavServer
from testbed.processes import WAIT_S
from tests.support.scripted_server import NO_ROWS, Play, Received, ScriptedServer, play

USERNAME, PASSWORD = r"CORP\svc", "ünïque & secret"
PAGE = "/exchweb/bin/auth/owalogon.asp?url=x&reason=0"
ACTION = "/exchweb/bin/auth/owaauth.dll"
FORM = (
    '<html><form name="search"><input name="q"></form><form action="{}" method="POST" name="logonForm">'
    '<INPUT TYPE="hidden" name="destination" value="https://mail/exchange/"><input type=hidden name="flags" value="0">'
    '<input type=hidden name="odd" value="&#252;&amp;"><input name="username"><input type="password" name="password">'
)
SESSION = (
    "sessionid=fbb50caf-381a-4f85-9582-a7a902b4561f,0x409; path=/",
    'cadata="2,8JOrhv==+/x"; HttpOnly; secure; path=/',
    "UserContext=abc; path=/owa",
    "advert=1; path=/",
)
SENT = 'sessionid=fbb50caf-381a-4f85-9582-a7a902b4561f,0x409; cadata="2,8JOrhv==+/x"; UserContext=abc'
ROWS = play(207, NO_ROWS, Content_Type="text/xml")


def answer(status: int, body: bytes = b"", *cookies: str, **headers: str) -> Play:
    """An answer that may set several cookies."""
    lines = "".join(f"Set-Cookie: {cookie}\r\n" for cookie in cookies)
    octets = play(status, body, **headers).octets
    first, rest = octets.split(b"\r\n", 1)
    return Play(first + b"\r\n" + lines.encode() + rest)


@dataclass
class Logon:
    """A server with a login form; each part of the exchange can be replaced."""

    server: ScriptedServer
    asked: Play = field(default_factory=lambda: play(302, Location=PAGE))
    page: Play = field(default_factory=lambda: play(200, FORM.format(ACTION).encode(), Content_Type="text/html"))
    posted: list[Play] = field(default_factory=lambda: [answer(302, b"", *SESSION, Location="/exchange/")])
    inside: list[Play] = field(default_factory=lambda: [ROWS])

    def __post_init__(self) -> None:
        self.server.reply = self.reply
        self._lock = threading.Lock()

    def reply(self, request: Received) -> Play:
        with self._lock:
            if request.method == "POST":
                return _next(self.posted)
            if "cadata" in request.headers.get("Cookie", ""):
                return _next(self.inside)
            if "auth" in request.target.lower():
                return self.page
            return self.asked if request.method == "GET" else play(440, Connection="close")

    def client(self) -> WebDavServer:
        account = auth.Forms(USERNAME, PASSWORD, allow_http=True)
        return WebDavServer(self.server.url + "/exchange/", account, timeouts=Timeouts(WAIT_S, WAIT_S))

    def seen(self, method: str) -> list[Received]:
        return [request for request in self.server.requests if request.method == method]


def _next(plays: list[Play]) -> Play:
    return plays.pop(0) if len(plays) > 1 else plays[0]


GONE = (
    "sessionid=; path=/; expires=Thu, 01-Jan-1970 00:00:00 GMT",
    "cadata=; path=/; expires=Thu, 01-Jan-1970 00:00:00 GMT",
)
ENDED: Mapping[str, Play] = {
    "440": answer(440, b"", *GONE, Connection="close"),
    "redirect": play(302, Location=PAGE),
    "page": play(200, FORM.format(ACTION).encode(), Content_Type="text/html"),
}


def search(client: WebDavServer, *, effect: bool = False) -> None:
    client.send("SEARCH", "/exchange/adele/Inbox", headers={}, effect=effect)


@pytest.fixture
def logon(scripted: ScriptedServer) -> Logon:
    return Logon(scripted)


def test_the_form_is_filled_in_and_sent_where_it_says(logon: Logon) -> None:
    search(logon.client())
    assert [f"{request.method} {request.target}" for request in logon.server.requests] == [
        "GET /exchange/",
        f"GET {PAGE}",
        f"POST {ACTION}",
        "PROPFIND /exchange/",
        "SEARCH /exchange/adele/Inbox",
    ]
    assert "Translate" not in logon.server.requests[1].headers
    (post,) = logon.seen("POST")
    assert post.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert {name: values[0] for name, values in parse_qs(post.body.decode()).items()} == {
        "destination": "https://mail/exchange/",
        "odd": "ü&",
        "flags": "4",
        "trusted": "4",
        "username": USERNAME,
        "password": PASSWORD,
        "SubmitCreds": "Log On",
    }


@pytest.mark.parametrize(
    ("page", "action"),
    [
        ("/owa/auth/logon.aspx?url=x&reason=0", "/owa/auth/owaauth.dll"),
        ("/CookieAuth.dll?GetLogon?curl=Z2F&reason=0&formdir=1", "/CookieAuth.dll?Logon"),
        (PAGE, ACTION),
    ],
)
def test_a_page_that_hides_its_form_is_known_by_its_address(logon: Logon, page: str, action: str) -> None:
    logon.asked = play(302, Location=page)
    logon.page = play(200, b"<html><script>write(form)</script>", Content_Type="text/html")
    search(logon.client())
    assert [post.target for post in logon.seen("POST")] == [action]


def test_an_action_is_relative_to_its_page(logon: Logon) -> None:
    logon.page = play(200, FORM.format("owaauth.dll?x=1").encode(), Content_Type="text/html")
    search(logon.client())
    assert [post.target for post in logon.seen("POST")] == [f"{ACTION}?x=1"]


def own_form(*inputs: str, head: str = 'action="/portal/check.asp" method="post"') -> Play:
    """A company's own logon page."""
    return play(200, f"<html><form {head}>{''.join(inputs)}</form>".encode(), Content_Type="text/html")


NAME, SECRET = '<input type="text" name="txtUserName">', '<input type="password" name="txtUserPass">'
#: As in the lists of names that DavMail keeps, and in its pull requests 26 and 93.
OWN_FORMS = {
    "other names": ([NAME, SECRET], {"txtUserName": USERNAME, "txtUserPass": PASSWORD}),
    "no type": (['<input name="userid">', SECRET], {"userid": USERNAME}),
    "a field of mail": (['<input type=email name="login">', SECRET], {"login": USERNAME}),
    "a domain": (['<input name="txtDomain">', NAME, SECRET], {"txtUserName": USERNAME}),
    "a domain that stands": (['<input name="realm" value="CORP">', NAME, SECRET], {"realm": "CORP"}),
    "hidden and ticked": (
        ['<input type=hidden name="t" value="7"><input type=radio name=pub value=1 checked>', NAME, SECRET],
        {"t": "7", "pub": "1"},
    ),
    "a choice": (
        ['<select name="lang"><option value=a><option value=b selected></select>', NAME, SECRET],
        {"lang": "b"},
    ),
    "an empty choice": (['<select name="empty"><option value="">All</select>', NAME, SECRET], {}),
    "two buttons": (
        [NAME, SECRET, '<input type=submit name="in" value="In"><input type=submit name="out" value="Out">'],
        {"in": "In"},
    ),
    "what is not shown": ([NAME, SECRET, '<input type=password name=pin style="display: none">'], {}),
}


@pytest.mark.parametrize(("inputs", "expected"), OWN_FORMS.values(), ids=OWN_FORMS)
def test_a_companys_own_form_is_filled_in_by_its_own_names(
    logon: Logon, inputs: list[str], expected: dict[str, str]
) -> None:
    logon.page = own_form(*inputs)
    search(logon.client())
    (post,) = logon.seen("POST")
    sent = {name: values[0] for name, values in parse_qs(post.body.decode()).items()}
    assert post.target == "/portal/check.asp"
    assert sent.items() >= expected.items()
    assert sent["txtUserPass"] == PASSWORD
    assert not {"username", "password", "out", "pin", "empty"} & sent.keys()


def test_a_name_of_a_field_does_not_reach_the_terminal_as_it_is(logon: Logon) -> None:
    logon.page = own_form('<input type="text" name="user&#x202e;31m">', SECRET)
    logon.posted = [logon.page]
    with pytest.raises(LoginRefused, match=r"fields that were filled in: user\\u202e31m, txtUserPass"):
        search(logon.client())


NOT_UNDERSTOOD = {
    "two passwords": (own_form(NAME, SECRET, '<input type=password name="passcode">'), "2 password fields"),
    "a text that nobody knows": (own_form(NAME, '<input name="captcha">', SECRET), "2 text fields"),
    "no name": (own_form(SECRET), "0 text fields"),
    "nameless": (own_form(NAME, '<input type=password id="pw">'), "without a name"),
    "in a URL": (own_form(NAME, SECRET, head='action="/in" method="GET"'), "method GET"),
}


@pytest.mark.parametrize(("page", "reason"), NOT_UNDERSTOOD.values(), ids=NOT_UNDERSTOOD)
def test_a_form_that_is_not_understood_is_not_filled_in_and_says_why(logon: Logon, page: Play, reason: str) -> None:
    known, logon.page = logon.page, page
    client = logon.client()
    with pytest.raises(Busy, match=reason) as caught:
        search(client)
    assert "is not supported and was not filled in" in str(caught.value)
    assert (type(caught.value), logon.seen("POST")) == (Busy, [])
    logon.page = known  # nothing was held against the account
    search(client)


def test_a_companys_own_cookies_make_a_session_and_are_renewed(logon: Logon) -> None:
    def reply(request: Received) -> Play:
        cookie = request.headers.get("Cookie", "")
        if request.method == "POST":
            return answer(302, b"", "SMSESSION=one; path=/", Location="/exchange/")
        if "SMSESSION" in cookie:
            again = ("SMSESSION=two; path=/", "advert=1") if "one" in cookie else ()
            return answer(207, NO_ROWS, *again, Content_Type="text/xml")
        return own_form(NAME, SECRET) if "signin" in request.target else play(302, Location="/signin.asp")

    logon.server.reply = reply
    client = logon.client()
    for _ in range(2):
        search(client)
    assert [one.headers["Cookie"] for one in logon.seen("SEARCH")] == ["SMSESSION=one", "SMSESSION=two"]
    assert len(logon.seen("POST")) == 1


def test_a_redirect_to_the_logon_page_of_the_login_ends_the_session_whatever_its_name(logon: Logon) -> None:
    page = "/Portal/Auth.do?lang=en"
    logon.asked, logon.page = play(302, Location=page), own_form(NAME, SECRET)
    logon.inside = [ROWS, play(302, Location="/portal/auth.do"), ROWS]
    search(logon.client(), effect=True)
    assert (len(logon.seen("POST")), len(logon.seen("SEARCH"))) == (2, 2)


@pytest.mark.parametrize("how", ["440", "redirect"])
def test_a_form_whose_own_session_ended_is_filled_in_once_more(logon: Logon, how: str) -> None:
    logon.posted = [ENDED[how], *logon.posted]
    search(logon.client())
    assert len(logon.seen("POST")) == 2


@pytest.mark.parametrize("how", ["440", "redirect"])
def test_a_form_that_only_says_that_a_session_ended_refuses_nobody(logon: Logon, how: str) -> None:
    logon.posted, good = [ENDED[how]], logon.posted
    client = logon.client()
    with pytest.raises(Busy, match="each time the server reported an ended session") as caught:
        search(client)
    assert (type(caught.value), len(logon.seen("POST"))) == (Busy, 2)
    assert caught.value.delay_s == LOGIN_DELAY_S  # the password was shown twice, and nobody knows to whom
    logon.posted = good
    search(client)


@pytest.mark.parametrize("how", ["440", "redirect", "page"])
def test_one_lost_session_right_behind_a_login_is_no_wrong_password(logon: Logon, how: str) -> None:
    logon.inside = [ENDED[how], ROWS]
    search(logon.client())
    assert len(logon.seen("POST")) == 1


SHOWN_BY_OWA = {
    "a subject": b"<html><form><input type=hidden name=s value='owalogon.asp'></form>Re: owaauth.dll password",
    "words": b"<html><a href='/exchange/adele/Inbox/name=username.EML'>name=username, password</a>",
}


@pytest.mark.parametrize("page", SHOWN_BY_OWA.values(), ids=SHOWN_BY_OWA)
def test_a_page_is_no_login_page_for_the_words_that_somebody_wrote(logon: Logon, page: bytes) -> None:
    logon.inside = [ROWS, play(200, page, Content_Type="text/html")]
    logon.client().send("GET", Target("/exchange/adele/Inbox/x.EML?Cmd=accept"), headers={}, effect=True)
    assert len(logon.seen("POST")) == 1


def test_a_redirect_to_a_draft_is_no_logon_page_whatever_its_subject(logon: Logon) -> None:
    logon.inside = [ROWS, play(302, Location="/exchange/adele/Drafts/owalogon.asp%20reason=2.EML?Cmd=edit")]
    logon.client().send("GET", Target("/exchange/adele/Inbox/x.EML?Cmd=accept"), headers={}, effect=True)
    assert len(logon.seen("POST")) == 1


def test_cookies_come_back_to_the_letter_and_no_others_do(logon: Logon) -> None:
    search(logon.client())
    assert [request.headers["Cookie"] for request in logon.seen("SEARCH")] == [SENT]
    assert [request.headers["Cookie"] for request in logon.seen("POST")] == ["PBack=0"]


def test_a_session_takes_no_cookies_without_end(logon: Logon) -> None:
    more = [answer(207, NO_ROWS, *(f"cadata{n}-{m}=x" for m in range(90)), Content_Type="text/xml") for n in range(5)]
    logon.inside = [*more, answer(207, NO_ROWS, f'cadata="{"x" * 60_000}"', Content_Type="text/xml"), ROWS]
    client = logon.client()
    for _ in range(8):
        search(client)
    cookies = logon.seen("SEARCH")[-1].headers["Cookie"]
    assert (len(cookies.split("; ")), SENT in cookies) == (20, True)


def test_the_newest_cookie_wins(logon: Logon) -> None:
    renewed = answer(207, NO_ROWS, 'cadata="3,new=="; HttpOnly; path=/', "other=2; path=/", Content_Type="text/xml")
    logon.inside = [ROWS, renewed, ROWS]
    client = logon.client()
    search(client)
    search(client)
    cookies = [request.headers["Cookie"] for request in logon.seen("SEARCH")]
    assert cookies == [SENT, SENT.replace("2,8JOrhv==+/x", "3,new==")]


@pytest.mark.parametrize("how", ENDED)
def test_an_ended_session_costs_one_login_and_the_request_is_repeated(logon: Logon, how: str) -> None:
    logon.inside = [ROWS, ENDED[how], ROWS]
    search(logon.client(), effect=True)
    assert (len(logon.seen("POST")), len(logon.seen("SEARCH"))) == (2, 2)


@pytest.mark.parametrize("how", ENDED)
def test_a_session_that_ends_at_once_is_given_up(logon: Logon, how: str) -> None:
    logon.inside = [ROWS, ENDED[how], ROWS, ENDED[how]]
    with pytest.raises(Busy, match="the session ended right after a login") as caught:
        search(logon.client(), effect=True)
    assert not isinstance(caught.value, LoginRefused)
    assert (len(logon.seen("POST")), len(logon.seen("SEARCH"))) == (2, 2)


def test_what_may_have_been_done_is_not_repeated(logon: Logon) -> None:
    logon.inside = [ROWS, play(500), ROWS]
    with pytest.raises(Unknown):
        search(logon.client(), effect=True)
    assert len(logon.seen("SEARCH")) == 1


@pytest.mark.parametrize(
    ("posted", "inside"),
    [
        pytest.param(play(302, Location=PAGE.replace("reason=0", "reason=2")), ROWS, id="reason 2"),
        pytest.param(play(302, Location=PAGE.replace("reason=0", "reason=4")), ROWS, id="reason 4"),
        pytest.param(play(200, FORM.format(ACTION).encode(), Content_Type="text/html"), ROWS, id="the form again"),
        pytest.param(answer(302, b"", *SESSION, Location="/exchange/"), ENDED["440"], id="cookies that open nothing"),
        pytest.param(answer(302, b"", *SESSION, Location="/exchange/"), ENDED["redirect"], id="2007 and a redirect"),
    ],
)
def test_a_refused_password_is_shown_once(logon: Logon, posted: Play, inside: Play) -> None:
    logon.posted, logon.inside = [posted], [inside]
    client = logon.client()
    with pytest.raises(LoginRefused, match="the login form refused the user name or the password"):
        search(client)
    with pytest.raises(LoginRefused, match="not sent"):
        search(client)
    assert (len(logon.seen("POST")), len(logon.seen("SEARCH"))) == (1, 0)


@pytest.mark.parametrize("reason", ["2", "4"])
def test_a_refusal_within_a_session_stops_the_credential(logon: Logon, reason: str) -> None:
    logon.inside = [ROWS, play(302, Location=PAGE.replace("reason=0", f"reason={reason}"))]
    client = logon.client()
    for text in ("the server refused", "not sent"):
        with pytest.raises(LoginRefused, match=text):
            search(client)
    assert len(logon.seen("POST")) == 1


@pytest.mark.parametrize("part", ["asked", "page", "posted", "inside"])
def test_a_busy_server_has_refused_nobody(logon: Logon, part: str) -> None:
    original = getattr(logon, part)
    setattr(logon, part, [play(503)] if isinstance(original, list) else play(503))
    client = logon.client()
    with pytest.raises(Busy) as caught:
        search(client)
    assert not isinstance(caught.value, LoginRefused)
    setattr(logon, part, original)
    search(client)


def test_all_who_waited_for_a_login_learn_that_it_failed(logon: Logon) -> None:
    logon.posted = [play(503)]
    client, barrier = logon.client(), threading.Barrier(8)

    def work() -> type[BaseException]:
        barrier.wait()
        with pytest.raises(ExchangeError) as caught:
            search(client)
        return caught.type

    with ThreadPoolExecutor(8) as pool:
        assert {future.result() for future in [pool.submit(work) for _ in range(8)]} == {Busy}
    assert len(logon.seen("POST")) < 8


# -- nothing is sent elsewhere -------------------------------------------------------------------------------------


def test_a_logon_page_elsewhere_is_not_asked_for(logon: Logon, elsewhere: ScriptedServer) -> None:
    logon.asked = play(302, Location=elsewhere.url + PAGE)
    with pytest.raises(Busy, match="redirect of the login to another server"):
        search(logon.client())
    assert (elsewhere.requests, logon.seen("POST")) == ([], [])


def test_a_form_that_goes_elsewhere_is_not_sent(logon: Logon, elsewhere: ScriptedServer) -> None:
    logon.page = play(200, FORM.format(elsewhere.url + ACTION).encode(), Content_Type="text/html")
    with pytest.raises(Busy, match="redirect of the login to another server"):
        search(logon.client())
    assert (elsewhere.requests, logon.seen("POST")) == ([], [])


def test_a_redirect_after_the_login_is_not_followed(logon: Logon, elsewhere: ScriptedServer) -> None:
    logon.posted = [answer(302, b"", *SESSION, Location=elsewhere.url + "/exchange/")]
    search(logon.client())
    assert elsewhere.requests == []


def test_redirects_in_a_circle_end(logon: Logon) -> None:
    logon.asked = logon.page = play(302, Location=PAGE)
    with pytest.raises(Busy, match="no login form after"):
        search(logon.client())


def test_a_page_without_a_form_is_no_place_for_a_password(logon: Logon) -> None:
    logon.asked = play(200, b"<html>Welcome</html>", Content_Type="text/html")
    with pytest.raises(Busy, match="a page without a login form"):
        search(logon.client())
    assert logon.seen("POST") == []


def test_a_form_over_http_needs_leave(logon: Logon) -> None:
    with pytest.raises(ValueError, match="sends the password unencrypted") as caught:
        WebDavServer(logon.server.url + "/exchange/", auth.Forms(USERNAME, PASSWORD))
    assert PASSWORD not in str(caught.value)
    assert logon.server.requests == []


def test_a_mailbox_that_may_not_be_opened_ends_no_session(logon: Logon) -> None:
    logon.inside = [ROWS, play(401), ROWS]
    client = logon.client()
    with pytest.raises(Busy, match="give the account rights on this mailbox") as caught:
        search(client)
    assert (type(caught.value), caught.value.scope) == (MailboxRefused, "mailbox")
    search(client)
    assert len(logon.seen("POST")) == 1
