"""Searches of any size at servers that page as they like, in bounded memory; and answers that drip."""

import socket
import threading
import tracemalloc
from contextlib import closing

import pytest

from rsvpq.http import auth
from rsvpq.http.deadlines import Timeouts
from rsvpq.mail.errors import ExchangeError, Transient
from rsvpq.webdav.folders import Folders
from rsvpq.webdav.mailbox import WebDavMailbox
from rsvpq.webdav.server import WebDavServer
from testbed.processes import WAIT_S
from tests.support.exchange_site import inbox
from tests.support.scripted_server import NO_ROWS, XML, ScriptedServer, play, rows_page

FOLDERS = Folders(*(f"/exchange/adele/{name}" for name in ("Inbox", "Drafts", "Sent", "Deleted", "sendmsg")))


def adele(url: str, timeouts: Timeouts | None = None) -> WebDavMailbox:
    server = WebDavServer(url + "/exchange/", auth.basic("svc", "secret"), timeouts=timeouts)
    return WebDavMailbox(server, "adele", FOLDERS)


@pytest.mark.parametrize("rows", [0, 1, 2, 1_000, 5_000])
def test_a_server_that_ignores_ranges_costs_bounded_memory(scripted: ScriptedServer, rows: int) -> None:
    """Measured with 20,000 rows of 1.9 kB (38 MB): a peak of 6.2 MB. The 5,000 have 9.5 MB."""
    padding = (
        "<e:permanenturl>/exchange/adele/-FlatUrlSpace-/" + "0123456789abcdef" * 100 + "</e:permanenturl></D:prop>"
    )
    scripted.script(play(207, rows_page(*range(rows)).replace(b"</D:prop>", padding.encode()), **XML))
    box, found = adele(scripted.url), 0
    tracemalloc.start()
    try:
        for page in box.meeting_messages():
            assert len(page.messages) <= 100
            found += len(page.messages)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found == rows
    assert peak < 8 * 1024 * 1024


def test_a_server_that_repeats_its_first_page_for_ever_is_asked_twice(scripted: ScriptedServer) -> None:
    scripted.script(play(207, rows_page(*range(100)), **XML))
    assert len(inbox(adele(scripted.url))) == 100
    assert len(scripted.requests) == 2


def test_a_total_that_grows_is_not_run_after(scripted: ScriptedServer) -> None:
    pages = [
        play(207, rows_page(*range(n * 2, n * 2 + 2)), Content_Range=f"rows x; total={n * 2 + 4}", **XML)
        for n in range(9)
    ]
    scripted.script(*pages)
    assert sum(len(page.messages) for page in adele(scripted.url).meeting_messages(page_rows=2)) == 4


def test_a_row_that_comes_on_two_pages_comes_once(scripted: ScriptedServer) -> None:
    first = play(207, rows_page(1, 2), Content_Range="rows 0-1; total=3", **XML)
    scripted.script(first, play(207, rows_page(2, 3), Content_Range="rows 2-3; total=4", **XML))
    found = [message.ref.key for page in adele(scripted.url).meeting_messages(2) for message in page.messages]
    assert found == ["rid:1", "rid:2", "rid:3"]


@pytest.mark.parametrize(
    "end", [play(416), play(207, NO_ROWS, **XML), play(207, NO_ROWS, Content_Range="total=0", **XML)]
)
def test_an_unknown_total_ends_with_416_or_an_empty_page(scripted: ScriptedServer, end: object) -> None:
    first = play(207, rows_page(1, 2), Content_Range="rows 0-1; total=*", **XML)
    scripted.script(first, end)  # type: ignore[arg-type]
    assert sum(len(page.messages) for page in adele(scripted.url).meeting_messages(page_rows=2)) == 2


@pytest.mark.parametrize("head", [b"Content-Length: 100000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"])
def test_a_body_that_drips_for_ever_ends(head: bytes) -> None:
    """A byte may take longer than the whole body, so only the deadline of that ends it."""
    over = threading.Event()
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 207 Multi-Status\r\nContent-Type: text/xml\r\n" + head)
                octet = b"1\r\nx\r\n" if b"chunked" in head else b"x"
                while not over.wait(0.02):
                    try:
                        connection.sendall(octet)
                    except OSError:
                        return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(ExchangeError) as caught:
            list(adele(url, Timeouts(WAIT_S, WAIT_S, body_s=0.3)).meeting_messages())
        assert type(caught.value) is Transient
        over.set()
        thread.join()
