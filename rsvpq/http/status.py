"""The errors that HTTP statuses stand for, named for what to do next.

The body of an error page is ignored: servers send their own pages, empty ones, or a login form.
"""

from collections.abc import Mapping
from http import HTTPStatus

from rsvpq.mail.errors import (
    BUSY_DELAY_S,
    LOGIN_DELAY_S,
    Busy,
    ExchangeError,
    Gone,
    LoginRefused,
    Refused,
    Transient,
    Unknown,
)

#: The longest Retry-After that is honored, in seconds.
LONGEST_RETRY_AFTER_S = 3600.0
#: "Login Time-out", the status of IIS for a login session that is missing or has ended.
LOGIN_TIMEOUT = 440

#: LOGIN_TIMEOUT is here because an ended session is not a refused password: after a new login, work can go on.
_BUSY = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE, LOGIN_TIMEOUT}
_LOGIN = {HTTPStatus.UNAUTHORIZED, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED}
_GONE = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
_AGAIN = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED, HTTPStatus.LOCKED}


def error_from(  # noqa: PLR0911 - one line for each row of a table
    what: str, status: int, headers: Mapping[str, str], *, effect: bool
) -> ExchangeError | None:
    """Return the error that a status stands for; None for 2xx and 3xx.

    :param what: verb and path, for the message.
    :param effect: whether the request changes something; then, after a 5xx, it is unknown whether it did.
    """
    message = f"{what} returned {status}"
    if status < HTTPStatus.BAD_REQUEST:
        return None
    if status in _BUSY:
        return Busy(message, retry_after_s(headers))
    if status in _LOGIN:
        return LoginRefused(message)
    if status in _GONE:
        return Gone(message)
    if status in _AGAIN:
        return Transient(message)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and status not in {HTTPStatus.NOT_IMPLEMENTED}:
        return Unknown(message) if effect else Transient(message)
    return Refused(message)


def no_rights(what: str) -> Busy:
    """Return the error for a 401 to an account that is logged in: it has no rights on this mailbox."""
    text = f"{what} returned 401, though the password is right; give the account rights on this mailbox"
    return Busy(text, LOGIN_DELAY_S, "mailbox")


def retry_after_s(headers: Mapping[str, str]) -> float:
    """Return the seconds of a Retry-After header; the default if there is none, or if it is a date."""
    text = headers.get("Retry-After", "").strip()
    # At least a second: with "0" the item would run again at once, over and over, as that costs it no attempt.
    return min(max(float(text), 1.0), LONGEST_RETRY_AFTER_S) if text.isdecimal() else BUSY_DELAY_S
