"""Mail that is easily mistaken, in the real process: what the oracle counts where a client does the wrong thing."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulator.own_mailbox import Box
from tests.simulator.raw_http import CALENDAR, HTTPMAIL, Row, running

SITUATIONS = ("--occurrences", "3", "--copies", "1", "--updates", "2", "--forbidden", "7")


@pytest.fixture
def box() -> Iterator[Box]:
    with running("--mailboxes", "2", "--requests", "3", *SITUATIONS) as simulator:
        one = simulator.oracle("mailboxes")[0]
        yield Box(simulator, one["mailbox"], one["language"])


def recorded(box: Box, **facts: object) -> list[dict[str, Any]]:
    """What the oracle knows of the messages of the mailbox with these facts."""
    messages = box.simulator.messages_of(box.name)
    return [one for one in messages if facts.items() <= one.items()]


def row_of(box: Box, message: dict[str, Any]) -> Row:
    """The row of a message in the Inbox, the first of several copies."""
    keys = (f"{CALENDAR}uid", f"{HTTPMAIL}subject")
    wanted = message["uid"], message["subject"]
    return next(row for row in box.find(box.inbox) if tuple(row.get(key) for key in keys) == wanted)


def answer(box: Box, message: dict[str, Any]) -> None:
    assert box.accept(row_of(box, message)).status == 200
    (draft,) = [one for one in box.find(box.drafts) if one[f"{CALENDAR}uid"] == message["uid"]]
    assert box.submit(draft).status == 200


def copies(box: Box) -> list[dict[str, Any]]:
    editions = [one["edition"] for one in recorded(box, kind="request")]
    return [one for one in recorded(box, kind="request") if editions.count(one["edition"]) > 1]


def test_of_two_copies_one_is_answered(box: Box) -> None:
    one, other = copies(box)
    assert (one["uid"], one["sequence"], one["state"]) == (other["uid"], other["sequence"], "waiting")
    before = box.simulator.oracle("summary")["requests"]
    answer(box, one)
    assert {found["state"] for found in copies(box)} == {"answered_once"}
    after = box.simulator.oracle("summary")["requests"]
    assert (after["answered_once"], after["waiting"]) == (1, before["waiting"] - 1)
    answer(box, other)
    assert {found["state"] for found in copies(box)} == {"answered_twice"}
    assert box.simulator.oracle("summary")["requests"]["answered_twice"] == 1


def test_both_moved_occurrences_of_a_series_are_answered(box: Box) -> None:
    moved = [one for one in recorded(box, kind="request", sequence=1, why="") if one["recurrence_id"]]
    assert {one["uid"] for one in moved} == {moved[0]["uid"]}
    for number in (1, 2):
        answer(box, moved[0])
        states = [one["state"] for one in recorded(box, uid=moved[0]["uid"])]
        assert states.count("answered_once") == number
    assert box.simulator.oracle("summary")["requests"]["answered_twice"] == 0


@pytest.mark.parametrize("why", ["private", "external", "delegate", "too-old", "past", "outdated", "canceled"])
def test_an_answer_that_nobody_may_give_is_counted(box: Box, why: str) -> None:
    message = recorded(box, kind="request", why=why)[-1]
    assert (message["forbidden"], message["state"]) == (False, "outdated" if message["outdated"] else "left_alone")
    assert box.simulator.oracle("summary")["forbidden"] == 0
    assert box.accept(row_of(box, message)).status == 200
    (message,) = recorded(box, edition=message["edition"], kind="request")
    assert message["forbidden"]
    assert box.simulator.oracle("summary")["forbidden"] == 1


@pytest.mark.parametrize("act", ["sent", "deleted", "moved"])
def test_what_becomes_of_a_persons_draft_is_counted(box: Box, act: str) -> None:
    (message,) = recorded(box, kind="draft")
    (draft,) = box.find(box.drafts)
    assert draft[f"{CALENDAR}uid"] == message["uid"]
    assert not message["forbidden"]
    if act == "sent":
        assert box.submit(draft).status == 200
    elif act == "deleted":
        assert box.ask("DELETE", draft["href"].removeprefix("http://mail.example.com")).status == 200
    else:
        assert box.submit(draft, f"http://mail.example.com{box.deleted}/x.EML").status == 201
    assert [one["forbidden"] for one in recorded(box, kind="draft")] == [True]
    assert box.simulator.oracle("summary")["forbidden"] == 1
