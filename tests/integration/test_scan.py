"""A scan counts what it finds, offers what is to be acted on, and changes nothing in the mailbox."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pytest

from producer.scan import scan
from producer.visit import DECIDED_PER_STEP
from rsvpq.http import auth
from rsvpq.lanes import Lanes, ScanTotals
from rsvpq.mail.errors import Busy
from rsvpq.mail.messages import Kind, Mailbox, MeetingMessage
from rsvpq.tasks import contract
from rsvpq.tasks.journal import Journal, LeaseLost, Outcome, Paused
from rsvpq.webdav.folders import Folders
from rsvpq.webdav.mailbox import WebDavMailbox
from rsvpq.webdav.server import WebDavServer
from testbed.simulated_exchange import World
from tests.support.exchange_site import BehavingExchange, Site, box_name, inbox, lenient
from tests.support.scripted_server import XML, ScriptedServer, play, rows_page
from tests.support.visits import Visitor

FOLDERS = Folders(*(f"/exchange/adele/{name}" for name in ("Inbox", "Drafts", "Sent", "Deleted", "sendmsg")))
ANSWERABLE = {Kind.REQUEST, Kind.RESPONSE}


class Scan:
    """One scan: what it offers, and what its journal says."""

    def __init__(self, lanes: Lanes, box: WebDavMailbox, mode: Literal["observe", "respond"] = "respond") -> None:
        mailbox = Mailbox(box_name(box), "mail1")
        self.visitor = Visitor(lanes, box, mailbox, lenient(mode))
        self.steps: dict[str, Any] = {}
        self.answer: Literal["ok", "held", "lost"] = "ok"
        #: How many items waited at each step.
        self.waiting: set[int] = set()

    def run(self) -> Outcome:
        """Scan the mailbox."""
        return scan(self.visitor.visit(Journal({}, self._record)))

    def offered(self) -> list[MeetingMessage]:
        """What of the Inbox is in the ledger."""
        return self.visitor.known(inbox(self.visitor.box))

    def _record(self, steps: Mapping[str, Any], _intent: bool, *_: object) -> Literal["ok", "held", "lost"]:
        self.steps = dict(steps)
        self.waiting.add(len(self.visitor.waiting()))
        return self.answer


def of_kinds(site: Site, name: str) -> Counter[str]:
    """How many messages of each kind the oracle put into a mailbox."""
    (facts,) = [facts for facts in site.mailboxes() if facts["mailbox"] == name]
    return Counter(facts["messages"])


@pytest.fixture
def deep(site: Site) -> WebDavMailbox:
    """The mailbox with several pages; nobody changes it."""
    return WebDavMailbox(site.server(), next(facts["mailbox"] for facts in site.mailboxes() if facts["deep"]))


def skipped_of(outcome: Outcome) -> Mapping[str, int]:
    """Return what the scan left alone, by reason."""
    assert outcome.totals is not None
    return outcome.totals.skipped


def test_requests_and_responses_are_offered_and_the_rest_is_counted_with_its_reason(site: Site, lanes: Lanes) -> None:
    name = next(
        facts["mailbox"]
        for facts in site.mailboxes()
        if facts["messages"]["cancellation"] > 1 and facts["messages"]["other"]
    )
    seeded = of_kinds(site, name)
    run = Scan(lanes, WebDavMailbox(site.server(), name))
    outcome = run.run()
    wanted = seeded["request"] + seeded["response"]
    assert outcome.result == "scanned"
    assert outcome.counts == {"scan:offered": wanted}
    left = {"cancellation": seeded["cancellation"], "unknown-class": seeded["other"]}
    assert outcome.totals == ScanTotals(wanted + sum(left.values()), 0, 0, left)
    assert Counter(message.kind for message in run.offered()) == {
        Kind.REQUEST: seeded["request"],
        Kind.RESPONSE: seeded["response"],
    }
    assert [release.mailbox for release in run.visitor.published] == [name]
    assert len(run.visitor.waiting()) == wanted


def test_a_task_request_is_left_alone_with_its_reason_by_servers_that_show_it_as_a_meeting_message(
    tmp_path: Path, lanes: Lanes
) -> None:
    world = World(mailboxes=6, requests=2, responses=0, deep=0, seed=5)
    exchange = BehavingExchange(tmp_path, world, [{"task_requests": "calendarmessage"}])
    try:
        site = Site(exchange)
        name = next(facts["mailbox"] for facts in site.mailboxes() if facts["messages"]["task-request"])
        run = Scan(lanes, WebDavMailbox(site.server(), name))
        outcome = run.run()
        assert skipped_of(outcome)["task-request"] == of_kinds(site, name)["task-request"]
        assert {message.kind for message in run.offered()} == {Kind.REQUEST}
    finally:
        exchange.part.end()


def test_a_mailbox_with_nothing_in_it_is_scanned(site: Site, lanes: Lanes) -> None:
    name = next(facts["mailbox"] for facts in site.mailboxes() if not any(facts["messages"].values()))
    run = Scan(lanes, WebDavMailbox(site.server(), name))
    assert run.run() == Outcome("scanned", "found 0, offered 0", {}, totals=ScanTotals(0, 0, 0))
    assert run.visitor.waiting() == []


def test_what_was_marked_as_processed_is_not_offered_again(site: Site, lanes: Lanes) -> None:
    box = site.take()
    marked = [message for message in inbox(box) if message.kind in ANSWERABLE][:2]
    for message in marked:
        box.mark_processed(message)
    run = Scan(lanes, box)
    outcome = run.run()
    assert skipped_of(outcome)["already-processed"] == 2
    assert not {message.ref.key for message in marked} & {message.ref.key for message in run.offered()}


def test_all_pages_are_read_before_anything_is_offered(lanes: Lanes, deep: WebDavMailbox) -> None:
    run = Scan(lanes, deep)
    outcome = run.run()
    assert outcome.totals is not None
    found = outcome.totals.found
    assert found > 250
    assert (run.waiting, run.steps["pages"]) == ({0}, -(-found // 100))
    assert len(run.offered()) == outcome.counts["scan:offered"]


def test_the_lease_is_kept_while_it_is_decided_on_many_messages(lanes: Lanes, deep: WebDavMailbox) -> None:
    """By rules without number on an Inbox without end that takes longer than the lease."""
    found = len(inbox(deep))
    attempt = Scan(lanes, deep)
    attempt.run()
    assert attempt.steps["decided"] == found // DECIDED_PER_STEP * DECIDED_PER_STEP > 0


def test_only_what_is_new_to_the_lane_counts_as_offered(lanes: Lanes, deep: WebDavMailbox) -> None:
    run, known = Scan(lanes, deep), [one for one in inbox(deep) if one.kind is Kind.REQUEST][:10]
    lanes.ledger.offer(
        contract.lane_of(run.visitor.mailbox),
        [contract.message_item(run.visitor.mailbox, message) for message in known],
    )
    outcome = run.run()
    assert outcome.counts["scan:offered"] == len(run.offered()) - 10


def test_observing_offers_nothing_and_says_why(lanes: Lanes, deep: WebDavMailbox) -> None:
    run = Scan(lanes, deep, "observe")
    outcome = run.run()
    assert run.offered() == []
    assert "scan:offered" not in outcome.counts
    assert skipped_of(outcome)["would-accept"] >= 200
    alone = {reason for reason in skipped_of(outcome) if not reason.startswith("would-")}
    assert alone, "what would be left alone in any case has its own reason"
    assert "would-skip" not in skipped_of(outcome)
    assert "skipped" in outcome.note


@pytest.mark.parametrize("mode", ["observe", "respond"])
def test_a_scan_changes_nothing_in_the_mailbox(
    site: Site, lanes: Lanes, deep: WebDavMailbox, mode: Literal["observe", "respond"]
) -> None:
    before = site.mutating(), inbox(deep)
    Scan(lanes, deep, mode).run()
    assert (site.mutating(), inbox(deep)) == before


def test_a_paused_mailbox_is_not_asked_anything(lanes: Lanes, scripted: ScriptedServer) -> None:
    run = Scan(lanes, scripted_box(scripted))
    run.answer = "held"
    with pytest.raises(Paused):
        run.run()
    assert scripted.requests == []


def test_a_scan_without_its_lease_stops(lanes: Lanes, scripted: ScriptedServer) -> None:
    run = Scan(lanes, scripted_box(scripted))
    run.answer = "lost"
    with pytest.raises(LeaseLost):
        run.run()
    assert scripted.requests == []


def test_while_a_page_is_missing_nothing_is_offered_that_a_later_one_may_outdate(
    lanes: Lanes, scripted: ScriptedServer
) -> None:
    pages = [
        play(207, rows_page(*rows), Content_Range=f"rows {rows[0]}-{rows[-1]}; total=250", **XML)
        for rows in (range(100), range(100, 200))
    ]
    scripted.script(*pages, play(503, Retry_After="9"))
    run = Scan(lanes, scripted_box(scripted))
    with pytest.raises(Busy) as busy:
        run.run()
    assert busy.value.delay_s == 9
    assert (run.visitor.waiting(), run.steps["pages"]) == ([], 2)


def test_a_scan_that_begins_anew_finds_the_same_messages_again(lanes: Lanes, deep: WebDavMailbox) -> None:
    first = Scan(lanes, deep)
    first.run()
    waiting, again = first.visitor.waiting(), Scan(lanes, deep)
    assert "scan:offered" not in again.run().counts
    assert first.visitor.waiting() == waiting
    assert again.visitor.published == []


def scripted_box(server: ScriptedServer) -> WebDavMailbox:
    """The mailbox of the scripted server."""
    return WebDavMailbox(WebDavServer(server.url + "/exchange/", auth.basic("svc", "secret")), "adele", FOLDERS)
