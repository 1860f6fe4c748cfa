"""What is installed beside the command is made from the command as it is."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command_files import FOLDERS, ROOT, command_files


def test_completions_and_man_pages_are_up_to_date() -> None:
    there = {file: file.read_text("utf-8") for folder in FOLDERS for file in folder.iterdir()}
    stale = {file.name for file, text in command_files().items() if there.pop(file, "") != text}
    assert (stale, set(there)) == (set(), set()), "run: make command-files"


def test_no_text_of_a_man_page_is_taken_for_a_macro() -> None:
    lines = [line for file in FOLDERS[1].iterdir() for line in file.read_text("utf-8").splitlines()]
    assert {line.partition(" ")[0] for line in lines if line.startswith((".", "'"))} == {
        *(".TH", ".SH", ".B", ".PP", ".TP")
    }
    assert any(line.startswith("\\&'pause all'") for line in lines)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("rsvpq", "de"), {"dead"}),
        (("rsvpq", "dead", "dr"), {"drop"}),
        (("rsvpq", "pause", "s"), {"server"}),
        (("rsvpq", "status", "--se"), {"--server"}),
    ],
)
def test_bash_completes_commands_and_options(words: tuple[str, ...], expected: set[str]) -> None:
    script = (
        f"source {ROOT}/deploy/completion/rsvpq.bash; COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; "
        "_rsvpq_completion rsvpq; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ended = subprocess.run(
        [shutil.which("bash") or "", "-c", script],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (set(ended.stdout.split()), ended.stderr) == (expected, "")
