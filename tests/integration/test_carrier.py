"""One delivery between Celery and the ledger: what each end of the work does to the item, the lane and the server."""

import re
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
from celery.exceptions import Ignore, Retry
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from rsvpq.audit.record import Redaction
from rsvpq.lanes import Item, Lane, Lanes, Memory, Release, Start
from rsvpq.mail.errors import (
    Busy,
    ExchangeError,
    Gone,
    LoginRefused,
    Refused,
    Transient,
    Unknown,
    Unsettled,
    Unsupported,
)
from rsvpq.mail.lease import OutOfTime
from rsvpq.policy import Left
from rsvpq.tasks.journal import Attached, LeaseLost, Outcome, Paused
from rsvpq.tasks.runner import Attempt, Carrier, Handler
from tests.support.lanes_with_clock import Clock, everything, ledger, offer, released

ATTEMPTS = 3
FIRST_DELAY_S, LONGEST_DELAY_S = 10.0, 25.0


class Published:
    """Where released items go instead of to Celery."""

    def __init__(self) -> None:
        self.releases: list[Release] = []

    def __call__(self, releases: Iterable[Release]) -> None:
        self.releases += releases

    @property
    def ids(self) -> list[str]:
        """What was published, in order."""
        return [release.id for release in self.releases]


@pytest.fixture
def published() -> Published:
    return Published()


@pytest.fixture
def carrier(lanes: Lanes, published: Published) -> Carrier:
    return Carrier(lanes, published, FIRST_DELAY_S, LONGEST_DELAY_S, remember_s=3600)


def fails(error: Exception) -> Handler:
    """Handler that ends in this error."""

    def work(_: Attempt) -> Outcome:
        raise error

    return work


def succeeds(_: Attempt) -> Outcome:
    """Handler that does nothing, well."""
    return Outcome("answered")


def never(_: Attempt) -> Outcome:
    """Handler that must not be done."""
    raise AssertionError("nothing may be done")


def state(lanes: Lanes, item_id: str = "a") -> str:
    """The state of an item in the ledger."""
    return str(ledger(lanes, item_id)["state"])


def attempts(lanes: Lanes, item_id: str = "a") -> int:
    """How many attempts were counted."""
    return int(ledger(lanes, item_id)["attempts"])


def due_in_s(lanes: Lanes, clock: Clock, item_id: str = "a") -> float:
    """How long an item waits yet."""
    return float((lanes.namespace.redis.zscore(f"{lanes.namespace.prefix}:later", item_id) - clock.us) / 1e6)


# -- done ----------------------------------------------------------------------------------------------------------


def test_a_success_is_done_counted_and_shown(lanes: Lanes, carrier: Carrier) -> None:
    release = released(lanes, "a")
    assert carrier.carry("a", release.generation, succeeds) == "answered"
    assert state(lanes) == "done"
    assert lanes.snapshot.counts() == {"done:answered": 1}


def test_a_note_is_shown_and_what_else_was_counted_is_counted(lanes: Lanes, carrier: Carrier) -> None:
    release = released(lanes, "a")
    outcome = Outcome("scanned", "found 2", {"scan:found": 2})
    assert carrier.carry("a", release.generation, lambda _: outcome) == "scanned: found 2"
    assert lanes.snapshot.counts() == {"done:scanned": 1, "scan:found": 2}


def test_a_finished_message_stays_known_for_as_long_as_configured(lanes: Lanes, carrier: Carrier) -> None:
    release = released(lanes, "a")
    carrier.carry("a", release.generation, succeeds)
    assert 3590 < lanes.namespace.redis.ttl(f"{lanes.namespace.prefix}:item:a") <= 3600
    offer(lanes, "a")
    assert lanes.ledger.release() == ()


def test_the_work_receives_what_the_ledger_knows(lanes: Lanes, carrier: Carrier) -> None:
    seen: list[Start] = []

    def work(attempt: Attempt) -> Outcome:
        seen.append(attempt.start)
        attempt.journal.intend("accept", ["rid:1"])
        return Outcome("answered")

    carrier.carry("a", released(lanes, "a").generation, work)
    (start,) = seen
    assert (start.mailbox, start.server, start.payload, start.attempt) == ("adele", "mail1", {"kind": "request"}, 1)


def test_each_step_is_in_the_ledger_before_the_next_thing_happens(lanes: Lanes, carrier: Carrier) -> None:
    def work(attempt: Attempt) -> Outcome:
        attempt.journal.intend("accept", ["rid:1"])
        assert ledger(lanes, "a")["journal"] == '{"accept": ["rid:1"]}'
        return Outcome("answered")

    assert carrier.carry("a", released(lanes, "a").generation, work) == "answered"


def test_the_next_attempt_has_the_journal_of_the_one_before(lanes: Lanes, carrier: Carrier, clock: Clock) -> None:
    def first(attempt: Attempt) -> Outcome:
        attempt.journal.intend("accept", ["rid:1"])
        raise Unknown("the answer was lost")

    def second(attempt: Attempt) -> Outcome:
        assert attempt.journal["accept"] == ["rid:1"]
        return Outcome("answered", f"attempt {attempt.start.attempt}")

    with pytest.raises(Retry):
        carrier.carry("a", released(lanes, "a").generation, first)
    clock.turn(LONGEST_DELAY_S)
    (release,) = lanes.ledger.release()
    assert carrier.carry("a", release.generation, second) == "answered: attempt 2"


def test_the_freed_slot_is_refilled_and_published_in_the_same_breath(
    lanes: Lanes, carrier: Carrier, published: Published
) -> None:
    release = released(lanes, "a", "b", "c")
    carrier.carry("a", release.generation, succeeds)
    assert published.ids == ["b"]


@pytest.mark.parametrize("error", [Transient("x"), Refused("x"), ValueError("x")])
def test_the_freed_slot_is_refilled_after_an_error_too(
    lanes: Lanes, carrier: Carrier, published: Published, error: Exception
) -> None:
    release = released(lanes, "a", "b")
    with pytest.raises((Retry, Refused)):
        carrier.carry("a", release.generation, fails(error))
    assert published.ids == ["b"]


# -- busy ----------------------------------------------------------------------------------------------------------


def test_busy_costs_no_attempt_and_waits_as_long_as_the_server_asked(lanes: Lanes, carrier: Carrier) -> None:
    release = released(lanes, "a")
    with pytest.raises(Retry, match="Busy"):
        carrier.carry("a", release.generation, fails(Busy("503", 40)))
    assert (state(lanes), attempts(lanes)) == ("pending", 0)
    assert 40 <= lanes.controls.held("server", "mail1")[0] <= 48
    assert lanes.controls.held("server", "mail1")[1] == "Busy: 503"


def test_busy_never_uses_the_attempts_up(lanes: Lanes, carrier: Carrier, clock: Clock) -> None:
    offer(lanes, "a")
    for _ in range(ATTEMPTS + 2):
        (release,) = lanes.ledger.release()
        with pytest.raises(Retry):
            carrier.carry("a", release.generation, fails(Busy("503", 40)))
        clock.turn(100)
    assert (state(lanes), attempts(lanes)) == ("later", 0)


@pytest.mark.parametrize("error", [Busy("503", 40), LoginRefused("401")])
def test_a_busy_server_is_left_alone_as_a_whole(lanes: Lanes, carrier: Carrier, clock: Clock, error: Busy) -> None:
    release = released(lanes, "a")
    with pytest.raises(Retry):
        carrier.carry("a", release.generation, fails(error))
    offer(lanes, "b", mailbox="bruno", server="mail1")
    offer(lanes, "c", mailbox="carla", server="mail2")
    assert [release.id for release in lanes.ledger.release()] == ["c"]
    clock.turn(error.delay_s * 1.2)
    assert {release.id for release in lanes.ledger.release()} == {"a", "b"}


def test_a_busy_mailbox_leaves_the_others_of_its_server_alone(lanes: Lanes, carrier: Carrier, clock: Clock) -> None:
    release = released(lanes, "a", "a2")
    with pytest.raises(Retry):
        carrier.carry("a", release.generation, fails(Busy("locked", 40, "mailbox")))
    offer(lanes, "b", mailbox="bruno", server="mail1")
    assert [release.id for release in lanes.ledger.release()] == ["b"]
    clock.turn(48)
    assert {release.mailbox for release in lanes.ledger.release()} == {"adele"}


def test_what_has_not_settled_costs_no_attempt_and_holds_nobody_else(
    lanes: Lanes, carrier: Carrier, clock: Clock
) -> None:
    release = released(lanes, "a", "a2")
    with pytest.raises(Retry, match="Unsettled"):
        carrier.carry("a", release.generation, fails(Unsettled("no draft yet", 8)))
    assert (state(lanes), attempts(lanes), due_in_s(lanes, clock)) == ("later", 0, 8)
    assert state(lanes, "a2") == "released"


@pytest.mark.parametrize("error", [RedisConnectionError("no primary"), RedisTimeoutError("no reply")], ids=str)
def test_a_redis_that_was_away_for_a_moment_costs_no_attempt(lanes: Lanes, carrier: Carrier, error: Exception) -> None:
    with pytest.raises(Retry):
        carrier.carry("a", released(lanes, "a").generation, fails(error))
    assert (state(lanes), attempts(lanes)) == ("later", 0)


def test_another_message_about_the_same_meeting_that_was_quicker_is_waited_for(lanes: Lanes, carrier: Carrier) -> None:
    lanes.ledger.offer(Lane("adele", "mail1"), [Item("a", "answer", "answer", {}, topic="budget")])
    (release,) = lanes.ledger.release()

    def work(attempt: Attempt) -> Outcome:
        lanes.topics.remember("adele", {"budget": "declined"}, 60)
        attempt.journal.intend("accept", attached=Attached(memory=Memory("accepted", "", 60)))
        raise AssertionError("the intent of the other one was there first")

    with pytest.raises(Retry, match="another message about the same meeting"):
        carrier.carry("a", release.generation, work)
    assert (state(lanes), attempts(lanes)) == ("later", 1)
    assert lanes.topics.recall("adele", "budget")[0] == "declined"


def test_a_start_of_redis_meanwhile_costs_an_attempt_and_the_next_one_asks_the_mailbox(
    lanes: Lanes, carrier: Carrier, published: Published, clock: Clock
) -> None:
    lanes.ledger.offer(Lane("adele", "mail1"), [Item("a", "answer", "answer", {}, topic="budget")])
    vouched = []

    def work(attempt: Attempt) -> Outcome:
        vouched.append(attempt.start.vouched_s)
        if not attempt.start.vouched_s:
            lanes.topics.remember("adele", {}, 60)
            raise Unsettled("the mailbox was asked", 0)
        if len(vouched) == 2:
            lanes.namespace.redis.script_flush()  # as a Redis that was started anew knows no script
        attempt.journal.intend("accept", attached=Attached(memory=Memory("accepted", "", 60)))
        return Outcome("answered")

    for end in ("Unsettled", "Taken", "Unsettled"):
        published.releases += lanes.ledger.release()
        with pytest.raises(Retry, match=end):
            carrier.carry("a", published.releases[-1].generation, work)
        clock.turn(LONGEST_DELAY_S)
    assert carrier.carry("a", published.releases[-1].generation, work) == "answered"
    assert vouched == [0, 60, 0, 60]
    assert int(ledger(lanes, "a")["attempts"]) == 2


# -- errors that cost an attempt -----------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [Transient("409"), Unknown("lost"), Gone("404"), ValueError("a bug")])
def test_other_errors_cost_an_attempt_and_wait(lanes: Lanes, carrier: Carrier, error: Exception) -> None:
    release = released(lanes, "a")
    with pytest.raises(Retry, match=type(error).__name__):
        carrier.carry("a", release.generation, fails(error))
    assert (state(lanes), attempts(lanes)) == ("later", 1)
    assert ledger(lanes, "a")["reason"] == f"{type(error).__name__}: {error}"


def test_the_delay_doubles_within_its_bounds(carrier: Carrier) -> None:
    longest = {attempt: min(LONGEST_DELAY_S, FIRST_DELAY_S * 2 ** (attempt - 1)) for attempt in (1, 2, 3, 20, 500)}
    assert list(longest.values()) == [10, 20, 25, 25, 25]
    for attempt, most in longest.items():
        delays = [carrier.delay_s(attempt) for _ in range(200)]
        assert most / 2 <= min(delays) < max(delays) <= most


def test_the_delay_is_the_one_in_the_ledger(lanes: Lanes, carrier: Carrier, clock: Clock) -> None:
    release = released(lanes, "a")
    with pytest.raises(Retry) as retry:
        carrier.carry("a", release.generation, fails(Transient("409")))
    assert due_in_s(lanes, clock) == pytest.approx(retry.value.when)
    assert FIRST_DELAY_S / 2 <= due_in_s(lanes, clock) <= FIRST_DELAY_S


@pytest.mark.parametrize("error", [Transient("409"), Unknown("lost"), ValueError("a bug")])
def test_the_last_attempt_is_dead_and_its_error_is_raised(
    lanes: Lanes, carrier: Carrier, clock: Clock, error: Exception
) -> None:
    offer(lanes, "a")
    for _ in range(ATTEMPTS - 1):
        (release,) = lanes.ledger.release()
        with pytest.raises(Retry):
            carrier.carry("a", release.generation, fails(error))
        clock.turn(LONGEST_DELAY_S)
    (release,) = lanes.ledger.release()
    with pytest.raises(type(error), match=str(error)):
        carrier.carry("a", release.generation, fails(error))
    assert state(lanes) == "dead"
    (dead,) = list(lanes.dead_items.all())
    assert (dead.id, dead.attempts, dead.reason) == ("a", ATTEMPTS, f"{type(error).__name__}: {error}")


@pytest.mark.parametrize("error", [Refused("403"), Unsupported("no commands")])
def test_what_is_refused_is_dead_at_once(lanes: Lanes, carrier: Carrier, error: ExchangeError) -> None:
    release = released(lanes, "a")
    with pytest.raises(type(error)):
        carrier.carry("a", release.generation, fails(error))
    assert state(lanes) == "dead"
    assert lanes.snapshot.counts() == {"dead": 1, "dead:refused": 1}
    assert next(iter(lanes.dead_items.all())).reason == str(error)


def test_an_unexpected_exception_is_logged_with_its_trace(
    lanes: Lanes, carrier: Carrier, caplog: pytest.LogCaptureFixture
) -> None:
    release = released(lanes, "a")
    with pytest.raises(Retry):
        carrier.carry("a", release.generation, fails(ValueError("a bug")))
    assert "event=unexpected" in caplog.text
    assert "Traceback" in caplog.text


# -- the log -------------------------------------------------------------------------------------------------------


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The lines about the ends of deliveries, without what differs each time."""
    lines = [record.getMessage() for record in caplog.records if record.name == "rsvpq.tasks.runner"]
    return [re.sub(r"(ms|delay_s)=[\d.]+", r"\1=*", line) for line in lines]


SUBJECT = "server=mail1 mailbox=adele item=a attempt=1"


@pytest.mark.parametrize(
    ("handle", "ends", "line"),
    [
        (succeeds, False, f"event=done {SUBJECT} result=answered ms=*"),
        (
            lambda _: Outcome("skipped", "it is over", left=Left("past")),
            False,
            f"event=left {SUBJECT} result=skipped ms=* reason=it is over",
        ),
        (
            fails(Transient("GET /x returned 500")),
            True,
            f"event=later {SUBJECT} result=later ms=* delay_s=* reason=Transient: GET /x returned 500",
        ),
        (fails(Busy("503", 30)), True, f"event=throttled {SUBJECT} result=throttled ms=* delay_s=* reason=Busy: 503"),
        (fails(Refused("403")), True, f"event=dead {SUBJECT} result=refused ms=* reason=Refused: 403"),
        (fails(Paused("paused")), True, f"event=held {SUBJECT} result=held ms=* reason=paused"),
        (fails(LeaseLost("lost")), True, f"event=lost {SUBJECT} result=lost ms=* reason=lost"),
    ],
)
def test_each_end_of_a_delivery_is_one_line_with_mailbox_item_and_result(
    lanes: Lanes, carrier: Carrier, caplog: pytest.LogCaptureFixture, handle: Handler, ends: bool, line: str
) -> None:
    caplog.set_level("INFO")
    release = released(lanes, "a")
    with pytest.raises((Retry, Ignore, Refused)) if ends else nullcontext():
        carrier.carry("a", release.generation, handle)
    assert logged(caplog) == [line]


def test_the_log_hides_what_the_audit_hides(lanes: Lanes, carrier: Carrier, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    hiding = replace(carrier, redaction=Redaction(frozenset({"addresses", "subjects"}), b"k" * 16))
    release = released(lanes, "a")
    with pytest.raises(Retry):
        hiding.carry("a", release.generation, fails(Transient("GET /exchange/adele/Inbox/Lunch.EML returned 500")))
    (line,) = logged(caplog)
    assert f"mailbox={hiding.redaction.address('adele')} " in line
    assert line.endswith("reason=Transient: GET (hidden) returned 500")
    assert "adele" not in line


# -- pause and lost lease ------------------------------------------------------------------------------------------


def test_a_pause_before_the_start_puts_the_item_back_untouched(lanes: Lanes, carrier: Carrier) -> None:
    release = released(lanes, "a")
    lanes.controls.pause("mailbox", "adele", reason="holiday")
    with pytest.raises(Retry, match="paused"):
        carrier.carry("a", release.generation, never)
    assert state(lanes) == "pending"
    assert "attempts" not in ledger(lanes, "a")


def test_a_pause_during_the_work_puts_the_item_back_at_no_cost(lanes: Lanes, carrier: Carrier) -> None:
    def work(attempt: Attempt) -> Outcome:
        lanes.controls.pause("server", "mail1", reason="maintenance")
        attempt.journal.intend("accept")
        raise AssertionError("nothing may be done")

    release = released(lanes, "a", "b")
    with pytest.raises(Retry, match="paused before accept"):
        carrier.carry("a", release.generation, work)
    assert (state(lanes), attempts(lanes)) == ("pending", 0)
    assert lanes.ledger.release() == ()
    lanes.controls.resume("server", "mail1")
    assert [release.id for release in lanes.ledger.release()] == ["a"]


def test_a_lost_lease_is_ignored_and_changes_nothing(lanes: Lanes, carrier: Carrier, clock: Clock) -> None:
    before: dict[str, Any] = {}

    def work(attempt: Attempt) -> Outcome:
        clock.turn(200)  # longer than the lease
        assert lanes.ledger.sweep() == (1, 0)
        before.update(everything(lanes))
        attempt.journal.intend("accept")
        raise AssertionError("nothing may be done")

    release = released(lanes, "a")
    with pytest.raises(Ignore):
        carrier.carry("a", release.generation, work)
    assert everything(lanes) == before
    assert state(lanes) == "pending"


def test_the_lease_that_requests_are_made_under_is_the_one_in_the_ledger(
    lanes: Lanes, carrier: Carrier, clock: Clock
) -> None:
    def work(attempt: Attempt) -> Outcome:
        assert 0 < attempt.lease.left_s < 180
        clock.turn(170)
        attempt.lease.keep("a long request", 180)
        clock.turn(170)
        assert lanes.ledger.sweep() == (0, 0)
        return Outcome("answered")

    release = released(lanes, "a")
    assert carrier.carry("a", release.generation, work) == "answered"


def test_no_request_is_made_once_the_lease_is_lost(lanes: Lanes, carrier: Carrier, clock: Clock) -> None:
    release = released(lanes, "a")

    def work(attempt: Attempt) -> Outcome:
        clock.turn(181)
        assert lanes.ledger.sweep() == (1, 0)
        attempt.lease.keep("a request", 180)
        raise AssertionError("and so a request was made")

    with pytest.raises(Ignore, match="lost before the next request"):
        carrier.carry("a", release.generation, work)
    assert state(lanes) == "pending"


def test_an_item_that_takes_too_long_costs_an_attempt_and_is_dead_in_the_end(
    lanes: Lanes, carrier: Carrier, clock: Clock
) -> None:
    def work(attempt: Attempt) -> Outcome:
        attempt.lease.keep("SEARCH Drafts")
        raise AssertionError("and so a request was made")

    impatient = replace(carrier, longest_run_s=0)
    release = released(lanes, "a")
    for attempt in (1, 2):
        with pytest.raises(Retry):
            impatient.carry("a", release.generation, work)
        assert (state(lanes), attempts(lanes)) == ("later", attempt)
        clock.turn(LONGEST_DELAY_S)
        [release] = lanes.ledger.release()
    with pytest.raises(OutOfTime):
        impatient.carry("a", release.generation, work)
    assert "SEARCH Drafts: not done, because this item has taken" in next(iter(lanes.dead_items.all())).reason


def test_work_that_ends_after_its_lease_leaves_the_new_owner_alone(
    lanes: Lanes, carrier: Carrier, clock: Clock
) -> None:
    def work(_: Attempt) -> Outcome:
        clock.turn(200)
        lanes.ledger.sweep()
        (again,) = lanes.ledger.release()
        assert lanes.ledger.start("a", again.generation, "other").result == "run"
        return Outcome("answered")

    carrier.carry("a", released(lanes, "a").generation, work)
    assert (state(lanes), ledger(lanes, "a")["owner"]) == ("running", "other")
    assert lanes.snapshot.counts() == {"lease-expired": 1}


# -- deliveries that may not run -----------------------------------------------------------------------------------


def test_a_stale_delivery_touches_nothing(lanes: Lanes, carrier: Carrier, clock: Clock) -> None:
    stale = released(lanes, "a")
    clock.turn(61)
    lanes.ledger.sweep()
    lanes.ledger.release()
    before = everything(lanes)
    with pytest.raises(Ignore, match="stale"):
        carrier.carry("a", stale.generation, never)
    assert everything(lanes) == before


def test_a_delivery_that_comes_twice_touches_nothing(lanes: Lanes, carrier: Carrier) -> None:
    release = released(lanes, "a")
    lanes.ledger.start("a", release.generation, "other")
    before = everything(lanes)
    with pytest.raises(Ignore, match="running"):
        carrier.carry("a", release.generation, never)
    assert everything(lanes) == before


def test_a_delivery_of_what_is_done_touches_nothing(lanes: Lanes, carrier: Carrier) -> None:
    release = released(lanes, "a")
    carrier.carry("a", release.generation, succeeds)
    before = everything(lanes)
    assert carrier.carry("a", release.generation, never) == "nothing to do: the item is final"
    assert everything(lanes) == before


def test_a_delivery_of_what_is_dead_touches_nothing(lanes: Lanes, carrier: Carrier) -> None:
    release = released(lanes, "a")
    with pytest.raises(Refused):
        carrier.carry("a", release.generation, fails(Refused("403")))
    before = everything(lanes)
    assert carrier.carry("a", release.generation, never) == "nothing to do: the item is final"
    assert everything(lanes) == before


def test_a_delivery_that_the_ledger_does_not_know_touches_nothing(lanes: Lanes, carrier: Carrier) -> None:
    lanes.ledger.start("nobody", 1, "other")  # a server that does not know the script yet counts as started anew
    before = everything(lanes)
    assert carrier.carry("nobody", 1, never) == "nothing to do: the item is unknown"
    assert everything(lanes) == before


def test_a_carrier_serves_items_of_any_mailbox(lanes: Lanes, carrier: Carrier) -> None:
    for mailbox in (Lane("adele", "mail1"), Lane("o'neil", "mail2")):
        release = released(lanes, mailbox.name, mailbox=mailbox.name, server=mailbox.server)
        assert carrier.carry(mailbox.name, release.generation, succeeds) == "answered"
