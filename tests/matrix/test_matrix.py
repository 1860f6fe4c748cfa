"""The client against every switch and every fault of the simulator.

Under each, one untouched mailbox is worked to the end by the real main paths. Whatever the server does, no request is
answered twice, and what is not answered is dead with a reason: nothing is lost in silence.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from rsvpq.webdav.mailbox import Answers
from simulator.oracle.switches import Setting, spelled, switches
from simulator.serving.faults import FaultKind
from tests.matrix.case import Bench, Tried

#: Switches that hold a number: values worth trying.
_NUMBERS: dict[str, tuple[int, ...]] = {
    "draft_delay_ms": (150, 700, 60_000),
    "draft_delay_requests": (1, 3),
    "bad_every": (1,),
    "large_range_rows": (10,),
    "row_limit": (1, 2),
    "clock_skew_s": (-7200, 7200),
    # All mail seems to have come in the future.
    "transport_skew_s": (-7200, 1_814_400),
    # Within the timeouts of the client, and beyond them.
    "command_delay_ms": (150, 1500),
}
#: With these the server sends nothing, or cannot be asked: the reason is what the operator sees.
_HOPELESS: dict[tuple[str, Setting], str] = {
    ("draft", "none"): "there is no draft",
    ("command_answer", "error"): "accept changed nothing",
    ("command_answer", "denied"): "accept changed nothing",
    ("submission_refusal", "403"): "returned 403",
    ("submission_refusal", "404"): "",
    ("submission_refusal", "500"): "returned 500",
    ("submission_refusal", "507"): "returned 507",
    ("submission_refusal", "207"): "403",
    ("version", "2007"): "OWA",
}
#: With these the server withholds a row, or somebody takes one away: the others are done, and nothing is dead.
_WITHHELD = {
    *(("row_error", status) for status in ("401", "403", "404", "500")),
    ("paging", "vanishes"),
    *(("row_limit", rows) for rows in _NUMBERS["row_limit"]),
}
#: How a response shows that it proposes another time.
_OF_PROPOSALS = {"counter_proposal", "digit_names"}
#: Switches and faults of which one hides what the other did.
_TOGETHER: tuple[tuple[dict[str, Setting], str], ...] = (
    ({"counter_proposal": "number", "digit_names": "encoded"}, ""),
    ({"transport_skew_s": 1_814_400}, "submit:lost-reply"),
    ({"transport_skew_s": 1_814_400, "request_fate": "left"}, "accept:lost-reply"),
    ({"draft_delay_requests": 8, "request_fate": "left"}, ""),
    ({"draft_delay_ms": 60_000, "request_fate": "left"}, ""),
    ({"draft_delay_ms": 60_000, "request_fate": "left", "request_marks": "nothing"}, ""),
    ({"draft_delay_ms": 60_000, "request_fate": "left", "request_marks": "nothing"}, "accept:lost-reply"),
    ({"command_delay_ms": 1500, "request_fate": "left", "draft_delay_requests": 3}, ""),
    ({"draft_uid": False, "draft_subject": False}, ""),
    ({"draft_uid": False, "draft_subject": False, "draft": "verdict"}, ""),
    ({"draft_uid": False, "draft_subject": False, "request_fate": "left"}, "accept:lost-reply"),
    ({"request_fate": "left"}, "accept:lost-reply"),
    ({"request_fate": "left", "request_marks": "nothing"}, "submit:lost-reply"),
)
_STEPS = ("propfind", "search", "accept", "submit", "open", "move")
#: Another agent took the request before us, so there may be nothing left to answer.
_TAKEN = FaultKind.TAKEN_AWAY.value


def _switch_cases() -> Iterator[tuple[str, Setting]]:
    for name, switch in switches().items():
        for value in switch.choices or _NUMBERS.get(name, ()):
            if value != switch.default:
                yield name, value


def _all_done(tried: Tried) -> bool:
    return tried.answered == tried.requests and not tried.dead and _all_opened(tried)


def _all_opened(tried: Tried) -> bool:
    opened, _, seeded = tried.opened.partition("/")
    return opened == seeded


@pytest.mark.parametrize(("name", "value"), list(_switch_cases()), ids=spelled)
def test_every_value_of_a_switch_has_everything_answered_once(bench: Bench, name: str, value: Setting) -> None:
    bench.switch(**{name: value})
    # A filter that rejects the name of the mailbox itself leaves no way in.
    having = "user" if name == "url_filter" else ""
    # Where a server withholds the update of a request, nobody can tell that it is out of date.
    withheld = (name, value) in _WITHHELD
    operator = bench.operator(bench.mailbox(having, proposing=name in _OF_PROPOSALS, updated=not withheld))
    operator.work(scans=2)
    tried = bench.judge(f"{name}={spelled(value)}", operator)
    assert (tried.twice, tried.forbidden, tried.proposals_lost) == (0, 0, 0)
    if (name, value) in _HOPELESS:
        assert tried.answered < tried.requests
        assert any(_HOPELESS[name, value] in reason for reason in tried.dead)
    elif withheld:
        assert tried.answered + tried.waiting == tried.requests
        assert not tried.dead
        if name == "row_error":
            assert bench.lanes.snapshot.status().skipped["unreadable"] > 0
    else:
        assert _all_done(tried), tried


@pytest.mark.parametrize("answers", ["icalendar", "detect"])
def test_a_server_without_owa_is_answered_by_icalendar(bench: Bench, answers: Answers) -> None:
    bench.switch(version="2007")
    operator = bench.operator(bench.mailbox(having="@"), answers)
    operator.work(scans=2)
    tried = bench.judge(f"version=2007 with answers={answers}", operator)
    assert (tried.answered, tried.twice, tried.dead) == (tried.requests, 0, ()), tried
    assert tried.opened.startswith("0/")  # such a server enters responses by itself


@pytest.mark.parametrize("step", _STEPS)
@pytest.mark.parametrize("kind", [kind.value for kind in FaultKind])
def test_a_fault_that_strikes_once_answers_nothing_twice(bench: Bench, step: str, kind: str) -> None:
    bench.fault({"step": step, "kind": kind, "times": 1})
    operator = bench.operator(bench.mailbox())
    operator.work(scans=2)
    tried = bench.judge(f"{step}:{kind} once", operator)
    assert tried.twice == 0
    if kind == _TAKEN:
        assert tried.answered + tried.waiting >= tried.requests - 1
    else:
        assert _all_done(tried), tried


@pytest.mark.parametrize(("switched", "fault"), _TOGETHER, ids=str)
def test_switches_together_with_a_fault_answer_nothing_twice(
    bench: Bench, switched: dict[str, Setting], fault: str
) -> None:
    bench.switch(**switched)
    if fault:
        step, _, kind = fault.partition(":")
        bench.fault({"step": step, "kind": kind, "times": 2})
    operator = bench.operator(bench.mailbox(proposing=bool(_OF_PROPOSALS & switched.keys())))
    operator.work(scans=3)
    tried = bench.judge(f"{switched} {fault}", operator)
    assert (tried.twice, tried.forbidden, tried.proposals_lost) == (0, 0, 0), tried
    assert _all_done(tried), tried


@pytest.mark.parametrize("draft", ["same-name", "verdict", "localized", "numbered"])
def test_a_request_without_a_subject_where_drafts_show_no_uid(bench: Bench, draft: str) -> None:
    bench.switch(draft_uid=False, draft=draft)
    operator = bench.operator(bench.mailbox(untitled=True))
    operator.work(scans=2)
    tried = bench.judge(f"no subject, draft={draft}, draft_uid=false", operator)
    assert tried.twice == 0
    assert _all_done(tried), tried


@pytest.mark.parametrize("seed", range(6))
def test_faults_at_random_everywhere_answer_nothing_twice(bench: Bench, seed: int) -> None:
    kinds = [kind.value for kind in FaultKind if kind is not FaultKind.TAKEN_AWAY][seed::6]
    rules: list[dict[str, Any]] = [{"step": "any", "kind": kind, "rate": 0.05, "times": 4} for kind in kinds]
    bench.fault(*rules)
    operator = bench.operator(bench.mailbox())
    operator.work(scans=3)
    tried = bench.judge(f"any: {', '.join(kinds)} at 5 %", operator)
    assert tried.twice == 0
    assert tried.answered + len(tried.dead) >= tried.requests, tried


@pytest.mark.parametrize("seed", range(8))
def test_whatever_the_real_server_does_nothing_is_answered_twice(bench: Bench, seed: int) -> None:
    bench.switch(uncertain=seed)
    operator = bench.operator(bench.mailbox())
    operator.work(scans=2)
    tried = bench.judge(f"uncertain={seed}", operator)
    assert tried.twice == 0
    assert _all_done(tried), tried
