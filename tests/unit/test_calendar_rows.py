"""Rows and headers of a calendar as no server should write them: what cannot be read is not known."""

from rsvpq.webdav import wire
from rsvpq.webdav.calendar import _appointment, _count
from rsvpq.webdav.multistatus import Row


def test_a_sequence_of_thousands_of_digits_is_not_known() -> None:
    assert _appointment(Row("/exchange/a/Calendar/x.EML", {wire.SEQUENCE: "9" * 5000}), "/exchange/a/").sequence is None
    assert _appointment(Row("/exchange/a/Calendar/x.EML", {wire.SEQUENCE: "7"}), "/exchange/a/").sequence == 7


def test_addressees_behind_thousands_of_brackets_are_not_counted() -> None:
    assert _count("(" * 10_000) is None
    assert _count("a@example.com, b@example.com", "c@example.com") == 3
