"""The audit against a real Redis: each event, once, in the same step as what it tells of."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery.exceptions import Retry

from rsvpq.audit.log import AuditLog, AuditRecord, Filter
from rsvpq.audit.record import Audit, AuditedDecision, Redaction
from rsvpq.lanes import Ending, Lanes, Release
from rsvpq.lanes.limits import Limits, Rate
from rsvpq.mail.errors import Busy, ExchangeError, MailboxRefused, Refused, Transient
from rsvpq.mail.messages import ItemRef, Kind, Mailbox, MeetingMessage, Sensitivity
from rsvpq.policy import Left
from rsvpq.tasks import contract
from rsvpq.tasks.journal import Attached, Outcome
from rsvpq.tasks.recollection import Recollection
from rsvpq.tasks.runner import Attempt, Carrier, Handler
from tests.support.exchange_site import Site, box_name, lenient, requests_in
from tests.support.lanes_with_clock import Clock
from workers.deciding import Decider

ADELE = Mailbox("adele", "mail1")
HIDING = Redaction(frozenset({"subjects", "addresses"}), b"0123456789abcdef")
MESSAGE = MeetingMessage(
    Kind.REQUEST,
    ItemRef("rid:1", ("/exchange/adele/Inbox/Budget.EML", "")),
    uid="UID-1",
    subject="Budget",
    organizer='"Bruno" <bruno@example.com>',
    start=datetime(2007, 12, 30, 5, 16, 11, 844_000, UTC),
)
ITEM = MESSAGE.identity(ADELE)
#: What every record of the message says.
FACTS = {
    "item": ITEM,
    "kind": "request",
    "mailbox": "adele",
    "server": "mail1",
    "run": "r1",
    "uid": "UID-1",
    "organizer": '"Bruno" <bruno@example.com>',
    "subject": "Budget",
    "start": "2007-12-30T05:16:11.844Z",
}
ACCEPT = AuditedDecision("accept", "", "every-request")


def offered(lanes: Lanes, message: MeetingMessage = MESSAGE, redaction: Redaction | None = None) -> Release:
    """Offer the message as a scan does, and release it."""
    facts = Audit(lanes, redaction or Redaction(), 3600).facts(ADELE, message, "r1")
    lanes.ledger.offer(contract.lane_of(ADELE), [replace(contract.message_item(ADELE, message), facts=facts)])
    (release,) = lanes.ledger.release()
    return release


def carrier(lanes: Lanes, redaction: Redaction | None = None) -> Carrier:
    """A carrier whose releases nobody takes."""
    return Carrier(lanes, lambda _: None, 10, 25, 3600, redaction or Redaction())


def recorded(lanes: Lanes) -> list[AuditRecord]:
    """The whole audit."""
    return list(AuditLog(lanes).read(Filter()))


def events(lanes: Lanes) -> list[tuple[str, ...]]:
    """Event and step of each record, with the result where there is one."""
    return [
        tuple(part for part in (one["event"], one.get("step"), one.get("result")) if part is not None)
        for one in recorded(lanes)
    ]


def carry(lanes: Lanes, work: Handler, redaction: Redaction | None = None) -> None:
    """One delivery of what is released next."""
    (release,) = lanes.ledger.release() or (offered(lanes, redaction=redaction),)
    with suppress(Retry, Refused, Transient):  # how an attempt ends is what the audit tells
        carrier(lanes, redaction).carry(release.id, release.generation, work)


def answers(attempt: Attempt, attached: Attached | None = None) -> Outcome:
    """The steps of a request that is answered."""
    attempt.journal.intend("accept", ["rid:9"], attached)
    attempt.journal.intend("send", "rid:2")
    attempt.journal.note("sent")
    return Outcome("answered")


def fails_after(step: str, error: Exception) -> Handler:
    """Handler that intends one step and fails."""

    def work(attempt: Attempt) -> Outcome:
        if step:
            attempt.journal.intend(step)
        raise error

    return work


def loses_its_worker(lanes: Lanes, clock: Clock, *steps: str) -> None:
    """An attempt that writes its intents and is never heard of again."""
    release = (
        offered(lanes)
        if not lanes.namespace.redis.exists(f"{lanes.namespace.prefix}:item:{ITEM}")
        else lanes.ledger.release()[0]
    )
    lanes.ledger.start(ITEM, release.generation, "lost")
    for step in steps:
        assert lanes.ledger.record(ITEM, release.generation, "lost", {step: True}, intent=True, step=step) == "ok"
    clock.turn(200)


# -- side effects --------------------------------------------------------------------------------------------------


def test_an_answered_request_is_recorded_step_by_step(lanes: Lanes) -> None:
    carry(lanes, answers)
    assert events(lanes) == [
        ("intent", "accept"),
        ("done", "accept"),
        ("intent", "send"),
        ("done", "send"),
        ("done", "answered"),
    ]


def test_every_record_says_all_about_itself(lanes: Lanes) -> None:
    carry(lanes, answers)
    for one in recorded(lanes):
        assert {name: one[name] for name in FACTS} == FACTS
        assert one["attempt"] == "1"
        assert one["time"].endswith("Z")
        assert "" not in one.values()


def test_the_redis_time_of_a_record_is_its_id(lanes: Lanes) -> None:
    before = lanes.namespace.redis.time()[0]
    carry(lanes, answers)
    for one in recorded(lanes):
        assert before * 1000 <= int(one["id"].split("-")[0]) <= (lanes.namespace.redis.time()[0] + 1) * 1000


def test_the_intent_is_recorded_before_the_effect(lanes: Lanes) -> None:
    def work(attempt: Attempt) -> Outcome:
        attempt.journal.intend("accept")
        assert events(lanes) == [("intent", "accept")]
        raise Refused("403")

    carry(lanes, work)
    assert events(lanes) == [("intent", "accept"), ("dead", "accept", "refused")]


def test_an_opened_response_is_two_records(lanes: Lanes) -> None:
    def work(attempt: Attempt) -> Outcome:
        attempt.journal.intend("open")
        return Outcome("opened", "moved to Deleted Items")

    carry(lanes, work)
    assert events(lanes) == [("intent", "open"), ("done", "open", "opened")]
    assert recorded(lanes)[-1]["note"] == "moved to Deleted Items"


def test_a_failure_is_recorded_with_its_step_and_reason(lanes: Lanes) -> None:
    carry(lanes, fails_after("accept", Transient("409")))
    assert events(lanes) == [("intent", "accept"), ("failed", "accept", "later")]
    assert recorded(lanes)[-1]["reason"] == "Transient: 409"


def test_the_attempt_that_finds_the_effect_done_says_so(lanes: Lanes, clock: Clock) -> None:
    def second(attempt: Attempt) -> Outcome:
        attempt.journal.intend("send", "rid:2")
        attempt.journal.note("sent")
        return Outcome("answered")

    carry(lanes, fails_after("accept", Transient("409")))
    clock.turn(30)
    carry(lanes, second)
    assert events(lanes)[2:] == [("done", "accept"), ("intent", "send"), ("done", "send"), ("done", "answered")]
    assert [one["attempt"] for one in recorded(lanes)[2:]] == ["2"] * 4


def test_the_same_step_again_is_another_intent_and_no_success(lanes: Lanes, clock: Clock) -> None:
    carry(lanes, fails_after("accept", Transient("409")))
    clock.turn(30)
    carry(lanes, fails_after("accept", Transient("409")))
    assert events(lanes) == [("intent", "accept"), ("failed", "accept", "later")] * 2


def test_a_look_into_the_mailbox_says_nothing_of_what_was_intended_before(lanes: Lanes, clock: Clock) -> None:
    def looks(attempt: Attempt) -> Outcome:
        attempt.journal.intend("search")
        for look in ("pages", "recollected"):
            attempt.journal.note(look, 100)
        raise Transient("409")

    carry(lanes, fails_after("remove", Transient("409")))
    clock.turn(30)
    carry(lanes, looks)
    assert events(lanes) == [("intent", "remove"), *[("failed", "remove", "later")] * 2]


def test_the_last_attempt_is_dead_because_they_are_used_up(lanes: Lanes, clock: Clock) -> None:
    for _ in range(3):
        carry(lanes, fails_after("", Transient("409")))
        clock.turn(30)
    assert events(lanes) == [("failed", "later"), ("failed", "later"), ("dead", "exhausted")]


def test_a_busy_server_is_recorded_only_where_something_was_intended(lanes: Lanes, clock: Clock) -> None:
    carry(lanes, fails_after("", Busy("503", 1)))
    assert recorded(lanes) == []
    clock.turn(10)
    carry(lanes, fails_after("accept", Busy("503", 1)))
    assert events(lanes) == [("intent", "accept"), ("failed", "accept", "throttled")]


def test_a_pause_between_two_steps_fails_neither(lanes: Lanes) -> None:
    def work(attempt: Attempt) -> Outcome:
        attempt.journal.intend("accept")
        lanes.controls.pause("all", reason="maintenance")
        attempt.journal.intend("send")
        raise AssertionError("nothing may be done")

    carry(lanes, work)
    assert events(lanes) == [("intent", "accept")]


# -- replays and losses --------------------------------------------------------------------------------------------


def test_a_replay_adds_no_record(lanes: Lanes) -> None:
    release = offered(lanes)
    lanes.ledger.start(ITEM, release.generation, "one")
    steps: list[tuple[dict[str, Any], bool, str]] = [
        ({"accept": 1}, True, "accept"),
        ({"accept": 1, "send": 2}, True, "send"),
        ({"accept": 1, "send": 2, "sent": 3}, False, "sent"),
    ]
    for journal, intent, step in steps:
        for _ in range(3):
            assert lanes.ledger.record(ITEM, release.generation, "one", journal, intent=intent, step=step) == "ok"
    for _ in range(3):
        lanes.ledger.finish(ITEM, release.generation, "one", Ending("done", label="done:answered", result="answered"))
    assert len(recorded(lanes)) == 5


def test_who_lost_the_lease_adds_no_record(lanes: Lanes, clock: Clock) -> None:
    loses_its_worker(lanes, clock, "accept")
    lanes.ledger.sweep()
    before = recorded(lanes)
    assert lanes.ledger.record(ITEM, 1, "lost", {"send": 1}, intent=True, step="send") == "lost"
    assert (
        lanes.ledger.finish(ITEM, 1, "lost", Ending("done", label="done:answered", result="answered")).state == "lost"
    )
    assert recorded(lanes) == before


def test_an_intent_stays_visible_when_its_worker_is_lost(lanes: Lanes, clock: Clock) -> None:
    loses_its_worker(lanes, clock, "accept")
    assert events(lanes) == [("intent", "accept")]
    for _ in range(2):
        lanes.ledger.sweep()
    assert events(lanes) == [("intent", "accept"), ("failed", "accept", "lost")]
    assert {**recorded(lanes)[-1], **FACTS} == recorded(lanes)[-1]


def test_a_release_that_nobody_took_has_failed_nothing(lanes: Lanes, clock: Clock) -> None:
    offered(lanes)
    clock.turn(70)
    assert lanes.ledger.sweep() == (1, 0)
    assert recorded(lanes) == []


def test_the_last_lost_worker_is_dead(lanes: Lanes, clock: Clock) -> None:
    for _ in range(3):
        loses_its_worker(lanes, clock, "send")
        lanes.ledger.sweep()
    assert events(lanes)[-1] == ("dead", "send", "lost")
    assert recorded(lanes)[-1]["attempt"] == "3"


# -- scans ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "expected"),
    [(None, []), (Busy("503", 1), ["failed"]), (Transient("x"), ["failed"]), (Refused("x"), ["failed"])],
)
def test_a_scan_is_recorded_only_when_it_fails(lanes: Lanes, error: Exception | None, expected: list[str]) -> None:
    def work(attempt: Attempt) -> Outcome:
        attempt.journal.intend("search")
        attempt.journal.note("pages", 1)
        if error:
            raise error
        return Outcome("scanned")

    facts = Audit(lanes, Redaction(), 3600).scan_facts(ADELE, "r1")
    lanes.ledger.offer_scans([(contract.lane_of(ADELE), replace(contract.scan_item(ADELE, "r1"), facts=facts))])
    carry(lanes, work)
    assert [one["event"] for one in recorded(lanes)] == expected
    assert all((one["kind"], one["run"], one["mailbox"]) == ("scan", "r1", "adele") for one in recorded(lanes))


def test_of_scans_that_fail_in_a_row_only_the_first_is_recorded_and_each_new_kind_of_failure(
    lanes: Lanes, clock: Clock
) -> None:
    """A mailbox without rights is tried every ten minutes, for weeks."""
    ends = [Busy("503 for 9 s"), Busy("503 for 8 s"), *[MailboxRefused("401")] * 3, None, MailboxRefused("401")]
    expected = [("Busy: 503 for 9 s", "throttled"), *[("MailboxRefused: 401", "throttled")] * 2]
    audit = Audit(lanes, Redaction(), 3600)
    for number, error in enumerate(ends):

        def work(_: Attempt, error: Exception | None = error) -> Outcome:
            if error:
                raise error
            return Outcome("scanned")

        scan = replace(contract.scan_item(ADELE, f"r{number}"), facts=audit.scan_facts(ADELE, f"r{number}"))
        lanes.ledger.offer_scans([(contract.lane_of(ADELE), scan)])
        carry(lanes, work)
        clock.turn(3600)
    assert [(one["reason"], one["result"]) for one in recorded(lanes)] == expected
    assert {(one["event"], one["kind"], one["mailbox"]) for one in recorded(lanes)} == {("failed", "scan", "adele")}


# -- decisions -----------------------------------------------------------------------------------------------------


def decide(lanes: Lanes, run: str, *decided: tuple[MeetingMessage, AuditedDecision]) -> int:
    """One page of the scan of that run."""
    return Audit(lanes, Redaction(), 3600).decide(ADELE, contract.scan_item(ADELE, run).id, run, decided)


def scanned(
    lanes: Lanes, run: str, *decided: tuple[MeetingMessage, AuditedDecision], how: Any = "done", kind: Any = "scan"
) -> None:
    """A whole scan: offered, one page, and its end."""
    audit = Audit(lanes, Redaction(), 3600)
    scan = replace(contract.scan_item(ADELE, run, kind), facts=audit.scan_facts(ADELE, run, kind))
    assert lanes.ledger.offer_scans([(contract.lane_of(ADELE), scan)]) == {"adele": "offered"}
    (release,) = lanes.ledger.release()
    lanes.ledger.start(scan.id, release.generation, "one")
    decide(lanes, run, *decided)
    lanes.ledger.finish(scan.id, release.generation, "one", Ending(how, label="scan", reason="x"))


def decisions(lanes: Lanes) -> list[tuple[str, str, str]]:
    """Run, decision and reason of each decision that was told."""
    return [(one["run"], one["decision"], one["reason"]) for one in recorded(lanes) if one["event"] == "decision"]


def test_a_decision_is_recorded_with_all_facts_and_the_rule(lanes: Lanes) -> None:
    assert decide(lanes, "r1", (MESSAGE, AuditedDecision("decline", "rooms", "outside of hours"))) == 1
    (one,) = recorded(lanes)
    expected = {**FACTS, "event": "decision", "decision": "decline", "rule": "rooms", "reason": "outside of hours"}
    assert {**one, **expected} == one


def test_a_decision_is_recorded_when_it_is_new_or_changed(lanes: Lanes) -> None:
    skip = AuditedDecision("skip", "", "observe-mode")
    for run, decision in (("r1", skip), ("r1", skip), ("r2", skip), ("r3", ACCEPT), ("r4", ACCEPT), ("r5", skip)):
        decide(lanes, run, (MESSAGE, decision))
    assert [run for run, _, _ in decisions(lanes)] == ["r1", "r3", "r5"]


def deciding(lanes: Lanes, decision: AuditedDecision, then: Callable[[Attempt, Attached], Outcome]) -> Handler:
    """A worker that decides before it does anything."""

    def work(attempt: Attempt) -> Outcome:
        decisions = Audit(lanes, Redaction(), 3600).decisions(ADELE, "", "r1", [(MESSAGE, decision)])
        return then(attempt, Attached(decisions))

    return work


def test_a_workers_decision_is_recorded_with_the_first_step_that_it_takes(lanes: Lanes) -> None:
    carry(lanes, deciding(lanes, ACCEPT, answers))
    assert events(lanes)[:2] == [("decision",), ("intent", "accept")]
    assert decisions(lanes) == [("r1", "accept", "every-request")]
    assert {**recorded(lanes)[0], **FACTS} == recorded(lanes)[0]


def test_a_workers_decision_that_a_scan_has_recorded_is_not_recorded_again(lanes: Lanes) -> None:
    decide(lanes, "r1", (MESSAGE, ACCEPT))
    carry(lanes, deciding(lanes, ACCEPT, answers))
    assert decisions(lanes) == [("r1", "accept", "every-request")]


def test_a_workers_decision_that_nothing_was_done_for_is_recorded_before_the_end(lanes: Lanes) -> None:
    def leaves_alone(_: Attempt, attached: Attached) -> Outcome:
        return Outcome("left", left=Left("no-rule"), attached=attached)

    carry(lanes, deciding(lanes, AuditedDecision("skip", "", "observe-mode"), leaves_alone))
    assert events(lanes) == [("decision",), ("done", "left")]


@pytest.mark.parametrize(
    ("error", "event"), [(Transient("409"), ("failed", "later")), (Refused("403"), ("dead", "refused"))]
)
def test_a_workers_decision_is_recorded_though_the_mailbox_fails_before_anything_is_done(
    lanes: Lanes, site: Site, error: ExchangeError, event: tuple[str, str]
) -> None:
    box = site.take()
    request, where = requests_in(box)[0], Mailbox(box_name(box), "mail1")
    lanes.ledger.start("nothing", 1, "nobody")
    lanes.topics.remember(where.name, {}, timedelta(days=30).total_seconds())  # so that the ledger vouches for it
    lanes.ledger.offer(contract.lane_of(where), [contract.message_item(where, request)])

    def decides_and_fails(attempt: Attempt) -> Outcome:
        audit = Audit(lanes, Redaction(), 3600)
        decider = Decider(attempt, box, lambda _: lenient(), Recollection(lanes, timedelta()), audit)
        with decider.recording():
            decider.decide(request)
            raise error

    (release,) = lanes.ledger.release()
    with suppress(Retry, Refused):
        carrier(lanes).carry(release.id, release.generation, decides_and_fails)
    assert events(lanes)[-2:] == [("decision",), event]


def test_a_workers_decision_is_not_recorded_if_it_may_not_begin(lanes: Lanes) -> None:
    def paused(attempt: Attempt, attached: Attached) -> Outcome:
        lanes.controls.pause("all", reason="maintenance")
        return answers(attempt, attached)

    carry(lanes, deciding(lanes, ACCEPT, paused))
    assert recorded(lanes) == []


@pytest.mark.parametrize(
    "changed", [AuditedDecision("accept", "other", "every-request"), AuditedDecision("accept", "", "other")]
)
def test_another_rule_or_reason_is_another_decision(lanes: Lanes, changed: AuditedDecision) -> None:
    assert decide(lanes, "r1", (MESSAGE, ACCEPT)) == 1
    assert decide(lanes, "r2", (MESSAGE, changed)) == 1


def test_a_page_of_many_is_recorded_in_its_order(lanes: Lanes) -> None:
    page = [(replace(MESSAGE, ref=ItemRef(f"rid:{number}"), uid=f"UID-{number}"), ACCEPT) for number in range(1000)]
    assert decide(lanes, "r1", *page) == 1000
    assert decide(lanes, "r2", *page) == 0
    assert [one["uid"] for one in recorded(lanes)] == [message.uid for message, _ in page]


def test_a_message_that_a_whole_scan_has_not_seen_is_forgotten(lanes: Lanes) -> None:
    other = replace(MESSAGE, ref=ItemRef("rid:2"))
    scanned(lanes, "r1", (MESSAGE, ACCEPT), (other, ACCEPT))
    scanned(lanes, "r2", (other, ACCEPT))
    assert list(lanes.namespace.redis.hgetall(f"{lanes.namespace.prefix}:decided:adele")) == [other.identity(ADELE)]


@pytest.mark.parametrize(("how", "kind"), [("dead", "scan"), ("done", "reconcile")])
def test_what_saw_only_a_part_forgets_nothing(lanes: Lanes, how: str, kind: str) -> None:
    scanned(lanes, "r1", (MESSAGE, ACCEPT))
    scanned(lanes, "r2", how=how, kind=kind)
    scanned(lanes, "r3", (MESSAGE, ACCEPT))
    assert [run for run, _, _ in decisions(lanes)] == ["r1"]


def test_decisions_on_a_mailbox_that_is_not_scanned_any_more_are_forgotten(lanes: Lanes) -> None:
    decide(lanes, "r1", (MESSAGE, ACCEPT))
    assert 3500 < lanes.namespace.redis.ttl(f"{lanes.namespace.prefix}:decided:adele") <= 3600


# -- hiding --------------------------------------------------------------------------------------------------------


def raw(lanes: Lanes) -> str:
    """All that the stream and the remembered decisions hold."""
    client = lanes.namespace.redis
    return str(client.xrange(f"{lanes.namespace.prefix}:audit")) + str(
        client.hgetall(f"{lanes.namespace.prefix}:decided:adele")
    )


@pytest.mark.parametrize(
    "work",
    [
        answers,
        fails_after("send", Transient("MOVE /exchange/adele/Inbox/Budget.EML returned 409")),
        fails_after("send", Refused("several match: bruno@example.com")),
        fails_after("send", ValueError("Budget")),
    ],
)
def test_what_is_hidden_is_nowhere_in_the_audit(lanes: Lanes, work: Handler) -> None:
    audit = Audit(lanes, HIDING, 3600)
    audit.decide(ADELE, "scan-r1-x", "r1", [(MESSAGE, ACCEPT)])
    carry(lanes, work, HIDING)
    lanes.controls.pause(
        "mailbox", "adele", reason="Budget", action=audit.action("pause", "mailbox", "adele", why="for adele@x")
    )
    assert len(recorded(lanes)) > 3
    for word in ("udget", "adele", "bruno"):
        assert word not in raw(lanes)


def test_what_is_hidden_stays_so_when_the_worker_is_lost(lanes: Lanes, clock: Clock) -> None:
    release = offered(lanes, redaction=HIDING)
    lanes.ledger.start(ITEM, release.generation, "lost")
    clock.turn(200)
    lanes.ledger.sweep()
    (one,) = recorded(lanes)
    assert (one["event"], one["mailbox"], one["subject"]) == (
        "failed",
        HIDING.address("adele"),
        HIDING.subject("Budget"),
    )
    assert "adele" not in raw(lanes)


@pytest.mark.parametrize("name", ["adele", "ADELE"])
def test_filters_work_on_what_is_hidden(lanes: Lanes, name: str) -> None:
    carry(lanes, answers, HIDING)
    log = AuditLog(lanes)
    assert len(list(log.read(Filter.of(HIDING, {"mailbox": name, "organizer": "Bruno@example.com"})))) == 5
    assert list(log.read(Filter.of(HIDING, {"mailbox": "bruno"}))) == []


def test_a_private_subject_is_nowhere_in_the_audit(lanes: Lanes) -> None:
    private = replace(MESSAGE, sensitivity=Sensitivity.PRIVATE)
    Audit(lanes, Redaction(), 3600).decide(ADELE, "scan-r1-x", "r1", [(private, ACCEPT)])
    release = offered(lanes, private)
    with pytest.raises(Refused):
        carrier(lanes).carry(
            release.id, release.generation, fails_after("send", Refused("MOVE /x/Budget.EML returned 403"))
        )
    assert [one["event"] for one in recorded(lanes)] == ["decision", "intent", "dead"]
    assert recorded(lanes)[-1]["reason"] == "Refused: MOVE (hidden) returned 403"
    assert "udget" not in raw(lanes)


# -- reading -------------------------------------------------------------------------------------------------------


@pytest.fixture
def many(lanes: Lanes) -> Lanes:
    """2,500 decisions, more than two pages, one per millisecond from 1 on."""
    with lanes.namespace.redis.pipeline() as pipe:
        for number in range(2500):
            fields = {"event": ("decision", "done")[number % 2], "mailbox": f"user{number % 10}", "note": ""}
            pipe.xadd(f"{lanes.namespace.prefix}:audit", fields, id=f"{number + 1}-0")
        pipe.execute()
    return lanes


Read = Callable[[AuditLog, Filter], list[AuditRecord]]
READS: list[Read] = [lambda log, wanted: list(log.read(wanted)), lambda log, wanted: log.newest(wanted, 10_000)]


@pytest.mark.parametrize("read", READS)
def test_all_pages_are_read_each_record_once_and_in_order(many: Lanes, read: Read) -> None:
    assert [one["id"] for one in read(AuditLog(many), Filter())] == [f"{number}-0" for number in range(1, 2501)]


@pytest.mark.parametrize("read", READS)
def test_filters_choose_by_event_value_and_time(many: Lanes, read: Read) -> None:
    wanted = Filter.of(Redaction(), {"mailbox": "USER3", "uid": None}, events=("done",), since_ms=1000, until_ms=2000)
    found = read(AuditLog(many), wanted)
    assert [int(one["id"].split("-")[0]) for one in found] == list(range(1004, 2001, 10))
    assert read(AuditLog(many), Filter.of(Redaction(), {"mailbox": "user3"}, events=("decision",))) == []


@pytest.mark.parametrize("most", [0, 1, 1500])
def test_the_newest_are_the_last_of_all(many: Lanes, most: int) -> None:
    log = AuditLog(many)
    assert log.newest(Filter(), most) == list(log.read(Filter()))[2500 - most :]


def test_following_begins_where_reading_ended(many: Lanes) -> None:
    log = AuditLog(many)
    follow = log.follow(Filter.of(Redaction(), {"mailbox": "adele"}), log.end())
    carry(many, answers)
    assert [(one or {})["event"] for one in (next(follow) for _ in range(5))] == [
        "intent",
        "done",
        "intent",
        "done",
        "done",
    ]
    assert next(follow) is None


def test_an_empty_audit_ends_at_its_beginning(lanes: Lanes) -> None:
    log = AuditLog(lanes)
    assert (log.end(), list(log.read(Filter())), log.newest(Filter(), 5)) == ("0-0", [], [])


# -- trimming ------------------------------------------------------------------------------------------------------


def test_the_sweep_drops_the_oldest_beyond_the_most(many: Lanes) -> None:
    many.namespace.redis.hset(f"{many.namespace.prefix}:cfg", "audit_most", 500)
    many.ledger.sweep()
    left = recorded(many)
    assert 500 <= len(left) < 500 + 100  # whole nodes of 100 records at most
    assert left[-1]["id"] == "2500-0"


def test_the_sweep_drops_what_is_older_than_the_retention(many: Lanes, clock: Clock) -> None:
    many.namespace.redis.hset(f"{many.namespace.prefix}:cfg", "audit_retention", 1_000_000)
    clock.us = 3_000_000  # so 2000 ms is the oldest to be kept
    many.ledger.sweep()
    left = recorded(many)
    assert 1900 < int(left[0]["id"].split("-")[0]) <= 2000
    assert left[-1]["id"] == "2500-0"


def test_without_limits_nothing_is_dropped(many: Lanes) -> None:
    many.ledger.sweep()
    assert len(recorded(many)) == 2500


def test_configuring_brings_the_limits_into_force(lanes: Lanes) -> None:
    before = lanes.namespace.redis.hgetall(f"{lanes.namespace.prefix}:cfg")
    assert "audit_most" not in before
    limits: dict[str, Any] = {"release_lease_s": 60, "run_lease_s": 180, "attempts": 3}
    lanes.controls.configure(
        servers={}, mailbox=Limits(Rate(1), 1, 1), pools={"answer": 4}, audit_retention_s=3600, audit_most=7, **limits
    )
    after = lanes.namespace.redis.hgetall(f"{lanes.namespace.prefix}:cfg")
    assert (after["audit_retention"], after["audit_most"]) == ("3600000000", "7")
