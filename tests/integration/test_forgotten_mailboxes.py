"""Mailboxes that have left the list are forgotten after a month, unless something of them is in the ledger."""

from collections.abc import Callable
from typing import Any

import pytest

from producer.dispatcher import Dispatcher, Plan
from rsvpq.lanes import Ending, Item, Lanes, ScanTotals
from rsvpq.lanes.repair import UNLISTED_KEPT_S
from rsvpq.mail.messages import Mailbox
from rsvpq.ops import open_context
from rsvpq.ops.mailboxes import MailboxChoice, examine_mailboxes
from rsvpq.tasks import contract
from tests.integration.test_mailboxes_command import on_clock, scan, unlist
from tests.support.installation import Installation
from tests.support.lanes_with_clock import Clock

ADELE, BRUNO = Mailbox("adele", "mail1"), Mailbox("bruno", "mail1")
LISTED = {"bruno"}
DAY_S = 86_400


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lanes(installation: Installation, clock: Clock) -> Lanes:
    """Two mailboxes that were scanned; adele has left the list since."""
    lanes = on_clock(installation, clock)
    for mailbox in (ADELE, BRUNO):
        scan(lanes, mailbox)
    assert lanes.repair.forget_unlisted(LISTED) == 0
    return lanes


def after_a_month(lanes: Lanes, clock: Clock) -> set[str]:
    """The mailboxes that are still known."""
    clock.turn(UNLISTED_KEPT_S)
    lanes.repair.forget_unlisted(LISTED)
    return lanes.snapshot.known()


def keys_of(lanes: Lanes, mailbox: str) -> list[str]:
    return sorted(lanes.namespace.redis.scan_iter(f"{lanes.namespace.prefix}:*:{mailbox}"))


def test_an_idle_mailbox_is_forgotten_after_a_month_and_not_before(lanes: Lanes, clock: Clock) -> None:
    lanes.namespace.redis.hset(lanes.namespace.key("decided", "adele"), "x", "y")
    clock.turn(UNLISTED_KEPT_S - DAY_S)
    assert lanes.repair.forget_unlisted(LISTED) == 0
    clock.turn(DAY_S)
    assert lanes.repair.forget_unlisted(LISTED) == 1
    assert lanes.snapshot.known() == LISTED
    assert keys_of(lanes, "adele") == []
    assert lanes.repair.forget_unlisted(LISTED) == 0


def has_waiting(lanes: Lanes) -> None:
    lanes.ledger.offer(contract.lane_of(ADELE), [Item("a1", contract.ANSWER_REQUEST, "answer", {"kind": "request"})])


def has_dead(lanes: Lanes) -> None:
    has_waiting(lanes)
    (release,) = lanes.ledger.release()
    lanes.ledger.start("a1", release.generation, "worker")
    lanes.ledger.finish("a1", release.generation, "worker", Ending("dead", label="dead:refused", reason="no"))


def is_at_work(lanes: Lanes) -> None:
    has_waiting(lanes)
    (release,) = lanes.ledger.release()
    lanes.ledger.start("a1", release.generation, "worker")


def is_paused(lanes: Lanes) -> None:
    lanes.controls.pause("mailbox", "adele", reason="on leave")


def has_limits(lanes: Lanes) -> None:
    lanes.controls.limit("mailbox", "adele", rate=None, burst=3, concurrency=None)


def has_a_draft(lanes: Lanes) -> None:
    lanes.namespace.redis.hset(lanes.namespace.key("drafts"), "adele", "[]")


@pytest.mark.parametrize("keep", [has_waiting, has_dead, is_at_work, is_paused, has_limits, has_a_draft])
def test_a_mailbox_of_which_something_is_left_stays(lanes: Lanes, clock: Clock, keep: Callable[[Lanes], Any]) -> None:
    keep(lanes)
    assert after_a_month(lanes, clock) == {"adele", "bruno"}


def test_one_that_was_back_in_the_list_begins_anew(lanes: Lanes, clock: Clock) -> None:
    clock.turn(20 * DAY_S)
    scan(lanes, ADELE, ScanTotals(0, 0, 0), run="back")
    lanes.repair.forget_unlisted(LISTED)
    clock.turn(20 * DAY_S)
    lanes.repair.forget_unlisted(LISTED)
    assert lanes.snapshot.known() == {"adele", "bruno"}
    assert after_a_month(lanes, clock) == LISTED


def test_without_a_list_nothing_is_forgotten(lanes: Lanes, clock: Clock) -> None:
    clock.turn(2 * UNLISTED_KEPT_S)
    assert lanes.repair.forget_unlisted(()) == 0
    assert lanes.snapshot.known() == {"adele", "bruno"}


def test_the_dispatcher_does_it_by_the_list(lanes: Lanes, clock: Clock) -> None:
    clock.turn(UNLISTED_KEPT_S)
    Dispatcher(lanes, lambda _: None, lambda _: None, Plan((), lambda: None, lambda: LISTED)).sweep()
    assert lanes.snapshot.known() == LISTED


def test_an_operator_sees_since_when_it_is_unlisted(installation: Installation, lanes: Lanes, clock: Clock) -> None:
    unlist(installation, "adele")
    clock.turn(3 * DAY_S)
    rows = examine_mailboxes(open_context(installation.settings, lanes), MailboxChoice(state="unlisted")).rows
    assert [(row.mailbox, row.symptoms[0].since_s) for row in rows] == [("adele", 3 * DAY_S)]
