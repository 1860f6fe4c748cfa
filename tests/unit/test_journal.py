"""A step is in the journal once it is written, and only then."""

from collections.abc import Mapping
from typing import Any, Literal

import pytest

from rsvpq.tasks.journal import Journal, LeaseLost, Paused

Answer = Literal["ok", "held", "lost"]


class Ledger:
    """Where the journal of a test is written."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.written: list[tuple[dict[str, Any], bool]] = []

    def record(self, steps: Mapping[str, Any], intent: bool, *_: object) -> Answer:
        answer = self.answers.pop(0) if self.answers else "ok"
        if answer == "ok":
            self.written.append((dict(steps), intent))
        return answer


def test_an_intent_and_a_note_are_written_with_all_that_was_written_before() -> None:
    ledger = Ledger()
    journal = Journal({"old": 1}, ledger.record)
    journal.intend("accept", ["rid:1"])
    journal.note("done")
    assert ledger.written == [
        ({"old": 1, "accept": ["rid:1"]}, True),
        ({"old": 1, "accept": ["rid:1"], "done": True}, False),
    ]


def test_a_written_step_is_in_the_journal_with_its_fact() -> None:
    journal = Journal({}, Ledger().record)
    assert "accept" not in journal
    journal.intend("accept", ["rid:1"])
    assert "accept" in journal
    assert journal["accept"] == ["rid:1"]


def test_steps_of_earlier_attempts_are_there() -> None:
    journal = Journal({"accept": []}, Ledger().record)
    assert "accept" in journal
    assert journal["accept"] == []
    with pytest.raises(KeyError):
        journal["send"]


def test_an_intent_that_is_held_back_is_not_written() -> None:
    ledger = Ledger("held")
    journal = Journal({"old": 1}, ledger.record)
    with pytest.raises(Paused, match="accept"):
        journal.intend("accept")
    assert "accept" not in journal
    assert ledger.written == []


@pytest.mark.parametrize("write", [Journal.intend, Journal.note])
def test_a_step_without_the_lease_is_not_written(write: Any) -> None:
    ledger = Ledger("lost")
    journal = Journal({"old": 1}, ledger.record)
    with pytest.raises(LeaseLost, match="sent"):
        write(journal, "sent")
    assert "sent" not in journal
    assert ledger.written == []


def test_a_step_that_was_held_back_can_be_written_later() -> None:
    ledger = Ledger("held", "ok")
    journal = Journal({}, ledger.record)
    with pytest.raises(Paused):
        journal.intend("accept", 1)
    journal.intend("accept", 2)
    assert ledger.written == [({"accept": 2}, True)]


def test_the_step_that_was_written_last_is_the_last() -> None:
    ledger = Ledger()
    journal = Journal({"accept": 1, "noted": 2}, ledger.record)
    journal.intend("accept", 3)
    assert list(ledger.written[0][0].items()) == [("noted", 2), ("accept", 3)]


def test_what_was_handed_in_is_not_changed() -> None:
    steps: dict[str, Any] = {"old": 1}
    Journal(steps, Ledger().record).note("new")
    assert steps == {"old": 1}


def test_pausing_and_losing_the_lease_are_two_things() -> None:
    assert not issubclass(Paused, LeaseLost)
    assert not issubclass(LeaseLost, Paused)
