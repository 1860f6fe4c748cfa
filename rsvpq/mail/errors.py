"""The errors of a mail server, named for what to do next.

ExchangeError
 +-- Busy            not done; come back after `delay_s`, and leave the whole mailbox or server alone until then
 |    +-- LoginRefused   not done; the credential was refused: the server is left alone for minutes, not seconds
 |    +-- MailboxRefused not done; the server refuses the account in this mailbox, which is left alone for minutes
 |         +-- NoRights     not done; the account may not act for this mailbox, or not in this part of it
 +-- Transient       not done; another attempt may work
 |    +-- Changed        somebody else has changed the item since it was looked at
 |    +-- Malformed      the response is not what the protocol says: a proxy's page, or one that broke on its way
 +-- Unknown         it may have been done: look before doing anything again
 |    +-- Unsettled       what was done may not show yet: look again after `delay_s`, which costs no attempt
 +-- Gone            the item is not there (any more)
 +-- Refused         not done, and it never will be
      +-- NotAnswerable  the request is out of date, canceled, of this mailbox itself, or for somebody else to answer
      +-- Unsupported    the server cannot do it in this way; another way may work
      +-- Filtered       refused in front of the server, which says nothing about the item

NotListed            not done; the mailbox is not in the list of mailboxes
"""

from typing import Literal, TypeVar

#: Seconds for which a busy server is left alone that names no time: a restart of its application.
BUSY_DELAY_S = 30.0
#: How long a refused credential is left unused, in seconds. Directory accounts commonly lock after 5 to 10 failures
#: within 15 to 30 minutes, and a server's concurrency may spend several on one wrong password.
LOGIN_DELAY_S = 600.0

#: Why a server refuses that a request is answered: there is a newer one, the meeting is canceled, the mailbox organizes
#: it, somebody else is to answer, or it is a group's and nobody answers for that.
Unanswerable = Literal["out-of-date", "canceled", "own-meeting", "delegated", "group"]


class ExchangeError(Exception):
    """Base class of the errors of a mail server. The text names verb, path and reason, never a credential."""

    #: Whether the server may say so whatever it is asked: many of these in a row, in several mailboxes, are an outage.
    of_server: bool = False


_Error = TypeVar("_Error", bound=ExchangeError)


def of_server(error: _Error) -> _Error:
    """Mark an error that says nothing about the item, such as a 500 or a lost connection."""
    error.of_server = True
    return error


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


class MailboxRefused(Busy):
    """Not done: the server refuses this account in the whole mailbox, and not elsewhere."""

    def __init__(self, message: str, delay_s: float = LOGIN_DELAY_S, scope: Literal["mailbox", "server"] = "mailbox"):
        super().__init__(message, delay_s, scope)


class NoRights(MailboxRefused):
    """Not done: the account may not act for this mailbox, or not in this part of it."""


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
    """The server cannot do it in this way; another way may work."""


class NotAnswerable(Refused):
    """Refused because of what the request is about; ``why`` says what that is."""

    def __init__(self, message: str, why: Unanswerable):
        super().__init__(message)
        self.why: Unanswerable = why


class Filtered(Refused):
    """Refused by a filter or proxy in front of the server, which says nothing about the item."""


class NotListed(Exception):
    """The mailbox is not in the list of mailboxes (any more); nothing was done."""
