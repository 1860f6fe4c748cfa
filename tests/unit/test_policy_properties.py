"""What holds for every policy, message and calendar, however odd."""

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from rsvpq.mail.calendar import NEVER, Appointment, BusyPeriod, BusyStatus, CalendarUnknown, ResponseStatus
from rsvpq.mail.messages import Kind, MeetingMessage, Sensitivity
from rsvpq.policy import DECISIONS, CalendarView, Facts, Policy, Reason, Rule
from rsvpq.policy.case import CONFLICTS, UPDATES, Case
from rsvpq.policy.conditions import CONDITIONS, match
from rsvpq.policy.engine import decide, trace_decision
from rsvpq.policy.lint import flaws
from rsvpq.policy.rules import GuardSetting
from tests.support.examples import examples
from tests.support.policy_values import DAY, HOUR, NOW, STAMP, calendar, facts, message

_lengths = st.sampled_from([HOUR, 2 * HOUR, DAY, 7 * DAY])
_times = st.sampled_from([NOW - DAY, NOW - HOUR, NOW, NOW + HOUR, NOW + 2 * HOUR, NOW + DAY, NOW + 8 * DAY])
_shown_times = _times | st.none()
_ends = st.none() | _times | st.just(NEVER)
_domains = st.sampled_from(["example.com", "sub.example.com", "evil.example"])
_addresses = st.builds("{}@{}".format, st.sampled_from(["adele", "brian"]), _domains)
_patterns = st.text(st.sampled_from("ab*?@."), min_size=1, max_size=5) | _addresses | st.just("*@example.com")


def _some(values: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(values, min_size=1, max_size=2, unique=True).map(tuple)


_values = {
    "organizer": _some(_patterns),
    "organizer_domain": _some(_patterns | _domains),
    "subject": _some(_patterns),
    "group": _some(st.sampled_from(["pilot", "hq"])),
    "sensitivity": _some(st.sampled_from(list(Sensitivity))),
    "update": _some(st.sampled_from(UPDATES)),
    "conflict": st.booleans() | _some(st.sampled_from(CONFLICTS)),
    **dict.fromkeys(("starts_within", "starts_after", "longer_than", "shorter_than"), _lengths),
    **dict.fromkeys(("attendees_more_than", "attendees_fewer_than"), st.integers(1, 4)),
}


@st.composite
def rules(draw: st.DrawFn, name: str = "only") -> Rule:
    """Any rule that the settings would let pass."""
    kind = draw(st.sampled_from([Kind.REQUEST, Kind.REQUEST, Kind.RESPONSE, Kind.CANCELLATION]))
    names = [one for one, condition in CONDITIONS.items() if kind in condition.kinds]
    asked = draw(st.lists(st.sampled_from(names), max_size=2, unique=True))
    conditions = {one: draw(_values.get(one, st.booleans())) for one in asked}
    return Rule(name, draw(st.sampled_from(DECISIONS[kind])), kind, conditions)


@st.composite
def policies(draw: st.DrawFn, most_rules: int = 4) -> Policy:
    """Any policy."""
    names = [f"rule-{number}" for number in range(draw(st.integers(0, most_rules)))]
    guard: st.SearchStrategy[GuardSetting] = st.sampled_from(["skip", "rules", "rules"])
    return Policy(
        mode=draw(st.sampled_from(["observe", "respond"])),
        rules=tuple(draw(rules(name)) for name in names),
        internal_domains=draw(st.sampled_from([(), ("example.com",), ("*.example.com",)])),
        external=draw(guard),
        private=draw(guard),
        delegate_copies=draw(guard),
        past=draw(guard),
        no_response_requested=draw(guard),
        details_only=draw(st.sampled_from(["repeat", "rules", "skip"])),
        unknown_calendar=draw(st.sampled_from(["hold", "rules"])),
        busy_when=draw(_some(st.sampled_from(CONFLICTS[1:]))),
        cancellations=draw(st.sampled_from(["keep", "process"])),
    )


def messages() -> st.SearchStrategy[MeetingMessage]:
    """Any message that is neither processed nor too old, so that most get as far as the rules."""
    return st.builds(
        message,
        kind=st.sampled_from([Kind.REQUEST, Kind.REQUEST, Kind.RESPONSE, Kind.CANCELLATION]),
        organizer=_addresses | st.just(""),
        subject=st.text(st.sampled_from("ab@."), max_size=4),
        start=_shown_times,
        end=_shown_times,
        stamp=st.sampled_from([STAMP, STAMP + HOUR, None]),
        sequence=st.sampled_from([None, 0, 1]),
        recurring=st.none() | st.booleans(),
        from_another=st.sampled_from(["", "dora@example.com"]),
        all_day=st.booleans(),
        sensitivity=st.sampled_from(Sensitivity),
        received_for=st.sampled_from(["", "", "Boss"]),
        own=st.sampled_from([None, None, False, True]),
        response_requested=st.booleans(),
        informational=st.booleans(),
    )


def _appointments() -> st.SearchStrategy[Appointment]:
    return st.builds(
        Appointment,
        uid=st.just("uid-1"),
        start=_times,
        end=_times,
        sequence=st.sampled_from([None, 0, 1]),
        stamp=st.sampled_from([STAMP, STAMP + HOUR, None]),
        response=st.sampled_from([None, *ResponseStatus]),
        status=st.just(BusyStatus.BUSY),
        recurring=st.none() | st.booleans(),
        organizer=_addresses | st.just(""),
    )


def _period(start: datetime, length: timedelta, status: BusyStatus) -> BusyPeriod:
    return BusyPeriod(start, start + length, status)


def calendars() -> st.SearchStrategy[CalendarView]:
    """Any calendar that was looked at, or that could not be read."""
    periods = st.lists(st.builds(_period, _times, _lengths, st.sampled_from(BusyStatus)), max_size=3)
    unknown = st.just(CalendarUnknown("403 Forbidden"))
    read = st.builds(
        lambda found, meeting, complete: calendar(*found, meeting=meeting, complete=complete),
        periods,
        st.none() | _appointments(),
        st.booleans(),
    )
    return read | st.builds(CalendarView, unknown | st.none() | _appointments(), unknown | st.none())


def all_facts() -> st.SearchStrategy[Facts]:
    """All that can be known about a mailbox, and the want of it."""
    return st.builds(
        facts,
        mailbox=st.sampled_from(["adele", "adele@example.com"]),
        group=st.sampled_from(["", "pilot"]),
        attendees=st.none() | st.integers(0, 5),
        calendar=st.none() | calendars(),
        series_end=_ends,
        last_look=st.booleans(),
    )


@given(policies(), messages(), all_facts())
def test_the_same_is_decided_again(policy: Policy, found: MeetingMessage, known: Facts) -> None:
    copy = MeetingMessage.from_payload(found.to_payload())

    assert decide(policy, found, known, NOW) == decide(policy, copy, replace(known), NOW)


@given(policies(), messages(), all_facts(), calendars(), st.integers(0, 5), _ends)
@examples(100)
def test_what_is_final_without_the_calendar_stays_whatever_is_in_it(
    policy: Policy, found: MeetingMessage, known: Facts, looked_at: CalendarView, attendees: int, end: datetime | None
) -> None:
    early = replace(known, calendar=None, series_end=None, last_look=False)
    at_the_scan = decide(policy, found, early, NOW)
    if not at_the_scan.final:
        return

    later = [
        early,
        replace(early, calendar=looked_at),
        replace(early, series_end=end),
        replace(early, calendar=looked_at, series_end=end),
        replace(early, calendar=looked_at, attendees=early.attendees or attendees, last_look=True),
        replace(early, last_look=True),
    ]
    assert {decide(policy, found, one, NOW) for one in later if early.attendees == one.attendees} == {at_the_scan}


@given(policies(), messages(), all_facts(), calendars(), st.integers(0, 5))
@examples(100)
def test_what_is_final_without_the_attendees_stays_however_many_there_are(
    policy: Policy, found: MeetingMessage, known: Facts, looked_at: CalendarView, attendees: int
) -> None:
    early = replace(known, calendar=looked_at, attendees=None, last_look=False)
    decision = decide(policy, found, early, NOW)

    if decision.final:
        assert decide(policy, found, replace(early, attendees=attendees), NOW) == decision


@given(policies(), messages(), all_facts())
def test_at_the_last_look_every_decision_is_final(policy: Policy, found: MeetingMessage, known: Facts) -> None:
    decision = decide(policy, found, replace(known, last_look=True), NOW)

    assert decision.final
    assert decision.action != "undecided"
    assert decision.acts is (policy.mode == "respond" and not decision.action.leaves_alone)


@given(policies(), messages(), all_facts())
@examples(100)
def test_the_rule_that_decides_is_the_first_that_matches(policy: Policy, found: MeetingMessage, known: Facts) -> None:
    decision = decide(policy, found, replace(known, last_look=True), NOW)
    if decision.reason != Reason.RULE:
        return

    case = Case(policy, found, replace(known, last_look=True), NOW)
    matches = [match(rule, case).holds for rule in policy.rules_for(found.kind)]
    names = [rule.name for rule in policy.rules_for(found.kind)]
    assert matches[: names.index(decision.rule) + 1] == [False] * names.index(decision.rule) + [True]
    assert decision.action == next(rule.decision for rule in policy.rules if rule.name == decision.rule)


@given(policies(), messages(), all_facts())
def test_the_trace_ends_with_what_decided(policy: Policy, found: MeetingMessage, known: Facts) -> None:
    trace = trace_decision(policy, found, known, NOW)

    assert trace.decision == decide(policy, found, known, NOW)
    assert trace.steps[-1].result == ("unknown" if trace.decision.label.startswith(("facts-", "more-")) else "matched")
    assert [step.result for step in trace.steps].count("matched") <= 1
    assert all(step.why for step in trace.steps)


@given(policies(), messages(), all_facts())
@examples(100)
def test_a_rule_with_a_flaw_never_decides(policy: Policy, found: MeetingMessage, known: Facts) -> None:
    groups, domains = {"pilot", "hq"}, {"example.com"} if "@" in known.mailbox else set[str]()
    flawed = {policy.rules[flaw.index].name for flaw in flaws(policy, groups, domains)}

    decision = decide(policy, found, replace(known, last_look=True), NOW)
    assert decision.reason != Reason.RULE or decision.rule not in flawed
