"""``rsvpq audit`` as an operator runs it: what it prints, in which form, and with which exit code."""

import csv
import io
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from rsvpq import wiring
from rsvpq.audit.log import EVENTS, FIELDS
from rsvpq.audit.record import Audit, AuditedDecision, operator
from rsvpq.mail.messages import ItemRef, Kind, Mailbox, MeetingMessage
from testbed.processes import WAIT_S, Part, free_port, until
from tests.support.forked_command import run_rsvpq
from tests.support.installation import TERMINAL, Installation

ADELE, BRUNO = Mailbox("adele", "mail1"), Mailbox("bruno", "mail1")
HIDE = '[audit]\nhide = ["subjects", "addresses"]\nhash_key_file = "key"\n'


def message(uid: str, subject: str = "Budget", organizer: str = "carla@example.com") -> MeetingMessage:
    """A request."""
    return MeetingMessage(
        Kind.REQUEST, ItemRef(f"rid:{uid}", (f"/x/{uid}", "")), uid=uid, subject=subject, organizer=organizer
    )


def audit_of(installation: Installation) -> Audit:
    """The audit as a process of the installation writes it."""
    return wiring.make_audit(installation.settings, installation.lanes())


def decide(audit: Audit, mailbox: Mailbox, *messages: MeetingMessage) -> None:
    """Tell that these are accepted."""
    audit.decide(
        mailbox, "scan-r1-x", "r1", [(one, AuditedDecision("accept", "all", "every-request")) for one in messages]
    )


@pytest.fixture
def audited(installation: Installation) -> Installation:
    """An installation with three records."""
    audit = audit_of(installation)
    decide(audit, ADELE, message("U1"), message("U2", '=cmd()\x1b[31m, "quoted"', "dora@example.com"))
    decide(audit, BRUNO, message("U3", "Überblick 会議"))
    return installation


def records(installation: Installation, *arguments: str) -> list[dict[str, Any]]:
    """What is printed as JSON."""
    ended = installation.rsvpq("audit", "--format", "jsonl", *arguments)
    assert ended.returncode == 0
    assert ended.stderr.startswith("" if ended.stdout else "no records match")
    return [json.loads(line) for line in ended.stdout.splitlines()]


@pytest.mark.parametrize("entry", ["253402300800000-0", "18446744073709551615-18446744073709551615"])
def test_an_entry_beyond_all_calendars_hides_no_other(audited: Installation, entry: str) -> None:
    """Other programs may add one to Redis; the time of each later record would be after it."""
    lanes = audited.lanes()
    lanes.namespace.redis.xadd(f"{lanes.namespace.prefix}:audit", {"event": "done"}, id=entry)
    *before, odd = records(audited)
    assert [one["uid"] for one in before] == ["U1", "U2", "U3"]
    assert odd["time"].startswith("9999-12-31T23:59:59.")
    decide(audit_of(audited), ADELE, message("U4"))
    (after,) = records(audited, "--since", "1h")
    assert after["uid"] == "U4"
    assert [(one.name, one.why) for one in lanes.repair.broken_records()] == [("audit", "stream-ended")]


def test_an_entry_that_is_no_record_of_ours_hides_no_other(audited: Installation) -> None:
    lanes = audited.lanes()
    for fields in ({"x": "y"}, {"event": "intent"}, {"event": "dead", "time": "x"}):
        lanes.namespace.redis.xadd(f"{lanes.namespace.prefix}:audit", fields)
    assert [one["uid"] for one in records(audited, "--event", "decision")] == ["U1", "U2", "U3"]
    assert [audited.rsvpq(command).returncode for command in ("audit", "report")] == [0, 0]


def test_jsonl_is_one_object_per_record_in_order(audited: Installation) -> None:
    found = records(audited)
    assert [one["uid"] for one in found] == ["U1", "U2", "U3"]
    for one in found:
        assert [name for name in FIELDS if name in one] == list(one)
        assert (one["event"], one["decision"], one["rule"], one["run"]) == ("decision", "accept", "all", "r1")


def test_csv_has_every_field_and_no_formula(audited: Installation) -> None:
    ended = audited.rsvpq("audit", "--format", "csv")
    assert ended.returncode == 0
    rows = list(csv.DictReader(io.StringIO(ended.stdout, newline="")))
    assert tuple(rows[0]) == FIELDS
    assert [row["subject"] for row in rows] == ["Budget", '\'=cmd()\\x1b[31m, "quoted"', "Überblick 会議"]
    assert {row["step"] for row in rows} == {""}


def test_the_table_fits_and_holds_no_command_for_the_terminal(audited: Installation) -> None:
    ended = run_rsvpq(["audit"], {**audited.environment, **TERMINAL})
    header, *rows = ended.stdout.splitlines()
    assert header.split() == ["time", "(UTC)", "event", "where", "what", "result", "subject", "why"]
    assert sum(row.startswith("20") for row in rows) == 3  # what has no room in a cell is wrapped
    assert max(map(len, rows)) <= 100
    assert "\x1b" not in ended.stdout
    assert "adele" in rows[0]


@pytest.mark.parametrize("columns", [40, 80])
def test_a_narrow_terminal_loses_nothing_of_a_record(audited: Installation, columns: int) -> None:
    uid = "U" * 50
    decide(audit_of(audited), Mailbox("somebody.with.a.long.name@example.com", "mail1"), message(uid, "s" * 50))
    ended = run_rsvpq(["audit"], {**audited.environment, **TERMINAL, "COLUMNS": str(columns)})
    *_, first, second = ended.stdout.splitlines()
    assert first.split()[2:] == ["decision", "somebody.with.a.long.name@example.com"]
    item = message(uid).identity(Mailbox("somebody.with.a.long.name@example.com", "mail1"))
    assert second.split() == ["accept", "s" * 50, "all,", "every-request", item]


def test_in_a_file_the_table_is_whole_and_shows_the_items(audited: Installation) -> None:
    ended = audited.rsvpq("audit")
    header, *rows = ended.stdout.splitlines()
    assert header.split()[-1] == "item"
    assert len(rows) == 3
    assert "…" not in ended.stdout
    assert "every-request" in rows[0]
    assert rows[0].endswith(message("U1").identity(ADELE))
    assert [line for line in ended.stdout.splitlines() if line != line.rstrip()] == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--mailbox", "ADELE"), ["U1", "U2"]),
        (("--organizer", "Dora@example.com"), ["U2"]),
        (("--uid", "u3"), ["U3"]),
        (("--item", message("U1").identity(ADELE)), ["U1"]),
        (("--event", "decision", "--mailbox", "bruno"), ["U3"]),
        (("--event", "done", "--event", "dead"), []),
        (("--result", "answered"), []),
        (("--since", "1h"), ["U1", "U2", "U3"]),
        (("--until", "1h"), []),
        (("--since", "2001-01-01", "--until", "2001-01-02T03:04Z"), []),
        (("--limit", "2"), ["U2", "U3"]),
        (("--limit", "0"), []),
    ],
)
def test_filters_choose_records(audited: Installation, arguments: tuple[str, ...], expected: list[str]) -> None:
    assert [one["uid"] for one in records(audited, *arguments)] == expected


def test_filters_work_where_values_are_hidden(installation: Installation) -> None:
    (installation.directory / "key").write_text("0123456789abcdef")
    installation.write(HIDE)
    decide(audit_of(installation), ADELE, message("U1"), message("U2", organizer="dora@example.com"))
    found = records(installation, "--mailbox", "adele", "--organizer", "dora@example.com")
    assert [one["uid"] for one in found] == ["U2"]
    assert all(word not in str(records(installation)) for word in ("adele", "dora", "Budget"))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--since", "yesterday"), "'yesterday' is not a time; write how long ago, such as 90s, 2h or 7d"),
        (("--until", "2026-13-01"), "--until"),
        (("--follow", "--until", "1h"), "--follow never ends"),
        (("--event", "opened"), "is not one of"),
        (("--format", "xml"), "is not one of"),
        (("--limit", "-1"), "--limit"),
    ],
)
def test_what_cannot_be_asked_is_wrong_usage(audited: Installation, arguments: tuple[str, ...], complaint: str) -> None:
    ended = audited.rsvpq("audit", *arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert complaint in ended.stderr.replace("\n", " ")
    assert "Traceback" not in ended.stderr


def test_nothing_recorded_is_said_beside_the_data(installation: Installation) -> None:
    ended = installation.rsvpq("audit")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "no records match\n")
    assert json.loads(installation.rsvpq("audit", "--json").stdout) == {"records": []}


@pytest.mark.parametrize(
    ("option", "name", "complaint"),
    [
        ("--mailbox", "adelle", "adelle: is not in the list; did you mean adele?"),
        ("--mailbox", "", "the value is empty"),
        ("--server", "mial1", "no server 'mial1'; did you mean mail1?"),
        ("--server", "", "the value is empty"),
    ],
)
def test_a_name_that_nobody_knows_is_refused_before_anything_is_printed(
    audited: Installation, option: str, name: str, complaint: str
) -> None:
    for form in ("table", "csv", "json"):
        asked = audited.rsvpq("audit", option, name, "--format", form)
        assert (asked.returncode, asked.stdout) == (2, "")
        assert complaint in asked.stderr.replace("\n", " ")


def test_a_name_that_only_the_settings_or_only_the_audit_have_may_be_asked_for(audited: Installation) -> None:
    for option, name in (("--mailbox", "o'neil"), ("--server", "mail2")):
        assert audited.rsvpq("audit", option, name).stderr == "no records match\n"
    decide(audit_of(audited), Mailbox("carla", "mail7"), message("U9"))
    for option, name in (("--mailbox", "CARLA"), ("--server", "mail7")):
        assert [one["uid"] for one in records(audited, option, name)] == ["U9"]


def test_json_is_one_document_with_the_records_of_jsonl(audited: Installation) -> None:
    assert json.loads(audited.rsvpq("audit", "--json").stdout) == {"records": records(audited)}
    assert json.loads(audited.rsvpq("audit", "--json", "--limit", "1").stdout)["records"] == records(audited)[-1:]


def test_without_redis_there_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    ended = Installation(tmp_path, f"redis://127.0.0.1:{free_port()}/0").rsvpq("audit")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("rsvpq: cannot query Redis: ")


@pytest.mark.parametrize("form", ["jsonl", "csv", "table"])
def test_follow_shows_what_was_and_what_comes_until_it_is_interrupted(audited: Installation, form: str) -> None:
    out = audited.directory / f"follow.{form}"
    command = [*audited.command("audit"), "--follow", "--format", form, "--mailbox", "adele"]
    part = Part("follow", command, log=audited.directory / "follow.log", env=audited.environment, out=out)
    try:
        part.wait_for(lambda: "Budget" in out.read_text(), "what was recorded before is shown")
        for number, mailbox in enumerate((ADELE, BRUNO, ADELE)):
            decide(audit_of(audited), mailbox, message(f"N{number}", f"Fresh {number}"))
        part.wait_for(lambda: "Fresh 2" in out.read_text(), "what comes is shown")
        part.signal(signal.SIGINT)
        assert until(lambda: part.process.poll() is not None, "it ends") is True
        assert part.process.returncode == 0
    finally:
        part.end()
    shown = out.read_text()
    assert [shown.count(subject) for subject in ("Budget", "Fresh 0", "Fresh 1", "Fresh 2")] == [1, 1, 0, 1]
    assert (audited.directory / "follow.log").read_text() == ""


def test_a_reader_that_goes_away_ends_it_without_a_trace(audited: Installation) -> None:
    command = f"{' '.join(audited.command('audit'))} --format jsonl | head -n 1"
    ended = subprocess.run(  # noqa: S602 - our own command
        command,
        shell=True,
        env={**os.environ, **audited.environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_S,
    )
    assert len(ended.stdout.splitlines()) == 1
    assert ended.stderr == ""


# -- operators -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "step", "where", "note"),
    [
        (("pause", "mailbox", "adele", "--reason", "holiday"), "pause", ("adele", ""), ""),
        (("pause", "server", "mail1", "--why", "holiday"), "pause", ("", "mail1"), ""),
        (("pause", "all", "--reason", "holiday"), "pause", ("", ""), ""),
        (("resume", "mailbox", "ADELE", "--why", "holiday"), "resume", ("adele", ""), "was not paused"),
        (
            ("limit", "server", "mail1", "--rate", "4/s", "--burst", "2", "--why", "holiday"),
            "limit",
            ("", "mail1"),
            "rate 4/s, burst 2",
        ),
    ],
)
def test_what_an_operator_does_is_reported_with_who_and_why(
    installation: Installation, command: tuple[str, ...], step: str, where: tuple[str, str], note: str
) -> None:
    installation.lanes()  # as a process that was started has configured them
    assert installation.rsvpq(*command).returncode == 0
    (one,) = records(installation, "--event", "operator")
    assert (one["step"], one["reason"], one["who"]) == (step, "holiday", operator())
    assert (one.get("mailbox", ""), one.get("server", ""), one.get("note", "")) == (*where, note)


@pytest.mark.parametrize(
    ("arguments", "where", "note"),
    [
        (("--all",), ("", ""), "mailboxes 3"),
        (("--group", "sales"), ("", ""), "group sales, mailboxes 2"),
        (("ADELE",), ("adele", ""), "mailboxes 1"),
        (("adele", "bruno"), ("", ""), "mailboxes 2 by name"),
    ],
)
def test_a_dry_run_is_recorded_with_what_was_selected(
    installation: Installation, arguments: tuple[str, ...], where: tuple[str, str], note: str
) -> None:
    installation.rsvpq("scan", "--dry-run", *arguments, "--timeout", "100ms")
    (one,) = records(installation, "--event", "operator")
    assert (one.get("mailbox", ""), one.get("server", ""), one["note"]) == (*where, note)


def test_a_probe_of_one_server_is_recorded_as_that(installation: Installation) -> None:
    ended = installation.rsvpq("doctor", "--all", "mail1", "--timeout", "100ms")
    assert "no complete result" in ended.stderr
    (one,) = records(installation, "--event", "operator")
    assert (one["server"], one["note"].split()[0]) == ("mail1", "mailboxes")


def test_what_was_refused_was_not_done(installation: Installation) -> None:
    assert installation.rsvpq("pause", "server", "mail9").returncode == 2
    assert records(installation) == []


def test_an_action_whose_reply_was_lost_is_recorded_once(installation: Installation) -> None:
    audit = audit_of(installation)
    action = audit.action("pause", "all", "", why="holiday")
    for _ in range(3):
        audit.lanes.controls.pause("all", reason="holiday", action=action)
    assert len(records(installation)) == 1
    assert set(EVENTS) >= {one["event"] for one in records(installation)}
