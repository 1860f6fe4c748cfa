"""The simulator's faults: what each does to the answer, and by the oracle whether the effect happened."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from lxml import etree

from simulator.ews.dispatch import OPERATIONS
from simulator.serving.faults import OF_EWS, FaultKind, Step
from tests.simulator.ews_client import Mail
from tests.simulator.own_mailbox import Box, Boxes
from tests.simulator.raw_http import (
    CALENDAR,
    EXCHANGE,
    HTTPMAIL,
    NEVER_MS,
    NEVER_S,
    Answer,
    Row,
    is_silent,
    path_of,
    read_all,
    read_answer,
    request,
    running,
)

#: Which kinds a test here shows.
SHOWN: set[str] = set()


def kinds(*names: str) -> pytest.MarkDecorator:
    SHOWN.update(names)
    return pytest.mark.parametrize("kind", names)


def fault(box: Box, step: str, kind: str, **more: object) -> None:
    answer = box.simulator.post("faults", [{"step": step, "kind": kind, "times": 1, **more}])
    assert answer.status == 200, answer.body


def injected(box: Box) -> list[int]:
    return [rule["injected"] for rule in box.simulator.oracle("faults")]


@contextmanager
def struck(box: Box, octets: bytes) -> Iterator[socket.socket]:
    """The connection of a request that the fault in force has met, and that has no answer yet."""
    with box.simulator.connect() as connection:
        connection.sendall(octets)
        box.simulator.wait_for("faults", lambda rules: rules[0]["injected"] > 0, "the fault has struck")
        assert is_silent(connection)
        yield connection


def in_flight(box: Box) -> int:
    """How many requests the server has at this moment."""
    count: int = box.simulator.oracle("summary")["in_flight"]["now"]
    return count


def accepting(row: Row) -> bytes:
    return request("GET", path_of(row["href"]) + "?Cmd=accept")


def received(box: Box, octets: bytes) -> bytes:
    """All that comes back until the connection ends; ConnectionResetError is for the test."""
    with box.simulator.connect() as connection:
        connection.sendall(octets)
        return b"".join(iter(lambda: connection.recv(1 << 16), b""))


def accepted(box: Box, row: Row) -> int:
    told = box.told(row)
    assert told["accepted"] == told["drafted"] == len(box.find(box.drafts))
    count: int = told["accepted"]
    return count


STATUSES = {
    "503": 503,
    "503-retry-after": 503,
    "429": 429,
    "500-before": 500,
    "401": 401,
    "440": 440,
    "login-page": 200,
    "login-redirect": 302,
}


@kinds(*STATUSES)
def test_a_refusal_has_no_effect_and_the_next_attempt_has(box: Box, kind: str) -> None:
    row = box.request()
    fault(box, "accept", kind)
    answer = box.accept(row)
    assert (answer.status, accepted(box, row), injected(box)) == (STATUSES[kind], 0, [1])
    assert ("Retry-After" in answer.headers) is (kind in {"503-retry-after", "429"})
    assert ("WWW-Authenticate" in answer.headers) is (kind == "401")
    assert (b"logonForm" in answer.body) is (kind == "login-page")
    if kind == "login-redirect":
        assert "/exchweb/bin/auth/owalogon.asp?url=" in answer.headers["Location"]
    assert box.accept(row).status == 200
    assert accepted(box, row) == 1


@kinds("503-retry-after", "429")
@pytest.mark.parametrize(("more", "seconds"), [({}, "30"), ({"ms": 7000}, "7")])
def test_a_busy_server_asks_for_the_time_that_the_fault_says(
    box: Box, kind: str, more: dict[str, int], seconds: str
) -> None:
    box.simulator.post("faults", [{"step": "search", "kind": kind, **more}])
    assert box.ask("SEARCH", box.inbox).headers["Retry-After"] == seconds


@kinds("440")
def test_a_login_that_timed_out_takes_the_cookies_and_the_connection(box: Box, kind: str) -> None:
    fault(box, "search", kind)
    octets = received(box, request("SEARCH", box.inbox) + request("OPTIONS", box.home))
    assert octets.count(b"HTTP/1.1") == 1
    assert octets.startswith(b"HTTP/1.1 440 Login Timeout\r\n")
    assert b"Connection: close" in octets
    assert octets.count(b"expires=Thu, 01-Jan-1970") == 2


@kinds("500-after")
def test_an_error_comes_after_the_effect(box: Box, kind: str) -> None:
    row = box.request()
    fault(box, "accept", kind)
    assert (box.accept(row).status, accepted(box, row)) == (500, 1)


@kinds("reset-before", "reset-after")
def test_a_reset_comes_before_or_after_the_effect(box: Box, kind: str) -> None:
    row = box.request()
    fault(box, "accept", kind)
    with pytest.raises(ConnectionResetError):
        received(box, accepting(row))
    assert accepted(box, row) == int(kind == "reset-after")


@kinds("lost-reply")
def test_a_lost_reply_leaves_the_effect(box: Box, kind: str) -> None:
    row = box.request()
    fault(box, "accept", kind)
    assert (received(box, accepting(row)), accepted(box, row)) == (b"", 1)


@kinds("slow")
def test_a_slow_answer_comes_when_its_time_has_passed_and_keeps_nobody_else(box: Box, kind: str) -> None:
    row = box.request()
    fault(box, "accept", kind, ms=NEVER_MS)
    with struck(box, accepting(row)) as connection:
        assert box.search().status == 207
        assert is_silent(connection)
        assert accepted(box, row) == 1
        box.simulator.put_clock_forward(NEVER_S)
        assert connection.recv(13) == b"HTTP/1.1 200 "


@kinds("drip")
def test_a_body_that_drips_comes_byte_by_byte_and_keeps_nobody_else(box: Box, kind: str) -> None:
    before = in_flight(box)
    fault(box, "propfind", kind, ms=NEVER_MS)
    with box.simulator.connect() as connection:
        connection.sendall(request("PROPFIND", box.home, Depth="0") + request("OPTIONS", box.home, Connection="close"))
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += connection.recv(1)
        assert head.startswith(b"HTTP/1.1 207 ")
        assert len(connection.recv(1 << 16)) == 1
        assert (box.simulator.ask("PROPFIND", box.home, Depth="0").status, in_flight(box)) == (207, before + 1)
        box.simulator.put_clock_forward(NEVER_S)
        rest = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    assert rest.partition(b"HTTP/1.1 200 ")[1], "and the next request is answered after it"


@kinds("drip")
def test_a_client_that_gives_up_ends_the_dripping(box: Box, kind: str) -> None:
    before = in_flight(box)
    fault(box, "propfind", kind, ms=NEVER_MS)
    with box.simulator.connect() as connection:
        connection.sendall(request("PROPFIND", box.home, Depth="0"))
        assert connection.recv(13) == b"HTTP/1.1 207 "
        assert in_flight(box) == before + 1
    box.simulator.wait_for("summary", lambda told: told["in_flight"]["now"] == before, "the client has given up")


@kinds("hang", "hang-after")
def test_a_hang_ends_when_the_client_gives_up_and_at_its_bound(box: Box, kind: str) -> None:
    row, before = box.request(), in_flight(box)
    fault(box, "accept", kind, ms=NEVER_MS)
    with struck(box, accepting(row)):
        assert in_flight(box) == before + 1
    box.simulator.wait_for("summary", lambda told: told["in_flight"]["now"] == before, "the client has given up")
    assert accepted(box, row) == int(kind == "hang-after")
    fault(box, "search", kind, ms=NEVER_MS)
    with struck(box, request("SEARCH", box.inbox)) as connection:
        box.simulator.put_clock_forward(NEVER_S)
        assert read_all(connection) == b""


@kinds("truncate")
def test_a_truncated_answer_ends_in_its_middle(box: Box, kind: str) -> None:
    whole = box.search()
    fault(box, "search", kind)
    assert whole.body.startswith(b"<?xml")
    assert not received(box, request("SEARCH", box.inbox)).endswith(b"0\r\n\r\n")
    row = box.request()
    fault(box, "accept", kind)
    cut = received(box, accepting(row))
    body = cut.partition(b"\r\n\r\n")[2]
    assert 0 < len(body) < int(read_answer(cut).headers["Content-Length"])
    assert accepted(box, row) == 1


@kinds("garbage")
def test_garbage_is_no_xml_and_leaves_the_effect(box: Box, kind: str) -> None:
    row = box.request()
    fault(box, "any", kind, times=2)
    answer = box.search()
    assert (answer.status, answer.headers["Content-Type"]) == (207, "text/xml")
    with pytest.raises(etree.XMLSyntaxError):
        etree.fromstring(answer.body)
    assert (box.accept(row).status, accepted(box, row)) == (200, 1)


@kinds("empty", "wrong-type")
def test_an_answer_can_be_empty_or_of_another_type(box: Box, kind: str) -> None:
    row = box.request()
    fault(box, "any", kind, times=2)
    found, answer = box.search(), box.accept(row)
    assert (found.status, answer.status, accepted(box, row)) == (207, 200, 1)
    assert (found.body == answer.body == b"") is (kind == "empty")
    assert (found.headers.get("Content-Type") == "application/octet-stream") is (kind == "wrong-type")


@kinds("taken-away")
def test_somebody_else_is_faster(box: Box, kind: str) -> None:
    row = box.request()
    fault(box, "accept", kind)
    assert (box.accept(row).status, accepted(box, row)) == (404, 0)
    told = box.told(row)
    assert (told["taken"], told["deleted"], told["moved"]) == (1, 0, 0)
    assert row["href"] not in {found["href"] for found in box.find(box.inbox)}
    assert box.simulator.oracle("summary")["requests"]["taken_away"] >= 1
    second = box.request()
    box.accept(second)
    fault(box, "submit", kind)
    assert box.submit(box.find(box.drafts)[0]).status == 404
    assert (box.told(second)["submitted"], box.told(second)["taken"]) == (0, 1)
    fault(box, "any", kind)
    box.search()
    assert injected(box) == [0], "a folder cannot be taken away"


@kinds("answered-by-hand")
def test_a_person_answers_first(box: Box, kind: str) -> None:
    row = box.request()
    fault(box, "accept", kind)
    assert box.accept(row).status == 404
    told = box.told(row)
    assert (told["accepted"], told["submitted"], told["by_hand"], told["state"]) == (1, 1, 1, "answered_once")
    assert box.find(box.drafts) == []
    (sent,) = box.find(box.sent)
    assert (sent[f"{CALENDAR}uid"], sent[f"{HTTPMAIL}read"]) == (row[f"{CALENDAR}uid"], "1")
    assert row[f"{CALENDAR}uid"] in {one.get(f"{CALENDAR}uid") for one in box.find(box.calendar)}


@kinds("answered-by-hand")
def test_a_person_sends_the_draft_first(box: Box, kind: str) -> None:
    row = box.request()
    box.accept(row)
    fault(box, "submit", kind)
    assert box.submit(box.find(box.drafts)[0]).status == 404
    told = box.told(row)
    assert (told["accepted"], told["submitted"], told["by_hand"], told["state"]) == (1, 1, 1, "answered_once")
    assert len(box.find(box.sent)) == 1
    fault(box, "open", kind)
    (response, *_) = [one for one in box.find(box.inbox) if "Meeting.Resp" in one[f"{EXCHANGE}outlookmessageclass"]]
    box.ask("GET", path_of(response["href"]) + "?Cmd=open")
    assert injected(box) == [0], "a response cannot be answered"


@kinds("read-by-hand")
def test_a_person_reads_first(box: Box, kind: str) -> None:
    box.turn(request_fate="left", request_marks="nothing")
    row = next(row for row in box.simulator.requests(box.inbox) if row[f"{HTTPMAIL}read"] == "0")
    fault(box, "accept", kind)
    assert (box.accept(row).status, accepted(box, row)) == (200, 1)
    assert next(one for one in box.find(box.inbox) if one["href"] == row["href"])[f"{HTTPMAIL}read"] == "1"


@kinds("folders-renamed")
def test_the_folders_are_renamed_between_two_requests(box: Box, kind: str) -> None:
    row = box.request()
    fault(box, "accept", kind)
    assert box.accept(row).status == 404
    assert box.told(row)["accepted"] == 0
    inbox = path_of(box.simulator.folders(box.home)["inbox"])
    assert inbox != box.inbox
    assert row[f"{CALENDAR}uid"] in {one.get(f"{CALENDAR}uid") for one in box.find(inbox)}


@kinds("endless")
def test_a_body_without_an_end_has_one_after_all(box: Box, kind: str) -> None:
    fault(box, "search", kind, times=2)
    with box.simulator.connect() as connection:
        connection.sendall(request("SEARCH", box.inbox))
        total = sum(len(part) for part in iter(lambda: connection.recv(1 << 20), b""))
    assert 64 << 20 <= total < 65 << 20
    with box.simulator.connect() as connection:
        connection.sendall(request("SEARCH", box.inbox))
        assert connection.recv(20).startswith(b"HTTP/1.1 207 Multi")
    assert box.search().status == 207


@pytest.mark.parametrize("step", list(Step))
def test_a_fault_strikes_its_step_and_no_other(box: Box, step: str) -> None:
    assert box.request()
    box.simulator.post("faults", [{"step": step, "kind": "429"}])
    attempts = {attempt.value for attempt in Step} - {"any"}
    struck = {attempt for attempt in attempts if one_step(box, attempt).status == 429}
    assert struck == (attempts if step == "any" else {step})


def one_step(box: Box, step: str) -> Answer:
    operation = next((name for name in OPERATIONS if name.casefold() == step), None)
    return Mail(box.simulator, "").post(f"<m:{operation}/>") if operation else one_step_of_webdav(box, step)


def one_step_of_webdav(box: Box, step: str) -> Answer:
    missing = f"{box.inbox}/there%20is%20none.EML"
    url = f"http://mail.example.com{box.deleted}/moved.EML"
    match step:
        case "propfind" | "delete" | "search" | "proppatch":
            return box.ask(step.upper(), missing)
        case "get":
            return box.ask("GET", missing)
        case "open" | "accept":
            return box.ask("GET", f"{missing}?cmd={step.title()}")
        case "move":
            return box.ask("MOVE", missing, Destination=url)
        case "submit":
            return box.ask(
                "MOVE", missing, Destination=f"http://mail.example.com{box.home}%23%23davmailsubmissionuri%23%23"
            )
    return box.ask("POST", "/exchweb/bin/auth/owaauth.dll", "username=x")


def test_a_fault_strikes_at_its_rate_and_so_often(box: Box) -> None:
    def statuses(rule: dict[str, object], count: int = 40) -> list[int]:
        assert box.simulator.post("faults", [{"step": "propfind", "kind": "503", **rule}]).status == 200
        return [box.ask("PROPFIND", box.inbox, Depth="0").status for _ in range(count)]

    first, second = statuses({"rate": 0.5}), statuses({"rate": 0.5})
    assert first == second
    assert 8 < first.count(503) < 32
    assert statuses({"rate": 0}, 3) == [207] * 3
    assert statuses({"after": 2, "times": 1}, 5) == [207, 207, 503, 207, 207]
    assert injected(box) == [1]
    assert box.simulator.oracle("summary")["faults"]["503"] >= first.count(503) * 2


def test_a_fault_strikes_one_mailbox_or_server(many: Boxes, box: Box) -> None:
    other = many.take()
    box.simulator.post("faults", [{"step": "any", "kind": "503", "mailbox": box.name.upper()}])
    assert [box.search().status, other.search().status] == [503, 207]
    box.simulator.post("faults", [{"step": "any", "kind": "503", "server": 0}])
    assert other.search().status == 503


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({}, "list"),
        ([{"step": "any"}], "kind is one of 503"),
        ([{"step": "scan", "kind": "503"}], "step is one of any"),
        ([{"step": "any", "kind": "503", "rate": 2}], "from 0 to 1"),
        ([{"step": "any", "kind": "503", "tiems": 2}], "tiems"),
        ([{"step": "any", "kind": "503", "server": 7}], "up to 0"),
    ],
)
def test_a_misspelt_fault_is_refused_and_changes_nothing(box: Box, document: object, reason: str) -> None:
    fault(box, "login", "503")
    answer = box.simulator.post("faults", document)
    assert answer.status == 400
    assert reason in json.loads(answer.body)["error"]
    assert [rule["step"] for rule in box.simulator.oracle("faults")] == ["login"]


def test_what_is_shown_can_be_sent_back(box: Box) -> None:
    fault(box, "search", "slow")
    shown = box.simulator.oracle("faults")
    assert shown[0]["ms"] == 1000
    assert box.simulator.post("faults", shown).status == 200
    assert box.simulator.oracle("faults") == shown


def test_faults_can_be_set_on_the_command_line() -> None:
    with running("--mailboxes", "1", "--fault", "propfind:503:1:2", "--fault", "search:reset-before:1") as simulator:
        path = "/exchange/adele0/Inbox"
        assert [simulator.ask("PROPFIND", path, Depth="0").status for _ in range(3)] == [503, 503, 207]
        with simulator.connect() as connection:
            connection.sendall(request("SEARCH", path))
            with pytest.raises(ConnectionResetError):
                connection.recv(1)
        assert simulator.oracle("summary")["faults"] == {"503": 2, "reset-before": 1}


def test_every_kind_is_shown_here() -> None:
    assert {kind.value for kind in FaultKind if kind not in OF_EWS} == SHOWN
