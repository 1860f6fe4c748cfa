"""A mail server that means harm: what it sends ends in an ExchangeError, in bounds of time and memory, and goes no
further. What is shown elsewhere already is listed in docs/security.md.
"""

import gzip
import socket
import struct
import tracemalloc
import zlib
from collections.abc import Iterator
from functools import cache
from http.cookies import SimpleCookie
from itertools import repeat
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from rsvpq.http.deadlines import Timeouts
from rsvpq.mail.errors import ExchangeError, LoginRefused, Refused, Transient, Unknown
from rsvpq.mail.messages import Intent, MeetingMessage, Verdict
from rsvpq.mail.ports import Clear
from tests.support import scripted_server as scripts
from tests.support.certificates import Authority
from tests.support.client_operations import (
    ACCEPT,
    IMPATIENT,
    OPERATIONS,
    PATIENT,
    SEARCH,
    client,
    failure,
    survives,
)
from tests.support.dripping_server import DrippingServer, Pieces, endlessly
from tests.support.scripted_server import FOLDERS, MESSAGE, NO_ROWS, XML, Play, ScriptedServer, play, rows_page
from tests.support.tls_proxy import tls_proxy
from tests.support.work_counts import calls_of

HEAD = b"HTTP/1.1 207 Multi-Status\r\nContent-Type: text/xml\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
GZIP = HEAD + b"Content-Encoding: gzip\r\nConnection: close\r\n\r\n"
operations = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)


# -- answers without an end ----------------------------------------------------------------------------------------


def empty_blocks() -> Iterator[bytes]:
    """gzip that goes on for ever and unpacks to nothing."""
    yield GZIP + gzip.compress(b"")[:10]
    yield from repeat(b"\x00\x00\x00\xff\xff")


DRIPS: dict[str, Pieces] = {
    "a status line": endlessly(b"", b"H"),
    "a header": endlessly(HEAD + b"X-Odd: ", b"x"),
    "headers": endlessly(HEAD, b"X-Odd: x\r\n"),
    "100 Continue": endlessly(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a body": endlessly(HEAD + b"Connection: close\r\n\r\n", b"x"),
    "a chunk": endlessly(CHUNKED + b"ffffff\r\n", b"x"),
    "a chunk's size": endlessly(CHUNKED, b"0"),
    "chunks": endlessly(CHUNKED, b"1\r\nx\r\n"),
    "a trailer": endlessly(CHUNKED + b"0\r\n", b"x"),
    "empty blocks": empty_blocks,
}


@pytest.mark.parametrize("pieces", DRIPS.values(), ids=DRIPS)
@pytest.mark.parametrize("every_s", [0.05, 0.0], ids=["slowly", "fast"])
def test_an_answer_without_an_end_is_lost(dripping: DrippingServer, pieces: Pieces, every_s: float) -> None:
    dripping.pieces, dripping.every_s = pieces, every_s
    assert type(failure(SEARCH, client(dripping.url, timeouts=IMPATIENT))) in {Transient, Refused}
    assert type(failure(ACCEPT, client(dripping.url, timeouts=IMPATIENT))) is Unknown


@pytest.mark.parametrize("pieces", [DRIPS["a header"], DRIPS["a body"]], ids=["head", "body"])
def test_a_login_page_without_an_end_is_lost(dripping: DrippingServer, pieces: Pieces) -> None:
    dripping.pieces = pieces
    failure(SEARCH, client(dripping.url, forms=True, timeouts=IMPATIENT))
    assert all(head.startswith(b"GET ") for head in dripping.asked)


def test_a_request_that_nobody_reads_is_lost() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # the kernel accepts, and takes what its buffers hold
        box = client(f"http://127.0.0.1:{deaf.getsockname()[1]}", timeouts=Timeouts(0.5, 0.5))
        assert (
            type(failure(lambda box: box.mark(MESSAGE, Intent.now("x" * 16_000_000, Verdict.ACCEPT)), box)) is Unknown
        )


# -- floods and bombs ----------------------------------------------------------------------------------------------


@cache
def bomb(size: int) -> bytes:
    """Zeros of this size, packed a thousandfold: one million of them packed, and that repeated."""
    million, millions = bytes(1_000_000), size // 1_000_000
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    block = packer.compress(million) + packer.flush(zlib.Z_FULL_FLUSH)  # needs nothing that was packed before it
    checksum = 0
    for _ in range(millions):
        checksum = zlib.crc32(million, checksum)
    head = gzip.compress(b"")[:10]
    return head + block * millions + packer.flush() + struct.pack("<II", checksum, size)


def peak_of(answer: Play, scripted: ScriptedServer, timeouts: Timeouts = PATIENT) -> int:
    """The most bytes of Python's that a search took."""
    scripted.script(answer)
    box = client(scripted.url, timeouts=timeouts)
    tracemalloc.start()
    try:
        failure(SEARCH, box)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("status", [200, 207])
def test_a_gigabyte_in_a_megabyte_is_not_unpacked(scripted: ScriptedServer, status: int) -> None:
    packed = bomb(1_000_000_000)
    assert len(packed) < 1_100_000
    assert peak_of(play(status, packed, Content_Encoding="gzip", **XML), scripted) < 64_000_000


def test_a_bomb_in_a_bomb_is_not_unpacked_either(scripted: ScriptedServer) -> None:
    packed = gzip.compress(bomb(1_000_000_000))
    answer = play(207, packed, Content_Encoding="gzip, gzip", **XML)
    assert peak_of(answer, scripted) < 64_000_000


FLOODS = {
    "100,000 headers": HEAD + b"X-Odd: x\r\n" * 100_000 + b"\r\n",
    "a header of 10 MB": HEAD + b"X-Odd: " + b"x" * 10_000_000 + b"\r\n\r\n",
    "a status of 10 MB": b"HTTP/1.1 207 " + b"x" * 10_000_000 + b"\r\n\r\n",
    "10 MB folded": HEAD + b"X-Odd: x\r\n" + b" x\r\n" * 2_500_000 + b"\r\n",
    "1,000,000 times 100": b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000_000,
}


@pytest.mark.parametrize("octets", FLOODS.values(), ids=FLOODS)
def test_a_flood_of_headers_is_not_swallowed(scripted: ScriptedServer, octets: bytes) -> None:
    assert peak_of(Play(octets, "close"), scripted, IMPATIENT) < 16_000_000
    assert type(failure(ACCEPT, client(scripted.url, timeouts=IMPATIENT))) is Unknown


# -- answers that are not HTTP -------------------------------------------------------------------------------------

INVALID = {
    "a chunk of no size": CHUNKED + b"xyz\r\nx\r\n0\r\n\r\n",
    "a chunk below nothing": CHUNKED + b"-1\r\nx\r\n0\r\n\r\n",
    "a chunk of 2^200": CHUNKED + b"f" * 50 + b"\r\nx",
    "two lengths": HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n<?xml",
    "a length below nothing": HEAD + b"Content-Length: -1\r\n\r\n<?xml",
    "a length and chunks": HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nxyz",
    "a length of 5,000 digits": HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n<?xml",
    "a status of 6 digits": b"HTTP/1.1 207207 x\r\n\r\n",
    "a status that is not one": b"HTTP/1.1 abc x\r\n\r\n",
    "another protocol": b"HTTP/9.9 207 x\r\n\r\n",
    "no status": b"\r\n\r\n\r\n",
    "seven packings": HEAD + b"Content-Encoding: " + b", ".join([b"gzip"] * 7) + b"\r\nContent-Length: 1\r\n\r\nx",
    "a name of controls": HEAD + b"\x1b[2J\x00: x\r\nContent-Length: 5\r\n\r\n<?xml",
}


@operations
@pytest.mark.parametrize("octets", INVALID.values(), ids=INVALID)
def test_what_is_no_http_is_an_error_of_ours(scripted: ScriptedServer, octets: bytes, operation: object) -> None:
    scripted.script(Play(octets, "close"))
    survives(operation, client(scripted.url))  # type: ignore[arg-type]
    failure(SEARCH, client(scripted.url))


ODD_HEADERS = {
    "a URL that is not one": {"Location": "http://["},
    "a login at none": {"Location": "http://[owalogon.asp?reason=2"},
    "a port that is not one": {"Location": "http://127.0.0.1:99999/exchange/"},
    "another scheme": {"Location": "file:///etc/passwd"},
    "a script": {"Location": "javascript:alert(1)"},
    "a total of 5,000 digits": {"Content_Range": "rows 0-1; total=" + "9" * 5000},
    "a wait of 5,000 digits": {"Retry_After": "9" * 5000},
    "a wait before now": {"Retry_After": "-5"},
    "a type of nothing": {"Content_Type": ";;;=\x1b"},
}


@operations
@pytest.mark.parametrize("status", [200, 207, 302, 401, 404, 503])
@pytest.mark.parametrize("headers", ODD_HEADERS.values(), ids=ODD_HEADERS)
def test_no_header_is_an_error_of_any_other_kind(
    scripted: ScriptedServer, headers: dict[str, str], status: int, operation: object
) -> None:
    for forms in (False, True):
        scripted.script(play(status, rows_page(1), **{**XML, **headers}))
        survives(operation, client(scripted.url, forms=forms))  # type: ignore[arg-type]


@pytest.mark.parametrize("link", ["http://[", "http://127.0.0.1:99999/", "//[", "http://127.0.0.1:x/"])
def test_a_login_form_with_an_action_that_is_no_url_gets_nothing(scripted: ScriptedServer, link: str) -> None:
    page = f'<form action="{link}"><input type="password" name="password"></form>'.encode()
    scripted.script(play(200, page, Content_Type="text/html"))
    failure(SEARCH, client(scripted.url, forms=True))
    assert {request.method for request in scripted.requests} == {"GET"}


@pytest.mark.parametrize("status", [101, 102, 103])
def test_an_answer_before_the_answer_is_not_taken_for_it(scripted: ScriptedServer, status: int) -> None:
    scripted.script(Play(f"HTTP/1.1 {status} Early\r\n\r\n".encode()), play(200))
    box = client(scripted.url)
    assert type(failure(OPERATIONS["submit"], box)) is Unknown
    assert type(failure(SEARCH, box)) is not Unknown
    assert scripted.connections == 2


def test_a_second_answer_is_not_taken_for_that_to_the_next_request(scripted: ScriptedServer) -> None:
    planted = play(207, rows_page(666), **XML).octets
    scripted.script(Play(play(207, rows_page(1), **XML).octets + planted), play(207, NO_ROWS, **XML))
    box = client(scripted.url)
    assert [message.ref.key for message in messages(box)] == ["rid:1"]
    assert messages(box) == []


def messages(box: object) -> list[MeetingMessage]:
    found: list[MeetingMessage] = SEARCH(box)  # type: ignore[assignment,arg-type]
    return found


# -- XML -----------------------------------------------------------------------------------------------------------


def document(dtd: str, subject: str) -> bytes:
    """A page of one row, with this before it and in its subject."""
    row = (
        rows_page(1)
        .decode()
        .replace("</D:prop>", f'<h:subject xmlns:h="urn:schemas:httpmail:">{subject}</h:subject></D:prop>')
    )
    return f'<?xml version="1.0"?>{dtd}{row}'.encode()


LAUGHS = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))


@pytest.mark.parametrize("inside", [True, False], ids=["before the root", "in a row"])
@pytest.mark.parametrize(
    ("dtd", "subject"),
    [
        (f'<!DOCTYPE x [<!ENTITY l0 "haha">{LAUGHS}]>', "&l9;"),
        (f'<!DOCTYPE x [<!ENTITY q "{"q" * 60_000}">]>', "&q;" * 60_000),
        ('<!DOCTYPE x [<!ENTITY f SYSTEM "file://{file}">]>', "&f;"),
        ('<!DOCTYPE x [<!ENTITY f SYSTEM "{url}/f">]>', "&f;"),
        ('<!DOCTYPE x SYSTEM "{url}/x.dtd">', "x"),
        ('<!DOCTYPE x [<!ENTITY % p SYSTEM "{url}/p.dtd">%p;]>', "&f;"),
        ("<!DOCTYPE x [<!ENTITY % a '<!ENTITY &#37; b SYSTEM \"{url}/b\">'>%a;%b;]>", "x"),
        ('<?xml-stylesheet href="{url}/s.xsl" type="text/xsl"?>', "x"),
        ("", '<i:include xmlns:i="http://www.w3.org/2001/XInclude" href="file://{file}" parse="text"/>'),
    ],
    ids=["laughs", "quadratic", "file", "url", "dtd", "parameter", "nested parameters", "stylesheet", "include"],
)
def test_nothing_is_unfolded_or_fetched(
    scripted: ScriptedServer, elsewhere: ScriptedServer, tmp_path: Path, dtd: str, subject: str, inside: bool
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("not for the server")
    dtd, subject = (text.replace("{url}", elsewhere.url).replace("{file}", str(secret)) for text in (dtd, subject))
    page = document(dtd, subject) if inside else document("", dtd + subject)
    scripted.script(play(207, page, **XML))
    box = client(scripted.url)
    tracemalloc.start()
    try:
        found = messages(box)
    except ExchangeError:
        found = []
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 32_000_000  # unfolded, the quadratic one takes 3.6 GB
    assert not [message for message in found if "not for" in message.subject or "haha" in message.subject]
    assert sum(len(message.subject) for message in found) <= 3 * len(page)


@pytest.mark.parametrize("where", ["in a row", "around the rows", "in a login page"])
def test_ten_thousand_elements_deep_costs_a_row_at_most(scripted: ScriptedServer, where: str) -> None:
    deep = "<x>" * 10_000 + "</x>" * 10_000
    if where == "in a row":
        scripted.script(play(207, document("", deep), **XML))
        pages = client(scripted.url).meeting_messages()
        assert sum(len(page.messages) + page.unreadable for page in pages) == 1
    elif where == "around the rows":
        scripted.script(play(207, b"<x>" * 10_000 + rows_page(1), **XML))
        failure(SEARCH, client(scripted.url))
    else:
        page = "<div>" * 10_000 + '<form><input type="password"></form>'
        scripted.script(play(200, page.encode(), Content_Type="text/html"))
        survives(SEARCH, client(scripted.url, forms=True))


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_what_came_before_a_request_is_not_the_answer_to_it(
    scripted: ScriptedServer, tmp_path: Path, tls: bool
) -> None:
    own = play(207, NO_ROWS, X_Pad="", **XML).octets
    own = own.replace(b"X-Pad: ", b"X-Pad: " + b"x" * (8192 - len(own)))  # as much as is read at once
    scripted.reply = lambda asked: Play(own + play(201).octets) if asked.method == "SEARCH" else play(403)
    ours = Authority(tmp_path)
    with tls_proxy(urlsplit(scripted.url).port or 0, ours.certificate("mail.example.com")) as proxy:
        url = f"https://127.0.0.1:{proxy.port}" if tls else scripted.url
        box = client(url, verify=str(ours.file))
        SEARCH(box)
        assert type(failure(OPERATIONS["submit"], box)) is Refused
    assert [request.method for request in scripted.requests] == ["SEARCH", "MOVE"]


# -- somewhere else ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("forms", [False, True], ids=["basic", "forms"])
def test_nothing_goes_from_https_to_http(
    scripted: ScriptedServer, elsewhere: ScriptedServer, tmp_path: Path, forms: bool
) -> None:
    ours = Authority(tmp_path)
    plain = urlsplit(scripted.url).port or 0
    with tls_proxy(plain, ours.certificate("mail.example.com")) as proxy:
        for url in (elsewhere.url, scripted.url, f"http://127.0.0.1:{proxy.port}"):
            scripted.script(play(302, Location=url + "/exchange/adele/"))
            for operation in OPERATIONS.values():
                survives(operation, client(f"https://127.0.0.1:{proxy.port}", forms=forms, verify=str(ours.file)))
    assert scripted.requests
    assert scripted.connections == proxy.connections  # nobody came in past the proxy


def test_a_location_beside_a_success_is_not_asked(scripted: ScriptedServer, elsewhere: ScriptedServer) -> None:
    scripted.script(play(201, Location=elsewhere.url + "/exchange/adele/Sent/Budget.EML"))
    OPERATIONS["submit"](client(scripted.url))
    assert [request.method for request in scripted.requests] == ["MOVE"]


def test_permanent_urls_elsewhere_are_asked_for_here(scripted: ScriptedServer, elsewhere: ScriptedServer) -> None:
    named = f"<e:permanenturl>{elsewhere.url}/exchange/adele/-FlatUrlSpace-/1</e:permanenturl></D:prop>"
    scripted.script(play(207, rows_page(1).replace(b"</D:prop>", named.encode()), **XML))
    box = client(scripted.url)
    (message,) = messages(box)
    scripted.script(play(404))
    survives(lambda box: box.refresh(message), box)
    assert "/exchange/adele/-FlatUrlSpace-/1" in {request.target for request in scripted.requests}


COOKIES = [
    "evil=1; Path=/; Domain=other.example",
    "evil=1; Path=/; Domain=.example",
    "evil=1; Path=/; Domain=com",
    "evil=1; Path=/; Domain=127.0.0.2",
    "evil=1; Path=/; Domain=localhost",
]


@pytest.mark.parametrize("cookie", COOKIES)
def test_a_cookie_of_another_domain_is_not_kept(scripted: ScriptedServer, cookie: str) -> None:
    scripted.script(play(207, NO_ROWS, Set_Cookie=cookie, **XML), play(207, NO_ROWS, **XML))
    box = client(scripted.url)
    SEARCH(box)
    SEARCH(box)
    assert "Cookie" not in scripted.requests[1].headers


def test_cookies_do_not_pile_up(scripted: ScriptedServer) -> None:
    counter = iter(range(1000))
    scripted.reply = lambda _: play(207, NO_ROWS, Set_Cookie=f"c{next(counter)}=1; Path=/", **XML)
    box = client(scripted.url)
    for _ in range(60):
        SEARCH(box)
    sent = [len(SimpleCookie(request.headers.get("Cookie", ""))) for request in scripted.requests]
    assert max(sent) <= 20
    assert sent[1] == 1


@pytest.mark.parametrize("name", ["Set-Cookie", "Set-Cookie2"])
def test_a_cookie_without_end_takes_no_work_and_is_not_kept(scripted: ScriptedServer, name: str) -> None:
    first, rest = play(207, NO_ROWS, Set_Cookie="own=1; Path=/", **XML).octets.split(b"\r\n", 1)
    long = b"".join(b"%s: evil%d=%s\r\n" % (name.encode(), number, b"a b;" * 8000) for number in range(5))
    scripted.script(Play(first + b"\r\n" + long + rest))
    box = client(scripted.url)
    assert calls_of(lambda: SEARCH(box)) < 20_000  # the standard library makes 100,000 of each such line
    SEARCH(box)
    assert scripted.requests[1].headers["Cookie"] == "own=1"


@pytest.mark.parametrize(
    "answer",
    [
        play(407, Proxy_Authenticate='Basic realm="proxy"'),
        play(407, Proxy_Authenticate="NTLM"),
        play(401, WWW_Authenticate="NTLM"),
        play(401, WWW_Authenticate="Negotiate"),
        play(401, WWW_Authenticate='Digest realm="x", nonce="y", algorithm=MD5'),
    ],
    ids=["a proxy", "a proxy's NTLM", "NTLM", "Negotiate", "Digest"],
)
def test_no_other_login_than_the_configured_is_made(scripted: ScriptedServer, answer: Play) -> None:
    scripted.script(answer)
    assert isinstance(failure(SEARCH, client(scripted.url)), LoginRefused)
    (request,) = scripted.requests
    assert "Proxy-Authorization" not in request.headers
    assert request.headers["Authorization"].startswith("Basic ")


# -- words that are commands ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("escaped", ["%1b%5b2J", "%0d%0aevent=forged", "%C2%9B2J", "%E2%80%AEgpj.exe", "%E2%81%A6x"])
def test_no_name_reaches_a_log_as_a_command(scripted: ScriptedServer, escaped: str) -> None:
    scripted.script(play(207, rows_page(1, href=f"/exchange/adele/Inbox/{escaped}{{}}.EML"), **XML))
    box = client(scripted.url)
    (message,) = messages(box)
    scripted.script(scripts.RESET)
    for operation in (box.mark_processed, box.refresh):
        failure(lambda _, operation=operation: operation(message), box)  # type: ignore[misc]
    failure(lambda _: box.command(message, Verdict.ACCEPT), box)
    for how in (Clear.TRASH, Clear.DELETE):
        failure(lambda _, how=how: box.clear(message, how), box)  # type: ignore[misc]
    assert FOLDERS.inbox in scripted.requests[0].target
