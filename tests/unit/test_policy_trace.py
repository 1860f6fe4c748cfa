"""The trace: every guard and rule that was tried, and why each let the message pass."""

from rsvpq.mail.calendar import BusyStatus
from rsvpq.policy import Action
from rsvpq.policy.engine import trace_decision
from tests.support.policy_values import DAY, HOUR, NOW, calendar, facts, message, period, policy, rule, settled


def test_a_trace_tells_each_step_in_order_with_what_was_found() -> None:
    rules = (
        rule(Action.HOLD, name="too-long", longer_than=2 * HOUR),
        rule(Action.DECLINE, name="far", starts_after=90 * DAY),
        rule(Action.TENTATIVE, name="clash", conflict=True),
    )
    known = facts(calendar=calendar(period(BusyStatus.OOF)))

    trace = trace_decision(policy(*rules), message(), known, NOW)

    assert str(trace.decision) == "tentative (rule:clash)"
    assert list(map(str, trace.steps)) == [
        "passed   guard overlong: no text is too long",
        "passed   guard begun: no unfinished answer is marked on it",
        "passed   guard already-processed: not processed yet",
        "passed   guard out-of-date: no newer message about this meeting is known",
        "passed   guard answered-before: no message about it is known to be answered",
        "passed   guard own-meeting: the organizer is brian@example.com",
        "passed   guard past: it ends at 2026-03-09 10:00 UTC",
        "passed   guard max-age: received 1d ago",
        "passed   guard external: example.com is internal",
        "passed   guard private: the sensitivity is normal",
        "passed   guard delegate-copy: for this mailbox to answer",
        'passed   guard no-response-requested: policy.no_response_requested = "rules"',
        "passed   guard past, by the rule of the series: not a series that has begun",
        "passed   guard calendar-unknown: the calendar was read",
        "passed   guard own-meeting in the calendar: the calendar does not show the mailbox as its organizer",
        "passed   guard out-of-date in the calendar: the calendar has no newer edition of this meeting",
        "passed   guard other-organizer: the calendar does not have this meeting",
        "passed   guard already-answered: this edition of the meeting is not known to be answered",
        "passed   guard details-only: the update is first",
        "passed   rule too-long: longer_than = 2h, but is 1h",
        "passed   rule far: starts_after = 90d, but is 6d 21h",
        "matched  rule clash: all conditions hold",
    ]


def test_without_the_calendar_the_trace_says_what_is_missing() -> None:
    rules = (rule(Action.DECLINE, recurring=True), rule(Action.TENTATIVE, name="clash", conflict=True))

    trace = trace_decision(policy(*rules), message(), facts(calendar=None), NOW)

    assert str(trace.decision) == "undecided (more-facts-needed); still unknown: appointment, busy-times"
    assert list(map(str, trace.steps[-3:])) == [
        "unknown  calendar guards: the calendar was not read yet",
        "passed   rule first: recurring = true, but is false",
        "unknown  rule clash: conflict is not known",
    ]


def test_a_guard_says_what_it_found() -> None:
    trace = trace_decision(policy(), message(organizer='"Boss" <x@evil.example>'), facts(), NOW)

    assert str(trace.steps[-1]) == "matched  guard external: evil.example is not in policy.internal_domains"


def test_times_before_now_and_clashes_are_reported_as_such() -> None:
    rules = (
        rule(Action.HOLD, starts_after=HOUR),
        rule(Action.HOLD, name="second", conflict=("none", "tentative")),
        rule(Action.HOLD, name="third", attendees_more_than=10),
    )
    known = facts(calendar=calendar(period(start=NOW, end=NOW + DAY)))

    trace = trace_decision(policy(*rules), message(start=NOW - 90 * HOUR / 60, end=NOW + HOUR), known, NOW)

    assert [step.why for step in trace.steps[-4:-1]] == [
        "starts_after = 1h, but is minus 1h 30m",
        'conflict = "none" or "tentative", but is "busy", which counts as busy',
        "attendees_more_than = 10, but is 3",
    ]


def test_it_says_no_more_of_another_copy_than_is_known() -> None:
    """Its item may have died, or been dropped, with the command given or refused."""
    trace = trace_decision(policy(), message(), facts(settled=settled()), NOW)
    assert trace.steps[-1].why == (
        "an answer to another message about it was begun (decline): that message is answered, is being answered, "
        "or was given up (see 'rsvpq dead'); it is the same edition"
    )
