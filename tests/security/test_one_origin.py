"""Whatever bytes a mail server or Redis gives, no connection leaves the configured origin.

Every connection of the process is seen, wherever it goes, by the interpreter's own audit events; and a second server
listens for those who are led to it.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from math import inf
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.sax.saxutils import escape

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import strategies as st

from rsvpq.http import auth
from rsvpq.http.connection import Connection
from rsvpq.http.deadlines import Timeouts
from rsvpq.http.message import HttpRequest, Target
from rsvpq.mail.drafts import unsent_answers
from rsvpq.mail.errors import ExchangeError, Malformed
from rsvpq.mail.messages import Intent, MeetingMessage, Verdict
from rsvpq.mail.ports import Clear
from rsvpq.webdav.mailbox import WebDavMailbox
from rsvpq.webdav.rows import href_of
from rsvpq.webdav.server import WebDavServer
from tests.support.client_operations import PASSWORD, PATIENT, client
from tests.support.examples import examples
from tests.support.scripted_server import (
    FOLDERS,
    MESSAGE,
    XML,
    Play,
    Received,
    ScriptedServer,
    play,
    scripted_server,
)

#: Stands for the address of who must hear nothing, which is known only when it listens.
ELSEWHERE = "ELSEWHERE"
EXAMPLES = examples(120, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Seen:
    """Where this thread has gone while it was watched."""

    def __init__(self) -> None:
        self.addresses: set[object] = set()
        self._thread = 0
        sys.addaudithook(self._hear)  # never taken out again: the interpreter has no way to

    def _hear(self, event: str, args: tuple[Any, ...]) -> None:
        if self._thread != threading.get_ident():
            return
        if event == "socket.connect":
            self.addresses.add(args[1][:2])
        elif event == "socket.getaddrinfo":
            self.addresses.add((args[0], int(args[1] or 0)))

    @contextmanager
    def watching(self) -> Iterator[None]:
        self.addresses.clear()
        self._thread = threading.get_ident()
        try:
            yield
        finally:
            self._thread = 0


SEEN = Seen()


@dataclass
class Hostile:
    """A server that answers every request with what it is told to, and the one that it would like us to ask."""

    server: ScriptedServer
    trap: ScriptedServer
    words: list[str] = field(default_factory=list)

    @property
    def origin(self) -> tuple[str, int]:
        parts = urlsplit(self.server.url)
        return str(parts.hostname), int(parts.port or 0)

    def say(self, words: list[str]) -> None:
        """Take these for hrefs, one after the other, from now on."""
        self.server.requests.clear()
        self.words = [self.lead_away(word) for word in words]
        turns = iter(range(10_000))
        self.server.reply = lambda request: _answer(request, self.words[next(turns) % len(self.words)])

    def lead_away(self, word: str) -> str:
        """The word with the trap's address in it."""
        return word.replace(ELSEWHERE, urlsplit(self.trap.url).netloc)

    def check_nobody_else_was_asked(self) -> None:
        """All went to the origin, said so, and to no other mailbox's name by any reading."""
        assert SEEN.addresses <= {self.origin}
        assert (self.trap.connections, self.trap.requests) == (0, [])
        for request in self.server.requests:
            assert request.target.startswith("/")
            assert not request.target.startswith("//")
            assert request.headers["Host"] == urlsplit(self.server.url).netloc
            assert ".." not in unquote(unquote(request.target.partition("?")[0])).replace("\\", "/").split("/")
            destination = request.headers.get("Destination", self.server.url + "/exchange/adele/")
            assert destination.startswith(self.server.url + "/exchange/adele/")


def _answer(request: Received, word: str) -> Play:
    """An answer of the kind that was asked for, in which every URL is the word."""
    if request.method == "GET":
        page = f'<html><form method="post" action="{escape(word, {chr(34): "&quot;"})}">'
        form = f'{page}<input name="username"><input type="password" name="password"></form></html>'
        header = "".join(letter for letter in word if letter.isprintable() and letter.isascii())
        return (
            play(302, Location=header)
            if len(word) % 2
            else play(200, form.encode("utf-8", "replace"), Content_Type="text/html")
        )
    names = ("inbox", "drafts", "sentitems", "deleteditems", "sendmsg", "calendar")
    text = escape("".join(letter for letter in word if letter >= " " and letter not in "\ufffe\uffff"))
    found = "".join(f"<m:{name}>{text}</m:{name}>" for name in names)
    spaces = 'xmlns:m="urn:schemas:httpmail:" xmlns:e="http://schemas.microsoft.com/exchange/"'
    body = (
        f'<D:multistatus xmlns:D="DAV:" {spaces}><D:response><D:href>{text}</D:href><D:propstat><D:prop>{found}'
        "<e:outlookmessageclass>IPM.Schedule.Meeting.Request</e:outlookmessageclass>"
        f"<e:permanenturl>{text}</e:permanenturl></D:prop></D:propstat></D:response></D:multistatus>"
    )
    return play(207, body.encode("utf-8", "replace"), Set_Cookie="sessionid=x; path=/", **XML)


@pytest.fixture(scope="module")
def hostile() -> Iterator[Hostile]:
    with scripted_server() as server, scripted_server() as trap:
        yield Hostile(server, trap)


PIECES = st.sampled_from(
    (
        *("/exchange/adele/", "/exchange/adele", "%2Fexchange%2Fadele%2F", "/", "//", "\\", "%5c", "%2f", "%252f"),
        *("@", "%40", ":", ELSEWHERE, f"@{ELSEWHERE}/", f"//{ELSEWHERE}", f"http://{ELSEWHERE}", "https:", "user:pw@"),
        *("..", "/../", "%2e%2e", "%252e%252e", "%c0%ae", "%u002e", ".", "?", "#", ";", "[", "]", "%", "%00", "\x00"),
        *("\r\nHost: other", "\t", " ", "ü", "\u2028", "\ud800", "Inbox/1.EML", "?Cmd=delete", "http://[", "127.0.0.1"),
    )
)
WORDS = st.one_of(
    st.lists(PIECES, min_size=1, max_size=6).map("".join),
    st.lists(PIECES, max_size=4).map(lambda pieces: "/exchange/adele/" + "".join(pieces)),
    st.text(max_size=20),
)
#: The one that got through: its unescaped form was checked, and the other one sent.
AT_ANOTHER_HOST = f"%2Fexchange%2Fadele%2F@{ELSEWHERE}/x"

OPERATIONS: tuple[Callable[[WebDavMailbox, MeetingMessage], object], ...] = (
    lambda box, _: [[box.holds(one), box.refresh(one)] for page in box.meeting_messages() for one in page.messages],
    lambda box, _: unsent_answers(box),
    lambda box, message: box.appointments(message.uid),
    lambda box, message: box.holds(message),
    lambda box, message: box.refresh(message),
    lambda box, message: box.details(message),
    lambda box, message: box.command(message, Verdict.ACCEPT),
    lambda box, message: box.absorb(message),
    lambda box, message: box.source(message),
    lambda box, message: box.shows_as_absorbed(message),
    lambda box, message: box.mark(message, Intent.now("x", Verdict.ACCEPT)),
    lambda box, message: box.mark_processed(message),
    lambda box, message: box.send(message),
    lambda box, message: box.clear(message, Clear.TRASH),
    lambda box, message: box.clear(message, Clear.DELETE),
    lambda box, message: box.create_draft(href_of(message), b"x"),
    lambda box, message: box.discard_draft(href_of(message)),
)


def all_done_with(box: WebDavMailbox, message: MeetingMessage) -> None:
    """Everything that can be asked of a mailbox, whatever comes of it."""
    for operation in OPERATIONS:
        with suppress(ExchangeError):
            operation(box, message)


@EXAMPLES
@given(st.lists(WORDS, min_size=1, max_size=3), WORDS, WORDS)
@example([AT_ANOTHER_HOST], "/exchange/adele/Inbox/1.EML", "")
@example(["/exchange/adele/Inbox/1.EML"], f"@{ELSEWHERE}/x", f"@{ELSEWHERE}/y")
@example(["/exchange/adele/Inbox/1.EML"], AT_ANOTHER_HOST, AT_ANOTHER_HOST)
@example(["/exchange/adele/Inbox/1.EML"], f".{ELSEWHERE}/x", f":80@{ELSEWHERE}/x")
def test_whatever_a_server_and_redis_say_the_origin_alone_is_asked(
    hostile: Hostile, words: list[str], href: str, permanent_url: str
) -> None:
    hostile.say(words)
    forged = MeetingMessage.from_payload(
        {
            "kind": "request",
            "ref": ["rid:1", hostile.lead_away(href), hostile.lead_away(permanent_url)],
            "uid": "uid-1",
        }
    )
    with SEEN.watching():
        all_done_with(client(hostile.server.url), forged)
    hostile.check_nobody_else_was_asked()


@EXAMPLES
@given(st.lists(WORDS, min_size=1, max_size=3))
@example([AT_ANOTHER_HOST])
@example([f"http://{ELSEWHERE}/exchange/adele/Inbox"])
def test_whatever_folders_a_server_names_the_origin_alone_is_asked(hostile: Hostile, words: list[str]) -> None:
    hostile.say(words)
    with SEEN.watching(), suppress(ExchangeError):
        box = WebDavMailbox(WebDavServer(hostile.server.url + "/exchange/", auth.basic("svc", PASSWORD)), "adele")
        box.send_draft("1.EML")
    assert SEEN.addresses <= {hostile.origin}
    assert hostile.trap.connections == 0


@EXAMPLES
@given(st.lists(WORDS, min_size=1, max_size=4))
@example([f"//{ELSEWHERE}/login"])
@example([f"@{ELSEWHERE}/owaauth.dll", AT_ANOTHER_HOST])
def test_wherever_a_login_form_leads_the_password_goes_to_the_origin_alone(hostile: Hostile, words: list[str]) -> None:
    hostile.say(words)
    account = auth.Forms("svc", PASSWORD, allow_http=True)
    with SEEN.watching(), suppress(ExchangeError):
        box = WebDavMailbox(
            WebDavServer(hostile.server.url + "/exchange/", account, timeouts=PATIENT), "adele", FOLDERS
        )
        box.holds(MESSAGE)
    hostile.check_nobody_else_was_asked()


@pytest.mark.parametrize(
    "mailbox", ["..", ".", "../public", "adele/../bruno", "a\\..\\..\\b", "@127.0.0.1:1/x", "\x00"]
)
def test_a_mailbox_of_a_name_that_leads_elsewhere_is_asked_for_nothing(hostile: Hostile, mailbox: str) -> None:
    hostile.say(["/exchange/adele/Inbox/1.EML"])
    with SEEN.watching(), suppress(ExchangeError):
        WebDavMailbox(WebDavServer(hostile.server.url + "/exchange/", auth.basic("svc", PASSWORD)), mailbox)
    hostile.check_nobody_else_was_asked()


@pytest.mark.parametrize(
    "text",
    [
        *("", "exchange/adele/x", "@127.0.0.1:1/x", ".evil.example/x", ":1/x", "//evil.example/x", "/\\evil.example/x"),
        *(
            "http://evil.example/x",
            "%2Fexchange%2Fadele%2F@evil.example/x",
            "/exchange/../x",
            "/a/%2e%2e/x",
            "/a/%252E./x",
        ),
        *(
            "/a/..%2fx",
            "/a/..%5cx",
            "/a/.. /x",
            "/a/..%20/x",
            "/a/%c0%ae%c0%ae/x",
            "/a/%u002e%u002e/x",
            "/a%00/x",
            "/a#b",
        ),
        *("/%" + "25" * 9 + "41", "/\ud800", "/" + "x" * 20_000),
    ],
)
def test_what_could_lead_elsewhere_is_no_target_of_a_request(text: str) -> None:
    with pytest.raises(Malformed):
        Target(text)


@pytest.mark.parametrize(
    "path", ["/exchange/adele2/x", "/exchange%2Fadele/x", "/exchange/adele", "/exchange/adele/x?Cmd=y"]
)
def test_what_is_not_plainly_below_a_mailbox_is_no_path_of_it(path: str) -> None:
    with pytest.raises(Malformed):
        Target.below(path, "/exchange/adele/")


def test_a_url_of_another_place_is_neither_connected_to_nor_sent(hostile: Hostile) -> None:
    """The last look, below everything that has checked before."""
    hostile.say(["/exchange/adele/"])
    connection = Connection(hostile.server.url, Timeouts())
    elsewhere: Any = f"@{urlsplit(hostile.trap.url).netloc}/x"
    with SEEN.watching(), pytest.raises(Malformed):
        connection.send(HttpRequest("GET", elsewhere), until=inf)
    assert (SEEN.addresses, hostile.server.requests) == (set(), [])
    with SEEN.watching():
        connection.send(HttpRequest("GET", Target("/exchange/" + elsewhere)), until=inf)
    connection.close()
    assert SEEN.addresses == {hostile.origin}


def test_ntlm_and_negotiate_name_the_configured_host(hostile: Hostile) -> None:
    named: list[str] = []

    def context(*_: Any, hostname: str, **__: Any) -> Any:
        named.append(hostname)
        return SimpleNamespace(step=lambda _: None)

    account = auth.ConnectionAuth("negotiate", "svc", PASSWORD)
    account._spnego = SimpleNamespace(client=context)
    hostile.server.reply = hostile.trap.reply = lambda _: play(401, WWW_Authenticate="Negotiate")
    elsewhere = f"localhost:{urlsplit(hostile.trap.url).port}"
    for path in ("/exchange/adele/", f"/exchange/x@{elsewhere}/y", f"@{elsewhere}/exchange/y"):
        with SEEN.watching(), pytest.raises(ExchangeError):
            WebDavServer(hostile.server.url + "/exchange/", account).send("PROPFIND", path, headers={})
        assert SEEN.addresses <= {hostile.origin}
    assert set(named) == {hostile.origin[0]}
