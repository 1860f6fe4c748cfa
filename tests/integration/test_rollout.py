"""Live runs are confirmed group by group: who is answered, and what every picture says of it."""

import json

import pytest

from rsvpq import wiring
from rsvpq.lanes import Lanes
from tests.support.installation import Installation, report_processes
from tests.support.scrape import scrape

SALES = "answering in groups sales (2 of 3 mailboxes), observing elsewhere: not confirmed"


@pytest.fixture
def unconfirmed(installation: Installation) -> Installation:
    """An installation that would answer, and that nobody has confirmed."""
    installation.write("[policy]\n")
    return installation


@pytest.fixture
def lanes(unconfirmed: Installation) -> Lanes:
    return unconfirmed.lanes()


def mode_of(installation: Installation, lanes: Lanes, group: str) -> str:
    """What a process that has just started would do in the mailboxes of a group."""
    return wiring.PolicyInForce(installation.settings, lanes)(group).mode


def first_line(installation: Installation) -> str:
    return installation.rsvpq("status").stdout.splitlines()[0]


def confirm(installation: Installation, *arguments: str) -> str:
    """Run ``rsvpq confirm``; return what it says, an error with its exit code."""
    ended = installation.rsvpq("confirm", "--yes", *arguments)
    return ended.stdout if ended.returncode == 0 else f"{ended.returncode} {ended.stderr}"


def test_only_the_confirmed_group_is_answered(unconfirmed: Installation, lanes: Lanes) -> None:
    said = confirm(unconfirmed, "--group", "sales", "--why", "looked at the dry run")
    assert said.startswith(
        "in 2 of 3 mailboxes, at most 50 per mailbox and scan, 500 per run; answers cannot be recalled"
    )
    assert "confirmed: group sales by " in said
    assert [mode_of(unconfirmed, lanes, group) for group in ("sales", "legal", "")] == ["respond", "observe", "observe"]


def test_a_group_that_is_not_in_the_list_is_not_confirmed(unconfirmed: Installation, lanes: Lanes) -> None:
    assert "did you mean sales?" in confirm(unconfirmed, "--group", "slaes")
    assert confirm(unconfirmed, "--group", "").startswith("2 ")
    assert lanes.controls.confirmed_groups() == {}


def test_the_withdrawal_of_a_group_leaves_the_others_confirmed(unconfirmed: Installation, lanes: Lanes) -> None:
    for group in ("sales", "legal"):
        confirm(unconfirmed, "--group", group)
    assert confirm(unconfirmed, "--withdraw", "--group", "sales").startswith("withdrawn: group sales")
    assert [mode_of(unconfirmed, lanes, group) for group in ("sales", "legal")] == ["observe", "respond"]
    assert "'sales' is not confirmed" in confirm(unconfirmed, "--withdraw", "--group", "sales")
    assert lanes.namespace.redis.smembers(lanes.namespace.groups) == {"legal"}


def test_a_withdrawal_without_a_group_withdraws_everything(unconfirmed: Installation, lanes: Lanes) -> None:
    """Otherwise a group would go on being answered, although somebody was told that nothing is."""
    confirm(unconfirmed, "--group", "sales")
    assert confirm(unconfirmed, "--withdraw").startswith("withdrawn: within seconds")
    assert mode_of(unconfirmed, lanes, "sales") == "observe"
    assert first_line(unconfirmed).startswith("NOTHING IS ANSWERED: live runs are not confirmed here")
    assert lanes.namespace.redis.exists(lanes.namespace.groups, lanes.namespace.group("sales")) == 0


def test_a_program_reads_what_was_confirmed_and_that_it_was_already(unconfirmed: Installation, lanes: Lanes) -> None:
    lanes.controls.configured()
    documents = [
        json.loads(unconfirmed.rsvpq("confirm", *arguments, "--yes", "--json").stdout)
        for arguments in (
            ("--group", "sales"),
            ("--group", "sales"),
            ("--withdraw", "--group", "sales"),
            ("--withdraw",),
        )
    ]
    assert [(one["action"], one["group"]) for one in documents] == [
        *(("confirm", "sales"), ("confirm", "sales"), ("withdraw", "sales"), ("withdraw", None)),
    ]
    assert documents[1]["text"].startswith("confirmed already: group sales, by ")
    assert documents[2]["text"].startswith("withdrawn: group sales: ")


def test_what_would_change_nothing_is_refused(unconfirmed: Installation, lanes: Lanes) -> None:
    confirm(unconfirmed)
    assert "withdraw that first with 'rsvpq confirm --withdraw'" in confirm(unconfirmed, "--group", "sales")
    assert "withdraw that first" in confirm(unconfirmed, "--withdraw", "--group", "sales")
    refused = [
        unconfirmed.rsvpq("confirm", *options, "--group", "sales").returncode for options in ((), ("--withdraw",))
    ]
    assert refused == [2, 2]
    assert mode_of(unconfirmed, lanes, "sales") == "respond"
    unconfirmed.write("[policy]\nconfirmed = true\n")
    assert "there is nothing to withdraw" in confirm(unconfirmed, "--withdraw")
    assert "confirms all mailboxes" in confirm(unconfirmed, "--group", "sales")


def test_a_withdrawn_confirmation_is_believed_for_some_seconds_at_most(
    unconfirmed: Installation, lanes: Lanes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring, "CONFIRMATION_TTL_S", 0.0)
    policy = wiring.PolicyInForce(unconfirmed.settings, lanes)
    lanes.controls.confirm("anna", "sales")
    before = policy.fingerprint("sales")
    assert policy("sales").mode == "respond"
    lanes.controls.confirm("", "sales")
    assert policy("sales").mode == "observe"
    assert policy.fingerprint("sales") != before  # so that what was left alone is looked at again


def test_every_picture_says_which_groups_are_answered(unconfirmed: Installation, lanes: Lanes) -> None:
    report_processes(lanes, "scan", "answer", "ops")
    confirm(unconfirmed, "--group", "sales")
    assert first_line(unconfirmed) == SALES
    shown = json.loads(unconfirmed.rsvpq("status", "--json").stdout)["in_force"]
    assert (shown["answering"], shown["why_not"]) == (True, "")
    assert shown["rollout"]["groups"]["sales"]["mailboxes"] == 2
    assert (shown["rollout"]["answered_mailboxes"], shown["rollout"]["listed_mailboxes"]) == (2, 3)
    assert f"OK    answering          {SALES}".split() == next(
        line.split() for line in unconfirmed.rsvpq("doctor").stdout.splitlines() if line.split()[1:2] == ["answering"]
    )
    assert SALES in unconfirmed.rsvpq("check").stdout
    found = scrape(unconfirmed.settings)
    answered = {group: found.value("rsvpq_confirmed", group=group) for group in ("sales", "legal")}
    assert (answered, found.value("rsvpq_answering")) == ({"sales": 1, "legal": 0}, 1)


def test_a_group_that_the_list_has_no_longer_is_no_answering(unconfirmed: Installation, lanes: Lanes) -> None:
    lanes.controls.confirm("anna", "pilot")
    assert first_line(unconfirmed) == (
        "NOTHING IS ANSWERED: live runs are confirmed only in groups pilot (0 of 3 mailboxes): "
        "'rsvpq confirm --group' one of the list"
    )
    assert "NOTHING IS ANSWERED" in unconfirmed.rsvpq("check").stdout
    (unconfirmed.directory / "mailboxes.csv").write_text("mailbox;server\n")
    assert "groups pilot (the list of mailboxes cannot be read), observing elsewhere" in first_line(unconfirmed)


@pytest.mark.parametrize(
    ("selected", "said"),
    [
        (("--group", "sales"), ""),
        (("--group", "legal"), "this scan only observes: live runs are not confirmed here"),
        (
            ("--all",),
            "live runs are not confirmed in the groups of 1 of these 3 mailboxes, so nothing is",
        ),
    ],
)
def test_a_scan_says_where_it_only_observes(
    unconfirmed: Installation, lanes: Lanes, selected: tuple[str, ...], said: str
) -> None:
    report_processes(lanes, "scan", "answer")
    lanes.controls.confirm("anna", "sales")
    assert unconfirmed.rsvpq("scan", *selected).stderr.startswith(said)


def test_the_audit_says_who_confirmed_which_group(unconfirmed: Installation, lanes: Lanes) -> None:
    confirm(unconfirmed, "--group", "sales", "--reason", "pilot")
    lanes.controls.configured()
    lines = unconfirmed.rsvpq("audit", "--event", "operator", "--format", "jsonl").stdout.splitlines()
    record = json.loads(lines[-1])
    assert (record["step"], record["note"], record["reason"]) == ("confirm", "group sales", "pilot")
