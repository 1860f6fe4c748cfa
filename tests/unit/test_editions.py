"""Which messages are about the same thing, and which edition of it is the newer one."""

from dataclasses import replace

import pytest

from rsvpq.mail.editions import Edition, MeetingKey, Settled, answers_another, same_occurrence
from rsvpq.mail.messages import ItemRef, Kind
from rsvpq.policy import Newest
from tests.support.policy_values import END, HOUR, STAMP, START, message, settled

OUTLOOK = "040000008200E00074C5B7101A82E008"
MONDAY, TUESDAY = "20260309T090000Z", "20260310T090000Z"


def test_two_occurrences_of_one_series_are_two_topics() -> None:
    topics = {MeetingKey.of(message(occurrence=occurrence)).topic for occurrence in ("", MONDAY, TUESDAY)}
    assert len(topics) == 3


def test_a_copy_of_a_request_has_its_topic_whatever_the_case_of_the_uid() -> None:
    copy = message(uid=f"{OUTLOOK}07EA0309{'1' * 40}", ref=ItemRef("rid:2"))
    assert MeetingKey.of(copy).topic == MeetingKey.of(message(uid=f"{OUTLOOK}00000000{'1' * 40}".lower())).topic


@pytest.mark.parametrize("less", [{"uid": ""}, {"occurrence": "at "}], ids=["uid", "occurrence"])
def test_of_a_message_that_does_not_show_what_it_is_about_nothing_is_remembered(less: dict[str, str]) -> None:
    assert MeetingKey.of(message(**less)).topic == ""
    assert Newest([message(**less)]).of(message(**less)) is None


@pytest.mark.parametrize(
    ("shown", "wanted", "same"),
    [
        ("", "", True),
        (MONDAY, MONDAY, True),
        (MONDAY, TUESDAY, False),
        (MONDAY, "", False),
        ("", MONDAY, None),
        ("20260309", MONDAY, None),
        ("20260310", MONDAY, None),
        ("20260311", MONDAY, False),
        ("at 2026-03-09T11:00:00Z", MONDAY, None),
        ("at 2026-03-09T11:00:00Z", "at 2026-03-09T11:00:00Z", True),
        ("at ", "at ", None),
    ],
)
def test_an_occurrence_is_recognized_by_what_is_shown_of_it(shown: str, wanted: str, same: bool | None) -> None:
    assert same_occurrence(shown, wanted) is same


def test_an_answer_to_another_occurrence_or_another_sequence_is_no_answer_to_this_one() -> None:
    request = message(occurrence=MONDAY)
    answer = replace(request, kind=Kind.RESPONSE)
    assert not answers_another(answer, request)
    assert answers_another(replace(answer, occurrence=TUESDAY), request)
    assert answers_another(replace(answer, sequence=2), request)


def test_an_answer_that_shows_no_occurrence_or_no_sequence_is_recognized_by_its_start() -> None:
    request = message(occurrence=MONDAY)
    for less in ({"occurrence": ""}, {"sequence": None}, {"occurrence": "", "sequence": None}):
        answer = message(kind=Kind.RESPONSE, **{"occurrence": MONDAY, **less})
        assert not answers_another(answer, request)
        assert answers_another(replace(answer, start=START + HOUR), request)
        assert not answers_another(replace(answer, start=None), request)


def test_what_is_remembered_comes_back_as_it_was_written() -> None:
    before = Settled("item-1", "decline", Edition(3, STAMP), START, END)
    assert Settled.parse(before.to_text()) == before
    assert Settled.parse(replace(before, edition=Edition()).to_text()) == replace(before, edition=Edition())


@pytest.mark.parametrize("text", ["", "{}", "null", "[1, 2]", "no JSON", '["a", "b", 1, 2, 3, 4]'])
def test_what_cannot_be_read_is_remembered_as_nothing(text: str) -> None:
    assert Settled.parse(text) is None


def test_an_answer_covers_its_own_edition_and_all_older_ones() -> None:
    assert settled().covering(message())
    assert settled(sequence=2).covering(message())
    assert not settled(sequence=0).covering(message())
    assert not settled().covering(message(stamp=STAMP + HOUR))
    assert settled(stamp=None).covering(message(stamp=STAMP + HOUR))
