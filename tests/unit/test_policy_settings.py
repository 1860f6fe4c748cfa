"""The policy as operators write it: what becomes of each rule, and what each mistake is answered with."""

from datetime import timedelta
from pathlib import Path

import pytest

from rsvpq.mail.messages import Kind
from rsvpq.policy import DECISIONS, Action, Policy, Rule
from rsvpq.policy.conditions import CONDITIONS
from rsvpq.policy.rules import Value
from rsvpq.settings import ConfigError, PolicySettings, RuleSettings, load_settings

#: What is appended to it begins on line 6.
BASE = r"""mailboxes = "mailboxes.csv"
[servers.hq1]
url = "https://mail1.example.com"
username = 'EXAMPLE\svc-rsvpq'
password = "correct horse"
"""
RULE = '[[policy.rules]]\nname = "one"\ndecision = "accept"\n'
_DURATION = "write a number above zero in ms, s, m, h or d, such as 90s"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a list of mailboxes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mailboxes.csv").write_text("mailbox\nadele@example.com\n")
    return tmp_path


def _load(folder: Path, text: str) -> Policy:
    (folder / "rsvpq.toml").write_text(BASE + text)
    return load_settings(None, {}).decisions


def test_without_any_the_policy_has_the_same_defaults_as_its_settings(folder: Path) -> None:
    assert _load(folder, "") == Policy()


def test_every_condition_can_be_written_and_arrives_in_its_type(folder: Path) -> None:
    policy = _load(
        folder,
        """[[policy.rules]]
name = "all"
decision = "hold"
organizer = ["boss@example.com", "*@board.example.com"]
organizer_domain = "*.example.com"
external = false
group = "pilot"
subject = ["[Board] *", "Lunch, dinner"]
starts_within = "30d"
starts_after = "90m"
longer_than = "1h"
shorter_than = "1d"
all_day = false
recurring = true
private = false
sensitivity = "normal"
attendees_more_than = 2
attendees_fewer_than = 50
delegate_copy = false
response_requested = true
conflict = ["busy", "oof"]
update = "time-moved"
[[policy.rules]]
name = "theirs"
kind = "response"
decision = "skip"
own_meeting = false
""",
    )

    conditions: dict[str, Value] = {
        "organizer": ("boss@example.com", "*@board.example.com"),
        "organizer_domain": ("*.example.com",),
        "external": False,
        "group": ("pilot",),
        "subject": ("[Board] *", "Lunch, dinner"),
        "starts_within": timedelta(days=30),
        "starts_after": timedelta(minutes=90),
        "longer_than": timedelta(hours=1),
        "shorter_than": timedelta(days=1),
        "all_day": False,
        "recurring": True,
        "private": False,
        "sensitivity": ("normal",),
        "attendees_more_than": 2,
        "attendees_fewer_than": 50,
        "delegate_copy": False,
        "response_requested": True,
        "conflict": ("busy", "oof"),
        "update": ("time-moved",),
    }
    theirs = Rule("theirs", Action.SKIP, Kind.RESPONSE, {"own_meeting": False})
    assert policy.rules == (Rule("all", Action.HOLD, Kind.REQUEST, conditions), theirs)
    assert {*conditions, "own_meeting"} == set(CONDITIONS)


@pytest.mark.parametrize(("written", "read"), [("true", True), ("false", False), ('"none"', ("none",))])
def test_a_conflict_is_a_yes_a_no_or_a_word(folder: Path, written: str, read: object) -> None:
    assert _load(folder, RULE + f"conflict = {written}").rules[0].conditions == {"conflict": read}


def test_a_text_may_have_lines_and_braces(folder: Path) -> None:
    text = '[policy]\nanswer_text = """\nBy {mailbox},\n{{by itself}}."""\n' + RULE + 'answer_text = ""\n'
    policy = _load(folder, text)
    assert (policy.answer_text, policy.rules[0].answer_text) == ("By {mailbox},\n{{by itself}}.", "")


def test_every_decision_can_be_written_for_its_kind(folder: Path) -> None:
    written = [(kind, decision) for kind, decisions in DECISIONS.items() for decision in decisions]
    text = "".join(
        f'[[policy.rules]]\nname = "rule-{number}"\nkind = "{kind}"\ndecision = "{decision}"\n'
        for number, (kind, decision) in enumerate(written)
    )

    assert [(rule.kind, rule.decision) for rule in _load(folder, text).rules] == written


def test_the_settings_name_every_condition_and_nothing_else() -> None:
    assert set(RuleSettings.model_fields) == {"name", "kind", "decision", "answer_text", *CONDITIONS}
    beside = {"confirmed", "groups", "most_answers_per_scan", "most_answers_per_run"}
    assert set(PolicySettings.model_fields) - beside == set(Policy.__dataclass_fields__) - {"mode"}


def test_a_group_may_have_caps_of_its_own(folder: Path) -> None:
    text = (
        "[policy]\nmost_answers_per_scan = 40\nmost_answers_per_run = 400\n"
        "[policy.groups.pilot]\nmost_answers_per_scan = 5\nmost_answers_per_run = 60\n"
        '[policy.groups."Human Resources"]\nmost_answers_per_run = 9\n'
    )
    (folder / "rsvpq.toml").write_text(BASE + text)
    policy = load_settings(None, {}).policy
    assert [tuple(policy.caps_of(group))[:3] for group in ("pilot", "Human Resources", "sales", "")] == [
        *((5, 400, 60), (40, 400, 9), (40, 400, None), (40, 400, None)),
    ]


_MISTAKES = [
    (
        "[policy.groups.pilot]\nmost_answers = 5",
        "7: policy.groups.pilot.most_answers: is not a known key; did you mean most_answers_per_run?",
    ),
    (
        "[policy.groups.pilot]\nmost_answers_per_run = 0",
        "7: policy.groups.pilot.most_answers_per_run: is not a whole number above zero; write one such as 4",
    ),
    (
        "[policy.groups]\npilot = 5",
        "7: policy.groups.pilot: is not a table; write its name as [table], and its keys below",
    ),
    (
        '[policy]\nexternal = "accept"',
        "7: policy.external: 'accept' is not a known value; use one of: rules, skip",
    ),
    ('[policy]\nmax_age = "never"', f"7: policy.max_age: 'never' is not a duration; {_DURATION}"),
    (
        '[policy]\ninternal_domains = "@example.com"',
        "7: policy.internal_domains: '@example.com' is not a domain; write what follows the @, such as example.com",
    ),
    (
        "[policy]\ninternal_domains = [7]",
        '7: policy.internal_domains: is neither text nor a list of texts; write "one", or ["one", "another"]',
    ),
    (
        '[policy]\nbusy_when = "free"',
        "7: policy.busy_when: 'free' is not a known value; use one of: busy, oof, tentative",
    ),
    (
        "[policy]\nmost_answers_per_scan = 0",
        "7: policy.most_answers_per_scan: is not a whole number above zero; write one such as 4",
    ),
    ('[policy]\nexternl = "skip"', "7: policy.externl: is not a known key; did you mean external?"),
    (
        '[policy.rules]\nname = "one"',
        "6: policy.rules: is not a list of tables; write [[policy.rules]], in two pairs of brackets, above each",
    ),
    (
        RULE.replace("one", "One rule"),
        "7: policy.rules[0].name: 'One rule' is not a name; "
        "use lowercase letters, digits and hyphens, such as long-meetings",
    ),
    (RULE + RULE, "10: policy.rules[1].name: 'one' is already the name of an earlier rule; choose another"),
    ('[[policy.rules]]\ndecision = "accept"', '6: policy.rules[0].name: is missing; add name = "long-meetings"'),
    ('[[policy.rules]]\nname = "one"', '6: policy.rules[0].decision: is missing; add decision = "accept"'),
    (
        RULE + 'kind = "response"',
        "8: policy.rules[0].decision: 'accept' is not a decision for a response; write open or skip, or another kind",
    ),
    (
        RULE.replace("accept", "open"),
        "8: policy.rules[0].decision: 'open' is not a decision for a request; "
        "write accept or tentative or decline or skip or hold, or another kind",
    ),
    (
        RULE.replace("accept", "keep") + 'kind = "cancellation"\nconflict = true',
        "10: policy.rules[0].conflict: does not apply to a cancellation; remove it, or write kind = request",
    ),
    (RULE + 'longr_than = "1h"', "9: policy.rules[0].longr_than: is not a known key; did you mean longer_than?"),
    (RULE + "longer_than = 60", f"9: policy.rules[0].longer_than: '60' is not a duration; {_DURATION}"),
    (RULE + 'conflict = "busi"', "9: policy.rules[0].conflict: 'busi' is not a known value; did you mean busy?"),
    (RULE + 'conflict = "true"', "9: policy.rules[0].conflict: is in quotes; write true without them"),
    (
        RULE + "group = []",
        '9: policy.rules[0].group: is neither text nor a list of texts; write "one", or ["one", "another"]',
    ),
    (
        RULE + 'subject = ["a", ""]',
        "9: policy.rules[0].subject: contains '', which is empty or not printable; write text, or leave it out",
    ),
    (
        RULE + 'organizer = "example.com"',
        "9: policy.rules[0].organizer: 'example.com' is not an address; write boss@example.com or *@example.com",
    ),
    (
        RULE + "attendees_more_than = true",
        "9: policy.rules[0].attendees_more_than: is not a whole number above zero; write one such as 4",
    ),
    (
        RULE + 'recurring = "often"',
        "9: policy.rules[0].recurring: is neither true nor false; write one of the two",
    ),
    (
        RULE + 'update = "moved"',
        "9: policy.rules[0].update: 'moved' is not a known value; did you mean time-moved?",
    ),
    (
        RULE + 'answer_text = "Because {why}."',
        "9: policy.rules[0].answer_text: has {why}, which is not a placeholder; "
        "write one of {decision}, {mailbox}, {reason}, or {{ for a brace",
    ),
    (
        RULE + 'answer_text = "Because {reason!r}."',
        "9: policy.rules[0].answer_text: has {reason}, which is written with more than its name; write {reason}",
    ),
    (
        RULE + 'answer_text = "Because {."',
        "9: policy.rules[0].answer_text: has a single { or }; write it twice, as {{ or }}",
    ),
    (
        RULE + f'answer_text = "{"a" * 1001}"',
        "9: policy.rules[0].answer_text: has 1001 characters; write at most 1000",
    ),
    (
        RULE + r'answer_text = "a\tb"',
        "9: policy.rules[0].answer_text: contains a control character; write text and line breaks only",
    ),
    (
        RULE.replace("accept", "hold") + 'answer_text = "Wait."',
        "9: policy.rules[0].answer_text: is for answers, and 'hold' sends none; remove it, or decide otherwise",
    ),
    (
        '[policy]\nanswer_text = "{0}"',
        "7: policy.answer_text: has {0}, which is not a placeholder; "
        "write one of {decision}, {mailbox}, {reason}, or {{ for a brace",
    ),
]


@pytest.mark.parametrize(("text", "expected"), _MISTAKES)
def test_each_mistake_names_file_line_field_and_remedy(folder: Path, text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(folder, text)

    assert str(caught.value) == f"rsvpq.toml:{expected}"
