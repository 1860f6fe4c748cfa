"""Counting the audit, record by record: stories with a known end."""

import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsvpq.report.calendar import Calendar
from rsvpq.report.durations import Durations
from rsvpq.report.model import Period, Report
from rsvpq.report.reasons import MOST_REASONS, OTHERS, reason_class
from rsvpq.report.summary import Summary

T0 = 1_790_000_000_000
MINUTE = 60_000


class Story:
    """Records of an audit, made one after the other."""

    def __init__(self) -> None:
        self.summary = Summary(Calendar(), "hour")
        self.now = T0

    def tell(self, event: str, item: str = "i1", after_ms: int = 1000, **facts: str) -> None:
        """One record, so long after the last."""
        self.now += after_ms
        time = datetime.fromtimestamp(self.now / 1000, UTC).isoformat()
        known = {"mailbox": "adele", "server": "mail1", "kind": "request", "organizer": "carla@example.com"}
        record = {"time": time, "event": event, "item": item, **known, **facts, "id": f"{self.now}-0"}
        self.summary.add({name: value for name, value in record.items() if value})

    def answer(self, item: str = "i1", verdict: str = "accept", wait_ms: int = 1000, **facts: Any) -> None:
        """A request that is answered without trouble."""
        self.tell("decision", item, decision=verdict, rule="r", reason="why", **facts)
        self.tell("intent", item, wait_ms, step=verdict, **facts)
        self.tell("done", item, 0, step=verdict, **facts)
        self.tell("intent", item, 0, step="send", **facts)
        self.tell("done", item, 0, step="send", **facts)
        self.tell("done", item, 0, result="answered", **facts)

    def end(self) -> Report:
        """The report of it."""
        first, last = self.summary.first_ms, self.summary.last_ms
        return self.summary.report(Period(T0, self.now + 1, self.summary.records, first, last, T0, 0))


def test_answers_are_counted_by_what_they_say() -> None:
    story = Story()
    for number, verdict in enumerate(("accept", "tentative", "tentative", "decline")):
        story.answer(f"i{number}", verdict)
    report = story.end()
    assert report.answers == {"accept": 1, "tentative": 2, "decline": 1, "unknown": 0}
    assert report.results == {"answered": 4}
    assert report.decisions.by_action == {"tentative": 2, "accept": 1, "decline": 1}


def test_an_answer_that_is_given_in_one_step_counts_once_it_is_finished() -> None:
    """As Exchange Web Services give it: no step ``send``, and after a lost response the end has the step itself."""
    story = Story()
    for item, verdict in (("i1", "accept"), ("i2", "decline")):
        story.tell("decision", item, decision=verdict)
        story.tell("intent", item, step=verdict)
    story.tell("done", "i1", 0, step="accept")
    story.tell("done", "i1", 0, result="answered")
    story.tell("failed", "i2", step="decline", result="later", reason="Unsettled: it may not show yet")
    story.tell("done", "i2", step="decline", result="answered")
    story.tell("done", "i3", step="tentative", result="answered")
    story.tell("done", "i4", step="accept", result="accepted", reason="no response was requested")
    report = story.end()
    assert report.answers == {"accept": 1, "tentative": 1, "decline": 1, "unknown": 0}
    assert (report.waiting.measured, report.waiting.unmeasured) == (2, 1)
    assert sum(organizer.answers for organizer in report.organizers) == 3
    assert sum(sum(bar.answers.values()) for bar in report.bars) == 3


def test_the_end_of_what_was_sent_is_no_second_answer() -> None:
    story = Story()
    story.tell("decision", decision="accept")
    story.tell("intent", step="accept")
    story.tell("done", step="accept")
    story.tell("intent", step="send")
    story.tell("done", step="send")
    story.tell("failed", result="later", reason="Transient: no")
    story.tell("dead", result="exhausted", reason="Transient: no")
    story.tell("done", result="answered")
    story.tell("done", "sent before", result="answered")
    assert story.end().answers == {"accept": 1, "tentative": 0, "decline": 0, "unknown": 0}


def test_what_was_begun_counts_and_not_what_was_decided_meanwhile() -> None:
    story = Story()
    story.tell("decision", decision="accept")
    story.tell("intent", step="accept")
    story.tell("decision", decision="skip")
    story.tell("done", step="send", result="answered")
    assert story.end().answers["accept"] == 1


def test_an_answer_that_a_lost_worker_had_sent_is_sent_once() -> None:
    story = Story()
    story.tell("decision", decision="accept")
    story.tell("intent", step="accept")
    story.tell("done", step="accept")
    story.tell("intent", step="send")
    story.tell("failed", step="send", result="lost", reason="the worker was lost")
    story.tell("done", step="send", result="answered")
    report = story.end()
    assert sum(report.answers.values()) == 1
    assert (report.troubles.failed, report.open_intents) == (1, 0)
    assert report.troubles.by_result == {"failed: lost": 1}


def test_what_somebody_else_did_is_no_answer_of_ours() -> None:
    story = Story()
    for item, step, kind in (("i1", "send", "request"), ("i2", "open", "response")):
        story.tell("intent", item, step=step, kind=kind)
        story.tell("done", item, step=step, kind=kind, result="gone")
    report = story.end()
    assert (sum(report.answers.values()), report.opened) == (0, 0)
    assert report.results == {"gone": 2}


def test_an_answer_without_its_beginning_says_nothing_that_is_not_known() -> None:
    story = Story()
    story.tell("done", step="send")
    report = story.end()
    assert report.answers["unknown"] == 1
    assert (report.waiting.measured, report.waiting.unmeasured) == (0, 1)


def test_what_died_and_was_tried_again_is_an_answer_but_no_measure_of_speed() -> None:
    story = Story()
    story.tell("decision", decision="tentative")
    story.tell("dead", step="tentative", result="exhausted", reason="Transient: no")
    story.tell("operator", step="retry")
    story.tell("done", step="send")
    report = story.end()
    assert report.answers["tentative"] == 1
    assert (report.waiting.measured, report.waiting.unmeasured) == (0, 1)
    assert (report.troubles.dead, report.troubles.uncertain) == (1, 1)


def test_open_intents_are_those_without_an_end_the_oldest_first() -> None:
    story = Story()
    for item in ("old", "ended", "new"):
        story.tell("intent", item, step="accept", subject=item)
    story.tell("failed", "ended", result="later", step="accept", reason="x")
    story.tell("intent", "ended", step="accept")
    story.tell("done", "ended", 5000, step="accept")
    story.tell("intent", "failed", 0, step="send")
    story.tell("failed", "failed", 0, result="later", step="send", reason="x")
    report = story.end()
    assert report.open_intents == 2
    assert [(one.item, one.step, one.subject) for one in report.oldest_intents] == [
        ("old", "accept", "old"),
        ("new", "accept", "new"),
    ]
    assert report.oldest_intents[0].age_s == pytest.approx(9.001)


def test_the_slowest_mailboxes_come_first() -> None:
    story = Story()
    for number in range(12):
        story.answer(f"i{number}", wait_ms=MINUTE * (number + 1), mailbox=f"box{number:02}")
    report = story.end()
    assert [one.mailbox for one in report.slowest] == [f"box{number:02}" for number in range(11, 1, -1)]
    assert report.slowest[0].p95_s == pytest.approx(720, rel=0.0101)
    assert report.waiting.p50_s == pytest.approx(360, rel=0.0101)


def test_an_organizer_is_one_whatever_the_display_name_and_the_case() -> None:
    story = Story()
    story.answer("i1", organizer="Carla <Carla@example.com>")
    story.answer("i2", organizer="carla@EXAMPLE.com")
    story.answer("i3", organizer="0123456789abcdef")
    reported = {(one.organizer, one.requests, one.answers) for one in story.end().organizers}
    assert reported == {("Carla@example.com", 2, 2), ("0123456789abcdef", 1, 1)}


def test_an_event_of_a_later_version_is_a_record_and_no_error() -> None:
    story = Story()
    story.tell("reviewed")
    assert story.end().period.records == 1


def test_operators_are_reported_with_what_they_changed() -> None:
    story = Story()
    story.tell("operator", "", mailbox="", step="pause", who="ada", reason="patch day")
    story.tell("operator", "", server="", step="limit", who="ada", note="rate 4/s")
    report = story.end()
    assert report.actions == 2
    assert [(one.action, one.scope, one.reason, one.note) for one in report.recent_actions] == [
        ("pause", "server mail1", "patch day", ""),
        ("limit", "mailbox adele", "", "rate 4/s"),
    ]
    assert report.mailboxes == 0


def test_hours_without_anything_are_bars_of_nothing() -> None:
    story = Story()
    story.answer("i1")
    story.answer("i2", wait_ms=3 * 60 * MINUTE)
    bars = story.end().bars
    assert [bar.done for bar in bars][:1] + [bar.done for bar in bars][-1:] == [1, 1]
    assert sum(bar.done for bar in bars) == 2
    assert len(bars) == 4


def test_there_are_no_bars_for_the_time_before_the_audit_begins() -> None:
    story = Story()
    story.answer("i1")
    day_ms = 24 * 60 * MINUTE
    period = replace(story.end().period, since_ms=T0 - 7 * day_ms)
    assert len(story.summary.report(period).bars) == 1
    earlier = replace(period, audit_begins_ms=T0 - 9 * day_ms)
    assert len(story.summary.report(earlier).bars) == 7 * 24 + 1


@pytest.mark.slow
def test_memory_does_not_grow_with_the_records() -> None:
    story = Story()

    def answer_many(first: int, count: int) -> int:
        for number in range(first, first + count):
            boxes = {"mailbox": f"box{number % 7}", "organizer": f"o{number % 5}@example.com"}
            story.answer(f"item{number}", wait_ms=1 + number % 50, **boxes)
            story.tell("failed", f"item{number}", 1, reason=f"Transient: GET /exchange/{number} returned 500", **boxes)
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = answer_many(0, 500)
        after = answer_many(500, 5000)
    finally:
        tracemalloc.stop()
    # Records are kept nowhere: 35,000 of them, of some 600 bytes, leave less than a byte each.
    assert after - before < 35_000


def test_reasons_are_distinguished_up_to_a_number_of_them() -> None:
    story = Story()
    for number in range(MOST_REASONS + 50):
        word = "x" * (number + 1)
        story.tell("failed", reason=f"Transient: {word}")
        story.tell("decision", decision="skip", reason=word)
    report = story.end()
    assert len(report.troubles.by_reason) == len(report.decisions.by_reason) == MOST_REASONS + 1
    assert {one.reason: one.failed for one in report.troubles.by_reason}[OTHERS] == 50
    assert {one.reason: one.count for one in report.decisions.by_reason}[OTHERS] == 50
    assert report.decisions.total == MOST_REASONS + 50


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("every-request", "every-request"),
        ("Transient: GET /exchange/a/Lunch%20at%2012.EML returned 500", "Transient: GET … returned 500"),
        ("Transient: GET /exchange/a/Lunch%20at%2012.EML answered 500", "Transient: GET … answered 500"),
        ("Transient: GET (hidden) answered 500", "Transient: GET (hidden) answered 500"),
        ("Transient: GetItem in a@example.com: ErrorBusy (Why.)", "Transient: GetItem in …: ErrorBusy"),
        ("Unknown: ErrorBusy: 'Lunch' (ErrorBusy)", "Unknown: ErrorBusy: …"),
        ("Refused: no server 'mail9' in the settings", "Refused: no server …"),
        ("Busy: held for 31.5 s", "Busy: held for … s"),
        ("Busy: the server answered 503", "Busy: the server answered 503"),
        ("the organizer carla@example.com is not known", "the organizer …"),
        ("'Budget'", "…"),
        ("", "no reason given"),
    ],
)
def test_reasons_are_counted_by_what_they_have_in_common(reason: str, expected: str) -> None:
    assert reason_class(reason) == expected


@given(st.lists(st.integers(0, 40 * 86_400_000), min_size=1, max_size=200), st.sampled_from([0.5, 0.95, 1.0]))
def test_a_percentile_is_within_one_percent_of_the_nearest_rank(waits: list[int], share: float) -> None:
    durations = Durations()
    for wait in waits:
        durations.add(wait)
    rank = max(1, -(-int(share * 100) * len(waits) // 100))
    exact = sorted(waits)[rank - 1]
    assert durations.percentile(share) == pytest.approx(max(1, exact) / 1000, rel=0.0101, abs=0.0011)


def test_of_no_durations_the_percentile_is_nothing() -> None:
    assert Durations().percentile(0.5) == 0.0


def test_a_hundred_thousand_durations_are_few_classes() -> None:
    dice: Any = Random(1)  # noqa: S311 - the same every time
    durations = Durations()
    for _ in range(100_000):
        durations.add(int(dice.lognormvariate(9, 3)))
    assert durations.count == 100_000
    assert len(durations._classes) < 1200
