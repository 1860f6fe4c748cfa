"""The text of an answer: which of the configured ones it is, and the reason in it."""

from datetime import timedelta

import pytest

from rsvpq.policy import Action, CalendarView, Facts, Policy, Rule, decide
from rsvpq.policy.answer_text import reason_in_words
from rsvpq.policy.conditions import CONDITIONS
from rsvpq.policy.rules import Value
from tests.support.policy_values import NOW, message

TEXT = "{mailbox} has {decision} this, because {reason}."
OTHERS = Rule("others", Action.ACCEPT)
#: A value of each condition whose reason an organizer reads.
NAMED: list[tuple[str, Value, str]] = [
    ("starts_within", timedelta(hours=36), "it starts within 1 day 12 hours"),
    ("starts_after", timedelta(days=180), "it starts more than 180 days from now"),
    ("longer_than", timedelta(hours=8), "it takes longer than 8 hours"),
    ("shorter_than", timedelta(minutes=10, seconds=1), "it takes less than 10 minutes 1 second"),
    ("attendees_more_than", 50, "more than 50 people are invited"),
    ("attendees_fewer_than", 3, "fewer than 3 people are invited"),
    ("all_day", True, "it is an all-day meeting"),
    ("all_day", False, "it is not an all-day meeting"),
    ("recurring", True, "it is a series, or one of a series"),
    ("recurring", False, "it is a single meeting"),
    ("conflict", True, "something else is in the calendar at that time"),
    ("conflict", ("busy", "oof"), "something else is in the calendar at that time"),
    ("conflict", False, "the calendar is free at that time"),
    ("conflict", ("none",), "the calendar is free at that time"),
    ("update", ("time-moved",), "its time has changed"),
    ("update", ("details-only",), "its time has not changed"),
]
#: Conditions that an organizer does not read of, and values that say nothing.
SILENT: list[tuple[str, Value]] = [
    ("organizer", ("boss@example.com",)),
    ("organizer_domain", ("example.com",)),
    ("external", True),
    ("own_meeting", True),
    ("group", ("pilot",)),
    ("subject", ("[Layoffs] *",)),
    ("private", True),
    ("sensitivity", ("confidential",)),
    ("delegate_copy", True),
    ("response_requested", True),
    ("conflict", ("none", "tentative")),
    ("update", ("first",)),
]


def text_by(policy: Policy) -> str:
    return decide(policy, message(), Facts("adele@example.com", calendar=CalendarView()), NOW).text


@pytest.mark.parametrize(("name", "value", "words"), NAMED)
def test_the_reason_is_what_the_rule_has_found(name: str, value: Value, words: str) -> None:
    assert reason_in_words(Rule("one", Action.DECLINE, conditions={name: value})) == words


@pytest.mark.parametrize(("name", "value"), SILENT)
def test_an_organizer_reads_nothing_that_is_none_of_his_business(name: str, value: Value) -> None:
    assert reason_in_words(Rule("one", Action.DECLINE, conditions={name: value})) == "the rules of this mailbox say so"


def test_it_is_decided_for_each_condition_whether_an_organizer_reads_of_it() -> None:
    assert {name for name, *_ in (*NAMED, *SILENT)} == set(CONDITIONS)


def test_several_reasons_are_joined() -> None:
    conditions: dict[str, Value] = {"recurring": True, "group": ("pilot",), "conflict": True}
    words = "it is a series, or one of a series and something else is in the calendar at that time"
    assert reason_in_words(Rule("one", Action.DECLINE, conditions=conditions)) == words


@pytest.mark.parametrize(
    ("decision", "word"),
    [(Action.ACCEPT, "accepted"), (Action.TENTATIVE, "tentatively accepted"), (Action.DECLINE, "declined")],
)
def test_an_answer_has_the_text_of_its_rule(decision: Action, word: str) -> None:
    rule = Rule("short", decision, conditions={"shorter_than": timedelta(hours=2)}, answer_text=TEXT)
    expected = f"adele@example.com has {word} this, because it takes less than 2 hours."
    assert text_by(Policy(mode="respond", rules=(rule, OTHERS), answer_text="Another.")) == expected


@pytest.mark.parametrize("rules", [(), (OTHERS,)], ids=["without rules", "by a rule without a text"])
def test_an_answer_has_the_text_of_the_policy_otherwise(rules: tuple[Rule, ...]) -> None:
    expected = "adele@example.com has accepted this, because the rules of this mailbox say so."
    assert text_by(Policy(mode="respond", rules=rules, answer_text=TEXT)) == expected


def test_a_rule_can_have_no_text_although_the_policy_has_one() -> None:
    quiet = Rule("quiet", Action.ACCEPT, answer_text="")
    assert text_by(Policy(mode="respond", rules=(quiet,), answer_text=TEXT)) == ""


def test_what_is_not_answered_has_no_text() -> None:
    assert text_by(Policy(mode="respond", rules=(Rule("one", Action.HOLD),), answer_text=TEXT)) == ""
