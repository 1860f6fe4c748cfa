"""``rsvpq check`` as a monitoring system runs it: one line, and the exit code of a Nagios plugin."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from rsvpq.lanes import Lanes
from rsvpq.metrics.troubles import Severity
from testbed.processes import free_port
from testbed.queue_server import queue_server
from tests.support import scenarios
from tests.support.installation import Installation


def outcome(run: subprocess.CompletedProcess[str]) -> tuple[Severity, str]:
    """The exit code, and the text of the one line, which must say the same."""
    (line,) = run.stdout.splitlines()
    match = re.fullmatch(r"RSVPQ ([A-Z]+) - ([^|]*?)(?: \| (?:[a-z_]+=\d+s?;[\d.]*;[\d.]*;0 ?)+)?", line)
    assert match, line
    assert Severity[match[1]] == run.returncode
    return Severity(run.returncode), match[2]


@pytest.fixture
def lanes(installation: Installation) -> Lanes:
    """An installation with all its processes, in which nothing waits."""
    return scenarios.healthy(installation)


def test_what_works_is_ok_with_its_figures(installation: Installation, lanes: Lanes) -> None:
    assert lanes.snapshot.counts()
    run = installation.rsvpq("check")
    assert outcome(run) == (Severity.OK, "answering, as policy.confirmed = true; nothing waits")
    assert "lag=0s;1800;7200;0 dead=0;0;;0 " in run.stdout
    assert "scan_workers=1;;;0 answer_workers=1;;;0 ops_workers=0;;;0 dispatchers=1;;;0" in run.stdout


def test_what_is_ok_says_what_is_left_alone(installation: Installation) -> None:
    scenarios.server_is_held(installation, 60)
    severity, text = outcome(installation.rsvpq("check"))
    assert (severity, "; held: mail1; the oldest" in text) == (Severity.OK, True), text
    lanes = installation.lanes()
    lanes.controls.pause("server", "mail1", reason="maintenance")
    lanes.controls.pause("all", reason="a|b")
    severity, text = outcome(installation.rsvpq("check"))
    assert severity is Severity.OK
    assert "; everything is paused: a/b; paused: mail1; held: mail1; the oldest" in text


@pytest.mark.parametrize("scenario", scenarios.SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_what_does_not_work_has_its_severity(installation: Installation, scenario: scenarios.Scenario) -> None:
    expected = scenarios.SCENARIOS[scenario]
    scenario(installation)
    severity, text = outcome(installation.rsvpq("check"))
    assert (severity, expected.text in text) == (expected.severity, True), text


def test_the_worst_of_several_conditions_counts_and_is_first(installation: Installation) -> None:
    lanes = scenarios.dead(installation)
    lanes.controls.pause("all", reason="a|b\n\x1b[31m")
    scenarios.waits_long(installation, 3 * 3600)
    severity, text = outcome(installation.rsvpq("check"))
    assert severity is Severity.CRITICAL
    assert text == "the oldest item has waited 3 h (everything is paused: a/b \\x1b[31m); 1 dead, see 'rsvpq dead'"


def test_the_limits_of_the_lag_can_be_given(installation: Installation, lanes: Lanes) -> None:
    assert lanes.snapshot.counts()
    scenarios.waits_long(installation, 3600)
    assert outcome(installation.rsvpq("check", "--lag-warning", "2h", "--lag-critical", "3h"))[0] is Severity.OK
    assert outcome(installation.rsvpq("check", "--lag-critical", "50m"))[0] is Severity.CRITICAL


def test_a_short_hold_is_a_warning_only_if_its_work_waits_for_long(installation: Installation) -> None:
    """One hold after the other: a single look cannot know since when."""
    scenarios.server_is_held(installation, 600)
    assert outcome(installation.rsvpq("check"))[0] is Severity.OK
    scenarios.waits_long(installation, 1000)
    severity, text = outcome(installation.rsvpq("check"))
    assert (severity, text.startswith("mail1 is held for another")) == (Severity.WARNING, True)


@pytest.mark.usefixtures("lanes")
def test_a_list_that_cannot_be_read_is_critical_and_no_command_says_that_all_is_scanned(
    installation: Installation,
) -> None:
    (installation.directory / "mailboxes.csv").write_text("mailbox,server\nadele,nowhere\n")
    checked, shown = installation.rsvpq("check"), installation.rsvpq("status")
    assert (checked.stderr, shown.stderr) == ("", ""), "a command has no log, and no list to keep in force"
    severity, text = outcome(checked)
    assert (severity, text) == (Severity.CRITICAL, "the list of mailboxes cannot be read, see 'rsvpq config check'")
    status = shown.stdout
    assert "scans: THE LIST OF MAILBOXES CANNOT BE READ: " in status
    assert "nowhere" in status
    coverage = json.loads(installation.rsvpq("status", "--json").stdout)["in_force"]["coverage"]
    assert "nowhere" in coverage["problem"]
    doctor = json.loads(installation.rsvpq("doctor", "--json").stdout)
    checks = {check["check"]: check["level"] for check in doctor["settings"] + doctor["processes"]}
    assert (checks["mailboxes"], checks["scans"]) == ("FAIL", "SKIP")


def test_redis_that_is_away_is_critical(tmp_path: Path) -> None:
    away = Installation(tmp_path, f"redis://127.0.0.1:{free_port()}/0")
    severity, text = outcome(away.rsvpq("check"))
    assert (severity, text.startswith("Redis cannot be read: ")) == (Severity.CRITICAL, True)


def test_redis_that_has_lost_everything_is_critical_although_no_process_ever_started_there(
    installation: Installation,
) -> None:
    severity, text = outcome(installation.rsvpq("check"))
    assert (severity, "no dispatcher runs" in text) == (Severity.CRITICAL, True)


def test_redis_that_is_almost_full_is_a_warning(tmp_path: Path) -> None:
    directory = tmp_path / "queue"
    directory.mkdir()
    with queue_server(directory) as server, server.client() as client:
        ours = Installation(tmp_path, server.url)
        scenarios.healthy(ours)
        client.config_set("maxmemory", str(10 * int(used(client))))
        assert outcome(ours.rsvpq("check"))[0] is Severity.OK
        client.config_set("maxmemory", str(int(used(client) * 1.1)))
        severity, text = outcome(ours.rsvpq("check"))
        assert (severity, "of its memory" in text) == (Severity.WARNING, True)


def used(client: Any) -> float:
    return float(client.info("memory")["used_memory"])


@pytest.mark.parametrize(
    "arguments",
    [["--lag-warning", "soon"], ["--nothing"], ["surplus"], ["--lag-warning", "3h", "--lag-critical", "2h"]],
)
def test_wrong_usage_is_unknown(installation: Installation, arguments: list[str]) -> None:
    severity, text = outcome(installation.rsvpq("check", *arguments))
    assert severity is Severity.UNKNOWN
    assert text


def test_wrong_settings_are_unknown_with_their_text(installation: Installation) -> None:
    installation.config.write_text("mode = 3\n")
    severity, text = outcome(installation.rsvpq("check"))
    assert (severity, "mode" in text) == (Severity.UNKNOWN, True)


def test_settings_that_are_not_there_are_unknown(installation: Installation) -> None:
    installation.config.unlink()
    severity, text = outcome(installation.rsvpq("check"))
    assert (severity, "rsvpq.toml" in text) == (Severity.UNKNOWN, True)


def test_nobody_who_observes_on_purpose_is_warned_that_nothing_is_answered(
    installation: Installation, lanes: Lanes
) -> None:
    assert lanes.snapshot.counts()
    text = installation.config.read_text()
    installation.config.write_text(text.replace('mode = "respond"', 'mode = "observe"'))
    assert outcome(installation.rsvpq("check"))[0] is Severity.OK
