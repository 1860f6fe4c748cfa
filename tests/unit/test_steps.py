"""What is done next is what the tables of ``docs/reliability.md`` say, for all that can be found."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

from rsvpq.mail.ports import AnswerState
from workers.steps import Command, Evidence, RequestState, Step, next_step, next_step_at_once

PAGE = Path(__file__).parents[2] / "docs/reliability.md"
#: The columns of the table, and how each shows what the evidence says.
_FLAG = {True: "yes", False: "no"}
FLAGS = (True, False)
ALL = [Evidence(*values) for values in product(FLAGS, FLAGS, RequestState, FLAGS, FLAGS, FLAGS, FLAGS)]


#: The beginnings of the two tables.
BY_DRAFT, AT_ONCE = "| in Sent Items |", "| the mailbox shows |"


def table(beginning: str = BY_DRAFT) -> list[list[str]]:
    """The rows of a table of the page."""
    lines = PAGE.read_text().splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(beginning))
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[first + 2 :]]
    end = next(number for number, row in enumerate(rows) if len(row) == 1)
    return rows[:end]


def cells(evidence: Evidence) -> Iterator[str]:
    """The evidence in the order of the columns."""
    for shown in (evidence.sent, evidence.draft, evidence.sending, evidence.wanted):
        yield _FLAG[shown]
    yield str(evidence.request)
    yield _FLAG[evidence.booked]
    yield _FLAG[evidence.settled]


def row_of(evidence: Evidence) -> int:
    """The first row that fits."""
    found = list(cells(evidence))
    fits = (all(cell in ("any", shown) for cell, shown in zip(row, found, strict=False)) for row in table())
    return next(number for number, fitting in enumerate(fits) if fitting)


def test_the_page_and_the_function_say_the_same() -> None:
    page = {evidence: table()[row_of(evidence)][-1] for evidence in ALL}
    assert {evidence: str(next_step(evidence)) for evidence in ALL} == page


def test_every_row_of_the_page_is_needed() -> None:
    assert {row_of(evidence) for evidence in ALL} == set(range(len(table())))


def step_at_once(state: AnswerState, *, settled: bool) -> str:
    """What the second table says, by the first row that fits."""
    found = (str(state), _FLAG[settled])
    fits = (
        row for row in table(AT_ONCE) if all(cell in ("any", shown) for cell, shown in zip(row, found, strict=False))
    )
    return next(fits)[-1]


def test_the_page_and_the_function_say_the_same_of_an_answer_in_one_step() -> None:
    every = [(state, settled) for state in AnswerState for settled in FLAGS]
    page = [step_at_once(state, settled=settled) for state, settled in every]
    assert [str(next_step_at_once(state, settled=settled)) for state, settled in every] == page
    assert {row[0] for row in table(AT_ONCE)} == set(map(str, AnswerState))


def test_an_answer_in_one_step_is_given_again_only_where_it_has_settled_and_did_nothing() -> None:
    again = [
        (state, settled)
        for state in AnswerState
        for settled in FLAGS
        if next_step_at_once(state, settled=settled) is Step.COMMAND
    ]
    assert again == [(AnswerState.NOT_DONE, True)]


def test_a_command_is_given_again_only_where_it_has_settled_and_did_nothing() -> None:
    again = [one for one in ALL if next_step(one) is Step.COMMAND]
    assert all(one.settled and not (one.sent or one.draft or one.sending) for one in again)
    assert {one.request for one in again if one.wanted} == {RequestState.UNTOUCHED}


def test_an_answer_that_was_sent_is_never_sent_again() -> None:
    assert {next_step(one) for one in ALL if one.sent} == {Step.FINISH}


def test_the_journal_gives_back_a_command_as_it_was_written() -> None:
    command = Command(("rid:1", "rid:2"), 1_772_000_000.125, 2, read=True)
    assert Command.parse(command.to_fact()) == command


def test_a_command_in_the_form_of_earlier_versions_has_settled() -> None:
    assert Command.parse(["rid:1"]) == Command(("rid:1",), 0, 1, read=False)
