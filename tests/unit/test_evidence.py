"""What ``rsvpq dead show`` says of a journal is true, for every step that a journal can have."""

import re
from pathlib import Path
from typing import Any

import pytest

from rsvpq.mail.messages import Verdict
from rsvpq.ops.evidence import advice, proved
from workers.at_once import GivenAnswer
from workers.steps import Command

ROOT = Path(__file__).parents[2]
_STEP = re.compile(r"journal\.(?:intend|note)\(\s*\"(\w+)\"")
READING = "the mailbox was searched for earlier answers"
NOTHING = "nothing was done to the mailbox"


def steps() -> set[str]:
    """Every step that the code writes down."""
    sources = [path for folder in ("workers", "producer", "rsvpq") for path in (ROOT / folder).rglob("*.py")]
    return {*Verdict, *(step for path in sources for step in _STEP.findall(path.read_text()))}


@pytest.mark.parametrize("step", sorted(steps()))
def test_every_step_that_changes_something_is_reported(step: str) -> None:
    fact: Any = Command().to_fact() if step in set(Verdict) else True
    reported = proved({step: fact}, scan=False)
    assert (NOTHING in reported) is (step in {"search", "recollected", "pages"})


def test_the_steps_of_the_code_are_found() -> None:
    assert {"search", "pages", "accept", "send", "sent", "open", "remove", "draft", "commanded"} <= steps()


def test_a_command_is_reported_with_what_is_known_of_it() -> None:
    command = Command(("rid:1", "rid:2"), 1_780_000_000.5, 3)
    (reported,) = proved({"decline": command.to_fact()}, scan=False)
    assert reported == (
        "the command to decline was about to be sent to the server, or was sent, 3 times, "
        "last at 2026-05-28 20:26:40 UTC; 2 answers to it by other people were in Drafts or Sent Items before"
    )


@pytest.mark.parametrize("fact", [[], None, {"before": []}, Command().to_fact()])
def test_nothing_is_said_to_have_lain_there_where_nothing_did(fact: Any) -> None:
    (reported,) = proved({"accept": fact}, scan=False)
    assert reported == "the command to accept was about to be sent to the server, or was sent"


def test_a_message_whose_mailbox_was_only_read_was_not_touched() -> None:
    journal = {"search": True, "recollected": 100}
    assert proved(journal, scan=False) == [NOTHING, READING]
    assert advice(journal, scan=False) == "retry or drop it, as you like"


def test_a_scan_tells_how_far_it_came() -> None:
    assert proved({}, scan=True) == [NOTHING]
    (reported,) = proved({"search": True, "pages": 2}, scan=True)
    assert reported == "the mailbox was searched; 2 pages of results had been processed"


def test_a_meeting_that_may_have_been_moved_is_not_dropped_lightly() -> None:
    (reported,) = proved({"remove": True}, scan=False)
    assert reported == "the meeting was about to be moved from the calendar to Deleted Items, or was moved"
    assert "Deleted Items" in advice({"remove": True}, scan=False)


def test_an_answer_in_one_step_sends_nobody_to_drafts() -> None:
    journal = {"accept": GivenAnswer(1_780_000_000, 1_780_000_060.5, 2).to_fact()}
    (reported,) = proved(journal, scan=False)
    assert reported == "the answer accept was about to be given, or was given, 2 times, last at 2026-05-28 20:27:40 UTC"
    assert advice(journal, scan=False).startswith("check Sent Items, then the calendar: the answer may have been sent")
    assert "Drafts" not in advice(journal, scan=False)
