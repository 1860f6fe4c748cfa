"""What can go wrong with a mail server, told as what to do next.

    ExchangeError
     +-- Busy            not done; come back after `delay_s`, and leave the whole mailbox or server alone until then
     |    +-- LoginRefused   not done; the credential was refused: the server is left alone for minutes, not seconds
     +-- Transient       not done; another attempt may work
     |    +-- Changed        somebody else has changed the item since it was looked at
     |    +-- Malformed      the answer is not what the protocol says: a proxy's page, or one that broke on its way
     +-- Unknown         it may have been done: look before doing anything again
     |    +-- Unsettled       what was done may not show yet: look again after `delay_s`, which costs no attempt
     +-- Gone            the item is not there (any more)
     +-- Refused         not done, and it never will be
          +-- Unsupported    the server runs no OWA commands
          +-- Filtered       a 404 that is not Exchange's own: the item may well be there

    NotListed            not done; the mailbox is not in the list of mailboxes

One function, `error_from`, turns an HTTP answer into one of these. An error page's body is never read: Exchange sends
ordinary IIS pages, empty ones or its login form.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Literal

#: How long a server is left alone when it gives no Retry-After, in seconds: one IIS application pool restart.
BUSY_DELAY_S = 30.0
#: How long a refused credential is left unused, in seconds. Directory accounts commonly lock after 5 to 10 failures
#: within 15 to 30 minutes, and a server's concurrency may spend several on one wrong password.
LOGIN_DELAY_S = 600.0
#: The longest Retry-After that is believed, in seconds.
LONGEST_RETRY_AFTER_S = 3600.0

#: "Login Timeout", Exchange's own status for a missing or ended forms session.
LOGIN_TIMEOUT = 440

#: An ended session is no refused password: whoever logs in again may go on.
_BUSY = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE, LOGIN_TIMEOUT}
_LOGIN = {HTTPStatus.UNAUTHORIZED, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED}
_GONE = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
_AGAIN = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED, HTTPStatus.LOCKED}


class ExchangeError(Exception):
    """Base class of the errors of a mail server. The text names verb, path and reason, never a credential."""


class Busy(ExchangeError):
    """Not done: nothing may be sent to the mailbox or the server for ``delay_s`` seconds."""

    def __init__(self, message: str, delay_s: float = BUSY_DELAY_S, scope: Literal["mailbox", "server"] = "server"):
        super().__init__(message)
        self.delay_s = delay_s
        self.scope: Literal["mailbox", "server"] = scope


class LoginRefused(Busy):
    """Not done: the credential was refused."""

    def __init__(self, message: str, delay_s: float = LOGIN_DELAY_S):
        super().__init__(message, delay_s)


class Transient(ExchangeError):
    """Not done; another attempt may work."""


class Changed(Transient):
    """Not done, because somebody else changed the item after it was read."""


class Malformed(Transient):
    """The response violates the protocol. If every response does, the item runs out of attempts."""


class Unknown(ExchangeError):
    """It may have been done: look before doing anything again."""


class Unsettled(Unknown):
    """The effect may not be visible yet: look again after ``delay_s`` seconds, and repeat nothing before that."""

    def __init__(self, message: str, delay_s: float):
        super().__init__(message)
        self.delay_s = delay_s


class Gone(ExchangeError):
    """The item is not there (any more)."""


class Refused(ExchangeError):
    """Not done, and it never will be."""


class Unsupported(Refused):
    """The server runs no OWA commands, as Exchange 2007."""


class Filtered(Refused):
    """A 404 of something before Exchange (URLScan, IIS 7's request filter), which says nothing about the item."""


class NotListed(Exception):
    """The mailbox is not in the list of mailboxes (any more); nothing was done."""


def error_from(  # noqa: PLR0911 - one line per row of the table that this is
    what: str, status: int, headers: Mapping[str, str], *, effect: bool
) -> ExchangeError | None:
    """The error an answer stands for, or None for a success (2xx and 3xx).

    :param what: verb and path, for the message.
    :param effect: whether the request changes something; then a 5xx leaves open if it did.
    """
    message = f"{what} answered {status}"
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
    """What a 401 stands for where the account was let in: the server refuses it this mailbox, and nothing else."""
    text = f"{what} answered 401, though the password is right; has the account rights on this mailbox?"
    return Busy(text, LOGIN_DELAY_S, "mailbox")


def retry_after_s(headers: Mapping[str, str]) -> float:
    """Seconds from a Retry-After header; the default for a missing one, or a date (which needs the server's clock)."""
    text = headers.get("Retry-After", "").strip()
    # At least a second: "0" would send the item round at once, and that costs it no attempt.
    return min(max(float(text), 1.0), LONGEST_RETRY_AFTER_S) if text.isdecimal() else BUSY_DELAY_S
