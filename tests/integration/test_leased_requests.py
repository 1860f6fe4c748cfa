"""No request to a mail server begins without the lease of its item, or goes on beyond it; whatever the server does."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest

from rsvpq.http import auth
from rsvpq.http.auth import Forms
from rsvpq.http.credential import Credential
from rsvpq.http.deadlines import Timeouts
from rsvpq.mail.drafts import handled_requests, sent_answers, unsent_answers
from rsvpq.mail.errors import Busy, ExchangeError, Transient, Unknown
from rsvpq.mail.lease import FRESH_S, Lease, OutOfTime
from rsvpq.mail.messages import Verdict
from rsvpq.mail.ports import Place
from rsvpq.tasks.journal import LeaseLost
from rsvpq.webdav import search
from rsvpq.webdav.mailbox import WebDavMailbox
from rsvpq.webdav.server import WebDavServer
from testbed.processes import WAIT_S, until
from tests.support.exchange_site import sent_in
from tests.support.scripted_server import DRIP, MESSAGE, Play, Received, ScriptedServer, play, rows_page
from tests.support.scripted_server import FOLDERS as ALL

FOLDERS = replace(ALL, calendar="/exchange/adele/Calendar", root="/exchange/adele/")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
#: So long that only the lease can end a request of these tests.
FOR_EVER = Timeouts(86_400, 86_400, 86_400)
#: A lease that is short for a person, and long for a machine.
SHORT_S = 1.0

#: Everything that reads page after page.
LOOPS: dict[str, Callable[[WebDavMailbox], object]] = {
    "Inbox": lambda box: [*box.meeting_messages()],
    "Drafts": unsent_answers,
    "Sent Items": lambda box: [*sent_in(box)],
    "Sent Items, one meeting": lambda box: [*sent_answers(box, "a uid")],
    "Deleted Items": lambda box: [*box.messages_in(Place.TRASH)],
    "Inbox, one meeting": lambda box: handled_requests(box, "a uid"),
    "appointments": lambda box: box.appointments("a uid"),
    "agenda": lambda box: box.busy(NOON, NOON + timedelta(hours=1)),
}


class Ledger:
    """Gives a lease so many times, and then says that it is lost."""

    def __init__(self, times: int, given_s: float = 10.0) -> None:
        self.left, self.given_s = times, given_s

    def renew(self) -> float:
        self.left -= 1
        if self.left < 0:
            raise LeaseLost("the lease was lost")
        return self.given_s


class AgingLease(Lease):
    """A lease that need not be waited for until it has to be renewed."""

    def grow_old(self) -> None:
        self._renewed -= FRESH_S


def read_slowly(box: WebDavMailbox, lease: AgingLease) -> None:
    """The Inbox, by somebody who takes his time over each page."""
    for _ in box.meeting_messages():
        lease.grow_old()


def server_at(url: str, account: Forms | None = None, credential: Credential | None = None) -> WebDavServer:
    return WebDavServer(
        url + "/exchange/", account or auth.basic("svc", "secret"), timeouts=FOR_EVER, credential=credential
    )


def box_at(url: str) -> tuple[WebDavMailbox, WebDavServer]:
    server = server_at(url)
    return WebDavMailbox(server, "adele", FOLDERS), server


def endless_pages(scripted: ScriptedServer) -> None:
    """Let each page have rows that were never seen before, and tell of more."""
    numbers = iter(range(1, 1_000_000))

    def reply(_: Received) -> Play:
        return play(207, rows_page(next(numbers)), Content_Type="text/xml", Content_Range="rows 0-0; total=1000000")

    scripted.reply = reply


@pytest.mark.parametrize("loop", LOOPS)
def test_whoever_reads_page_after_page_stops_when_the_lease_is_lost(scripted: ScriptedServer, loop: str) -> None:
    endless_pages(scripted)
    box, server = box_at(scripted.url)
    with server.for_item(Lease(Ledger(3).renew)), pytest.raises(LeaseLost):
        LOOPS[loop](box)
    assert len(scripted.requests) <= 3


@pytest.mark.parametrize("loop", LOOPS)
def test_whoever_reads_page_after_page_ends_when_the_item_has_had_its_time(
    scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch, loop: str
) -> None:
    endless_pages(scripted)
    monkeypatch.setattr(search, "MOST_PAGES", 1_000_000_000)  # which a fast machine reads in that time
    box, server = box_at(scripted.url)
    lease = Lease(Ledger(1_000_000).renew, longest_s=SHORT_S)
    with server.for_item(lease), pytest.raises(OutOfTime, match="this item has taken"):
        LOOPS[loop](box)


def test_a_search_has_its_own_time_for_whoever_has_no_lease(
    scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless_pages(scripted)
    monkeypatch.setattr(search, "MOST_PAGES", 1_000_000_000)
    monkeypatch.setattr(search, "LONGEST_S", SHORT_S)
    with pytest.raises(OutOfTime, match=r"^SEARCH '/exchange/adele/Inbox': search incomplete after 1 s and \d+ pages$"):
        LOOPS["Inbox"](box_at(scripted.url)[0])


def test_the_rows_of_one_long_answer_keep_the_lease_as_well(scripted: ScriptedServer) -> None:
    scripted.script(play(207, rows_page(*range(1000)), Content_Type="text/xml"))
    box, server = box_at(scripted.url)
    lease = AgingLease(Ledger(1, given_s=1e6).renew)
    with server.for_item(lease), pytest.raises(LeaseLost):
        read_slowly(box, lease)
    assert len(scripted.requests) == 1


HEAD = b"HTTP/1.1 207 Multi-Status\r\nContent-Type: text/xml\r\nContent-Length: 1000000\r\n\r\n<"
DRIPS: dict[str, Play] = {"head": DRIP, "body": Play(HEAD, "drip"), "nothing": Play(then="hang")}


@pytest.mark.parametrize("drips", DRIPS)
@pytest.mark.parametrize(
    ("ask", "error"),
    [(lambda box: [*box.meeting_messages()], Transient), (lambda box: box.command(MESSAGE, Verdict.ACCEPT), Unknown)],
    ids=["search", "command"],
)
def test_a_request_ends_with_the_lease(
    scripted: ScriptedServer, drips: str, ask: Callable[[WebDavMailbox], object], error: type[ExchangeError]
) -> None:
    scripted.script(DRIPS[drips])
    box, server = box_at(scripted.url)
    lease = Lease(Ledger(2, SHORT_S).renew)
    with server.for_item(lease), pytest.raises(error):
        ask(box)
    assert monotonic() >= lease.until, "it was the lease that ended it"


@contextmanager
def reader(every_s: float) -> Iterator[str]:
    """The address of somebody who reads a little of what is sent, and then again after so many seconds."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

        def read() -> None:
            with suppress(OSError), listener.accept()[0] as connection:
                while not over.wait(every_s) and connection.recv(10_000):
                    pass

        reading = threading.Thread(target=read)
        reading.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)
            reading.join()


@pytest.mark.parametrize("every_s", [WAIT_S, 0.05], ids=["never", "slowly"])
def test_sending_to_somebody_who_hardly_reads_ends_with_the_lease(every_s: float) -> None:
    with reader(every_s) as url:
        server = server_at(url)
        lease = Lease(Ledger(2, SHORT_S).renew)
        with server.for_item(lease), pytest.raises(Unknown):
            server.send("PUT", FOLDERS.drafts + "/x.EML", headers={}, body=b"x" * 50_000_000, effect=True)
    assert monotonic() >= lease.until


@pytest.mark.parametrize("kind", ["basic", "forms"])
def test_waiting_for_the_login_of_another_thread_ends_with_the_lease(scripted: ScriptedServer, kind: str) -> None:
    """As long as nobody was let in, one thread asks at a time; a slow one would keep the others beyond their leases."""
    scripted.script(Play(then="hang"))
    server = server_at(scripted.url, Forms("svc", "secret", allow_http=True) if kind == "forms" else None)
    box = WebDavMailbox(server, "adele", FOLDERS)

    def log_in() -> None:
        with server.for_item(Lease(Ledger(2, 20 * SHORT_S).renew)), pytest.raises(ExchangeError):
            unsent_answers(box)

    first = threading.Thread(target=log_in)
    first.start()
    until(lambda: scripted.requests, "it asks")
    with (
        server.for_item(Lease(Ledger(2, SHORT_S).renew)),
        pytest.raises(Busy, match="another thread has been logging in"),
    ):
        unsent_answers(box)
    assert len(scripted.requests) == 1
    scripted.stop()
    first.join(WAIT_S)
