"""No number is accepted that the ledger, a clock or a socket would take for another one."""

from collections.abc import Iterator
from pathlib import Path
from types import NoneType
from typing import Any, get_args

import click
import pytest
from click.testing import CliRunner
from pydantic import BaseModel

from rsvpq.cli import commands
from rsvpq.lanes import bounds
from rsvpq.lanes.limits import Rate
from rsvpq.ops import InvalidRequest
from rsvpq.ops.context import require_count
from rsvpq.ops.control import GivenLimits
from rsvpq.settings import ConfigError, Duration, load_settings
from rsvpq.settings.mailboxes import read_mailboxes
from rsvpq.settings.model import Schedule, Settings
from rsvpq.settings.policy import GroupCaps, RuleSettings
from rsvpq.settings.servers import EwsSettings, WebDavSettings
from tests.unit.test_given_options import every_command

GOOD = """\
mailboxes = "mailboxes.csv"
[servers.hq1]
url = "https://mail1.example.com"
username = "svc"
password_file = "password"
"""
#: What stands above the keys of a table, where it is not the name of the table alone.
ABOVE = {
    "servers.hq1": GOOD,
    "servers.hq2": f'{GOOD.replace("hq1", "hq2")}protocol = "ews"\n',
    "schedule": f'{GOOD}[[schedule]]\ntimezone = "UTC"\ncron = "0 9 * * *"\n',
    "policy.rules": f'{GOOD}[[policy.rules]]\nname = "one"\ndecision = "accept"\n',
    "policy.groups.a": f"{GOOD}[policy.groups.a]\n",
}
#: A value that no installation needs, by the type of the key.
HUGE = {int: f"1{'0' * 20}", Duration: f'"1{"0" * 20}d"', Rate: f'"1{"0" * 20}/s"'}
YEAR_2100_US = 4_102_444_800_000_000


def numbers() -> Iterator[tuple[str, str, type]]:
    """Yield the table, the name and the type of each key that takes a number."""
    tables: dict[str, Any] = {"servers.hq1": WebDavSettings, "servers.hq2": EwsSettings, "schedule": Schedule}
    tables |= {"policy.rules": RuleSettings, "policy.groups.a": GroupCaps}
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            tables[name] = field.annotation
    for table, model in tables.items():
        for name, field in model.model_fields.items():
            for kind in inner_types(field.annotation):
                yield table, name, kind


def inner_types(annotation: Any) -> Iterator[type]:
    if annotation in HUGE:
        yield annotation
    elif annotation is not NoneType and hasattr(annotation, "__metadata__"):
        yield from inner_types(annotation.__origin__)
    elif NoneType in get_args(annotation):
        for one in get_args(annotation):
            yield from inner_types(one)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mailboxes.csv").write_text("mailbox\nadele\n")
    (tmp_path / "password").write_text("secret\n")
    return tmp_path


def problems(folder: Path, text: str) -> list[str]:
    file = folder / "rsvpq.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings(file, {})
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]


@pytest.mark.parametrize(("table", "name", "kind"), list(numbers()))
def test_a_huge_number_in_the_settings_is_refused_with_its_place_and_a_remedy(
    folder: Path, table: str, name: str, kind: type
) -> None:
    above = ABOVE.get(table, f"{GOOD}[{table}]\n")
    if name == "every":
        above = f"{GOOD}[[schedule]]\n"
    found = problems(folder, f"{above}{name} = {HUGE[kind]}\n")
    place = f"rsvpq.toml:{above.count(chr(10)) + 1}: {table}"
    written = {int: "; write a whole number from 1 to 1", Duration: " to 36500d", Rate: " to 1000000/s"}[kind]
    percent = "write 1 to 100"
    [line] = [line for line in found if line.startswith(place)]
    assert f".{name}: " in line
    assert written in line or (name == "server_share" and percent in line)


def test_the_keys_of_all_tables_are_looked_at() -> None:
    found = {(table, name) for table, name, _ in numbers()}
    assert {("retry", "attempts"), ("policy.rules", "attendees_more_than"), ("console", "session")} <= found
    assert {("redis", "intent_replicas"), ("schedule", "jitter"), ("servers.hq1", "rate")} <= found


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        (f"burst = {'9' * 5000}", "rsvpq.toml: number: one has more digits than any number here; write one such as 4"),
        ("burst = 100001", "servers.hq1.burst: is more than 100000; write a whole number from 1 to 100000"),
        ("[retry]\nattempts = 1001", "retry.attempts: is more than 1000; write a whole number from 1 to 1000"),
        ('read_timeout = "25h"', "servers.hq1.read_timeout: 25h is too long for one wait; write 1d or less"),
        ('rate = "0.09/h"', "servers.hq1.rate: '0.09/h' is too slow or too fast; write a rate from 0.1/h to 1000000/s"),
        (
            '[lanes]\nrun_lease = "0.00001ms"',
            "run_lease: '0.00001ms' is too short or too long; write a duration from 0.1ms to 36500d",
        ),
    ],
)
def test_the_remedy_says_what_may_be_written(folder: Path, keys: str, complaint: str) -> None:
    assert any(complaint in line for line in problems(folder, f"{GOOD}{keys}\n"))


def test_a_variable_with_thousands_of_digits_is_refused_too(folder: Path) -> None:
    file = folder / "rsvpq.toml"
    file.write_text(GOOD)
    with pytest.raises(ConfigError, match="RSVPQ_RETRY__ATTEMPTS: has more digits than any number here; write one"):
        load_settings(file, {"RSVPQ_RETRY__ATTEMPTS": "9" * 5000})


@pytest.mark.parametrize(
    ("column", "value", "complaint"),
    [
        ("burst", "9999999999", "is more than 100000; write a whole number from 1 to 100000"),
        ("burst", "9" * 5000, "is more than 100000; write a whole number from 1 to 100000"),
        ("weight", "1000.5", "'1000.5' is too small or too large; write a number from 0.001 to 1000"),
        ("weight", "0.0001", "'0.0001' is too small or too large; write a number from 0.001 to 1000"),
        ("pace", "10000000/s", "'10000000/s' is too slow or too fast; write a rate from 0.1/h to 1000000/s"),
    ],
)
def test_a_number_of_the_list_is_bounded(folder: Path, column: str, value: str, complaint: str) -> None:
    (folder / "rsvpq.toml").write_text(GOOD)
    (folder / "mailboxes.csv").write_text(f"mailbox,{column}\nadele,{value}\n")
    with pytest.raises(ConfigError) as caught:
        read_mailboxes(folder / "mailboxes.csv", load_settings(folder / "rsvpq.toml", {}))
    [problem] = caught.value.problems
    assert (problem.line, problem.field, problem.text) == (2, column, complaint)


def test_a_limit_that_an_operator_sets_is_bounded() -> None:
    remedy = "is more than 100000; write a whole number from 1 to 100000"
    with pytest.raises(InvalidRequest, match=f"burst: {remedy}"):
        GivenLimits(burst=10**20)
    with pytest.raises(InvalidRequest, match=f"concurrency: {remedy}"):
        GivenLimits(concurrency=10**20)
    with pytest.raises(InvalidRequest, match=r"rate: .* is too slow or too fast; write a rate from 0\.1/h"):
        GivenLimits(rate=f"1{'0' * 20}/s")


def test_a_number_of_rows_that_a_task_asks_for_is_bounded() -> None:
    with pytest.raises(InvalidRequest, match="most: is more than 1000000000; write a whole number from 1 to"):
        require_count("most", 10**20)


def test_every_number_of_the_command_line_has_an_upper_bound() -> None:
    ranges = [
        ((*words, option.opts[0]), option.type)
        for words, command in every_command(commands)
        for option in command.params
        if isinstance(option.type, click.IntRange | click.FloatRange | click.types.IntParamType)
    ]
    assert [name for name, kind in ranges if getattr(kind, "max", None) is None] == []
    assert len(ranges) > 8


@pytest.mark.parametrize(
    "arguments",
    [("dead", "list", "--limit"), ("audit", "--limit"), ("mailboxes", "top", "--most"), ("status", "--watch")],
)
def test_a_huge_number_of_the_command_line_is_wrong_usage(arguments: tuple[str, ...]) -> None:
    ended = CliRunner().invoke(commands, [*arguments, f"1{'0' * 20}"])
    assert (ended.exit_code, "is not in the range" in ended.stderr) == (2, True), ended.stderr


def test_no_pace_and_no_time_comes_to_where_the_scripts_stop_counting() -> None:
    slowest_us = Rate(bounds.SLOWEST_PER_S).interval_us
    assert YEAR_2100_US + bounds.LARGEST_AT_ONCE * slowest_us < bounds.ENDLESS
    assert YEAR_2100_US + bounds.LONGEST_S * 1e6 < bounds.ENDLESS
    assert round(bounds.SHORTEST_S * 1e6) > 0
    assert Rate(bounds.FASTEST_PER_S).interval_us == 1
    assert bounds.LONGEST_TIMEOUT_S * 1000 < 2**31, "poll() takes milliseconds as an int"
