"""Which messages are explained, and what an explanation must not tell."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from producer.explain import explanation, is_wanted
from rsvpq.audit.record import Redaction
from rsvpq.mail.calendar import Agenda, Appointment, BusyPeriod, BusyStatus, CalendarUnknown, ResponseStatus
from rsvpq.mail.messages import ItemRef, Kind, Mailbox, MeetingMessage, Sensitivity
from rsvpq.policy import Action, CalendarView, Facts, Policy, Rule, trace_decision

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
START = datetime(2026, 12, 1, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
ADELE = Mailbox("adele@example.com", "mail1")
REQUEST = MeetingMessage(
    Kind.REQUEST,
    ItemRef("rid:1", ("/x", "")),
    uid="Uid-1",
    subject="Surgery on Monday",
    organizer='"Carla" <carla@example.com>',
    received=NOW - timedelta(days=1),
    start=START,
    end=START + HOUR,
)
PRIVATE = replace(REQUEST, sensitivity=Sensitivity.PRIVATE)
POLICY = Policy(
    mode="respond",
    private="rules",
    internal_domains=("example.com",),
    rules=(
        Rule("budget", Action.ACCEPT, conditions={"subject": ("Budget*",)}),
        Rule("clash", Action.TENTATIVE, conditions={"conflict": True}),
        Rule("rest", Action.ACCEPT),
    ),
)


def explained(
    message: MeetingMessage, calendar: CalendarView | None = None, redaction: Redaction | None = None
) -> dict[str, Any]:
    """The message's explanation, as JSON gives it."""
    facts = Facts(ADELE.name, calendar=calendar, last_look=True)
    trace = trace_decision(POLICY, message, facts, NOW)
    story: dict[str, Any] = json.loads(
        json.dumps(explanation(ADELE, message, trace, facts, POLICY, redaction or Redaction()))
    )
    return story


def period(start: datetime, status: BusyStatus, uid: str = "") -> BusyPeriod:
    """An hour."""
    return BusyPeriod(start, start + HOUR, status, uid)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, True),
        ({"uid": "UID-1"}, True),
        ({"uid": "Uid"}, False),
        ({"subject": "surgery"}, True),
        ({"subject": "budget"}, False),
        ({"item": REQUEST.identity(ADELE).upper()}, True),
        ({"item": "0" * 32}, False),
        ({"uid": "Uid-1", "subject": "budget"}, False),
    ],
)
def test_all_that_is_asked_for_must_be_so(wanted: dict[str, str], found: bool) -> None:
    assert is_wanted(REQUEST, wanted, ADELE) is found


def test_a_private_message_is_not_found_by_its_subject() -> None:
    assert not is_wanted(PRIVATE, {"subject": "surgery"}, ADELE)
    assert is_wanted(PRIVATE, {"uid": "uid-1"}, ADELE)


def test_a_private_subject_is_reported_nowhere() -> None:
    story = explained(PRIVATE, CalendarView(CalendarUnknown("SEARCH /exchange/adele/Surgery returned 403")))
    assert (story["private"], story["subject"]) == (True, "")
    assert "urgery" not in json.dumps(story)
    assert "urgery" in json.dumps(explained(REQUEST))


def test_what_the_audit_hides_is_hidden() -> None:
    redaction = Redaction(frozenset({"subjects", "addresses"}), b"0123456789abcdef")
    text = json.dumps(explained(REQUEST, redaction=redaction))
    assert "urgery" not in text
    assert "carla" not in text


def test_every_step_is_reported_and_the_last_one_decided() -> None:
    story = explained(REQUEST, CalendarView(agenda=Agenda(START, START + HOUR, ())))
    assert (story["decision"], story["rule"]) == ("accept", "rest")
    assert story["steps"][-1] == {"name": "rule rest", "result": "matched", "why": "has no conditions"}
    assert [step["result"] for step in story["steps"][:-1]] == ["passed"] * (len(story["steps"]) - 1)


def test_the_calendar_tells_the_meeting_and_what_else_is_there() -> None:
    own = Appointment("Uid-1", START, START + HOUR, 0, NOW, ResponseStatus.TENTATIVE, BusyStatus.TENTATIVE)
    periods = (
        period(START + HOUR / 2, BusyStatus.OOF),
        period(START, BusyStatus.TENTATIVE, "uid-1"),
        period(START + HOUR, BusyStatus.BUSY),
    )
    calendar = explained(REQUEST, CalendarView(own, Agenda(START, START + 2 * HOUR, periods)))["calendar"]
    assert calendar["appointment"]["response"] == "tentative"
    assert calendar["appointment"]["sequence"] == 0
    assert [(one["start"], one["status"]) for one in calendar["at_that_time"]] == [("2026-12-01T09:30:00Z", "oof")]


def test_a_calendar_that_is_not_known_says_why_and_one_that_was_not_needed_is_none() -> None:
    reason = "the account may not see the calendar"
    found = explained(REQUEST, CalendarView(CalendarUnknown(reason), CalendarUnknown(reason)))
    assert found["calendar"]["appointment"] == {"unknown": reason}
    assert found["calendar"]["unknown_at_that_time"] == reason
    assert found["reason"] == "calendar-unknown"
    assert explained(REQUEST)["calendar"] is None


def test_an_agenda_that_does_not_reach_so_far_tells_what_it_has_and_that_it_is_not_all() -> None:
    agenda = Agenda(START - HOUR, START + HOUR / 2, (period(START, BusyStatus.BUSY),))
    reported = explained(REQUEST, CalendarView(agenda=agenda))["calendar"]
    assert (len(reported["at_that_time"]), reported["compared"]) == (1, False)


def test_what_of_a_series_could_not_be_read_is_reported() -> None:
    facts = Facts(ADELE.name, last_look=True, unread="no time zone is shown")
    series = replace(REQUEST, recurring=True)
    story = explanation(ADELE, series, trace_decision(POLICY, series, facts, NOW), facts, POLICY, Redaction())
    assert story["unread"] == "no time zone is shown"
