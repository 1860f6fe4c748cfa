"""Nothing that costs no attempt goes on for ever unseen: each error ends its item, or status shows who is kept waiting.

A stranger has a say in what a server answers about one message, so a message that holds up others is told from a server
that holds up everybody: by what gets through.
"""

from collections.abc import Iterator
from contextlib import suppress

import pytest
from celery.exceptions import Ignore, Retry

from rsvpq.lanes import Item, Lane, Lanes
from rsvpq.lanes.status import ServerStatus
from rsvpq.mail.errors import Busy, ExchangeError, LoginRefused, NotAnswerable, Unsettled
from rsvpq.tasks import contract
from rsvpq.tasks.journal import LeaseLost, Outcome, Paused, Taken
from rsvpq.tasks.runner import Carrier
from tests.integration.test_carrier import ATTEMPTS, Published, fails, state, succeeds
from tests.support.lanes_with_clock import Clock, offer

#: Many more than any item may take.
TURNS = 500
#: Longer than any hold or delay.
A_WHILE_S = 4000.0


def errors(root: type[ExchangeError] = ExchangeError) -> Iterator[type[ExchangeError]]:
    """Every kind of error that a mail server can make."""
    yield root
    for kind in root.__subclasses__():
        yield from errors(kind)


def example(kind: type[Exception]) -> Exception:
    """One of this kind."""
    more = {Unsettled: (5,), NotAnswerable: ("out-of-date",)}
    return kind("x", *more.get(kind, ()))


ENDLESS = [
    *(example(kind) for kind in errors()),
    Busy("x", scope="mailbox"),
    *(Paused("x"), Taken("x"), LeaseLost("x"), ValueError("x")),
]


@pytest.fixture
def published() -> Published:
    return Published()


@pytest.fixture
def carrier(lanes: Lanes, published: Published) -> Carrier:
    return Carrier(lanes, published, 10, 25, remember_s=3600)


def is_shown(server: ServerStatus) -> bool:
    """Whether status says of the server that it or a mailbox is kept waiting, and why."""
    held = bool(server.held_s and server.held_why) or any(one.why for one in server.held_mailboxes.values())
    return held or server.paused is not None or bool(server.paused_mailboxes)


def turn(lanes: Lanes, carrier: Carrier, error: Exception) -> None:
    """Whatever may go now goes; the item fails, and all others do well."""
    carrier.publish(lanes.ledger.release())
    assert isinstance(carrier.publish, Published)
    while carrier.publish.releases:
        one = carrier.publish.releases.pop(0)
        with suppress(Exception, Retry, Ignore):
            carrier.carry(one.id, one.generation, fails(error) if one.id == "a" else succeeds)


@pytest.mark.parametrize("error", ENDLESS, ids=lambda error: f"{type(error).__name__}-{getattr(error, 'scope', '')}")
def test_what_always_fails_ends_or_is_shown(lanes: Lanes, carrier: Carrier, clock: Clock, error: Exception) -> None:
    lanes.ledger.offer_scans([(Lane("adele", "mail1"), Item("scan", "scan", "scan", {"kind": "scan"}))])
    offer(lanes, "a")
    for _ in range(TURNS):
        if isinstance(error, Paused):  # it is an operator that makes these
            lanes.controls.pause("mailbox", "adele", reason="holiday")
        turn(lanes, carrier, error)
        if state(lanes) == "dead" or is_shown(lanes.snapshot.status().servers["mail1"]):
            break
        clock.turn(A_WHILE_S)
        lanes.ledger.sweep()
    else:
        pytest.fail(f"after {TURNS} turns it is {state(lanes)}, and nothing tells why")


@pytest.mark.parametrize(
    ("error", "mailbox"),
    [
        *((Busy("503", 40), mailbox) for mailbox in ("adele", "bruno")),
        *((LoginRefused("401"), mailbox) for mailbox in ("adele", "bruno")),
        (Busy("locked", 40, "mailbox"), "adele"),
    ],
)
def test_one_message_that_holds_up_others_which_get_through_is_given_up(
    lanes: Lanes, carrier: Carrier, clock: Clock, error: Busy, mailbox: str
) -> None:
    offer(lanes, "a")
    others: list[str] = []
    while state(lanes) != "dead":
        others.append(f"other{len(others)}")
        assert len(others) < TURNS
        offer(lanes, others[-1], mailbox=mailbox)
        turn(lanes, carrier, error)
        clock.turn(1.25 * error.delay_s)
    for _ in range(5):  # what was turned away at the last hold
        turn(lanes, carrier, error)
        clock.turn(1.25 * error.delay_s)
    assert {state(lanes, other) for other in others} == {"done"}


def test_a_server_that_holds_up_everybody_costs_nobody_an_attempt_however_long(
    lanes: Lanes, carrier: Carrier, clock: Clock
) -> None:
    offer(lanes, "a", "b")
    for _ in range(51):
        clock.turn(A_WHILE_S)
        for one in lanes.ledger.release():
            with suppress(Retry):
                carrier.carry(one.id, one.generation, fails(Busy("503", 40)))
    assert {lanes.namespace.redis.hget(f"{lanes.namespace.prefix}:item:{one}", "attempts") or "0" for one in "ab"} == {
        "0"
    }
    assert is_shown(lanes.snapshot.status().servers["mail1"])


def test_a_server_that_turns_all_answers_away_costs_none_an_attempt_although_it_is_scanned(
    lanes: Lanes, carrier: Carrier, clock: Clock
) -> None:
    offer(lanes, "a")
    for number in range(20):
        scan = Item(f"scan-{number}", contract.SCAN_MAILBOX, "scan", {"kind": "scan"})
        lanes.ledger.offer(Lane("bruno", "mail1"), [scan])
        for waited_s in (A_WHILE_S, 50, 50):  # the scan goes between two holds by the answer
            clock.turn(waited_s)
            turn(lanes, carrier, Busy("503", 40))
        assert state(lanes, scan.id) == "done"
    assert lanes.namespace.redis.hget(f"{lanes.namespace.prefix}:item:a", "attempts") == "0"
    assert is_shown(lanes.snapshot.status().servers["mail1"])


def test_what_holds_up_its_mailbox_a_second_time_comes_again_well_after_the_others(
    lanes: Lanes, carrier: Carrier, clock: Clock
) -> None:
    offer(lanes, "a", "b")
    for expected in ("a", "a", "b"):
        (one,) = lanes.ledger.release()
        assert one.id == expected
        with suppress(Retry):
            carrier.carry(one.id, one.generation, fails(Busy("503", 40, "mailbox")))
        clock.turn(50)


def test_what_waits_for_itself_ends_by_its_attempts(lanes: Lanes, carrier: Carrier, clock: Clock) -> None:
    offer(lanes, "a")
    turns = 0
    while state(lanes) != "dead":
        turn(lanes, carrier, Unsettled("no draft yet", 5))
        clock.turn(A_WHILE_S)
        turns += 1
        assert turns <= ATTEMPTS * 101


def test_what_went_well_once_starts_afresh(lanes: Lanes, carrier: Carrier, clock: Clock) -> None:
    offer(lanes, "a")
    for _ in range(100):
        turn(lanes, carrier, Unsettled("no draft yet", 5))
        clock.turn(A_WHILE_S)
    (one,) = lanes.ledger.release()
    assert carrier.carry(one.id, one.generation, lambda _: Outcome("answered")) == "answered"
