"""The table that turns response codes into errors, row by row."""

import pytest

from rsvpq.audit.record import Redaction
from rsvpq.ews.errors import NoSuchMailbox, OtherSchema, Throttled, TooManyRows, error_of
from rsvpq.ews.soap import Failure
from rsvpq.mail.errors import (
    LOGIN_DELAY_S,
    Busy,
    Changed,
    ExchangeError,
    Gone,
    NoRights,
    NotAnswerable,
    Refused,
    Transient,
    Unknown,
    Unsupported,
)

#: Code, the error for what only reads, the error for what changes something, and the scope of a Busy.
TABLE: tuple[tuple[str, type[ExchangeError], type[ExchangeError], str], ...] = (
    ("ErrorServerBusy", Throttled, Throttled, "server"),
    ("ErrorInsufficientResources", Throttled, Throttled, "server"),
    ("ErrorExceededConnectionCount", Throttled, Throttled, "server"),
    ("ErrorADUnavailable", Busy, Busy, "server"),
    ("ErrorNoRespondingCASInDestinationSite", Busy, Busy, "server"),
    ("ErrorProxyRequestProcessingFailed", Busy, Unknown, "server"),
    ("ErrorExceededFindCountLimit", TooManyRows, TooManyRows, "mailbox"),
    ("ErrorMailboxMoveInProgress", Busy, Busy, "mailbox"),
    ("ErrorMailboxStoreUnavailable", Busy, Unknown, "mailbox"),
    ("ErrorMailboxFailover", Busy, Unknown, "mailbox"),
    ("ErrorQuotaExceeded", Busy, Unknown, "mailbox"),
    ("ErrorImpersonateUserDenied", NoRights, NoRights, "mailbox"),
    ("ErrorAccessDenied", NoRights, NoRights, "mailbox"),
    ("ErrorAccountDisabled", Busy, Busy, "mailbox"),
    ("ErrorWrongServerVersionDelegate", Busy, Busy, "mailbox"),
    ("ErrorMissingEmailAddress", Busy, Busy, "mailbox"),
    ("ErrorNonExistentMailbox", NoSuchMailbox, NoSuchMailbox, ""),
    ("ErrorCannotFindUser", NoSuchMailbox, NoSuchMailbox, ""),
    ("ErrorItemNotFound", Gone, Gone, ""),
    ("ErrorFolderNotFound", Gone, Gone, ""),
    ("ErrorTimeoutExpired", Transient, Unknown, ""),
    ("ErrorInternalServerError", Transient, Unknown, ""),
    ("ErrorInternalServerTransientError", Transient, Unknown, ""),
    ("ErrorMoveCopyFailed", Transient, Unknown, ""),
    ("ErrorItemSave", Transient, Unknown, ""),
    ("ErrorBatchProcessingStopped", Transient, Unknown, ""),
    ("ErrorItemCorrupt", Transient, Unknown, ""),
    ("E-3117", Transient, Unknown, ""),
    ("", Transient, Unknown, ""),
    ("ErrorIrresolvableConflict", Changed, Changed, ""),
    ("ErrorStaleObject", Changed, Changed, ""),
    ("ErrorInvalidChangeKey", Changed, Changed, ""),
    ("ErrorCalendarMeetingRequestIsOutOfDate", NotAnswerable, NotAnswerable, ""),
    ("ErrorCalendarIsCancelledForAccept", NotAnswerable, NotAnswerable, ""),
    ("ErrorCalendarIsOrganizerForDecline", NotAnswerable, NotAnswerable, ""),
    ("ErrorCalendarIsDelegatedForTentative", NotAnswerable, NotAnswerable, ""),
    ("ErrorCalendarIsGroupMailboxForRemove", NotAnswerable, NotAnswerable, ""),
    ("ErrorInvalidItemForOperationAcceptItem", Refused, Refused, ""),
    ("ErrorSentMeetingRequestUpdate", Unsupported, Unsupported, ""),
    ("ErrorSendAsDenied", Refused, Refused, ""),
    ("ErrorInvalidRecipients", Refused, Refused, ""),
    ("ErrorSchemaValidation", Refused, Refused, ""),
    ("ErrorInvalidServerVersion", OtherSchema, OtherSchema, ""),
    ("ErrorInvalidSchemaVersionForMailboxVersion", OtherSchema, OtherSchema, ""),
)


@pytest.mark.parametrize(("code", "reading", "changing", "scope"), TABLE)
def test_a_code_becomes_the_error_of_the_table(
    code: str, reading: type[ExchangeError], changing: type[ExchangeError], scope: str
) -> None:
    for effect, kind in ((False, reading), (True, changing)):
        error = error_of(Failure(code, "No."), "GetItem in adele@corp.example", effect=effect)
        assert type(error) is kind
        assert not isinstance(error, Busy) or error.scope == scope
        assert str(error).startswith(f"GetItem in adele@corp.example: {code or 'an error without a code'}")
        assert " (No.)" in str(error)


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("ErrorCalendarMeetingRequestIsOutOfDate", "out-of-date"),
        ("ErrorCalendarIsCancelledForDecline", "canceled"),
        ("ErrorCalendarIsOrganizerForTentative", "own-meeting"),
        ("ErrorCalendarIsDelegatedForAccept", "delegated"),
        ("ErrorCalendarIsGroupMailboxForRemove", "group"),
    ],
)
def test_a_refusal_for_what_the_request_is_about_says_what_that_is(code: str, why: str) -> None:
    error = error_of(Failure(code), "x", effect=True)
    assert isinstance(error, NotAnswerable)
    assert error.why == why


@pytest.mark.parametrize("effect", [False, True])
@pytest.mark.parametrize("code", ["ErrorOfNextYear", "É\x1b[2J", "NoError"])
def test_an_unlisted_code_never_crashes(code: str, effect: bool) -> None:
    error = error_of(Failure(code, "\x1b[2J\n"), "x", effect=effect)
    assert type(error) is (Unknown if effect else Transient)
    assert str(error).isprintable()


@pytest.mark.parametrize(
    ("asked", "delay_s"),
    [
        ("297749", 297.749),
        ("0", 1.0),
        ("99999999999", 3600.0),
        ("", 30.0),
        ("soon", 30.0),
        ("-5", 30.0),
        ("9" * 299, 3600),
    ],
)
def test_a_server_says_how_long_to_leave_it_alone(asked: str, delay_s: float) -> None:
    error = error_of(Failure("ErrorServerBusy", values={"BackOffMilliseconds": asked}), "x", effect=True)
    assert isinstance(error, Busy)
    assert error.delay_s == pytest.approx(delay_s)


@pytest.mark.parametrize("effect", [False, True])
def test_an_internal_error_may_have_another_error_in_it(effect: bool) -> None:
    failure = Failure("ErrorInternalServerError", values={"InnerErrorResponseCode": "ErrorServerBusy"})
    assert type(error_of(failure, "x", effect=effect)) is Throttled


@pytest.mark.parametrize(
    ("code", "marked"),
    [
        *(("ErrorInternalServerError", True), ("ErrorInternalServerTransientError", True), ("", True)),
        *(("ErrorItemCorrupt", False), ("ErrorNobodyKnows", False), ("ErrorTimeoutExpired", False)),
    ],
)
def test_only_an_error_without_a_reason_may_be_the_servers_with_any_item(code: str, marked: bool) -> None:
    assert [error_of(Failure(code), "x", effect=effect).of_server for effect in (False, True)] == [marked] * 2


def test_only_an_internal_error_means_another_one() -> None:
    failure = Failure("ErrorItemNotFound", values={"InnerErrorResponseCode": "ErrorServerBusy"})
    assert type(error_of(failure, "x", effect=True)) is Gone


def test_an_account_without_the_role_waits_as_long_as_after_a_refused_login() -> None:
    error = error_of(Failure("ErrorImpersonateUserDenied"), "x", effect=False)
    assert isinstance(error, Busy)
    assert error.delay_s == LOGIN_DELAY_S
    assert "ApplicationImpersonation" in str(error)


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("ErrorImpersonateUserDenied", "and the scope of it, or its full access"),
        ("ErrorNonExistentMailbox", "it needs the SMTP address of a mailbox on this server"),
    ],
)
def test_the_advice_is_whole_in_the_record_however_much_the_server_says(code: str, advice: str) -> None:
    what = "FindItem in bartholomew.featherstonehaugh@subsidiary.example.com"
    recorded = Redaction().error(error_of(Failure(code, "No. " * 200), what, effect=False))
    assert f"{advice} (No. No." in recorded
    assert recorded.endswith("…")
