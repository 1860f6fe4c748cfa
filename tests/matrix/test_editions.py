"""Mail in which one message is easily taken for another: each edition of each occurrence is answered once.

Mailboxes have occurrences of series that were moved, canceled or invited to one by one, the same request twice, and
requests beside their updates. They are worked to the end, whatever is forgotten or lost on the way; the simulator
counts by edition.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from redis import Redis

from rsvpq.mail.editions import MeetingKey
from rsvpq.mail.messages import Kind
from rsvpq.policy import Action, Policy, Rule
from rsvpq.tasks.journal import Journal
from rsvpq.tasks.recollection import Recollection
from rsvpq.webdav.mailbox import WebDavMailbox
from testbed.simulated_exchange import World
from tests.matrix.case import Bench
from tests.matrix.operator import Operator
from tests.support.exchange_site import inbox, lenient

WORLD = World(mailboxes=120, requests=1, responses=1, seed=33, occurrences=3, copies=2, updates=2)
DECLINE = (Rule("no", Action.DECLINE),)
#: What is due to a moved meeting: a clash is declined, all else accepted.
CLASH = (Rule("clash", Action.DECLINE, Kind.REQUEST, {"conflict": True}), Rule("rest", Action.ACCEPT))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """The simulator and its mailboxes, of which each case takes one."""
    bench = Bench(tmp_path_factory.mktemp("editions"), WORLD)
    try:
        yield bench
    finally:
        bench.exchange.part.end()


@pytest.fixture
def bench(world: Bench, redis: Redis) -> Bench:
    """The same with an empty ledger, every switch at its default and no faults."""
    world.reset(redis)
    return world


def worked_by(bench: Bench, policy: Policy | None = None) -> Operator:
    """Somebody who works a mailbox that nobody has touched."""
    operator = bench.operator(bench.mailbox())
    operator.policy = policy or lenient()
    return operator


def judged(bench: Bench, operator: Operator) -> list[dict[str, Any]]:
    """What the oracle says of each request, after it has said that nothing was done which must not be."""
    seeded = bench.exchange.messages(operator.mailbox.name)
    assert [one for one in seeded if one["forbidden"]] == []
    return [one for one in seeded if one["kind"] == "request"]


def states(bench: Bench, operator: Operator) -> set[str]:
    """The fates of the requests: each is that of its edition."""
    return {one["state"] for one in judged(bench, operator)}


ANSWERED = {"answered_once", "outdated"}


@pytest.mark.parametrize("fate", ["removed", "left", "deleted-items"])
@pytest.mark.parametrize("rules", [(), DECLINE, CLASH], ids=["accept", "decline", "clash"])
def test_each_edition_of_each_occurrence_is_answered_once(bench: Bench, fate: str, rules: tuple[Rule, ...]) -> None:
    bench.switch(request_fate=fate)
    operator = worked_by(bench, lenient_with(rules))
    operator.work(scans=3)
    assert states(bench, operator) == ANSWERED
    assert operator.dead == []


@pytest.mark.parametrize("fate", ["removed", "left", "deleted-items"])
def test_what_is_declined_is_remembered_where_redis_has_forgotten_everything(
    bench: Bench, redis: Redis, fate: str
) -> None:
    bench.switch(request_fate=fate)
    operator = worked_by(bench, lenient_with(DECLINE))
    operator.work()
    redis.flushdb()
    bench.configure(redis)
    operator.lanes = bench.lanes
    operator.policy = lenient()
    operator.work(scans=2)
    assert states(bench, operator) == ANSWERED


@pytest.mark.parametrize("uid", ["clean", "dated"])
@pytest.mark.parametrize("hidden", [{"draft_recurrence_id": "missing"}, {"draft_uid": False}], ids=str)
def test_what_was_sent_tells_what_it_was_about_where_an_answer_does_not_show_it(
    bench: Bench, redis: Redis, hidden: dict[str, object], uid: str
) -> None:
    bench.switch(**hidden, occurrence_uid=uid)
    operator = worked_by(bench, lenient_with(DECLINE))
    box = WebDavMailbox(operator.server, operator.mailbox.name)
    asked = [one for one in inbox(box) if one.kind is Kind.REQUEST and one.response_requested]
    operator.work()
    left = {one.ref.key for one in inbox(box)}
    answered = [one for one in asked if one.ref.key not in left]
    assert len([one for one in answered if one.occurrence]) > 1
    redis.flushdb()
    journal = Journal({}, lambda *_: "ok")
    found = Recollection(operator.lanes, operator.policy.max_age).in_mailbox(box, journal)
    topics = [(one, found.get(MeetingKey.of(one).topic)) for one in answered]
    assert [one.uid for one, known in topics if known is None or not known.covering(one)] == []


@pytest.mark.parametrize("shown", ["shown", "missing"])
@pytest.mark.parametrize("kind", ["lost-reply", "reset-before", "500-after"])
def test_answers_to_two_occurrences_are_not_taken_for_each_other_when_replies_are_lost(
    bench: Bench, kind: str, shown: str
) -> None:
    bench.switch(draft_recurrence_id=shown)
    bench.fault({"step": "accept", "kind": kind, "rate": 0.34, "times": 50})
    operator = worked_by(bench)
    operator.work(scans=3)
    assert states(bench, operator) == ANSWERED
    assert operator.dead == []


@pytest.mark.parametrize(
    "switched",
    [
        {"calendar_item": "at-send"},
        {"draft": "numbered"},
        {"draft": "verdict", "draft_uid": False, "draft_subject": False},
        {"draft_delay_ms": 60_000},
        {"draft_delay_ms": 60_000, "request_fate": "left"},
        {"draft_uid": False},
        {"occurrence_uid": "dated"},
        {"occurrence_uid": "dated", "draft_recurrence_id": "missing", "request_fate": "left"},
    ],
    ids=str,
)
def test_editions_are_distinguished_whatever_the_server_shows(bench: Bench, switched: dict[str, object]) -> None:
    bench.switch(**switched)
    operator = worked_by(bench)
    operator.work(scans=3)
    assert states(bench, operator) == ANSWERED
    assert operator.dead == []


@pytest.mark.parametrize("step", ["accept", "submit"])
@pytest.mark.parametrize("kind", ["answered-by-hand", "read-by-hand", "folders-renamed"])
@pytest.mark.parametrize("fate", ["removed", "left"])
def test_a_person_who_works_beside_us_answers_no_edition_again(bench: Bench, step: str, kind: str, fate: str) -> None:
    bench.switch(request_fate=fate)
    bench.fault({"step": step, "kind": kind, "rate": 0.4})
    operator = worked_by(bench)
    operator.work(scans=3)
    assert states(bench, operator) == ANSWERED
    assert operator.dead == []


@pytest.mark.parametrize("skew", [-7200, 7200, 1_814_400])
def test_no_answer_is_looked_for_by_a_clock(bench: Bench, skew: int) -> None:
    bench.switch(transport_skew_s=skew)
    bench.fault({"step": "submit", "kind": "lost-reply", "rate": 0.5, "times": 50})
    operator = worked_by(bench)
    operator.work(scans=3)
    assert states(bench, operator) == ANSWERED
    assert operator.dead == []


def test_who_takes_one_copy_away_has_not_answered_the_other(bench: Bench) -> None:
    left_of_two: list[dict[str, Any]] = []
    for first in range(24):  # the command that strikes a copy is another one in each mailbox
        if left_of_two:
            break
        bench.fault({"step": "accept", "kind": "taken-away", "after": first % 6, "times": 1})
        operator = worked_by(bench)
        operator.work(scans=2)
        assert operator.dead == []
        found = judged(bench, operator)
        taken = {one["edition"] for one in found if one["taken"]}
        left_of_two += [one for one in found if one["edition"] in taken and not one["taken"] and not one["outdated"]]
    assert left_of_two
    assert [one for one in left_of_two if not one["accepted"]] == []


def test_an_old_edition_that_arrives_after_its_update_was_declined_is_left_alone(bench: Bench) -> None:
    operator = worked_by(bench, lenient_with(CLASH))
    operator.work()
    declined = [one for one in judged(bench, operator) if one["declined"]]
    assert declined
    operator.work(scans=2)
    assert [one for one in judged(bench, operator) if one["outdated"] and one["accepted"]] == []


def lenient_with(rules: tuple[Rule, ...]) -> Policy:
    """Every guard that may be opened is open, and these rules decide."""
    return replace(lenient(), rules=rules)
