"""What is installed beside the command is made from the command as it is."""

import fcntl
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from rsvpq.cli.completion import TABLE, VARIABLE, kept_by_bash
from testbed.processes import WAIT_S
from tests.support.command_files import FOLDERS, ROOT, command_files


def test_completions_and_man_pages_are_up_to_date() -> None:
    there = {file: file.read_text("utf-8") for file in (TABLE, *(file for one in FOLDERS for file in one.iterdir()))}
    stale = {file.name for file, text in command_files().items() if there.pop(file, "") != text}
    assert (stale, set(there)) == (set(), set()), "run: make command-files"


def test_no_text_of_a_man_page_is_taken_for_a_macro() -> None:
    lines = [line for file in FOLDERS[1].iterdir() for line in file.read_text("utf-8").splitlines()]
    assert {line.partition(" ")[0] for line in lines if line.startswith((".", "'"))} == {
        *(".TH", ".SH", ".B", ".PP", ".TP")
    }
    assert any(line.startswith("\\&'pause all'") for line in lines)


def test_a_backslash_of_a_text_is_no_escape_of_a_man_page() -> None:
    text = "".join(file.read_text("utf-8") for file in FOLDERS[1].iterdir())
    assert set(re.findall(r"\\(?:f.|.)", text)) == {r"\fB", r"\fP", r"\-", r"\&", r"\e"}
    assert r"EXAMPLE\esvc" in text


def test_a_man_page_has_the_exit_codes_the_variables_and_the_pages_around_it() -> None:
    codes = set(re.findall(r"^\| (\d+) \|", (ROOT / "docs/cli.md").read_text("utf-8"), re.MULTILINE))
    assert {"0", "1", "2", "3", "130"} == codes
    page = (FOLDERS[1] / "rsvpq-dead-retry.1").read_text("utf-8")
    sections = dict(re.findall(r"^\.SH (.*)\n((?:(?!\.SH).*\n)*)", page, re.MULTILINE))
    assert set(re.findall(r"^\.TP\n(\d+)$", sections["EXIT STATUS"], re.MULTILINE)) == codes
    assert re.findall(r"^\.B (\w+)$", sections["ENVIRONMENT"], re.MULTILINE) == ["RSVPQ_CONFIG", "RSVPQ_OPERATOR"]
    assert sections["SEE ALSO"] == ".B rsvpq(1), rsvpq\\-dead(1)\n"
    check = (FOLDERS[1] / "rsvpq-check.1").read_text("utf-8")
    assert "EXIT STATUS" not in check, "its own are in its description"
    assert "RSVPQ_OPERATOR" not in check


RSVPQ = Path(sys.executable).with_name("rsvpq")
LIST = """\
# of the pilot
mailbox, server, group

adele@example.com, hq1, pilot
Patrick d'Arcy 46, hq2, R&D
"""


@pytest.fixture
def environment(tmp_path: Path) -> Mapping[str, str]:
    """The environment of a shell where ``rsvpq`` is on the path, and its settings and its list have names."""
    (tmp_path / "mailboxes.csv").write_text(LIST)
    config = tmp_path / "rsvpq.toml"
    config.write_text('mailboxes = "mailboxes.csv"\n[servers.hq1]\n[servers.hq2]\n')
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "RSVPQ_CONFIG": str(config), "TERM": "dumb", "LC_ALL": "C.UTF-8"}


def suggested(environment: Mapping[str, str], line: str, **more: str) -> list[str]:
    """What ``rsvpq`` suggests to zsh at the end of a line."""
    asked = {"COMP_LINE": line, VARIABLE: "zsh_complete", **more}
    ended = subprocess.run([str(RSVPQ)], env={**environment, **asked}, capture_output=True, text=True, check=True)
    assert ended.stderr == ""
    return [shown.partition("\t")[0].partition(",")[2] for shown in ended.stdout.splitlines() if shown]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("rsvpq de", ["dead"]),
        ("rsvpq pause s", ["server"]),
        ("rsvpq pause server ", ["hq1", "hq2"]),
        ("rsvpq pause group ", ["R&D", "pilot"]),
        ("rsvpq limit mailbox A", ["adele@example.com"]),
        ("rsvpq status --watch --server=hq", ["--server=hq1", "--server=hq2"]),
        ("rsvpq scan 'Patrick ", ["Patrick d'Arcy 46"]),
        ("rsvpq --config /nowhere pause server ", []),
        ("rsvpq pause all ", []),
    ],
)
def test_commands_options_and_names_are_completed(
    environment: Mapping[str, str], line: str, expected: list[str]
) -> None:
    assert suggested(environment, line) == expected


def test_a_list_that_cannot_be_read_completes_nothing_and_says_nothing(
    environment: Mapping[str, str], tmp_path: Path
) -> None:
    (tmp_path / "mailboxes.csv").write_bytes(b"\xff\xfe")
    assert suggested(environment, "rsvpq scan ") == []
    assert suggested(environment, "rsvpq scan ", RSVPQ_CONFIG=str(tmp_path)) == []


def test_a_completion_loads_nothing_that_takes_time(environment: Mapping[str, str]) -> None:
    code = "import sys; from rsvpq.cli import main; main(); print({'redis', 'pydantic', 'celery'} & {*sys.modules})"
    asked = {"COMP_LINE": "rsvpq pause server h", VARIABLE: "bash_complete"}
    ended = subprocess.run(
        [sys.executable, "-c", code], env={**environment, **asked}, capture_output=True, text=True, check=True
    )
    assert ended.stdout.splitlines() == ["plain,hq1", "plain,hq2", "set()"]


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("rsvpq scan ade", ""),
        ("rsvpq scan adele@ex", "adele"),
        ("rsvpq scan o\\'neil@ex", "o'neil"),
        ("rsvpq audit --server=hq", "--server="),
        ("rsvpq audit --mailbox=a:b@c", "--mailbox=a:b"),
        ("rsvpq scan 'a b@c", ""),
    ],
)
def test_what_bash_keeps_of_a_word_ends_at_its_last_break(line: str, kept: str) -> None:
    assert kept_by_bash(line, " \t\n\"'@><=;|&(:") == kept


def test_bash_completes_names_that_need_quotation_marks_or_have_breaks(environment: Mapping[str, str]) -> None:
    """In a real shell on a terminal: each completed line is printed as the arguments that the shell makes of it."""
    ours, theirs = pty.openpty()
    shell = subprocess.Popen(
        [shutil.which("bash") or "", "--norc", "--noprofile", "-i"],
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - the shell's terminal
    )
    os.close(theirs)
    lines = ["rsvpq scan Pat", "rsvpq scan adele@e", "rsvpq audit --mailbox=adele@", "rsvpq status --server hq1 --gr"]
    typed = "".join(f"{line}\t\x01printf '<%s>' \x05 END\n" for line in lines)
    os.write(ours, f"source {ROOT}/deploy/completion/rsvpq.bash\n{typed}exit\n".encode())
    shown, deadline = b"", time.monotonic() + WAIT_S
    try:
        while shown.count(b"<END>") < len(lines) and time.monotonic() < deadline:
            if select.select([ours], [], [], 0.5)[0]:
                shown += os.read(ours, 65_536)
    finally:
        shell.kill()
        shell.wait()
        os.close(ours)
    assert re.findall(r"<rsvpq>(.*?)<END>", shown.decode()) == [
        "<scan><Patrick d'Arcy 46>",
        "<scan><adele@example.com>",
        "<audit><--mailbox=adele@example.com>",
        "<status><--server><hq1><--group>",
    ]
