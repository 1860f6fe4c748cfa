"""What was left alone: how long it stays so, what ends that, and what waits for a person."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from rsvpq.http import auth
from rsvpq.http.server import Server
from rsvpq.lanes import DecisionBatch, DecisionRecord, Ending, Item, Lanes
from rsvpq.mail.errors import Unsupported
from rsvpq.mail.messages import ItemRef, Kind, Mailbox, MeetingMessage, Verdict
from rsvpq.policy import Action, Decision, Left, Policy, Reason, Rule
from rsvpq.tasks import contract
from rsvpq.tasks.journal import Attached, Decided, Outcome
from rsvpq.tasks.runner import LOOK_AGAIN_LONGEST_S, LOOK_AGAIN_S, LOOK_AGAIN_SOON_S, Attempt, Carrier
from rsvpq.webdav.mailbox import Commands, WebDavMailbox
from tests.support.lanes_with_clock import Clock, ledger
from tests.support.scripted_server import FOLDERS, ScriptedServer
from tests.support.work import work_on
from workers.open import open_response
from workers.outcomes import GONE, left_alone, left_to_a_person

ADELE = Mailbox("adele", "mail1")
CLASH = Decision(Action.HOLD, Reason.RULE, "clash")
UNKNOWN = Decision(Action.HOLD, Reason.CALENDAR_UNKNOWN)


@pytest.fixture
def leave(lanes: Lanes) -> Callable[..., None]:
    """Have a worker leave what was released alone."""

    def leave_it(decision: Decision = CLASH, policy: str = "strict") -> None:
        carrier = Carrier(lanes, lambda _: None, 1, 2, remember_s=7 * 86_400, fingerprint=lambda _: policy)
        (release,) = lanes.ledger.release()
        reported = carrier.carry(release.id, release.generation, lambda _: left_alone(Decided(decision)))
        assert reported == f"left: {decision}"

    return leave_it


def scan_offers(lanes: Lanes, policy: str = "strict") -> bool:
    """Whether a scan that finds the message once more puts it into its lane."""
    item = Item("a", "workers.answer_request", "answer", {"kind": "request"})
    foreseen = (known := lanes.snapshot.known_items(["a"]).get("a")) is None or known.is_offered_again(
        policy, lanes.time_us()
    )
    offered = bool(lanes.ledger.offer(contract.lane_of(ADELE), [item], policy=policy).new)
    assert offered is foreseen  # a dry run and an explanation go by the second
    return offered


def test_it_is_known_as_left_with_the_reason_and_not_as_done(lanes: Lanes, leave: Callable[..., None]) -> None:
    assert scan_offers(lanes)
    leave()
    known = lanes.snapshot.known_items(["a"])["a"]
    assert (known.state, known.reason, known.policy) == ("left", "hold (rule:clash)", "strict")
    assert lanes.snapshot.status().unfinished == lanes.snapshot.status().servers["mail1"].unfinished == 0


@pytest.mark.parametrize(("decision", "first_s"), [(CLASH, LOOK_AGAIN_S), (UNKNOWN, LOOK_AGAIN_SOON_S)])
def test_the_looks_become_rarer_down_to_one_a_day(
    lanes: Lanes, clock: Clock, leave: Callable[..., None], decision: Decision, first_s: float
) -> None:
    assert scan_offers(lanes)
    delays_s = []
    for _ in range(11):
        leave(decision)
        delay_s = (lanes.snapshot.known_items(["a"])["a"].again_us - clock.us) / 1e6
        clock.turn(delay_s - 1)
        assert not scan_offers(lanes)
        clock.turn(1)
        assert scan_offers(lanes)
        delays_s.append(delay_s)
    assert delays_s == [min(first_s * 2**number, LOOK_AGAIN_LONGEST_S) for number in range(11)]
    assert delays_s[-1] == LOOK_AGAIN_LONGEST_S


def test_what_a_server_did_not_show_is_offered_again_where_a_scan_finds_it_after_all(
    lanes: Lanes, clock: Clock
) -> None:
    carrier = Carrier(lanes, lambda _: None, 1, 2, remember_s=7 * 86_400)
    assert scan_offers(lanes)
    (release,) = lanes.ledger.release()
    assert carrier.carry(release.id, release.generation, lambda _: GONE).startswith("gone: ")
    assert lanes.snapshot.status().unfinished == 0
    clock.turn(LOOK_AGAIN_SOON_S - 1)
    assert not scan_offers(lanes)
    clock.turn(1)
    assert scan_offers(lanes)


def test_another_policy_has_it_looked_at_at_once_and_the_looks_begin_anew(
    lanes: Lanes, clock: Clock, leave: Callable[..., None]
) -> None:
    scan_offers(lanes)
    leave()
    clock.turn(LOOK_AGAIN_S)
    scan_offers(lanes)
    leave()
    assert not scan_offers(lanes)
    assert scan_offers(lanes, policy="lax")
    leave(policy="lax")
    clock.turn(LOOK_AGAIN_S)
    assert scan_offers(lanes, policy="lax")


def test_where_scans_and_workers_have_two_policies_the_looks_become_rarer_all_the_same(
    lanes: Lanes, clock: Clock, leave: Callable[..., None]
) -> None:
    """As between two restarts: what a worker of the one leaves alone, each scan under the other would offer."""
    scan_offers(lanes, policy="new")
    delays_s = []
    for _ in range(6):
        leave(policy="old")
        assert not scan_offers(lanes, policy="new")
        known = lanes.snapshot.known_items(["a"])["a"]
        delays_s.append((known.again_us - clock.us) / 1e6)
        clock.turn(LOOK_AGAIN_SOON_S - 1)
        assert not scan_offers(lanes, policy="new")
        assert not scan_offers(lanes, policy="another one")
        clock.turn(1)
        assert scan_offers(lanes, policy="new")
    assert delays_s == [LOOK_AGAIN_S * 2**number for number in range(5)] + [LOOK_AGAIN_LONGEST_S]
    leave(policy="new")
    assert not scan_offers(lanes, policy="new")
    assert scan_offers(lanes, policy="another one")  # they agreed, so this is a change


def test_it_begins_anew_with_all_its_attempts_and_the_same_row_in_flower(
    lanes: Lanes, leave: Callable[..., None]
) -> None:
    scan_offers(lanes)
    leave()
    scan_offers(lanes, policy="lax")
    (release,) = lanes.ledger.release()
    start = lanes.ledger.start("a", release.generation, "worker")
    assert (release.id, release.generation, start.attempt, start.journal) == ("a", 2, 1, {})
    lanes.ledger.finish("a", release.generation, "worker", Ending("done", label="done:answered"))
    assert not scan_offers(lanes, policy="another one")


def test_a_delivery_that_comes_late_finds_it_ended(lanes: Lanes, leave: Callable[..., None]) -> None:
    scan_offers(lanes)
    leave()
    assert lanes.ledger.start("a", 1, "late").result == "final"


def test_two_scans_at_once_give_it_to_one_worker(lanes: Lanes, leave: Callable[..., None]) -> None:
    scan_offers(lanes)
    leave()
    assert [scan_offers(lanes, "lax"), scan_offers(lanes, "lax")] == [True, False]


def test_a_policy_that_changes_while_a_message_is_decided_on_offers_it_again(lanes: Lanes) -> None:
    assert scan_offers(lanes)
    in_force = ["strict"]

    def decides_by_the_old_policy(_: Attempt) -> Outcome:
        in_force[0] = "lax"  # as `rsvpq confirm` does
        return left_alone(Decided(CLASH))

    carrier = Carrier(lanes, lambda _: None, 1, 2, remember_s=7 * 86_400, fingerprint=lambda _: in_force[0])
    (release,) = lanes.ledger.release()
    carrier.carry(release.id, release.generation, decides_by_the_old_policy)
    assert scan_offers(lanes, "lax")


# -- what the fingerprint tells ------------------------------------------------------------------------------------

_POLICY = Policy("respond", rules=(Rule("clash", Action.HOLD, conditions={"conflict": True}),))


@pytest.mark.parametrize(
    "changed",
    [
        replace(_POLICY, mode="observe"),
        replace(_POLICY, max_age=timedelta(days=15)),
        replace(_POLICY, internal_domains=("example.com",)),
        replace(_POLICY, rules=(Rule("clash", Action.HOLD, conditions={"conflict": ("oof",)}),)),
        replace(_POLICY, rules=()),
    ],
)
def test_whatever_is_changed_in_a_policy_changes_its_fingerprint(changed: Policy) -> None:
    assert changed.fingerprint("sales") != _POLICY.fingerprint("sales")


def test_the_same_policy_has_one_fingerprint_for_each_group() -> None:
    assert replace(_POLICY).fingerprint("sales") == _POLICY.fingerprint("sales") != _POLICY.fingerprint("board")


# -- what waits for a person ---------------------------------------------------------------------------------------


def ruled(lanes: Lanes, scan: str, *decisions: DecisionRecord) -> None:
    """What a scan, or a worker in its place, tells of its decisions."""
    lanes.ledger.record_decisions(contract.lane_of(ADELE), DecisionBatch(scan, decisions, remember_s=3600))


def on_hold(lanes: Lanes) -> dict[str, int]:
    return lanes.snapshot.status().servers["mail1"].on_hold


def test_messages_on_hold_are_counted_by_reason_whoever_decided(lanes: Lanes, leave: Callable[..., None]) -> None:
    lanes.ledger.offer_scans([(contract.lane_of(ADELE), contract.scan_item(ADELE, "r"))])
    finish_scan(lanes)
    scan_offers(lanes)
    leave(UNKNOWN)
    ruled(
        lanes,
        "scan-r-x",
        DecisionRecord("b", "[]", "hold", "clash", "rule"),
        DecisionRecord("c", "[]", "hold", "clash", "rule"),
    )
    assert on_hold(lanes) == {"calendar-unknown": 1, "rule:clash": 2}
    ruled(lanes, "scan-r-x", DecisionRecord("a", "[]"), DecisionRecord("b", "[]", "skip", "", "already-processed"))
    assert on_hold(lanes) == {"calendar-unknown": 1, "rule:clash": 1}
    ruled(
        lanes,
        "scan-r-x",
        DecisionRecord("a", "[]", "accept", "", "every-request"),
        DecisionRecord("c", "[]", "would hold", "", "x"),
    )
    assert on_hold(lanes) == {}


def finish_scan(lanes: Lanes) -> str:
    """A scan from its release to its end; its id."""
    (release,) = lanes.ledger.release()
    lanes.ledger.start(release.id, release.generation, "worker")
    lanes.ledger.finish(
        release.id, release.generation, "worker", Ending("done", label="done:scanned", result="scanned")
    )
    return release.id


def test_what_a_whole_scan_does_not_find_any_more_is_forgotten(lanes: Lanes, leave: Callable[..., None]) -> None:
    def scan(run: str, *seen: str) -> None:
        item = replace(contract.scan_item(ADELE, run), facts='["scan"]')
        lanes.ledger.offer_scans([(contract.lane_of(ADELE), item)])
        ruled(lanes, item.id, *(DecisionRecord(name, "[]") for name in seen))
        finish_scan(lanes)

    scan("first", "a")
    scan_offers(lanes)
    leave(UNKNOWN)
    scan("second", "a")
    assert on_hold(lanes) == {"calendar-unknown": 1}
    scan("third", "another")
    assert on_hold(lanes) == {}
    assert ledger(lanes, "a") == {}


def test_what_a_worker_leaves_alone_while_a_scan_goes_on_is_not_forgotten_at_its_end(lanes: Lanes) -> None:
    """The worker has the item of an earlier scan; the later one has seen the message before the worker decides."""
    lanes.controls.limit("mailbox", "adele", concurrency=2)
    scan_offers(lanes)
    (release,) = lanes.ledger.release()
    later = replace(contract.scan_item(ADELE, "later"), facts='["scan"]')

    def work(_: Attempt) -> Outcome:
        lanes.ledger.offer_scans([(contract.lane_of(ADELE), later)])
        ruled(lanes, later.id, DecisionRecord("a", "[]"))
        decision = DecisionRecord("a", "[]", UNKNOWN.word, UNKNOWN.rule, UNKNOWN.reason)
        return left_alone(Decided(UNKNOWN, Attached(DecisionBatch("", (decision,), remember_s=3600))))

    Carrier(lanes, lambda _: None, 1, 2, remember_s=3600).carry("a", release.generation, work)
    lanes.ledger.start(later.id, 1, "worker")
    lanes.ledger.finish(later.id, 1, "worker", Ending("done", label="done:scanned", result="scanned"))
    assert ledger(lanes, "a")["state"] == "left"
    assert on_hold(lanes) == {"calendar-unknown": 1}


@pytest.mark.parametrize(
    ("outcome", "left"),
    [
        (left_alone(Decided(UNKNOWN)), Left("calendar-unknown", passing=True, on_hold=True)),
        (left_alone(Decided(Decision(Action.HOLD, Reason.FACTS_UNKNOWN, "r"))), Left("facts-unknown:r", True, True)),
        (left_alone(Decided(Decision(Action.SKIP, Reason.OWN_MEETING))), Left("own-meeting")),
        (left_alone(Decided(Decision(Action.HOLD, Reason.RULE, "clash", observed=True))), Left("rule:clash")),
        (left_to_a_person("only a person can tell", Decided(CLASH)), Left("by-hand", on_hold=True)),
    ],
)
def test_a_decision_says_whether_it_may_pass_and_waits_for_a_person(outcome: Outcome, left: Left) -> None:
    assert (outcome.result, outcome.left) == ("left", left)


def test_a_response_on_a_server_without_owa_is_left_alone_and_not_done(scripted: ScriptedServer) -> None:
    response = MeetingMessage(Kind.RESPONSE, ItemRef("rid", ("/exchange/adele/Inbox/a.EML", "")), reply=Verdict.ACCEPT)

    def nobody(*_: object) -> Decision:
        raise Unsupported("nobody is asked")

    server = Server(scripted.url + "/exchange/", auth.basic("svc", "secret"))
    box = WebDavMailbox(server, "adele", FOLDERS, Commands("icalendar"))
    assert open_response(work_on(response, box, nobody), "move").left == Left("no-owa")
    assert scripted.requests == []
