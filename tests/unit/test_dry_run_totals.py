"""The totals of the findings of a dry run."""

from dataclasses import replace

import pytest

from rsvpq.cli.dry_run_totals import Totals
from rsvpq.cli.progress import sentence
from rsvpq.ops.forecast import Forecast
from rsvpq.settings.policy import PolicySettings

ACCEPT = Forecast("adele", "request", "accept", "rest", "rule", answer="accept")
DECLINE = replace(ACCEPT, decision="decline", rule="clash", answer="decline")
SILENT = replace(ACCEPT, answer="")
OVER = replace(ACCEPT, answer="", held="cap", needs="appointment busy-times")
DEAD = replace(ACCEPT, answer="", held="dead")
SKIP = Forecast("adele", "other", "skip", "", "unknown-class")


def totals(*rows: Forecast, requests: int = 0, per_run: int = 500) -> Totals:
    """Of one mailbox."""
    found = Totals(PolicySettings(most_answers_per_run=per_run))
    found.add(rows, {"found": len(rows), "requests": requests})
    return found


def test_answers_are_what_would_be_sent_and_nothing_else() -> None:
    found = totals(ACCEPT, ACCEPT, DECLINE, SILENT, OVER, DEAD, SKIP, requests=4)
    assert found.answers == {"accept": 2, "decline": 1}
    assert (found.silent, found.held) == (1, {"cap": 1, "dead": 1})
    assert found.decided["accept", "rule:rest"] == 5
    text = "\n".join(found.sentences())
    assert "mailboxes: 1; messages: 7" in text
    assert "answers that would be sent: 3 (2 accept, 1 decline)" in text
    assert "in one run: all" in text
    assert "left for later scans of their mailbox: 1" in text
    assert "a worker first reads the appointment and the busy times, and may then decide otherwise: 1" in text
    assert "they are dead in the ledger: 1" in text


@pytest.mark.parametrize(("requests", "over", "words"), [(10, 0, "all"), (11, 1, "at most 10"), (30, 20, "at most 10")])
def test_the_cap_of_a_run_counts_what_is_offered(requests: int, over: int, words: str) -> None:
    found = totals(*[ACCEPT] * requests, requests=requests, per_run=10)
    assert found.over_the_run == over
    assert words in "\n".join(found.sentences())


def test_the_cap_of_a_group_counts_its_mailboxes_together() -> None:
    policy = PolicySettings.model_validate({"groups": {"pilot": {"most_answers_per_run": 3}}})
    found = Totals(policy)
    for group in ("pilot", "pilot", "sales"):
        found.add([ACCEPT] * 2, {"found": 2, "requests": 2}, group)
    assert (found.most_in_a_run, found.over_the_run) == (5, 1)
    assert "at most 5 (policy.most_answers_per_run = 500, policy.groups.pilot: 3)" in "\n".join(found.sentences())


def test_mailboxes_add_up() -> None:
    found = totals(ACCEPT, requests=1, per_run=1)
    found.add([ACCEPT], {"found": 1, "requests": 1, "reconcile:orphans": 2, "unreadable": 3})
    assert (found.mailboxes, found.answers.total(), found.over_the_run) == (2, 2, 1)
    text = "\n".join(found.sentences())
    assert "unsent answers of an earlier run that would also be sent: 2" in text
    assert "could not be read: 3" in text


@pytest.mark.parametrize(
    ("done", "seconds", "text"),
    [
        (0, 5.0, "0/200 mailboxes"),
        (50, 10.0, "50/200 mailboxes, 5.0/s, 0:00:30 to go"),
        (1, 60.0, "1/200 mailboxes, 0.0/s, 3:19:00 to go"),
    ],
)
def test_progress_tells_the_rate_and_the_time_to_go(done: int, seconds: float, text: str) -> None:
    assert sentence(done, 200, seconds) == text
