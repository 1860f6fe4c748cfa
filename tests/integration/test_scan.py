"""A scan counts what it finds, offers what is to be acted on, and changes nothing in the mailbox."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pytest

from producer.dry_run import Ways, forecast
from producer.inbox import DECIDED_AT_ONCE
from producer.scan import scan
from rsvpq.http import auth
from rsvpq.http.server import Server
from rsvpq.mail.errors import Busy
from rsvpq.mail.messages import Kind, MeetingMessage, Outcome
from rsvpq.ops.forecast import Forecast
from rsvpq.policy import Action, Decision, Facts, Need, Version, decide
from rsvpq.tasks.journal import Journal, LeaseLost, Paused
from rsvpq.webdav.mailbox import Folders, MailboxClient
from testbed.simulated_exchange import World
from tests.integration.exchange_site import BehavingExchange, Site, inbox, lenient
from tests.integration.scripted_server import XML, ScriptedServer, play, rows_page

FOLDERS = Folders(*(f"/exchange/adele/{name}" for name in ("Inbox", "Drafts", "Sent", "Deleted", "sendmsg")))
ANSWERABLE = {Kind.REQUEST, Kind.RESPONSE}


class Scan:
    """One scan: where its offers go, and what its journal says."""

    def __init__(self, mode: Literal["observe", "respond"] = "respond", known: int = 0) -> None:
        self.offers: list[list[MeetingMessage]] = []
        self.steps: dict[str, Any] = {}
        self.answer: Literal["ok", "held", "lost"] = "ok"
        self._policy = lenient(mode)
        self._known = known

    @property
    def offered(self) -> list[MeetingMessage]:
        """All that was offered."""
        return [message for page in self.offers for message in page]

    def run(self, box: MailboxClient) -> Outcome:
        """Scan the mailbox."""
        return scan(box, Journal({}, self._record), self._decide, self._offer)

    def _decide(self, message: MeetingMessage, newest: Version | None) -> Decision:
        return decide(self._policy, message, Facts("adele@example.com", newest=newest), datetime.now(UTC))

    def _record(self, steps: Mapping[str, Any], _intent: bool) -> Literal["ok", "held", "lost"]:
        self.steps = dict(steps)
        return self.answer

    def _offer(self, messages: list[MeetingMessage]) -> tuple[int, int]:
        self.offers.append(messages)
        return max(0, len(messages) - self._known), 0


def of_kinds(site: Site, name: str) -> Counter[str]:
    """How many messages of each kind the oracle put into a mailbox."""
    (facts,) = [facts for facts in site.mailboxes() if facts["mailbox"] == name]
    return Counter(facts["messages"])


@pytest.fixture
def deep(site: Site) -> MailboxClient:
    """The mailbox with several pages; nobody changes it."""
    return MailboxClient(site.server(), next(facts["mailbox"] for facts in site.mailboxes() if facts["deep"]))


def test_requests_and_responses_are_offered_and_the_rest_is_counted_with_its_reason(site: Site) -> None:
    name = next(
        facts["mailbox"]
        for facts in site.mailboxes()
        if facts["messages"]["cancellation"] > 1 and facts["messages"]["other"]
    )
    seeded = of_kinds(site, name)
    run = Scan()
    outcome = run.run(MailboxClient(site.server(), name))
    wanted = seeded["request"] + seeded["response"]
    assert outcome.result == "scanned"
    assert outcome.counts == {
        "scan:found": wanted + seeded["cancellation"] + seeded["other"],
        "scan:offered": wanted,
        "skipped:cancellation": seeded["cancellation"],
        "skipped:unknown-class": seeded["other"],
    }
    assert Counter(message.kind for message in run.offered) == {
        Kind.REQUEST: seeded["request"],
        Kind.RESPONSE: seeded["response"],
    }


def test_a_task_request_is_left_alone_with_its_reason_by_servers_that_show_it_as_a_meeting_message(
    tmp_path: Path,
) -> None:
    world = World(mailboxes=6, requests=2, responses=0, deep=0, seed=5)
    exchange = BehavingExchange(tmp_path, world, [{"task_requests": "calendarmessage"}])
    try:
        site = Site(exchange)
        name = next(facts["mailbox"] for facts in site.mailboxes() if facts["messages"]["task-request"])
        run = Scan()
        outcome = run.run(MailboxClient(site.server(), name))
        assert outcome.counts["skipped:task-request"] == of_kinds(site, name)["task-request"]
        assert {message.kind for message in run.offered} == {Kind.REQUEST}
    finally:
        exchange.part.end()


def test_a_mailbox_with_nothing_in_it_is_scanned(site: Site) -> None:
    name = next(facts["mailbox"] for facts in site.mailboxes() if not any(facts["messages"].values()))
    run = Scan()
    assert run.run(MailboxClient(site.server(), name)) == Outcome("scanned", "found 0, offered 0", {})
    assert run.offered == []


def test_what_was_marked_as_processed_is_not_offered_again(site: Site) -> None:
    box = site.take()
    marked = [message for message in inbox(box) if message.kind in ANSWERABLE][:2]
    for message in marked:
        box.mark_processed(message)
    run = Scan()
    outcome = run.run(box)
    assert outcome.counts["skipped:already-processed"] == 2
    assert not {message.rid for message in marked} & {message.rid for message in run.offered}


def test_all_pages_are_read_before_anything_is_offered(deep: MailboxClient) -> None:
    run = Scan()
    outcome = run.run(deep)
    found = outcome.counts["scan:found"]
    assert found > 250
    assert (len(run.offers), run.steps["pages"]) == (1, -(-found // 100))
    assert len(run.offered) == outcome.counts["scan:offered"]


def test_the_lease_is_kept_while_it_is_decided_on_many_messages(deep: MailboxClient) -> None:
    """By rules without number on an Inbox without end that takes longer than the lease."""
    found = len(inbox(deep))
    attempt = Scan()
    attempt.run(deep)
    assert attempt.steps["decided"] == found // DECIDED_AT_ONCE * DECIDED_AT_ONCE > 0
    steps: dict[str, Any] = {}

    def record(written: Mapping[str, Any], _intent: bool) -> Literal["ok"]:
        steps.update(written)
        return "ok"

    def nothing(_message: MeetingMessage, _newest: Version | None) -> Decision:
        return Decision(Action.SKIP, "no-rule")

    def told(message: MeetingMessage, decision: Decision, held: str = "") -> Forecast:
        return Forecast("adele", str(message.kind), str(decision.action), "", "", held=held)

    forecast(deep, Journal({}, record), Ways(nothing, nothing, lambda _messages: {}, told), 50)
    assert steps["decided"] == attempt.steps["decided"]


def test_only_what_is_new_to_the_lane_counts_as_offered(deep: MailboxClient) -> None:
    run = Scan(known=10)
    outcome = run.run(deep)
    assert outcome.counts["scan:offered"] == len(run.offered) - 10 * len(run.offers)


def test_observing_offers_nothing_and_says_why(deep: MailboxClient) -> None:
    run = Scan("observe")
    outcome = run.run(deep)
    assert run.offered == []
    assert "scan:offered" not in outcome.counts
    assert outcome.counts["skipped:would-accept"] >= 200
    assert "skipped" in outcome.note


@pytest.mark.parametrize("mode", ["observe", "respond"])
def test_a_scan_changes_nothing_in_the_mailbox(
    site: Site, deep: MailboxClient, mode: Literal["observe", "respond"]
) -> None:
    before = site.mutating(), inbox(deep)
    Scan(mode).run(deep)
    assert (site.mutating(), inbox(deep)) == before


def test_a_paused_mailbox_is_not_asked_anything(scripted: ScriptedServer) -> None:
    run = Scan()
    run.answer = "held"
    with pytest.raises(Paused):
        run.run(scripted_box(scripted))
    assert scripted.requests == []


def test_a_scan_without_its_lease_stops(scripted: ScriptedServer) -> None:
    run = Scan()
    run.answer = "lost"
    with pytest.raises(LeaseLost):
        run.run(scripted_box(scripted))
    assert scripted.requests == []


def test_while_a_page_is_missing_nothing_is_offered_that_a_later_one_may_outdate(scripted: ScriptedServer) -> None:
    pages = [
        play(207, rows_page(*rows), Content_Range=f"rows {rows[0]}-{rows[-1]}; total=250", **XML)
        for rows in (range(100), range(100, 200))
    ]
    scripted.script(*pages, play(503, Retry_After="9"))
    run = Scan()
    with pytest.raises(Busy) as busy:
        run.run(scripted_box(scripted))
    assert busy.value.delay_s == 9
    assert (run.offers, run.steps["pages"]) == ([], 2)


def test_a_scan_that_begins_anew_finds_the_same_messages_again(deep: MailboxClient) -> None:
    first, second = Scan(), Scan()
    first.run(deep)
    second.run(deep)
    assert first.offered == second.offered


def scripted_box(server: ScriptedServer) -> MailboxClient:
    """The mailbox of the scripted server."""
    return MailboxClient(Server(server.url + "/exchange/", auth.basic("svc", "secret")), "adele", FOLDERS)


def test_what_is_read_after_the_inbox_does_not_hide_that_rows_of_it_were_unreadable(tmp_path: Path) -> None:
    exchange = BehavingExchange(tmp_path, World(mailboxes=4, requests=6, seed=7), [{"row_error": "500"}])
    try:
        box = Site(exchange).take()
        undecided = Decision(Action.ACCEPT, "later", needs=frozenset({Need.APPOINTMENT}))

        def look(_message: MeetingMessage, _newest: Version | None) -> Decision:
            assert list(box.sent_responses()) == []
            return Decision(Action.ACCEPT, "now")

        def tell(message: MeetingMessage, decision: Decision, held: str = "") -> Forecast:
            return Forecast("adele", str(message.kind), str(decision.action), "", str(decision.reason), held=held)

        ways = Ways(lambda _message, _newest: undecided, look, lambda _messages: {}, tell)
        told, counts = forecast(box, Journal({}, lambda _steps, _intent: "ok"), ways, most=10)
    finally:
        exchange.part.end()
    assert counts["unreadable"] == 1
    assert {row.reason for row in told} == {"now"}
