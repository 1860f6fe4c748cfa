"""The simulator's ways to log in, in raw bytes: what whom is told, and what a login is good for."""

import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.simulator.raw_http import Answer, Simulator, read_all, request, running

HOME = "/exchange/adele0/"
WORLD = ("--mailboxes", "1")
OWN = "http://mail.example.com"
LOGON_2003, FORM_2003 = "/exchweb/bin/auth/owalogon.asp", "/exchweb/bin/auth/owaauth.dll"
LOGON_2007, FORM_2007 = "/owa/auth/logon.aspx", "/owa/auth/owaauth.dll"
RIGHT, WRONG = "simulator", "guess"
GONE = "path=/; expires=Thu, 01-Jan-1970 00:00:00 GMT"


@dataclass(frozen=True)
class Kind:
    """One kind of forms login, as a client sees it."""

    name: str
    page: str
    form: str
    destination: str = "destination"


KINDS = [
    Kind("forms2003", f"{LOGON_2003}?url=http%3A%2F%2Fmail.example.com%2Fexchange%2Fadele0%2F&reason=", FORM_2003),
    Kind("forms2007", f"{LOGON_2007}?url=http%3A%2F%2Fmail.example.com%2Fexchange%2Fadele0%2F&reason=", FORM_2007),
    Kind(
        "isa",
        "/CookieAuth.dll?GetLogon?curl=httpZ3AZ2FZ2Fmail.example.comZ2FexchangeZ2Fadele0Z2F&reason=",
        "/CookieAuth.dll?Logon",
        "curl",
    ),
]
BY_NAME = {kind.name: kind for kind in KINDS}


@contextmanager
def site(auth: str, *arguments: str) -> Iterator[Simulator]:
    """A simulator whose every server is of one kind."""
    with running(*WORLD, "--auth", auth, *arguments) as started:
        yield started


def ask(simulator: Simulator, method: str, path: str, body: str = "", **headers: str) -> Answer:
    """A request that carries no credentials unless it says so."""
    return simulator.ask(method, path, body, 0, **{"Authorization": "", **headers})


def set_cookies(answer: Answer) -> list[str]:
    head = answer.raw.partition(b"\r\n\r\n")[0].decode()
    return re.findall(r"^Set-Cookie: (.*?)\r?$", head, re.MULTILINE)


def log_in(simulator: Simulator, kind: str, password: str = RIGHT) -> Answer:
    fields = {BY_NAME[kind].destination: OWN + HOME, "flags": "4", "username": "CORP\\svc-rsvpq", "password": password}
    body = urlencode({**fields, "SubmitCreds": "Log On", "trusted": "4"})
    return ask(simulator, "POST", BY_NAME[kind].form, body, Content_Type="application/x-www-form-urlencoded")


def cookie_header(answer: Answer) -> str:
    return "; ".join(cookie.partition(";")[0] for cookie in set_cookies(answer))


def logins(simulator: Simulator) -> dict[str, Any]:
    return dict(ask_oracle(simulator)["logins"])


def ask_oracle(simulator: Simulator) -> dict[str, Any]:
    return dict(simulator.oracle("summary"))


def propfind(simulator: Simulator, cookie: str) -> Answer:
    return ask(simulator, "PROPFIND", HOME, Depth="0", Cookie=cookie)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_browser_without_a_session_is_led_to_a_page_with_one_form(kind: Kind) -> None:
    with site(kind.name) as simulator:
        # Passwords in a header mean nothing here.
        led = simulator.ask("GET", HOME)
        assert (led.status, led.headers["Location"]) == (302, f"{OWN}{kind.page}0")
        page = ask(simulator, "GET", led.headers["Location"])
        assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        text = page.body.decode()
        assert re.findall(r'<form action="([^"]*)"', text) == [kind.form]
        assert set(re.findall(r'name="([^"]*)"', text)) == {
            "logonForm",
            kind.destination,
            "flags",
            "forcedownlevel",
            "trusted",
            "username",
            "password",
            "SubmitCreds",
        }
        assert ask(simulator, "GET", led.headers["Location"], Translate="f").status == 403
        assert logins(simulator) == {"good": 0, "bad": 0, "locked_out": [], "sessions": 0}


def test_a_verb_without_a_session_times_out_and_the_connection_ends() -> None:
    with site("forms2003") as simulator, simulator.connect() as connection:
        connection.sendall(request("PROPFIND", HOME, Connection="keep-alive"))
        raw = read_all(connection)
    assert raw.startswith(b"HTTP/1.1 440 Login Timeout\r\n")
    assert b"\r\nConnection: close\r\n" in raw
    for name in (b"sessionid", b"cadata"):
        assert b"Set-Cookie: " + name + b"=; " + GONE.encode() in raw


@pytest.mark.parametrize(("headers", "status"), [({}, 302), ({"Translate": "f"}, 440)])
def test_a_download_is_no_browsing(headers: dict[str, str], status: int) -> None:
    with site("forms2003") as simulator:
        assert ask(simulator, "GET", HOME, **headers).status == status


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("forms2003", ["sessionid", "cadata"]),
        ("forms2007", ["sessionid", "cadata", "UserContext"]),
        ("isa", ["cadata9F2D61C8"]),
    ],
)
def test_the_form_gives_cookies_that_open_the_mailbox(kind: str, names: list[str]) -> None:
    with site(kind) as simulator:
        answer = log_in(simulator, kind)
        assert (answer.status, answer.headers["Location"]) == (302, OWN + HOME)
        cookies = set_cookies(answer)
        assert [cookie.partition("=")[0] for cookie in cookies] == names
        (token,) = [cookie for cookie in cookies if cookie.startswith("cadata")]
        assert re.fullmatch(r'cadata\w*="2,[A-Za-z0-9+/=]+"; HttpOnly; path=/', token)
        assert propfind(simulator, cookie_header(answer)).status == 207
        assert ask(simulator, "GET", HOME, Cookie=cookie_header(answer)).status == 200
        assert logins(simulator) == {"good": 1, "bad": 0, "locked_out": [], "sessions": 1}
        assert ask_oracle(simulator)["mutating"] == 0


def test_both_cookies_are_needed_with_their_quotes() -> None:
    with site("forms2003") as simulator:
        session, token = cookie_header(log_in(simulator, "forms2003")).split("; ")
        assert re.fullmatch(r"sessionid=[0-9a-f-]{36},0x409", session)
        for cookie in (session, token, f"{session}; {token.replace(chr(34), '')}", f'{session}; cadata="2,AAAA"'):
            assert propfind(simulator, cookie).status == 440
        assert propfind(simulator, f"{token};{session}").status == 207


def test_the_cookie_is_marked_secure_when_asked_for() -> None:
    with site("forms2003", "--cookie-secure") as simulator:
        token = set_cookies(log_in(simulator, "forms2003"))[1]
        assert token.endswith('"; HttpOnly; secure; path=/')


@pytest.mark.parametrize("kind", ["forms2003", "isa"])
def test_a_wrong_password_leads_back_to_the_page(kind: str) -> None:
    with site(kind) as simulator:
        answer = log_in(simulator, kind, WRONG)
        assert (answer.status, answer.headers["Location"]) == (302, f"{OWN}{BY_NAME[kind].page}2")
        assert set_cookies(answer) == []
        assert b"isn&#x27;t correct" in ask(simulator, "GET", answer.headers["Location"]).body
        assert logins(simulator) == {"good": 0, "bad": 1, "locked_out": [], "sessions": 0}


def test_exchange_2007_gives_cookies_for_a_wrong_password_that_open_nothing() -> None:
    with site("forms2007") as simulator:
        answer = log_in(simulator, "forms2007", WRONG)
        assert (answer.status, answer.headers["Location"]) == (302, OWN + HOME)
        assert len(set_cookies(answer)) == 3
        assert propfind(simulator, cookie_header(answer)).status == 440


@pytest.mark.parametrize("destination", ["/exchange/\r\nSet-Cookie: x=y", "/exchange/é"])
def test_no_destination_breaks_the_header(destination: str) -> None:
    with site("forms2003") as simulator:
        body = urlencode({"destination": destination, "username": "CORP\\svc-rsvpq", "password": RIGHT})
        answer = ask(simulator, "POST", FORM_2003, body)
        assert answer.status == 302
        assert len(set_cookies(answer)) == 2
        assert answer.headers["Location"].isascii()


@pytest.mark.parametrize(("arguments", "status"), [((), 302), (("--expired-page",), 200)])
def test_a_session_ends_when_it_is_not_used(arguments: tuple[str, ...], status: int) -> None:
    with site("forms2003", "--session-s", "0", *arguments) as simulator:
        cookie = cookie_header(log_in(simulator, "forms2003"))
        answer = ask(simulator, "GET", HOME, Cookie=cookie)
        assert answer.status == status
        assert status == 302 or b'name="logonForm"' in answer.body
        assert propfind(simulator, cookie).status == 440
        assert ask(simulator, "GET", HOME).status == 302


def test_a_new_cookie_comes_with_use_and_the_old_one_is_good_for_a_while() -> None:
    with site("forms2003", "--reissue-every", "2") as simulator:
        old = cookie_header(log_in(simulator, "forms2003"))
        assert set_cookies(propfind(simulator, old)) == []
        # An answer that says 404 renews the cookie as well.
        (renewed,) = set_cookies(ask(simulator, "GET", HOME + "nothing.EML", Cookie=old))
        assert renewed.startswith('cadata="2,')
        assert renewed.partition(";")[0] not in old
        new = f"{old.partition(';')[0]}; {renewed.partition(';')[0]}"
        assert [propfind(simulator, cookie).status for cookie in (old, new)] == [207, 207]


def test_a_restart_of_iis_forgets_all_sessions() -> None:
    with site("forms2003") as simulator:
        cookie = cookie_header(log_in(simulator, "forms2003"))
        assert propfind(simulator, cookie).status == 207
        assert ask(simulator, "POST", "/_oracle/forget-sessions").status == 200
        assert propfind(simulator, cookie).status == 440
        assert propfind(simulator, cookie_header(log_in(simulator, "forms2003"))).status == 207
        assert logins(simulator)["sessions"] == 2


@pytest.mark.parametrize("kind", ["basic", "forms2003"])
def test_too_many_wrong_passwords_lock_the_account_on_every_server(kind: str) -> None:
    def attempt(password: str) -> bool:
        if kind == "forms2003":
            return bool(set_cookies(log_in(simulator, kind, password)))
        claim = base64.b64encode(f"corp\\SVC-rsvpq:{password}".encode()).decode()
        return ask(simulator, "OPTIONS", HOME, Authorization=f"Basic {claim}").status == 200

    with site(kind, "--lockout", "2") as simulator:
        assert [attempt(password) for password in (RIGHT, WRONG, RIGHT, WRONG, RIGHT)] == [
            True,
            False,
            True,
            False,
            False,
        ]
        reported = logins(simulator)
    assert (reported["good"], reported["bad"], reported["locked_out"]) == (2, 3, ["CORP\\svc-rsvpq"])


def test_each_server_has_the_login_it_was_given() -> None:
    arguments = ("--auth", "negotiate-only", "--auth", "digest-only", "--auth", "basic", "--servers", "4")
    with running("--mailboxes", "4", *arguments) as simulator:
        answers = [simulator.ask("OPTIONS", "/exchange/", server=server, Authorization="") for server in range(4)]
        assert [answer.status for answer in answers] == [401] * 4
        offers = [answer.headers["WWW-Authenticate"] for answer in answers]
        assert offers[0] == "Negotiate"
        assert offers[1].startswith('Digest qop="auth",')
        assert offers[2:] == ['Basic realm="mail.example.com"'] * 2
        assert simulator.ask("GET", "/exchange/adele0/").status == 401
        assert simulator.ask("OPTIONS", "/exchange/room3%40example.com/", server=3).status == 200
