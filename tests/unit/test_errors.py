"""The table that turns answers into errors, row by row."""

from http import HTTPStatus

import pytest

from rsvpq.http.message import error_from, retry_after_s
from rsvpq.mail import errors
from rsvpq.mail.errors import (
    Busy,
    ExchangeError,
    Gone,
    LoginRefused,
    MailboxRefused,
    Malformed,
    NoRights,
    Refused,
    Transient,
    Unknown,
)

#: Status, the error for what only reads, the error for what changes something.
TABLE: tuple[tuple[int, type[ExchangeError] | None, type[ExchangeError] | None], ...] = (
    (200, None, None),
    (201, None, None),
    (204, None, None),
    (207, None, None),
    (301, None, None),
    (302, None, None),
    (304, None, None),
    (400, Refused, Refused),
    (401, LoginRefused, LoginRefused),
    (402, Refused, Refused),
    (403, Refused, Refused),
    (404, Gone, Gone),
    (405, Refused, Refused),
    (407, LoginRefused, LoginRefused),
    (408, Transient, Transient),
    (409, Transient, Transient),
    (410, Gone, Gone),
    (412, Transient, Transient),
    (415, Refused, Refused),
    (416, Refused, Refused),
    (422, Refused, Refused),
    (423, Transient, Transient),
    (429, Busy, Busy),
    (440, Busy, Busy),
    (451, Refused, Refused),
    (499, Refused, Refused),
    (500, Transient, Unknown),
    (501, Refused, Refused),
    (502, Transient, Unknown),
    (503, Busy, Busy),
    (504, Transient, Unknown),
    (507, Transient, Unknown),
    (599, Transient, Unknown),
)


@pytest.mark.parametrize(("status", "reading", "changing"), TABLE)
def test_a_status_becomes_the_error_of_the_table(
    status: int, reading: type[ExchangeError] | None, changing: type[ExchangeError] | None
) -> None:
    for effect, expected in ((False, reading), (True, changing)):
        error = error_from("SEARCH /x", status, {}, effect=effect)
        assert (type(error) if error else None) is expected


@pytest.mark.parametrize("status", [status for status, reading, _ in TABLE if reading])
def test_an_error_says_what_was_asked_and_what_was_answered(status: int) -> None:
    assert str(error_from("SEARCH /exchange/adele", status, {}, effect=False)) == (
        f"SEARCH /exchange/adele returned {status}"
    )


def test_no_status_from_400_on_is_a_success() -> None:
    made = {status: error_from("GET /x", status, {}, effect=True) for status in range(400, 600)}
    assert [status for status, error in made.items() if not isinstance(error, ExchangeError)] == []


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 1.0),
        ("7", 7.0),
        (" 120 ", 120.0),
        ("3600", 3600.0),
        ("3601", 3600.0),
        ("9" * 400, 3600.0),
        ("", errors.BUSY_DELAY_S),
        ("-5", errors.BUSY_DELAY_S),
        ("1.5", errors.BUSY_DELAY_S),
        ("1e9", errors.BUSY_DELAY_S),
        ("soon", errors.BUSY_DELAY_S),
        ("nan", errors.BUSY_DELAY_S),
        ("Fri, 31 Dec 2027 23:59:59 GMT", errors.BUSY_DELAY_S),
    ],
)
@pytest.mark.parametrize("status", [HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE])
def test_retry_after_is_believed_in_whole_seconds_up_to_an_hour(status: int, header: str, seconds: float) -> None:
    error = error_from("SEARCH /x", status, {"Retry-After": header}, effect=False)
    assert isinstance(error, Busy)
    assert error.delay_s == seconds


def test_a_missing_retry_after_is_the_default() -> None:
    assert retry_after_s({}) == errors.BUSY_DELAY_S


def test_a_busy_answer_concerns_the_whole_server() -> None:
    error = error_from("SEARCH /x", 503, {}, effect=True)
    assert isinstance(error, Busy)
    assert error.scope == "server"


def test_a_refused_login_leaves_the_server_alone_for_minutes() -> None:
    error = error_from("SEARCH /x", 401, {"Retry-After": "1"}, effect=False)
    assert isinstance(error, LoginRefused)
    assert (error.delay_s, error.scope) == (errors.LOGIN_DELAY_S, "server")
    assert errors.LOGIN_DELAY_S > errors.BUSY_DELAY_S


@pytest.mark.parametrize(
    ("error", "parent"),
    [
        (Busy, ExchangeError),
        (LoginRefused, Busy),
        (MailboxRefused, Busy),
        (NoRights, MailboxRefused),
        (Transient, ExchangeError),
        (Unknown, ExchangeError),
        (Gone, ExchangeError),
        (Refused, ExchangeError),
        (Malformed, Transient),
    ],
)
def test_the_tree_is_as_drawn(error: type[ExchangeError], parent: type[ExchangeError]) -> None:
    assert error.__bases__ == (parent,)


def test_the_drawing_names_every_error() -> None:
    drawn = {word for word in (errors.__doc__ or "").split() if word.isidentifier()}
    assert {
        name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)
    } <= drawn


@pytest.mark.parametrize("effect", [False, True])
def test_a_failure_of_the_server_is_marked_as_one_and_nothing_else_is(effect: bool) -> None:
    made = {status: error_from("GET /x", status, {}, effect=effect) for status, *_ in TABLE}
    marked = {status for status, error in made.items() if error is not None and error.of_server}
    assert marked == {500, 502, 504, 599}, "507 is about the mailbox or the question"
