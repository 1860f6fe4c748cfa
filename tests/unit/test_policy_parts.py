"""The small parts of the policy: addresses, patterns, editions, times, actions."""

import re
from datetime import UTC, datetime
from fnmatch import translate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsvpq.mail.messages import Kind, Verdict, instant, written
from rsvpq.policy import Action, Edition, Newest
from rsvpq.policy.organizer import comparable_address, covers, fits, is_internal
from rsvpq.webdav import wire
from rsvpq.webdav.multistatus import Property, Row
from rsvpq.webdav.rows import message_of
from tests.support.policy_values import DAY, HOUR, NOW, STAMP, message


@pytest.mark.parametrize(
    ("shown", "address"),
    [
        ("adele@example.com", "adele@example.com"),
        (" MAILTO:Adele@Example.COM ", "adele@example.com"),
        ('"Adele Vance" <Adele@example.com>', "adele@example.com"),
        ("Vance, Adele <mailto:adele@example.com> ", "adele@example.com"),
        ('"boss@example.com" <x@evil.example>', "x@evil.example"),
        ("<boss@example.com> <x@evil.example>", "x@evil.example"),
        ("boss@example.com <x>", ""),
        ("boss@example.com <>", ""),
        ("boss@example.com x@evil.example", ""),
        ("a@b@example.com", ""),
        ("x@[192.0.2.1]", ""),
        ("x@BUSINEß.example", "x@xn--busine-gta.example"),
        ("x@\N{KELVIN SIGN}elvin.example", "x@kelvin.example"),
        ("\N{KELVIN SIGN}x@example.com", "\N{KELVIN SIGN}x@example.com"),
        (f"x@{'a' * 300}.example", ""),
        ("Adele Vance", ""),
        ("/O=EXAMPLE/OU=HQ/CN=RECIPIENTS/CN=ADELE", ""),
        ("", ""),
    ],
)
def test_the_address_of_an_organizer_is_the_one_mail_would_go_to(shown: str, address: str) -> None:
    assert comparable_address(shown) == address


def test_an_internal_domain_is_one_of_the_settings_or_the_mailbox_s_own() -> None:
    own = "Adele@Branch.example"

    assert is_internal("x@branch.example", own, ())
    assert not is_internal("x@branch.example", "adele", ())
    assert is_internal("x@example.com", own, ("example.com",))
    assert not is_internal("x@example.org", own, ("example.com",))
    assert not is_internal("x@example.com.evil.example", own, ("example.com",))
    assert not is_internal("", "", ("*",))


_texts = st.text(st.sampled_from("ab."), max_size=5)
_patterns = st.text(st.sampled_from("ab.*?"), max_size=5)


@given(_texts, _patterns)
def test_a_pattern_fits_what_the_shell_says(text: str, pattern: str) -> None:
    assert fits(text, [pattern]) == bool(re.match(translate(pattern), text))


def _fits_naively(text: str, pattern: str) -> bool:
    """Every place of every star is tried."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(_fits_naively(text[skipped:], pattern[1:]) for skipped in range(len(text) + 1))
    return bool(text) and pattern[0] in {"?", text[0]} and _fits_naively(text[1:], pattern[1:])


@given(st.text(st.sampled_from("ab\n"), max_size=10), st.text(st.sampled_from("ab?***"), max_size=8))
def test_a_pattern_of_many_stars_fits_what_it_fits_with_every_place_tried(text: str, pattern: str) -> None:
    assert fits(text, [pattern]) == _fits_naively(text, pattern)


@given(_patterns, _patterns, _texts)
def test_what_a_covered_pattern_fits_its_cover_fits(wider: str, narrower: str, text: str) -> None:
    if covers(wider, narrower) and fits(text, [narrower]):
        assert fits(text, [wider])


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2007-12-30T05:16:11.844Z", datetime(2007, 12, 30, 5, 16, 11, 844_000, UTC)),
        ("2007-12-30T06:16:11+01:00", datetime(2007, 12, 30, 5, 16, 11, tzinfo=UTC)),
        ("2007-12-30T05:16:11", datetime(2007, 12, 30, 5, 16, 11, tzinfo=UTC)),
        ("0001-01-01T00:00:00+14:00", None),
        ("30.12.2007", None),
        ("", None),
    ],
)
def test_a_time_is_read_in_utc_or_not_at_all(text: str, time: datetime | None) -> None:
    assert instant(text) == time


@given(st.none() | st.datetimes(timezones=st.just(UTC)))
def test_a_time_that_is_written_is_read_as_the_same(time: datetime | None) -> None:
    assert instant(written(time)) == time


def test_the_newest_version_of_each_meeting_is_found_whatever_the_order() -> None:
    first = message(uid="a", sequence=0, stamp=NOW)
    moved = message(uid="a", sequence=1, stamp=STAMP)
    edited = message(uid="a", sequence=1, stamp=STAMP + HOUR)
    other = message(uid="b", sequence=0, stamp=STAMP, kind=Kind.CANCELLATION)
    left_out = [message(uid="", sequence=9), message(uid="a", sequence=9, kind=Kind.RESPONSE)]

    for found in ([first, moved, edited, other, *left_out], [*left_out, other, edited, moved, first]):
        newest = Newest(found)
        assert [newest.of(one) for one in (first, moved, edited)] == [Edition(1, STAMP + HOUR)] * 3
        assert newest.of(other) == Edition(0, STAMP)
        assert newest.of(message(uid="c")) is None


def test_a_series_and_each_of_its_occurrences_have_newest_versions_of_their_own() -> None:
    series = [message(sequence=0, recurring=True), message(sequence=2, recurring=True)]
    occurrence = message(sequence=1, recurring=True, occurrence="20260309T090000Z")
    other = message(sequence=5, recurring=True, occurrence="20260316T090000Z", kind=Kind.CANCELLATION)
    newest = Newest([*series, occurrence, other])

    assert [newest.of(one) for one in (series[0], occurrence, other)] == [
        Edition(2, STAMP),
        Edition(1, STAMP),
        Edition(5, STAMP),
    ]


@pytest.mark.parametrize("kind", [Kind.REQUEST, Kind.CANCELLATION])
@pytest.mark.parametrize(
    "foreign",
    [
        {"organizer": "Mallory <mallory@evil.example>"},
        {"from_another": "mallory@evil.example", "sent_by": ("mallory@evil.example",)},
        {"sent_by": ("mallory@evil.example",)},
        {"organizer": ""},
    ],
)
def test_who_is_not_the_organizer_makes_nothing_out_of_date(kind: Kind, foreign: dict[str, object]) -> None:
    real, update = message(), message(sequence=2, sent_by=("secretary@example.com",))
    spoofed = message(kind=kind, sequence=99, **foreign)
    newest = Newest([real, spoofed, update], lambda address: address.endswith("@example.com"))

    assert newest.of(real) == Edition(2, STAMP)
    assert newest.of(spoofed) == Edition(99, STAMP)


@pytest.mark.parametrize("spelling", ["MAILTO:Brian@EXAMPLE.com", "brian@example.com", '"Lee, B." <BRIAN@example.com>'])
def test_an_organizer_is_the_same_however_he_is_written(spelling: str) -> None:
    assert Newest([message(organizer=spelling, sequence=2)]).of(message()) == Edition(2, STAMP)


def test_the_verdict_of_an_action_is_what_a_request_is_answered_with() -> None:
    answers = {action: action.verdict for action in Action if action.verdict}

    assert answers == {
        Action.ACCEPT: Verdict.ACCEPT,
        Action.TENTATIVE: Verdict.TENTATIVE,
        Action.DECLINE: Verdict.DECLINE,
    }


@pytest.mark.parametrize(
    ("sequence", "stamp", "older"),
    [
        (1, STAMP + DAY, True),
        (2, STAMP - HOUR, True),
        (2, STAMP, False),
        (2, STAMP + HOUR, False),
        (3, STAMP - DAY, False),
        (None, STAMP - HOUR, True),
        (None, None, False),
        (2, None, False),
    ],
)
def test_a_version_of_a_lower_sequence_or_an_earlier_stamp_is_older(
    sequence: int | None, stamp: datetime | None, older: bool
) -> None:
    assert Edition(sequence, stamp).is_older_than(Edition(2, STAMP)) is older


def test_no_version_is_older_than_one_that_says_nothing() -> None:
    assert not Edition(0, STAMP - DAY).is_older_than(Edition())


@pytest.mark.parametrize("name", [wire.SENDER, wire.SENT_REPRESENTING], ids=["sender", "representing"])
@pytest.mark.parametrize(
    ("shown", "sent_by"),
    [
        ("", ""),
        ("/O=EXAMPLE/OU=FIRST SITE/CN=RECIPIENTS/CN=CARA", ""),
        ("Brian@Example.com", ""),
        ("Cara@Example.com", "cara@example.com"),
        ("/o=first firm/cn=brian@evil.example", "/o=first_firm/cn=brian@evil.example"),
        ("c=US;a= ;p=Evil;s=Brian", "c=us;a=_;p=evil;s=brian"),
        ("EVIL/OFFICE/BRIAN", "evil/office/brian"),
        ("brian", "brian"),
    ],
)
def test_a_sender_counts_unless_he_is_the_organizer_or_has_a_name_of_the_directory(
    name: Property, shown: str, sent_by: str
) -> None:
    row = Row("/exchange/adele/Inbox/a.EML", {wire.ORGANIZER: "Brian <brian@example.com>", name: shown})
    found = message_of(row, "/exchange/adele/")
    assert found is not None
    assert found.sent_by == ((sent_by,) if sent_by else ())
