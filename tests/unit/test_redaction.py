"""What may be written into the audit, and what may not."""

import hmac
from datetime import UTC, datetime

import pytest

from rsvpq.audit.log import Filter
from rsvpq.audit.record import (
    LONGEST_RECORDED_REASON,
    LONGEST_SUBJECT,
    LONGEST_VALUE,
    Hidden,
    Redaction,
    address_of,
    operator,
)
from rsvpq.mail.errors import Refused
from rsvpq.mail.messages import ItemRef, Kind, MeetingMessage, Sensitivity, is_private_payload
from rsvpq.policy import Action, Facts, Policy, Rule
from rsvpq.policy.case import Case
from rsvpq.policy.conditions import match

KEY = b"0123456789abcdef"
OPEN = Redaction()
CLOSED = Redaction(frozenset({"subjects", "addresses"}), KEY)
#: Refusals in the words of the client, each naming the subject "Surgery" or the mailbox adele.
TELLING = (
    "MOVE /exchange/adele/Inbox/Surgery on Monday.EML returned 403",
    "a filter in front of Exchange (URLScan, IIS request filtering) rejects /exchange/adele/Inbox/RE: Surgery.EML",
    "several attendees match 'adele': adele@example.com, adele@example.org; write the address",
    "the server returned the href '/exchange/adele/Inbox/Surgery.EML', which is not a valid URL",
    'PROPFIND "Surgery"',
    "no answer for adele@example.com",
)


def digest(text: str) -> str:
    """The digest of the documentation, made another way."""
    return hmac.new(KEY, text.casefold().encode(), "sha256").hexdigest()[:16]


def test_what_is_not_hidden_is_written_as_it_is_and_bounded() -> None:
    assert OPEN.address("Adele@Example.com") == "Adele@Example.com"
    assert OPEN.subject("Budget") == "Budget"
    assert len(OPEN.subject("x" * 9999)) == LONGEST_SUBJECT
    assert len(OPEN.address("x" * 9999)) == LONGEST_VALUE
    assert OPEN.reason(TELLING[0]) == TELLING[0]
    assert OPEN.reason("x" * 9999) == "x" * (LONGEST_RECORDED_REASON - 1) + "…"


def test_what_is_hidden_is_a_keyed_digest_whatever_the_case() -> None:
    assert CLOSED.address("Adele@Example.com") == digest("adele@example.com")
    assert CLOSED.subject("Budget") == digest("BUDGET")
    assert CLOSED.subject("x" * 9999) != CLOSED.subject("x" * 9998)
    assert Redaction(CLOSED.hide, b"another key, as long").subject("Budget") != digest("budget")


def test_what_is_empty_stays_empty() -> None:
    assert (CLOSED.subject(""), CLOSED.address("")) == ("", "")


@pytest.mark.parametrize(("hide", "subject", "address"), [("subjects", True, False), ("addresses", False, True)])
def test_each_is_hidden_by_itself(hide: Hidden, subject: bool, address: bool) -> None:
    redaction = Redaction(frozenset({hide}), KEY)
    assert (redaction.subject("Budget") != "Budget") is subject
    assert (redaction.address("adele") != "adele") is address


@pytest.mark.parametrize("redaction", [OPEN, CLOSED])
def test_a_private_subject_is_not_even_a_digest(redaction: Redaction) -> None:
    assert redaction.subject("Surgery", private=True) == ""


@pytest.mark.parametrize(("sensitivity", "private"), list(zip(Sensitivity, (False, False, True, True), strict=True)))
def test_the_audit_and_the_policy_mean_the_same_by_private(sensitivity: Sensitivity, private: bool) -> None:
    message = MeetingMessage(Kind.REQUEST, ItemRef("rid:1"), sensitivity=sensitivity)
    rule = Rule("private", Action.SKIP, conditions={"private": True})
    assert match(rule, Case(Policy(), message, Facts("adele"), datetime.now(UTC))).holds is private
    assert is_private_payload(message.to_payload()) is private


@pytest.mark.parametrize("odd", [2, 9, None, [], "secret", "PRIVATE"])
def test_a_payload_with_another_sensitivity_than_there_is_is_private(odd: object) -> None:
    assert is_private_payload({"sensitivity": odd})


@pytest.mark.parametrize("text", TELLING)
@pytest.mark.parametrize(("redaction", "private"), [(CLOSED, False), (OPEN, True), (CLOSED, True)])
def test_a_reason_names_nothing_that_is_hidden(text: str, redaction: Redaction, private: bool) -> None:
    reported = redaction.reason(text, private=private)
    assert "urgery" not in reported
    assert "adele" not in reported
    assert "(hidden)" in reported


def test_a_reason_keeps_the_status_and_what_tells_nothing() -> None:
    assert CLOSED.reason(TELLING[0]) == "MOVE (hidden) returned 403"
    assert CLOSED.reason("no response was requested, so none was sent") == "no response was requested, so none was sent"


def test_the_text_of_an_unforeseen_error_is_not_trusted() -> None:
    assert CLOSED.error(ValueError("Surgery")) == "ValueError"
    assert OPEN.error(ValueError("Surgery"), private=True) == "ValueError"
    assert OPEN.error(ValueError("Surgery")) == "ValueError: Surgery"
    assert CLOSED.error(Refused("403")) == "Refused: 403"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ('"Vance, Adele" <adele@example.com>', "adele@example.com"),
        ("MAILTO:adele@example.com", "adele@example.com"),
        ("adele", "adele"),
        ("Vance, Adele", "Vance, Adele"),
        ("", ""),
    ],
)
def test_an_address_is_found_in_what_names_it(text: str, address: str) -> None:
    assert address_of(text) == address


@pytest.mark.parametrize("redaction", [OPEN, CLOSED])
@pytest.mark.parametrize("asked", ["ADELE@example.com", '"Vance, Adele" <adele@example.com>'])
def test_a_filter_finds_what_was_written_of_the_same_person(redaction: Redaction, asked: str) -> None:
    wanted = Filter.of(redaction, {"organizer": asked})
    written = {"event": "done", "organizer": redaction.address('"Adele" <adele@example.com>')}
    assert wanted(written)
    assert not wanted({**written, "organizer": redaction.address("bruno@example.com")})
    assert not wanted({"event": "done"})


def test_the_operator_is_the_user_and_who_became_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUDO_USER", raising=False)
    user = operator()
    assert user
    monkeypatch.setenv("SUDO_USER", "adele")
    assert operator() == f"adele as {user}"
