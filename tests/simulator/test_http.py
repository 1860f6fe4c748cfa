"""The simulator's HTTP: framing, order, limits, credentials and latency, in raw bytes."""

import base64
import time
from collections.abc import Iterator

import pytest

from tests.simulator.raw_http import (
    DAV,
    NEVER_MS,
    NEVER_S,
    Simulator,
    is_silent,
    read_all,
    request,
    rows,
    running,
)

PROPFIND = '<D:propfind xmlns:D="DAV:"><D:prop><D:displayname/></D:prop></D:propfind>'


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """A small world that these tests only read."""
    with running("--mailboxes", "2") as started:
        yield started


def test_answers_look_like_iis_with_exchange(simulator: Simulator) -> None:
    answer = simulator.ask("PROPFIND", "/exchange/adele0/", PROPFIND, Depth="0")
    head = answer.raw.split(b"\r\n\r\n")[0].decode().split("\r\n")
    assert [line.split(":")[0] for line in head] == [
        "HTTP/1.1 207 Multi-Status",
        "Cache-Control",
        "Transfer-Encoding",
        "Content-Type",
        "Accept-Ranges",
        "Connection",
        "Server",
        "MS-WebStorage",
        "X-Powered-By",
        "Date",
    ]
    assert answer.headers["Content-Type"] == "text/xml"
    assert answer.headers["Server"] == "Microsoft-IIS/6.0"
    assert answer.headers["X-Powered-By"] == "ASP.NET"
    assert time.strptime(answer.headers["Date"], "%a, %d %b %Y %H:%M:%S GMT")


def test_pipelined_requests_are_answered_in_order_on_one_connection(simulator: Simulator) -> None:
    paths = ["/exchange/adele0/", "/exchange/adele0/Inbox", "/exchange/adele0/Drafts"]
    pipeline = b"".join(request("PROPFIND", path, PROPFIND, Depth="0") for path in paths)
    last = request("PROPFIND", "/exchange/adele0/Nowhere", PROPFIND, Connection="close")
    with simulator.connect() as connection:
        connection.sendall(pipeline + last)
        raw = read_all(connection)
    names = [part.split(b"</a:displayname>")[0] for part in raw.split(b"<a:displayname>")[1:]]
    assert names == [b"adele0", b"Inbox", b"Drafts"]
    assert raw.count(b"HTTP/1.1 207 ") == 3
    assert raw.count(b"HTTP/1.1 404 ") == 1


def test_a_request_may_arrive_byte_by_byte(simulator: Simulator) -> None:
    octets = request("PROPFIND", "/exchange/adele0/Inbox", PROPFIND, Depth="0", Connection="close")
    with simulator.connect() as connection:
        for position in range(len(octets)):
            connection.sendall(octets[position : position + 1])
        assert read_all(connection).startswith(b"HTTP/1.1 207 ")


def test_a_chunked_body_is_put_together(simulator: Simulator) -> None:
    body = PROPFIND.encode()
    chunks = b"5;x=y\r\n" + body[:5] + b"\r\n" + b"%x\r\n" % len(body[5:]) + body[5:] + b"\r\n0\r\nTrailer: 1\r\n\r\n"
    head = request(
        "PROPFIND", "/exchange/adele0/", Connection="close", Depth="0", Content_Length="", Transfer_Encoding="chunked"
    )
    answer = simulator.send(head + chunks)
    assert rows(answer)[0][f"{DAV}displayname"] == "adele0"


@pytest.mark.parametrize("waits", [True, False])
def test_a_client_that_expects_100_is_refused(simulator: Simulator, waits: bool) -> None:
    octets = request("PROPFIND", "/exchange/adele0/", PROPFIND, Expect="100-continue")
    head = octets.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    assert simulator.send(head if waits else octets).status == 400


def test_the_target_may_hold_the_origin(simulator: Simulator) -> None:
    assert simulator.ask("OPTIONS", "http://mail.example.com/exchange/adele0/").status == 200


def test_a_hostile_host_header_stays_text(simulator: Simulator) -> None:
    columns = '<D:propfind xmlns:D="DAV:" xmlns:m="urn:schemas:httpmail:"><D:prop><m:inbox/></D:prop></D:propfind>'
    (row,) = rows(simulator.ask("PROPFIND", "/exchange/adele0/", columns, Depth="0", Host="a<b>&'\"c"))
    assert row["href"] == "http://a<b>&'\"c/exchange/adele0/"
    assert b"a<b>" not in simulator.ask("GET", "/exchange/adele0/", Host="a<b>&'\"c").body


def test_http_1_0_gets_a_length_and_a_close(simulator: Simulator) -> None:
    octets = request("PROPFIND", "/exchange/adele0/", PROPFIND, Depth="0").replace(b"HTTP/1.1", b"HTTP/1.0", 1)
    answer = simulator.send(octets)
    assert answer.status == 207
    assert int(answer.headers["Content-Length"]) == len(answer.body)


@pytest.mark.parametrize(
    "octets",
    [
        b"\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / FTP/1.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nSpace : x\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc",
        b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
        b"x" * 20_000,
    ],
)
def test_what_is_not_http_gets_400_and_a_close(simulator: Simulator, octets: bytes) -> None:
    assert simulator.send(octets).status == 400


def test_a_body_beyond_all_measure_gets_413(simulator: Simulator) -> None:
    assert simulator.send(b"PUT / HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n").status == 413


def test_without_the_service_account_there_is_only_a_challenge(simulator: Simulator) -> None:
    wrong = "Basic " + base64.b64encode(b"CORP\\svc-rsvpq:wrong").decode()
    for authorization in ("", wrong, "Basic ???", "Negotiate abc"):
        for path in ("/exchange/adele0/", "/exchange/nobody/", "/public/"):
            answer = simulator.ask("PROPFIND", path, PROPFIND, Authorization=authorization)
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")


def test_the_user_name_has_no_case(simulator: Simulator) -> None:
    upper = "Basic " + base64.b64encode(b"corp\\SVC-RSVPQ:simulator").decode()
    assert simulator.ask("OPTIONS", "/exchange/adele0/", Authorization=upper).status == 200


def test_an_unknown_verb_is_not_implemented(simulator: Simulator) -> None:
    assert simulator.ask("FROBNICATE", "/exchange/adele0/").status == 501


def test_latency_delays_each_answer_and_blocks_nobody() -> None:
    with running("--mailboxes", "1", "--latency-ms", str(NEVER_MS)) as simulator:
        connections = [simulator.connect() for _ in range(8)]
        for connection in connections:
            connection.sendall(request("OPTIONS", "/exchange/adele0/", Connection="close"))
        simulator.wait_for("summary", lambda totals: totals["in_flight"]["now"] == 8, "all are there at once")
        simulator.put_clock_forward(NEVER_S / 2)
        assert all(map(is_silent, connections))
        simulator.put_clock_forward(NEVER_S / 2)
        answers = [read_all(connection) for connection in connections]
        for connection in connections:
            connection.close()
    assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in answers)
