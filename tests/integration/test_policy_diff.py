"""A comparison of two policies names exactly what they decide differently, and changes nothing."""

import json
import os
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis import Redis

from producer import compare
from producer.compare import compare_policies
from producer.dry_run import dry_run
from producer.visit import Inbox
from rsvpq.lanes import Lanes
from rsvpq.mail.messages import ItemRef, Kind, Mailbox, MeetingMessage
from rsvpq.ops.decision_change import DecisionChange
from rsvpq.policy import Action, Decision, Policy, Reason, Rule
from rsvpq.settings import ConfigError, load_with_policy_of
from rsvpq.tasks import contract
from testbed.processes import WAIT_S
from tests.support.asked_command import Asked
from tests.support.ews_site import EwsSite, requests_in
from tests.support.exchange_site import Site, box_name, inbox, lenient
from tests.support.installation import Installation, queued
from tests.support.lanes_with_clock import everything
from tests.support.visits import Visitor

CLASH = Rule("clash", Action.TENTATIVE, conditions={"conflict": True})
REST = Rule("rest", Action.ACCEPT)
NOW = datetime.now(UTC)


@pytest.fixture
def visitor(site: Site, lanes: Lanes) -> Visitor:
    """Who visits a mailbox of the test's own, which has several requests."""
    box = site.take(fits=lambda box: len([one for one in inbox(box) if one.kind is Kind.REQUEST]) >= 4)
    return Visitor(lanes, box, Mailbox(box_name(box), "mail1"))


def compared(visitor: Visitor, before: Policy, after: Policy) -> list[DecisionChange]:
    """What a comparison has reported."""
    visitor.policy = before
    compare_policies(visitor.visit(), after)
    return [DecisionChange.from_dict(row) for row in visitor.reported().found]


def forecast(visitor: Visitor, policy: Policy) -> dict[str, tuple[str, str]]:
    """What a dry run says of each message: the decision and its reason."""
    visitor.policy = policy
    dry_run(visitor.visit())
    return {
        row["item"]: (row["decision"], f"{row['reason']}:{row['rule']}" if row["rule"] else row["reason"])
        for row in visitor.reported().found
    }


def test_a_policy_is_the_same_as_itself(visitor: Visitor) -> None:
    assert compared(visitor, lenient(), lenient()) == []
    assert set(visitor.reported().counts) == {"found", "unreadable"}


@pytest.mark.parametrize(
    "changed",
    [
        {"rules": (CLASH, REST)},
        {"rules": (Rule("none", Action.DECLINE),)},
        {"rules": (Rule("some", Action.SKIP, conditions={"recurring": True}), REST)},
        {"max_age": timedelta(days=1)},
        {"external": "skip", "private": "skip", "delegate_copies": "skip"},
        {"cancellations": "process"},
    ],
    ids=str,
)
def test_the_changes_are_those_between_two_dry_runs(visitor: Visitor, changed: dict[str, object]) -> None:
    before, after = lenient(), replace(lenient(), **changed)  # type: ignore[arg-type]
    first, second = forecast(visitor, before), forecast(visitor, after)
    expected = {item: (first[item], second[item]) for item in first if first[item][0] != second[item][0]}
    found = compared(visitor, before, after)
    assert {one.item: ((one.before, one.before_reason), (one.after, one.after_reason)) for one in found} == expected
    others = sum(first[item][0] == second[item][0] and first[item] != second[item] for item in first)
    assert visitor.reported().counts.get("other_reason", 0) == others


def test_nothing_is_changed(site: Site, visitor: Visitor) -> None:
    before = site.mutating(), inbox(visitor.box), everything(visitor.lanes)
    compared(visitor, lenient(), replace(lenient(), rules=(CLASH, REST)))
    after = everything(visitor.lanes)
    (report,) = set(after) - set(before[2])
    del after[report]
    assert (site.mutating(), inbox(visitor.box), after) == before


def test_another_text_alone_is_a_change_where_it_is_sent(site: Site, visitor: Visitor) -> None:
    ews = EwsSite(site.exchange)
    address = ews.take(lambda box: len(requests_in(box)) > 1)
    by_ews = Visitor(visitor.lanes, visitor.box, Mailbox(address, "mail1"), lenient(), runs=100)
    compare_policies(replace(by_ews.visit(), box=ews.box(address)), replace(lenient(), answer_text="By a program."))
    found = [DecisionChange.from_dict(row) for row in by_ews.reported().found]
    assert found
    assert {(one.kind, one.before == one.after) for one in found} == {("request", True)}
    assert compared(visitor, lenient(), replace(lenient(), answer_text="By a program.")) == []  # WebDAV sends none


def test_which_edition_is_the_newest_is_judged_by_each_policy(visitor: Visitor) -> None:
    """An internal sender may have sent a newer edition on the organizer's behalf; a stranger's counts for nothing."""
    older = MeetingMessage(
        Kind.REQUEST, ItemRef("older", ("/older", "")), "U1", organizer="nora@example.com", sequence=1, received=NOW
    )
    newer = replace(older, ref=ItemRef("newer", ("/newer", "")), sequence=2, sent_by=("bob@partner.example",))
    nothing = replace(lenient(), rules=(Rule("nothing", Action.SKIP),))
    ours = replace(nothing, internal_domains=("example.com", "partner.example"))
    found = {
        (before.internal_domains != (), first.reason, second.reason)
        for before, after in ((ours, nothing), (nothing, ours))
        for first, second in [pair_on(visitor, before, after, [older, newer])]
    }
    assert found == {(True, Reason.OUT_OF_DATE, Reason.RULE), (False, Reason.RULE, Reason.OUT_OF_DATE)}


def pair_on(
    visitor: Visitor, before: Policy, after: Policy, messages: list[MeetingMessage]
) -> tuple[Decision, Decision]:
    """The decisions on the first of these messages."""
    visitor.policy = before
    visit = visitor.visit()
    inbox = Inbox(messages, visit.newest(messages), 0)
    (_, pair), *_ = compare._decisions(visit, inbox, after)
    assert pair is not None
    return pair


def test_what_is_not_examined_is_counted(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "MOST_EXAMINED", 1)
    compared(visitor, lenient(), replace(lenient(), rules=(CLASH, REST)))
    assert visitor.reported().counts["not_compared"] >= 1


def test_a_message_that_cannot_be_decided_on_is_not_the_same(visitor: Visitor) -> None:
    broken = replace(lenient(), rules=(Rule("broken", Action.ACCEPT, conditions={"longer_than": "long"}),))  # type: ignore[dict-item]
    assert compared(visitor, broken, broken) == []
    assert visitor.reported().counts["not_compared"] >= 4


# -- the command ---------------------------------------------------------------------------------------------------

CHANGE = DecisionChange(
    "adele", "request", "accept", "rule:rest", "tentative", "rule:clash", subject="Budget", item="i1"
)
NEW = '[policy]\nconfirmed = true\n[[policy.rules]]\nname = "rest"\ndecision = "accept"\n'


def ask(
    installation: Installation, redis: Redis, *arguments: str, changes: int = 2, new: str = NEW
) -> tuple[int, str, str]:
    """Compare with a file, while somebody finds so many changes in one of the two mailboxes."""
    (installation.directory / "new.toml").write_text(new)
    asked = Asked(installation, redis, "policy", "diff", str(installation.directory / "new.toml"), *arguments)
    asked.findings.offered({"adele": "offered", "bruno": "offered"})
    rows = [replace(CHANGE, item=f"i{number}").to_dict() for number in range(changes)]
    asked.findings.report("adele", rows, {"found": 5, "other_reason": 1})
    asked.findings.report("bruno", [], {"found": 2})
    return asked.end()


def test_the_changes_are_counted_and_sampled(installation: Installation, redis: Redis) -> None:
    code, out, err = ask(installation, redis, "--group", "sales", "--samples", "1")
    assert (code, err) == (3, "")
    assert out.splitlines()[:3] == [
        "mailboxes: 2; messages: 7",
        "messages that would be decided differently: 2",
        "the same decision for another reason: 1",
    ]
    assert "     2 accept (rule:rest) -> tentative (rule:clash)" in out
    assert ("i0" in out, "i1" in out, "and 1 more" in out) == (True, False, True)
    assert installation.lanes().snapshot.counts() == {}


def test_without_a_change_the_exit_code_is_0_and_json_says_all(installation: Installation, redis: Redis) -> None:
    code, out, _ = ask(installation, redis, "--group", "sales", "--json", changes=0)
    assert (code, json.loads(out)["changed"]) == (0, 0)
    (headers,) = queued(redis, "scan")
    assert "policies" in headers["kwargsrepr"]


def test_a_confirmation_and_caps_are_changes_that_no_decision_shows(installation: Installation, redis: Redis) -> None:
    policy = "[policy]\nmost_answers_per_scan = 50\n[policy.groups.sales]\nmost_answers_per_run = 5\n"
    installation.write(policy)
    raised = NEW.replace("confirmed = true\n", "confirmed = true\nmost_answers_per_run = 100000\n")
    code, out, _ = ask(installation, redis, "--group", "sales", changes=0, new=raised)
    assert code == 3
    shown = [line.rpartition("decisions: ")[2] for line in out.splitlines() if line.startswith("also changed")]
    assert shown == [
        "policy.confirmed: false -> true",
        "policy.groups.sales.most_answers_per_run: 5 -> none",
        "policy.most_answers_per_run: 500 -> 100000",
    ]


def test_the_json_has_the_keys_that_no_decision_shows(installation: Installation, redis: Redis) -> None:
    installation.write("[policy]\n")
    _, out, _ = ask(installation, redis, "--group", "sales", "--json", changes=0)
    assert json.loads(out)["keys"][0] == {"key": "policy.confirmed", "before": "false", "after": "true"}


def test_the_json_has_each_change_with_its_messages(installation: Installation, redis: Redis) -> None:
    code, out, _ = ask(installation, redis, "--group", "sales", "--json")
    (change,) = json.loads(out)["changes"]
    assert code == 3
    assert (change["before"], change["after_reason"], change["messages"]) == ("accept", "rule:clash", 2)
    assert [one["item"] for one in change["samples"]] == ["i0", "i1"]


@pytest.mark.parametrize("counts", [{"found": 5, "not_compared": 3}, None])
def test_same_is_not_said_if_not_everything_was_compared(
    installation: Installation, redis: Redis, counts: dict[str, int] | None
) -> None:
    (installation.directory / "new.toml").write_text(NEW)
    new = str(installation.directory / "new.toml")
    asked = Asked(installation, redis, "policy", "diff", new, "--group", "sales")
    asked.findings.offered({"adele": "offered", "bruno": "scanning" if counts is None else "offered"})
    asked.findings.report("adele", [], counts or {"found": 5})
    if counts:
        asked.findings.report("bruno", [], {"found": 2})
    code, _, err = asked.end()
    assert code == 1
    assert ("3 messages were not compared" in err) is bool(counts)


# -- the other file ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('mode = "respond"\n', "new.toml: policy: is missing; write the table [policy] as in the settings"),
        ('[policy]\nexternl = "skip"\n', "new.toml:2: policy.externl: is not a known key; did you mean external?"),
        ('[policy]\nexternal = "skip"\nmax_age = 5\n', "new.toml:3: policy.max_age: '5' is not a duration"),
        ("[policy\n", "new.toml:1: column"),
        (
            '[[policy.rules]]\nname = "a"\ndecision = "accept"\n[[policy.rules]]\nname = "b"\ndecision = "decline"\n',
            "new.toml:4: policy.rules[1]: 'b' ",
        ),
    ],
)
def test_a_wrong_policy_is_refused_with_its_place(installation: Installation, text: str, problem: str) -> None:
    (installation.directory / "new.toml").write_text(text)
    ended = installation.rsvpq("policy", "diff", str(installation.directory / "new.toml"))
    assert ended.returncode == 2
    assert problem in ended.stderr


def test_a_policy_may_come_from_stdin(installation: Installation) -> None:
    ended = subprocess.run(
        installation.command("policy", "diff", "-"),
        input='[policy]\nexternl = "skip"\n',
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        env={**os.environ, **installation.environment},
        check=False,
    )
    problem = "/dev/stdin:2: policy.externl: is not a known key; did you mean external?\n"
    assert (ended.returncode, ended.stderr) == (2, problem)


def test_only_the_policy_of_the_other_file_is_used(installation: Installation, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "new.toml").write_text('mode = "observe"\n[policy]\nmax_age = "3d"\n')
    loaded = load_with_policy_of(other / "new.toml", installation.config, {})
    assert (str(loaded.settings.policy.max_age), loaded.settings.mode) == ("3d", "respond")
    assert loaded.settings.servers == installation.settings.servers
    installation.config.write_text("[policy]\n")
    with pytest.raises(ConfigError, match=r"rsvpq\.toml"):
        load_with_policy_of(other / "new.toml", installation.config, {})


def test_policies_that_are_gone_or_broken_are_an_empty_list(lanes: Lanes) -> None:
    results = lanes.run_results(contract.run_named("12345678-1234"))
    assert results.policies() == []
    results.give_policies([{"max_age": "3d"}, {}])
    assert results.policies() == [{"max_age": "3d"}, {}]
    lanes.namespace.redis.set("{test}:findings:12345678:policies", "not ours")
    assert results.policies() == []
