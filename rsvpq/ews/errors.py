"""The errors of EWS by their response codes (Microsoft Learn: "ResponseCode"), named for what to do next.

There are almost 400 codes. Those that certainly mean that nothing was done are listed; any other one leaves it unknown
whether an effect happened.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from rsvpq.ews.soap import Failure
from rsvpq.http.message import LONGEST_RETRY_AFTER_S
from rsvpq.mail.errors import (
    BUSY_DELAY_S,
    LOGIN_DELAY_S,
    Busy,
    Changed,
    ExchangeError,
    Gone,
    NoRights,
    NotAnswerable,
    Refused,
    Transient,
    Unanswerable,
    Unknown,
    Unsupported,
    of_server,
)
from rsvpq.text import printable, shortened

#: Seconds for which a mailbox is left alone until a person has put it or an account in order: it is full, for example.
_FOR_A_PERSON_S = 3600.0
#: The most characters of the server's words in an error.
_LONGEST_REASON = 200


class Throttled(Busy):
    """Not done: the server is busy, or limits the account (Microsoft Learn: "EWS throttling in Exchange")."""


class NoSuchMailbox(Refused):
    """Not done: there is no such mailbox."""


class TooManyRows(Busy):
    """Not done: the page has more rows than the server's limit allows; a smaller one may not."""


class OtherSchema(Transient):
    """Not done: the server, or the server of this mailbox, does not know the version of the schema."""


@dataclass(frozen=True, slots=True)
class _Row:
    """What a code means.

    :param certain: whether nothing was done even if the request changes something.
    """

    make: Callable[[str, float | None], ExchangeError]
    certain: bool = True


def _busy(scope: Literal["mailbox", "server"], delay_s: float = BUSY_DELAY_S, kind: type[Busy] = Busy) -> _Row:
    return _Row(lambda text, asked_s: kind(text, delay_s if asked_s is None else asked_s, scope))


def _unless_effect(row: _Row) -> _Row:
    return _Row(row.make, certain=False)


def _plain(kind: Callable[[str], ExchangeError]) -> _Row:
    return _Row(lambda text, _: kind(text))


def _unanswerable(why: Unanswerable) -> _Row:
    return _Row(lambda text, _: NotAnswerable(text, why))


def _rows(row: _Row, codes: str) -> Iterable[tuple[str, _Row]]:
    return ((f"Error{code}", row) for code in codes.split())


_VERDICTS = ("Accept", "Decline", "Tentative", "Remove")
#: What the calendar of the mailbox is to a meeting, in the codes that say so for each verdict.
_UNANSWERABLE: dict[str, Unanswerable] = {
    "Cancelled": "canceled",
    "Organizer": "own-meeting",
    "Delegated": "delegated",
    "GroupMailbox": "group",
}
_TABLE = dict(
    (
        *_rows(_busy("server", kind=Throttled), "ServerBusy InsufficientResources ExceededConnectionCount"),
        *_rows(
            _busy("server"),
            "ADUnavailable NoRespondingCASInDestinationSite NoApplicableProxyCASServersAvailable",
        ),
        *_rows(_unless_effect(_busy("server")), "ProxyRequestProcessingFailed"),
        *_rows(_busy("mailbox", kind=TooManyRows), "ExceededFindCountLimit"),
        *_rows(_busy("mailbox"), "MailboxMoveInProgress"),
        # The store may have failed after the answer was sent.
        *_rows(
            _unless_effect(_busy("mailbox")),
            "TooManyObjectsOpened MailboxStoreUnavailable MailboxFailover ConnectionFailed MailboxLogonFailed",
        ),
        # The calendar may be written, and the copy in Sent Items not.
        *_rows(
            _unless_effect(_busy("mailbox", _FOR_A_PERSON_S)),
            "QuotaExceeded SubmissionQuotaExceeded MessagePerFolderCountReceiveQuotaExceeded",
        ),
        *_rows(
            _busy("mailbox", LOGIN_DELAY_S, NoRights),
            "ImpersonateUserDenied ImpersonationDenied ImpersonationFailed AccessDenied CreateItemAccessDenied",
        ),
        # The last two are about our account: a delegate has no mailbox, or has it on a server of another version
        # (Microsoft Learn: "Handling delegation-related errors in EWS in Exchange").
        *_rows(
            _busy("mailbox", _FOR_A_PERSON_S),
            "AccountDisabled MailboxConfiguration MissingEmailAddress WrongServerVersionDelegate",
        ),
        *_rows(
            _plain(NoSuchMailbox),
            "NonExistentMailbox InvalidSmtpAddress InvalidUserPrincipalName InvalidUserSid CannotFindUser",
        ),
        *_rows(_plain(Gone), "ItemNotFound FolderNotFound"),
        *_rows(
            _plain(Changed),
            "IrresolvableConflict StaleObject ChangeKeyRequired ChangeKeyRequiredForWriteOperations InvalidChangeKey",
        ),
        *_rows(_unanswerable("out-of-date"), "CalendarMeetingRequestIsOutOfDate"),
        *(
            row
            for name, why in _UNANSWERABLE.items()
            for verdict in _VERDICTS
            for row in _rows(_unanswerable(why), f"CalendarIs{name}For{verdict}")
        ),
        *_rows(
            _plain(Refused),
            "InvalidItemForOperationAcceptItem InvalidItemForOperationDeclineItem InvalidItemForOperationTentative "
            "InvalidItemForOperationRemoveItem InvalidReferenceItem InvalidRecipients MissingRecipients "
            "MessageSizeExceeded VirusDetected SchemaValidation InvalidRequest InvalidPropertyRequest "
            "InvalidId InvalidIdEmpty InvalidIdMalformed InvalidIdMalformedEwsLegacyIdFormat InvalidIdMonikerTooLong "
            "InvalidIdXml InvalidRestriction CalendarViewRangeTooBig",
        ),
        *_rows(_plain(Refused), "NameResolutionNoResults NameResolutionMultipleResults NameResolutionNoMailbox"),
        # Exchange may refuse any change of a request that was received.
        *_rows(_plain(Unsupported), "SentMeetingRequestUpdate"),
        *_rows(
            _plain(OtherSchema),
            "InvalidServerVersion IncorrectSchemaVersion InvalidSchemaVersionForMailboxVersion",
        ),
    )
)
_ADVICE = {
    NoRights: "; the account may not act for this mailbox: check its role ApplicationImpersonation and the scope "
    "of it, or its full access",
    NoSuchMailbox: "; correct the list of mailboxes: it needs the SMTP address of a mailbox on this server",
}
#: The beginning of the codes of a server that failed, and does not say at what.
_ANY_REASON = "ErrorInternalServer"
#: The code of a failed delegate's answer; Exchange leaves the unsent answer in the owner's Drafts.
_MAY_NOT_SEND = "ErrorSendAsDenied"


def error_of(failure: Failure, what: str, *, effect: bool) -> ExchangeError:
    """Return the error that a failure stands for.

    :param what: the operation and the mailbox, for the message.
    :param effect: whether the request changes something; then most codes leave it unknown whether it did.
    """
    code = _inner_code(failure)
    reason = shortened(printable(failure.text), _LONGEST_REASON)
    found = f"{what}: {printable(code) or 'an error without a code'}"
    theirs = f" ({reason})" if reason else ""
    text = f"{found}{theirs}"
    if code == _MAY_NOT_SEND:
        return Refused(f"{text}; an answer that was not sent is in Drafts")
    row = _TABLE.get(code)
    if row is None or (effect and not row.certain):
        error = Unknown(text) if effect else row.make(text, _delay_s(failure)) if row else Transient(text)
        return of_server(error) if code.startswith(_ANY_REASON) or not code else error
    error = row.make(text, _delay_s(failure))
    if type(error) in _ADVICE:  # the server's words last, so that only they are cut where a text is too long
        error.args = (f"{found}{_ADVICE[type(error)]}{theirs}",)
    return error


def _inner_code(failure: Failure) -> str:
    """Return the code; an internal error may say within which other one it is."""
    inner = failure.values.get("InnerErrorResponseCode", "")
    return inner if inner and failure.code in {"ErrorInternalServerError", ""} else failure.code


def _delay_s(failure: Failure) -> float | None:
    """Return for how many seconds the server wants to be left alone; None if it does not say."""
    text = failure.values.get("BackOffMilliseconds", "")
    if not (text.isascii() and text.isdecimal()):
        return None
    # At least a second: with 0 the item would run again at once, over and over, as that costs it no attempt.
    return min(max(int(text) / 1000, 1.0), LONGEST_RETRY_AFTER_S)
