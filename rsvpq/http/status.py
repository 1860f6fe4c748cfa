"""HTTP statuses as errors that say what to do next.

The body of an error page is not looked at: servers send pages of their own, empty ones, or a login form.
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

#: The longest Retry-After that is believed, in seconds.
LONGEST_RETRY_AFTER_S = 3600.0
#: "Login Time-out", the status of IIS for a login session that is missing or has ended.
LOGIN_TIMEOUT = 440

#: An ended session is no refused password: whoever logs in again may go on.
_BUSY = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE, LOGIN_TIMEOUT}
_LOGIN = {HTTPStatus.UNAUTHORIZED, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED}
_GONE = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
_AGAIN = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED, HTTPStatus.LOCKED}


def error_from(  # noqa: PLR0911 - one line per row of the table that this is
    what: str, status: int, headers: Mapping[str, str], *, effect: bool
) -> ExchangeError | None:
    """Return the error that a status stands for, or None for a success (2xx and 3xx).

    :param what: verb and path, for the message.
    :param effect: whether the request changes something; then a 5xx leaves open whether it did.
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
    text = f"{what} returned 401, though the password is right; has the account rights on this mailbox?"
    return Busy(text, LOGIN_DELAY_S, "mailbox")


def retry_after_s(headers: Mapping[str, str]) -> float:
    """Read the seconds of a Retry-After header; the default for none, or for a date (in the server's time)."""
    text = headers.get("Retry-After", "").strip()
    # At least a second: "0" would send the item round at once, and that costs it no attempt.
    return min(max(float(text), 1.0), LONGEST_RETRY_AFTER_S) if text.isdecimal() else BUSY_DELAY_S
