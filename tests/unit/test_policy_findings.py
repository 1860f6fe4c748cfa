"""Rules that can never decide: which of them ``rsvpq config check`` finds, and what it says about them."""

from pathlib import Path

import pytest

from rsvpq.cli.config import checked_config, report_lines
from rsvpq.mail.messages import Kind
from rsvpq.policy import Action, Policy, Rule
from rsvpq.policy.lint import flaws
from rsvpq.policy.organizer import covers
from rsvpq.policy.rules import Value
from rsvpq.settings import ConfigError
from tests.support.policy_values import DAY, HOUR, policy, rule

SETTINGS = r"""mailboxes = "mailboxes.csv"
[servers.hq1]
url = "https://mail1.example.com"
username = 'EXAMPLE\svc-rsvpq'
password_file = "secrets/hq1"
[[schedule]]
every = "15m"
"""

#: The conditions of two rules, and whether the first lets nothing through to the second.
_PAIRS: list[tuple[dict[str, Value], dict[str, Value], bool]] = [
    ({}, {}, True),
    ({}, {"recurring": True}, True),
    ({"recurring": True}, {}, False),
    ({"recurring": True}, {"recurring": True}, True),
    ({"recurring": True}, {"recurring": False}, False),
    ({"recurring": True}, {"recurring": True, "all_day": True}, True),
    ({"recurring": True, "all_day": True}, {"recurring": True}, False),
    ({"longer_than": HOUR}, {"longer_than": DAY}, True),
    ({"longer_than": DAY}, {"longer_than": HOUR}, False),
    ({"shorter_than": DAY}, {"shorter_than": HOUR}, True),
    ({"shorter_than": HOUR}, {"shorter_than": DAY}, False),
    ({"starts_after": HOUR}, {"starts_after": HOUR}, True),
    ({"starts_after": DAY}, {"starts_after": HOUR}, False),
    ({"starts_within": DAY}, {"starts_within": HOUR}, True),
    ({"starts_within": HOUR}, {"starts_within": DAY}, False),
    ({"starts_within": DAY}, {"starts_after": HOUR}, False),
    ({"attendees_more_than": 3}, {"attendees_more_than": 4}, True),
    ({"attendees_fewer_than": 4}, {"attendees_fewer_than": 3}, True),
    ({"attendees_fewer_than": 3}, {"attendees_fewer_than": 4}, False),
    ({"group": ("pilot", "hq")}, {"group": ("HQ",)}, True),
    ({"group": ("hq",)}, {"group": ("pilot", "hq")}, False),
    ({"organizer": ("*@example.com",)}, {"organizer": ("brian@example.com", "*.x@example.com")}, True),
    ({"organizer": ("*@example.com",)}, {"organizer": ("brian@example.com", "x@example.org")}, False),
    ({"subject": ("*",)}, {"subject": ("[Board] *",)}, True),
    ({"conflict": True}, {"conflict": True}, True),
    ({"conflict": True}, {"conflict": ("busy",)}, False),
    ({"conflict": ("busy", "oof")}, {"conflict": ("oof",)}, True),
    ({"conflict": ("oof",)}, {"conflict": ("busy", "oof")}, False),
]


@pytest.mark.parametrize(("wider", "narrower", "found"), _PAIRS)
def test_a_rule_behind_a_wider_one_is_never_reached(
    wider: dict[str, Value], narrower: dict[str, Value], found: bool
) -> None:
    rules = (Rule("wide", Action.HOLD, conditions=wider), Rule("narrow", Action.SKIP, conditions=narrower))

    assert [flaw.index for flaw in flaws(policy(*rules), {"pilot", "hq"}, {"example.com"})] == [1] * found


def test_a_rule_of_another_kind_is_in_nobody_s_way() -> None:
    rules = (rule(Action.SKIP, Kind.RESPONSE), rule(Action.ACCEPT, name="second"))

    assert list(flaws(policy(*rules), (), ())) == []


_PARTNER = Policy(external="rules", internal_domains=("example.com", "*.example.com"))
_LOOSE = Policy(external="rules", private="rules", delegate_copies="rules", details_only="rules")

#: A policy, the conditions of a rule -> the condition to blame, or None if there is nothing wrong with it.
_SINGLE: list[tuple[Policy, dict[str, Value], str | None]] = [
    (Policy(), {"starts_after": 7 * DAY, "starts_within": DAY}, "starts_within"),
    (Policy(), {"starts_after": DAY, "starts_within": DAY}, "starts_within"),
    (Policy(), {"starts_after": DAY, "starts_within": 7 * DAY}, None),
    (Policy(), {"longer_than": DAY, "shorter_than": DAY}, "shorter_than"),
    (Policy(), {"longer_than": HOUR, "shorter_than": DAY}, None),
    (Policy(), {"attendees_more_than": 3, "attendees_fewer_than": 4}, "attendees_fewer_than"),
    (Policy(), {"attendees_more_than": 3, "attendees_fewer_than": 5}, None),
    (Policy(), {"external": True}, "external"),
    (Policy(), {"external": False}, None),
    (_LOOSE, {"external": True}, None),
    (Policy(), {"private": True}, "private"),
    (Policy(), {"private": False}, None),
    (_LOOSE, {"private": True}, None),
    (Policy(), {"sensitivity": ("private", "confidential")}, "sensitivity"),
    (Policy(), {"sensitivity": ("personal", "private")}, None),
    (_LOOSE, {"sensitivity": ("private",), "private": False}, "sensitivity"),
    (_LOOSE, {"sensitivity": ("normal",), "private": True}, "sensitivity"),
    (_LOOSE, {"sensitivity": ("normal", "private"), "private": True}, None),
    (Policy(), {"delegate_copy": True}, "delegate_copy"),
    (_LOOSE, {"delegate_copy": True}, None),
    (Policy(no_response_requested="skip"), {"response_requested": False}, "response_requested"),
    (Policy(), {"response_requested": False}, None),
    (Policy(), {"update": ("details-only",)}, "update"),
    (Policy(), {"update": ("details-only", "time-moved")}, None),
    (_LOOSE, {"update": ("details-only",)}, None),
    (_PARTNER, {"external": False, "organizer_domain": ("partner.example",)}, "organizer_domain"),
    (_PARTNER, {"external": False, "organizer": ("x@partner.example",)}, "organizer"),
    (_PARTNER, {"external": False, "organizer": ("ceo*",)}, None),
    (_PARTNER, {"external": False, "organizer": ("*",)}, None),
    (_PARTNER, {"external": False, "organizer_domain": ("partner.example", "example.com")}, None),
    (_PARTNER, {"external": False, "organizer_domain": ("*.example",)}, None),
    (_PARTNER, {"external": False, "organizer_domain": ("contoso.example",)}, None),
    # a stranger may name one of ours as the organizer
    (_PARTNER, {"external": True, "organizer_domain": ("example.com", "*.hq.example.com")}, None),
    (_PARTNER, {"external": True, "organizer": ("*@example.com",)}, None),
    (_PARTNER, {"organizer": ("x@example.com",), "organizer_domain": ("example.org",)}, "organizer_domain"),
    (_PARTNER, {"organizer": ("x@example.com",), "organizer_domain": ("example.*",)}, None),
    (_PARTNER, {"organizer": ("*",), "organizer_domain": ("example.org",)}, None),
    (Policy(), {"group": ("pilots",)}, "group"),
    (Policy(), {"group": ("pilots", "Pilot")}, None),
]


@pytest.mark.parametrize(("laid_down", "conditions", "blamed"), _SINGLE)
def test_a_rule_that_can_never_hold_is_found(
    laid_down: Policy, conditions: dict[str, Value], blamed: str | None
) -> None:
    rules = (Rule("odd", Action.ACCEPT, conditions=conditions),)
    asked = Policy(**{name: getattr(laid_down, name) for name in Policy.__dataclass_fields__} | {"rules": rules})

    assert [flaw.condition for flaw in flaws(asked, {"pilot"}, {"contoso.example"})] == ([blamed] if blamed else [])


@pytest.mark.parametrize(
    ("wider", "narrower", "expected"),
    [
        ("*", "", True),
        ("*", "a?*", True),
        ("a*", "A*b", True),
        ("a*b", "a*", False),
        ("a?*", "a*", False),
        ("a*", "a?*", True),
        ("?", "*", False),
        ("??*", "?*?", True),
        ("?*?", "a*", False),
        ("*a*", "*a", True),
        ("a.c", "abc", False),
        ("*b*", "*a*b*a*b*a*", False),  # it does, but is not worth working out
        ("*a*b*a*b*a*", "*A*b*a*b*a*", True),
    ],
)
def test_a_pattern_covers_another_only_if_that_is_certain(wider: str, narrower: str, expected: bool) -> None:
    assert covers(wider, narrower) is expected


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with settings that are worth no warning."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rsvpq.toml").write_text(SETTINGS)
    (tmp_path / "mailboxes.csv").write_text("mailbox,group\nadele@example.com,pilot\n")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "hq1").write_text("correct horse")
    (tmp_path / "secrets" / "hq1").chmod(0o600)
    return tmp_path


def _report(folder: Path, text: str) -> tuple[int, list[str]]:
    """The number of lines before ``text``, and what is reported once it is appended to the settings."""
    before = (folder / "rsvpq.toml").read_text()
    (folder / "rsvpq.toml").write_text(before + text)
    return before.count("\n"), report_lines(checked_config(None, {"RSVPQ_MODE": "respond"}))


def _problems(folder: Path, text: str) -> tuple[int, list[str]]:
    with pytest.raises(ConfigError) as caught:
        _report(folder, text)
    return (folder / "rsvpq.toml").read_text().count("\n") - text.count("\n"), str(caught.value).split("\n")


def test_a_rule_that_is_never_reached_is_refused_with_its_line_and_a_remedy(folder: Path) -> None:
    text = '[[policy.rules]]\nname = "rest"\ndecision = "accept"\n[[policy.rules]]\nname = "late"\ndecision = "skip"\n'
    lines, problems = _problems(folder, text + 'subject = "Lunch*"\n')

    assert problems == [
        f"rsvpq.toml:{lines + 4}: policy.rules[1]: 'late' is never reached: 'rest' comes first and matches everything "
        "that it matches; move it before that rule, or remove it"
    ]


def test_conditions_that_exclude_each_other_are_refused_with_line_and_remedy(folder: Path) -> None:
    text = '[[policy.rules]]\nname = "odd"\ndecision = "accept"\nstarts_after = "7d"\nstarts_within = "1d"\n'
    text += '[[policy.rules]]\nname = "strangers"\ndecision = "hold"\nexternal = true\n'
    lines, problems = _problems(folder, text)

    assert problems == [
        f"rsvpq.toml:{lines + 5}: policy.rules[0].starts_within: 'odd' is 1d, which leaves no range above "
        "starts_after = 7d; raise it, or lower starts_after",
        f"rsvpq.toml:{lines + 9}: policy.rules[1].external: 'strangers' is never tried, because "
        'policy.external = "skip" decides first; set that to "rules", or remove this rule',
    ]


def test_rules_in_order_are_summed_up(folder: Path) -> None:
    text = '[[policy.rules]]\nname = "rest"\ndecision = "accept"\n'
    text += '[[policy.rules]]\nkind = "response"\nname = "all"\ndecision = "open"\n'
    _, lines = _report(folder, '[policy]\nexternal = "rules"\n' + text)

    assert [line for line in lines if line.startswith(("policy", "warning"))] == [
        "policy     rules 1 for requests, 1 for responses; not answered: private meetings, delegates' copies, "
        "past meetings, older than 14d"
    ]


_REST = '[[policy.rules]]\nname = "long"\ndecision = "hold"\nlonger_than = "1d"\n'
_WARNINGS = [
    (
        _REST,
        "policy.rules[0]: a request that no rule matches is left alone; end with a rule that has no conditions",
        1,
    ),
    (
        "[policy]\nmost_answers_per_scan = 501\n",
        "policy.most_answers_per_scan: 501 for one mailbox is more than most_answers_per_run (500) for all; "
        "lower the one or raise the other",
        2,
    ),
]


@pytest.mark.parametrize(("text", "expected", "line"), _WARNINGS)
def test_what_may_not_have_been_meant_is_warned_about(folder: Path, text: str, expected: str, line: int) -> None:
    before, lines = _report(folder, text)

    assert [one for one in lines if "warning" in one] == [f"warning: rsvpq.toml:{before + line}: {expected}"]


def test_the_caps_of_a_group_are_shown_and_those_of_none_refused(folder: Path) -> None:
    _, lines = _report(folder, "[policy.groups.pilot]\nmost_answers_per_run = 60\n")
    assert "group      pilot: 1 mailbox; at most 50 answers per mailbox and scan and 60 per run" in lines
    with pytest.raises(
        ConfigError, match=r"policy\.groups\.pilto: no mailbox is in the group 'pilto'; did you mean pilot"
    ):
        _report(folder, "[policy.groups.pilto]\nmost_answers_per_run = 60\n")


def test_aliases_without_internal_domains_are_warned_about(folder: Path) -> None:
    (folder / "mailboxes.csv").write_text("mailbox,group\nadele,pilot\nbrian,\ncara@example.com,\n")

    _, lines = _report(folder, "[policy]\n")

    expected = (
        "policy.internal_domains: is empty, so every organizer is external to adele and 1 more; write your domains"
    )
    assert next(line for line in lines if "internal_domains" in line).endswith(expected)
    _, lines = _report(folder, 'internal_domains = "example.com"\n')
    assert [line for line in lines if "internal_domains" in line] == []
