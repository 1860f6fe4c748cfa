"""Switches and faults by name: what is understood, what is refused, and what a seed of the uncertain means."""

import json
from dataclasses import fields
from datetime import date
from pathlib import Path

import pytest

from simulator.behavior import Behavior
from simulator.oracle.controls import Controls
from simulator.oracle.switches import SwitchError, changed, parse_assignment, switches, table, uncertain, value_of
from simulator.population.populate import Size, populate
from simulator.serving.faults import Fault, FaultError, FaultKind, Faults, Step, parse_faults, parse_option
from simulator.serving.http import Request
from simulator.webdav.steps import step_of

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "simulator.md"


@pytest.fixture
def controls() -> Controls:
    return Controls(populate(1, Size(4, 1, 1, servers=2), date(2026, 3, 2)), 2, Behavior(), Faults(1))


def test_every_field_is_a_switch_with_a_meaning_and_a_default_among_its_values() -> None:
    assert list(switches()) == [field.name for field in fields(Behavior)]
    for switch in switches().values():
        assert switch.meaning
        assert switch.certainty in {"captured", "documented", "reported", "inferred", "open"}
        assert switch.parse(switch.default) == switch.default
        assert set(switch.uncertain) <= set(switch.choices)
        assert not switch.uncertain or switch.default in switch.uncertain


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("draft", "verdict", "verdict"),
        ("draft_uid", "false", False),
        ("draft_uid", False, False),
        ("submission_status", "207", 207),
        ("submission_status", 207, 207),
        ("submission_refusal", 507, "507"),
        ("clock_skew_s", "-60", -60),
    ],
)
def test_a_value_is_text_or_json(name: str, given: object, value: object) -> None:
    assert value_of(changed(Behavior(), {name: given}), name) == value


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"darft": "verdict"}, "no switch 'darft'"),
        ({"draft": "verdikt"}, "same-name | verdict"),
        ({"draft_uid": 0}, "false | true"),
        ({"draft_uid": "yes"}, "false | true"),
        ({"submission_status": 202}, "200 | 201"),
        ({"bad_every": 0}, "1..1000"),
        ({"bad_every": True}, "1..1000"),
        ({"bad_every": "x"}, "1..1000"),
        ({"bad_every": None}, "1..1000"),
        ({"uncertain": "x"}, "whole number"),
    ],
)
def test_what_is_misspelled_is_refused(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(SwitchError) as refused:
        changed(Behavior(), changes)
    assert reason in str(refused.value)


def test_an_assignment_has_a_name() -> None:
    assert parse_assignment('multistatus_type=text/xml; charset="UTF-8"') == (
        "multistatus_type",
        'text/xml; charset="UTF-8"',
    )
    for text in ("draft", "=verdict"):
        with pytest.raises(SwitchError):
            parse_assignment(text)


def test_a_seed_sets_what_is_open_and_always_the_same() -> None:
    open_names = {switch.name for switch in switches().values() if switch.uncertain}
    assert set(uncertain(7)) == open_names
    assert uncertain(7) == uncertain("7")
    seen: dict[str, set[object]] = {name: set() for name in open_names}
    for seed in range(200):
        for name, value in uncertain(seed).items():
            seen[name].add(value)
    assert {name: set(switches()[name].uncertain) for name in open_names} == seen


def test_a_named_switch_wins_over_the_seed() -> None:
    for seed in range(10):
        assert changed(Behavior(), {"draft": "none", "uncertain": seed}).draft == "none"


def test_controls_turn_all_servers_or_one_and_tell_what_changed(controls: Controls) -> None:
    assert controls.switch({"draft": "verdict", "gzip": False}) == {"draft": "verdict"}
    assert controls.switch({"hrefs": "relative"}, [1]) == {"hrefs": "relative"}
    assert [behavior.hrefs for behavior in controls.behaviors] == ["as-addressed", "relative"]
    assert controls.as_json()["hrefs"] == {
        "value": "as-addressed",
        "values": ["as-addressed", "relative"],
        "choices": ["as-addressed", "internal-host", "other-scheme", "relative"],
        "default": "as-addressed",
        "meaning": switches()["hrefs"].meaning,
        "certainty": "captured",
        "uncertain": [],
    }
    json.dumps(controls.as_json())


def test_an_error_turns_nothing(controls: Controls) -> None:
    for changes, servers in (({"draft": "none", "order": "x"}, None), ({"draft": "none"}, [2])):
        with pytest.raises(SwitchError):
            controls.switch(changes, servers)
    assert controls.behaviors == [Behavior(), Behavior()]


def test_faults_of_the_command_line_are_understood() -> None:
    assert parse_option("any:503") == Fault(Step.ANY, FaultKind.BUSY)
    assert parse_option("accept:lost-reply:0.25:3") == Fault(Step.ACCEPT, FaultKind.LOST_REPLY, 0.25, 3)
    assert parse_option("search:slow").ms == 1000


@pytest.mark.parametrize("text", ["accept", "accept:lost", "scan:503", "any:503:x", "any:503:2", "any:503:1:x:y", ""])
def test_faults_that_are_misspelled_are_refused(text: str) -> None:
    with pytest.raises(FaultError):
        parse_option(text)


@pytest.mark.parametrize(
    "entry",
    [
        3,
        {"step": "any", "kind": "503", "after": -1},
        {"step": "any", "kind": "503", "times": True},
        {"step": "any", "kind": "503", "rate": True},
        {"step": "any", "kind": "slow", "ms": 600_001},
        {"step": "any", "kind": "503", "mailbox": 3},
        {"step": "any", "kind": ["503"]},
    ],
)
def test_faults_of_json_that_are_wrong_are_refused(entry: object) -> None:
    with pytest.raises(FaultError):
        parse_faults([entry], 1)


def test_the_first_fault_that_strikes_wins_and_the_next_has_its_turn() -> None:
    faults = Faults(1, [parse_option("search:503:1:1"), parse_option("any:429")])
    struck = [faults.strike(Step.SEARCH, None, 0, set()) for _ in range(2)]
    assert [rule and rule.kind.value for rule in struck] == ["503", "429"]
    assert faults.injected == {"503": 1, "429": 1}


@pytest.mark.parametrize(
    ("method", "target", "destination", "step"),
    [
        ("GET", "/exchange/a/Inbox/x.EML?Cmd=Accept", "", Step.ACCEPT),
        ("GET", "/exchange/a/Inbox/x.EML?cmd=decline", "", Step.ACCEPT),
        ("GET", "/exchange/a/Inbox/x.EML?cmd=open", "", Step.OPEN),
        ("GET", "/exchange/a/Inbox/x.EML", "", Step.GET),
        ("MOVE", "/x", "http://h/exchange/a/##DavMailSubmissionURI##", Step.SUBMIT),
        ("MOVE", "/x", "/exchange/a/%23%23davmailsubmissionuri%23%23/", Step.SUBMIT),
        ("PUT", "/exchange/a/%23%23DavMailSubmissionURI%23%23", "", Step.SUBMIT),
        ("MOVE", "/x", "http://h/exchange/a/Deleted", Step.MOVE),
        ("BDELETE", "/x", "", Step.DELETE),
        ("POST", "/exchweb/bin/auth/owaauth.dll", "", Step.LOGIN),
        ("OPTIONS", "/exchange/a/", "", None),
    ],
)
def test_each_request_is_a_step_or_none(method: str, target: str, destination: str, step: Step | None) -> None:
    path, _, query = target.partition("?")
    headers = {"destination": destination} if destination else {}
    assert step_of(Request(method, path, query, headers, b"", "HTTP/1.1", 0.0, from_loopback=True)) is step


def test_the_documentation_has_the_table_of_switches_as_it_is() -> None:
    assert table() in DOCUMENTATION.read_text(encoding="utf-8")


@pytest.mark.parametrize("word", [*(step.value for step in Step), *(kind.value for kind in FaultKind)])
def test_the_documentation_names_every_step_and_kind(word: str) -> None:
    assert f"`{word}`" in DOCUMENTATION.read_text(encoding="utf-8")
