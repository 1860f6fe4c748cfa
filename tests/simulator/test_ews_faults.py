"""Faults of Exchange Web Services: those of every server, and those that only they have words for."""

import socket

import pytest

from simulator.serving.faults import OF_EWS
from tests.simulator.ews_client import (
    PATH,
    Mail,
    Row,
    codes,
    createitem,
    envelope,
    fault_of,
    finditem,
    getfolder,
    getitem,
    impersonation,
    mail_of,
    moveitem,
)
from tests.simulator.own_mailbox import Box, Boxes
from tests.simulator.raw_http import Answer, read_all, request

#: Which kinds a test here shows.
SHOWN: set[str] = set()


def kinds(*names: str) -> pytest.MarkDecorator:
    SHOWN.update(names)
    return pytest.mark.parametrize("kind", names)


@pytest.fixture
def mail(box: Box) -> Mail:
    return mail_of(box)


def fault(box: Box, step: str, kind: str, **more: object) -> None:
    answer = box.simulator.post("faults", [{"step": step, "kind": kind, "times": 1, **more}])
    assert answer.status == 200, answer.body


def state(mail: Mail, row: Row) -> tuple[int, int, str]:
    uid = row.text("UID")
    (one,) = [one for one in mail.simulator.oracle("messages") if one["uid"] == uid]
    return one["accepted"], one["submitted"], one["state"]


def octets(mail: Mail, body: str) -> bytes:
    who = impersonation(f"<t:PrimarySmtpAddress>{mail.address}</t:PrimarySmtpAddress>")
    return request("POST", PATH, envelope(body, who))


@kinds("lost-reply", "reset-after", "truncate", "500-after", "empty", "garbage")
def test_an_answer_is_given_though_the_client_does_not_hear_of_it(box: Box, mail: Mail, kind: str) -> None:
    row = mail.requests()[0]
    fault(box, "createitem", kind)
    heard = b""
    with box.simulator.connect() as connection:
        connection.sendall(octets(mail, createitem(row.id)))
        try:
            heard = read_until_closed(connection, kind)
        except ConnectionResetError:
            assert kind == "reset-after"
    assert b"NoError" not in heard or kind == "truncate"
    assert state(mail, row) == (1, 1, "answered_once")


def read_until_closed(connection: socket.socket, kind: str) -> bytes:
    if kind in {"500-after", "empty", "garbage"}:
        return connection.recv(1 << 16)
    return read_all(connection)


@kinds("503", "429", "500-before", "401", "440")
def test_nothing_happens_before_a_status(box: Box, mail: Mail, kind: str) -> None:
    row = mail.requests()[0]
    fault(box, "createitem", kind)
    assert mail.post(createitem(row.id)).status == int(kind[:3])
    assert state(mail, row) == (0, 0, "waiting")
    assert codes(mail.respond(row.id)) == ["NoError"]


@kinds("endless")
def test_a_body_without_an_end_comes_with_200(box: Box, mail: Mail, kind: str) -> None:
    fault(box, "finditem", kind)
    with box.simulator.connect() as connection:
        connection.sendall(octets(mail, finditem("inbox")))
        assert connection.recv(15) == b"HTTP/1.1 200 OK"
    assert mail.post(finditem("inbox")).status == 200


@kinds("server-busy")
def test_a_busy_server_does_nothing(box: Box, mail: Mail, kind: str) -> None:
    row = mail.requests()[0]
    fault(box, "any", kind)
    assert fault_of(mail.post(createitem(row.id))) == "ErrorServerBusy"
    assert state(mail, row) == (0, 0, "waiting")


@kinds("error-code")
def test_an_operation_fails_before_it_does_anything(box: Box, mail: Mail, kind: str) -> None:
    fault(box, "getfolder", kind)
    assert codes(mail.call(getfolder("inbox"))) == ["ErrorInternalServerError"]
    assert codes(mail.call(getfolder("inbox"))) == ["NoError"]


@kinds("impersonation-denied")
def test_chosen_mailboxes_are_not_impersonated(many: Boxes, box: Box, mail: Mail, kind: str) -> None:
    other = mail_of(many.take())
    fault(box, "any", kind, mailbox=box.name, times=None)
    assert fault_of(mail.post(getfolder("inbox"))) == "ErrorImpersonateUserDenied"
    assert other.post(getfolder("inbox")).status == 200
    delegate = Mail(box.simulator, "")
    assert codes(delegate.call(getfolder("inbox", mail.address))) == ["NoError"]


@kinds("half-done")
def test_half_an_answer_strikes_response_objects_only(box: Box, mail: Mail, kind: str) -> None:
    row = mail.requests()[0]
    fault(box, "any", kind)
    assert codes(mail.call(getitem(row.id))) == ["NoError"]
    assert codes(mail.respond(row.id)) == ["ErrorInternalServerError"]
    assert state(mail, row) == (1, 0, "accepted_unsent")


@kinds("timeout-after")
def test_everything_is_done_before_the_timeout_is_reported(box: Box, mail: Mail, kind: str) -> None:
    row = mail.requests()[0]
    fault(box, "createitem", kind)
    assert codes(mail.respond(row.id)) == ["ErrorTimeoutExpired"]
    assert state(mail, row) == (1, 1, "answered_once")


@kinds("error-page")
def test_a_front_end_sends_to_its_error_page_before_anything_is_done(box: Box, mail: Mail, kind: str) -> None:
    row = mail.requests()[0]
    fault(box, "createitem", kind)
    assert_sent_to_error_page(mail.post(createitem(row.id)))
    assert state(mail, row) == (0, 0, "waiting")


@kinds("error-page-after")
def test_a_front_end_sends_to_its_error_page_when_everything_is_done(box: Box, mail: Mail, kind: str) -> None:
    row = mail.requests()[0]
    fault(box, "createitem", kind)
    assert_sent_to_error_page(mail.post(createitem(row.id)))
    assert state(mail, row) == (1, 1, "answered_once")


def assert_sent_to_error_page(answer: Answer) -> None:
    assert answer.status == 302
    assert answer.headers["Location"] == "/owa/auth/errorFE.aspx?httpCode=500"
    assert answer.headers["Set-Cookie"].startswith("X-BackEndCookie=")


@kinds("taken-away", "answered-by-hand", "read-by-hand")
def test_somebody_else_is_first(box: Box, mail: Mail, kind: str) -> None:
    row = mail.requests()[0]
    fault(box, "createitem", kind)
    code = "NoError" if kind == "read-by-hand" else "ErrorItemNotFound"
    assert codes(mail.respond(row.id)) == [code]
    answered = {"taken-away": "taken_away", "answered-by-hand": "answered_once", "read-by-hand": "answered_once"}
    assert state(mail, row)[2] == answered[kind]


@pytest.mark.parametrize(
    ("step", "struck"),
    [
        ("getfolder", {"GetFolder"}),
        ("finditem", {"FindItem"}),
        ("getitem", {"GetItem"}),
        ("createitem", {"CreateItem"}),
        ("moveitem", {"MoveItem"}),
        ("search", set()),
        ("any", {"GetFolder", "FindItem", "GetItem", "CreateItem", "MoveItem"}),
    ],
)
def test_each_operation_is_a_step(box: Box, mail: Mail, step: str, struck: set[str]) -> None:
    box.simulator.post("faults", [{"step": step, "kind": "429"}])
    bodies = {
        "GetFolder": getfolder("inbox"),
        "FindItem": finditem("inbox"),
        "GetItem": getitem("AAA="),
        "CreateItem": createitem("AAA="),
        "MoveItem": moveitem("AAA="),
    }
    assert {name for name, body in bodies.items() if mail.post(body).status == 429} == struck


def test_the_words_of_web_services_are_not_heard_by_webdav(box: Box) -> None:
    box.simulator.post("faults", [{"step": "any", "kind": kind} for kind in OF_EWS])
    assert box.find(box.inbox)
    assert {rule["injected"] for rule in box.simulator.oracle("faults")} == {0}


def test_every_kind_of_their_own_is_shown_here() -> None:
    assert {kind.value for kind in OF_EWS} <= SHOWN
