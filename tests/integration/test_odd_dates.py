"""Meetings of any length and any year, and series that are over: each is decided on, and none hides another."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from producer.dry_run import MOST_IN_A_ROW, Tolerance
from rsvpq.mail.errors import Busy, Gone, Transient
from rsvpq.mail.messages import ItemRef, Kind, MeetingMessage
from rsvpq.policy import Action, Decision, Facts, Need, Policy, Rule
from rsvpq.policy.gather import decide_at_once, decide_knowing, explain_knowing
from rsvpq.webdav.mailbox import WebDavMailbox
from testbed.simulated_exchange import World
from tests.support.calendar_writer import Diary, event
from tests.support.exchange_site import Site, box_name, inbox, simulated_site

CLASH = Policy(
    mode="respond",
    external="rules",
    rules=(Rule("clash", Action.DECLINE, conditions={"conflict": True}), Rule("rest", Action.ACCEPT)),
)
BERLIN = "Europe/Berlin"
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Mailboxes whose owners invite nobody, so that their calendars are empty."""
    world = World(mailboxes=60, requests=4, responses=2, seed=5)
    yield from simulated_site(tmp_path_factory.mktemp("odd"), world, "--inside", "0")


@pytest.fixture
def diary(site: Site) -> Iterator[Diary]:
    """An empty calendar, on a server that behaves as by default afterwards."""
    writer = Diary(site, site.take())
    yield writer
    writer.turn(series_shown="rule-and-zone", url_filter="none")


def local(moment: datetime) -> str:
    """As iCalendar events are written in the tests."""
    return f"{moment:%Y-%m-%dT%H:%M}"


def invited(diary: Diary, start: str, end: str, *lines: str) -> MeetingMessage:
    """A request for a meeting."""
    diary.put(event("odd", start, end, "UTC", *lines), method="REQUEST", to="To: a@example.com")
    return next(one for one in inbox(diary.box) if one.uid == "odd")


def decided(diary: Diary, message: MeetingMessage, policy: Policy = CLASH) -> Decision:
    return decide_knowing(policy, message, diary.box, Facts.about(message, box_name(diary.box), ""))


def test_a_meeting_of_many_years_that_clashes_is_declined(diary: Diary) -> None:
    request = invited(diary, local(NOW + timedelta(days=1)), local(NOW + timedelta(days=3000)))
    diary.book("other", local(NOW + timedelta(days=40)), local(NOW + timedelta(days=41)))
    assert decided(diary, request).label == "rule:clash"


@pytest.mark.parametrize(
    "end", [local(NOW + timedelta(days=731)), local(NOW + timedelta(days=9000)), "9999-12-31T23:59"]
)
def test_one_that_clashes_with_nothing_that_can_be_read_is_held(diary: Diary, end: str) -> None:
    """A calendar is asked for two years at once and no more: Exchange answers 422."""
    request = invited(diary, local(NOW + timedelta(days=1)), end)
    assert decided(diary, request).label == "facts-unknown:clash"
    trace, _ = explain_knowing(CLASH, request, diary.box, Facts.about(request, box_name(diary.box), ""))
    assert trace.decision.action is Action.HOLD


def test_one_that_began_years_ago_is_compared_with_what_is_ahead(diary: Diary) -> None:
    request = invited(diary, local(NOW - timedelta(days=2000)), local(NOW + timedelta(days=20)))
    assert decided(diary, request).label == "rule:rest"
    diary.book("other", local(NOW + timedelta(days=10)), local(NOW + timedelta(days=11)))
    assert decided(diary, request).label == "rule:clash"


@pytest.mark.parametrize("lines", [(), ("RRULE:FREQ=YEARLY",), ("RRULE:FREQ=DAILY;COUNT=3",)])
@pytest.mark.parametrize(
    ("start", "end"), [("9999-12-31T09:00", "9999-12-31T10:00"), ("9999-12-30T23:00", "9999-12-31T23:59")]
)
def test_the_last_days_of_all_are_days_as_others(diary: Diary, start: str, end: str, lines: tuple[str, ...]) -> None:
    request = invited(diary, start, end, *lines)
    assert decided(diary, request).action in {Action.ACCEPT, Action.HOLD}
    assert decide_at_once(CLASH, request, Facts.about(request, "adele", "")).reason != "not-decided"


def test_a_series_that_is_over_is_past(diary: Diary) -> None:
    request = invited(diary, "2019-03-04T09:00", "2019-03-04T10:00", "RRULE:FREQ=WEEKLY;COUNT=10")
    early = decide_at_once(CLASH, request, Facts.about(request, box_name(diary.box), ""))
    assert Need.SERIES_END in early.needs
    assert decided(diary, request).reason == "past"


@pytest.mark.parametrize("rule", ["FREQ=WEEKLY", f"FREQ=WEEKLY;UNTIL={NOW + timedelta(days=30):%Y%m%d}"])
def test_a_series_that_goes_on_is_compared_with_what_is_ahead(diary: Diary, rule: str) -> None:
    last_week = NOW - timedelta(days=7 * 300)
    request = invited(diary, local(last_week), local(last_week + timedelta(hours=1)), f"RRULE:{rule}")
    assert decided(diary, request).label == "rule:rest"
    diary.book("other", local(NOW + timedelta(days=13)), local(NOW + timedelta(days=15)))
    assert decided(diary, request).label == "rule:clash"


def test_the_end_of_a_series_is_reported_though_its_zone_cannot_be_read(diary: Diary) -> None:
    diary.turn(series_shown="rule")
    request = invited(diary, "2019-03-04T09:00", "2019-03-04T10:00", "RRULE:FREQ=WEEKLY;COUNT=10")
    assert decided(diary, request).reason == "past"
    _, facts = explain_knowing(CLASH, request, diary.box, Facts.about(request, box_name(diary.box), ""))
    assert facts.unread == "no time zone is shown"


def test_of_a_series_that_shows_no_rule_the_end_stays_unknown_and_is_said_to(diary: Diary) -> None:
    diary.turn(series_shown="none")
    request = invited(diary, "2019-03-04T09:00", "2019-03-04T10:00", "RRULE:FREQ=WEEKLY;COUNT=10")
    trace, facts = explain_knowing(CLASH, request, diary.box, Facts.about(request, box_name(diary.box), ""))
    assert trace.decision.label == "facts-unknown:clash"
    (step,) = [step for step in trace.steps if step.name == "guard past, by the rule of the series"]
    assert "when it ends is not known" in step.why
    assert facts.unread == "no recurrence rule is shown"


def test_each_fact_is_asked_for_once(diary: Diary) -> None:
    """A series that has begun, whose end, attendees and conflicts are all of interest."""
    diary.turn(series_shown="none")
    begun = NOW - timedelta(days=70)
    request = invited(diary, local(begun), local(begun + timedelta(hours=1)), "RRULE:FREQ=WEEKLY")
    asked: list[str] = []
    diary.box._server.after = lambda method, _path: asked.append(method)  # type: ignore[attr-defined]
    rules = (Rule("many", Action.DECLINE, conditions={"attendees_more_than": 50}), *CLASH.rules)
    decided(diary, request, Policy(mode="respond", external="rules", rules=rules))
    assert sorted(asked) == ["PROPFIND", "SEARCH", "SEARCH"]


def test_a_name_that_a_filter_rejects_is_looked_at_by_number(diary: Diary) -> None:
    diary.put(event("R&D", "2030-03-04T09:00", "2030-03-04T10:00", BERLIN), method="REQUEST", to="To: a@example.com")
    request = next(one for one in inbox(diary.box) if one.uid == "R&D")
    diary.turn(url_filter="urlscan")
    assert diary.box.details(request).attendees == 1


def test_a_message_that_nobody_foresaw_is_held_and_said_to_be(site: Site) -> None:
    """Here, a sensitivity that is a number."""
    wrong: Any = 2
    odd = MeetingMessage(
        Kind.REQUEST,
        ItemRef("1", ("/x", "")),
        received=NOW,
        sensitivity=wrong,
    )
    box = WebDavMailbox(site.server(), site.mailboxes()[0]["mailbox"])
    facts = Facts("adele@example.com")
    policy = Policy(mode="respond", past="rules", external="rules", max_age=timedelta(days=1))
    assert decide_at_once(policy, odd, facts) == Decision(Action.HOLD, "not-decided")
    assert decide_knowing(policy, odd, box, facts) == Decision(Action.HOLD, "not-decided")
    trace, _ = explain_knowing(policy, odd, box, facts)
    assert "AttributeError" in trace.steps[-1].why


def test_a_message_that_the_server_fails_over_does_not_hide_the_others() -> None:
    tolerance = Tolerance()
    for error in (Gone("404"), Transient("500"), Transient("500"), Gone("404"), Transient("500"), Transient("500")):
        assert str(error) in tolerance.excuse(error)
    tolerance.forget()
    assert "500" in tolerance.excuse(Transient("500"))


def test_a_server_that_fails_over_one_after_the_other_is_asked_again_later() -> None:
    tolerance = Tolerance()
    for _ in range(MOST_IN_A_ROW - 1):
        tolerance.excuse(Transient("500"))
    with pytest.raises(Transient):
        tolerance.excuse(Transient("500"))


def test_a_busy_server_is_no_message_s_fault() -> None:
    with pytest.raises(Busy):
        Tolerance().excuse(Busy("503"))
