"""A dry run reports what a scan would do, and an explanation why; neither changes anything."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from producer.dry_run import dry_run
from producer.explain import explain
from producer.scan import scan
from producer.visit import DECIDED_PER_STEP, Caps
from rsvpq.lanes import Lanes
from rsvpq.mail.messages import Kind, Mailbox
from rsvpq.policy import Policy
from rsvpq.tasks import contract
from rsvpq.tasks.journal import Journal
from rsvpq.webdav.mailbox import WebDavMailbox
from testbed.simulated_exchange import World
from tests.support.ews_site import EwsSite, requests_in
from tests.support.exchange_site import BehavingExchange, Site, box_name, inbox, lenient
from tests.support.lanes_with_clock import everything
from tests.support.visits import NO_CAPS, Visitor


@pytest.fixture
def visitor(site: Site, lanes: Lanes) -> Visitor:
    """Who visits a mailbox of the test's own, which has several requests."""
    box = site.take(fits=lambda box: len([one for one in inbox(box) if one.kind is Kind.REQUEST]) >= 4)
    return Visitor(lanes, box, Mailbox(box_name(box), "mail1"))


def of_requests(visitor: Visitor) -> list[Mapping[str, Any]]:
    """What the last run has reported of the requests."""
    return [row for row in visitor.reported().found if row["kind"] == "request"]


def test_what_a_dry_run_would_offer_is_what_a_scan_offers(visitor: Visitor) -> None:
    outcome = dry_run(visitor.visit())
    rows = visitor.reported().found
    assert outcome.result == "dry-run"
    assert len(rows) == visitor.reported().counts["found"] == len(inbox(visitor.box))
    assert visitor.waiting() == []
    scan(visitor.visit())
    acted_on = {row["item"] for row in rows if row["decision"] in {"accept", "open", "undecided"}}
    assert acted_on == set(visitor.waiting()) != set()


def test_a_dry_run_changes_nothing_but_what_it_reports(site: Site, visitor: Visitor) -> None:
    before = site.mutating(), inbox(visitor.box), everything(visitor.lanes)
    dry_run(visitor.visit())
    after = everything(visitor.lanes)
    (report,) = set(after) - set(before[2])
    del after[report]
    assert (site.mutating(), inbox(visitor.box), after) == before


def test_what_is_over_the_cap_of_a_scan_is_held(visitor: Visitor) -> None:
    visitor.caps = Caps(per_scan=1, per_run=100)
    dry_run(visitor.visit())
    held = [row for row in of_requests(visitor) if row["held"] == "cap"]
    assert visitor.reported().counts["requests"] == 1
    assert {row["answer"] for row in held} == {""}
    outcome = scan(visitor.visit())
    assert outcome.totals is not None
    assert outcome.totals.capped == outcome.totals.skipped["over-the-cap"] == len(held)


def test_what_the_ledger_has_already_is_held_with_its_state(visitor: Visitor) -> None:
    request = next(one for one in inbox(visitor.box) if one.kind is Kind.REQUEST)
    visitor.lanes.ledger.offer(contract.lane_of(visitor.mailbox), [contract.message_item(visitor.mailbox, request)])
    dry_run(visitor.visit())
    held = {row["item"]: row["held"] for row in of_requests(visitor)}
    assert held[request.identity(visitor.mailbox)] == "pending"
    assert set(held.values()) == {"", "pending"}


def test_a_preliminary_decision_becomes_the_one_of_a_worker(visitor: Visitor) -> None:
    visit = visitor.visit()
    preliminary = [decision for _, decision in visit.decide(visit.read_inbox()) if decision.needs]
    dry_run(visit)
    assert preliminary
    assert {row["needs"] for row in visitor.reported().found} == {""}


def test_the_lease_is_kept_while_a_dry_run_decides_on_many_messages(site: Site, lanes: Lanes) -> None:
    box = WebDavMailbox(site.server(), next(facts["mailbox"] for facts in site.mailboxes() if facts["deep"]))
    steps: dict[str, Any] = {}

    def record(written: Mapping[str, Any], _intent: bool, *_: object) -> Literal["ok"]:
        steps.update(written)
        return "ok"

    # By a policy under which all is too old, so that nothing has to be examined.
    visitor = Visitor(lanes, box, Mailbox(box_name(box), "mail1"), Policy("respond"))
    dry_run(visitor.visit(Journal({}, record)))
    assert steps["decided"] == len(inbox(box)) // DECIDED_PER_STEP * DECIDED_PER_STEP > 0


def test_what_is_read_after_the_inbox_does_not_hide_that_rows_of_it_were_unreadable(
    tmp_path: Path, lanes: Lanes
) -> None:
    exchange = BehavingExchange(tmp_path, World(mailboxes=4, requests=6, seed=7), [{"row_error": "500"}])
    try:
        visitor = Visitor(lanes, Site(exchange).take(), caps=NO_CAPS)
        dry_run(visitor.visit())
    finally:
        exchange.part.end()
    assert visitor.reported().counts["unreadable"] == 1


def test_a_message_is_explained_by_its_uid_with_every_step(visitor: Visitor) -> None:
    request = next(one for one in inbox(visitor.box) if one.kind is Kind.REQUEST)
    outcome = explain(visitor.visit(), {"uid": request.uid})
    rows = visitor.reported().found
    assert outcome.result == "explained"
    assert {row["uid"] for row in rows} == {request.uid}
    assert all(row["steps"] and row["decision"] for row in rows)
    assert visitor.waiting() == []


def test_without_a_wish_the_newest_messages_are_explained_first(visitor: Visitor) -> None:
    explain(visitor.visit(), {})
    newest_first = [message.identity(visitor.mailbox) for message in reversed(inbox(visitor.box))]
    assert [row["item"] for row in visitor.reported().found] == newest_first[:20]


def test_the_text_of_an_answer_is_shown_where_the_server_sends_it(site: Site, visitor: Visitor) -> None:
    ews, policy = EwsSite(site.exchange), replace(lenient(), answer_text="By a program.")
    address = ews.take(lambda box: len(requests_in(box)) > 1)
    by_ews = Visitor(visitor.lanes, visitor.box, Mailbox(address, "mail1"), policy, runs=100)
    explain(replace(by_ews.visit(), box=ews.box(address)), {})
    answered = [row for row in of_requests(by_ews) if row["decision"] == "accept" and row["response_requested"]]
    assert answered
    assert {row["text"] for row in answered} == {"By a program."}

    visitor.policy = policy
    explain(visitor.visit(), {})
    assert {row["text"] for row in of_requests(visitor)} == {""}
