"""One occurrence of a series: what its messages show, and that answering it touches no other one."""

# ruff: noqa: S608 - the SQL of a SEARCH is what is tested

import base64

import pytest

from tests.simulator.occurrences import (
    FIRST,
    SECOND,
    THIRD,
    UID,
    booked,
    command,
    event,
    invited,
    put,
    seen,
)
from tests.simulator.own_mailbox import Box, Boxes
from tests.simulator.raw_http import EXCHANGE, Row, path_of, searchrequest

MEETING_SET = "http://schemas.microsoft.com/mapi/id/{6ED8DA90-450B-101B-98DA-00AA003F1305}/"


def object_ids(box: Box, folder: str, row: Row) -> list[bytes]:
    """The global object id and the clean one; a body is cut because their names are not XML."""
    asked = f'"{MEETING_SET}0x3","{MEETING_SET}0x23"'
    sql = f'SELECT {asked} FROM "" WHERE "DAV:href" = \'{path_of(row["href"])}\''
    body = box.ask("SEARCH", folder, searchrequest(sql)).body.decode()
    return [base64.b64decode(part.split("<")[0]) for part in body.split('b:dt="bin.base64">')[1:]]


def test_two_moved_occurrences_have_one_uid_and_one_sequence(box: Box) -> None:
    moved, other = invited(box, SECOND, "20260609T140000Z", 3), invited(box, THIRD, "20260616T140000Z", 3)
    for name in ("uid", "sequence", "instancetype"):
        assert moved[name] == other[name]
    assert (moved["uid"], moved["sequence"], moved["instancetype"]) == (UID, "3", "3")
    assert (moved["recurrenceid"], other["recurrenceid"]) == ("2026-06-08T09:00:00.000Z", "2026-06-15T09:00:00.000Z")
    assert (moved["dtstart"], moved["dtend"]) == ("2026-06-09T14:00:00.000Z", "2026-06-09T15:00:00.000Z")


def test_an_occurrence_that_was_not_moved_is_an_instance(box: Box) -> None:
    assert invited(box, SECOND)["instancetype"] == "2"


def test_the_global_object_id_carries_the_date_and_the_clean_one_does_not(box: Box) -> None:
    # MS-OXOCAL 2.2.1.27: year (high byte first), month and day in bytes 16 to 19.
    dated, clean = object_ids(box, box.inbox, invited(box, SECOND, "20260609T140000Z"))
    assert dated[16:20] == bytes((0x07, 0xEA, 6, 8))
    assert clean == bytes.fromhex(UID)
    assert dated[:16] + bytes(4) + dated[20:] == clean


@pytest.mark.parametrize("verdict", ["accept", "tentative", "decline"])
def test_the_answer_says_which_occurrence_it_is_about(box: Box, verdict: str) -> None:
    row = invited(box, SECOND, "20260609T140000Z", 2)
    command(box, row, verdict)
    (draft,) = seen(box, box.drafts)
    reported = ("uid", "recurrenceid", "instancetype", "sequence", "dtstart", "dtend")
    assert [draft[name] for name in reported] == [row[name] for name in reported]
    source = box.ask("GET", path_of(draft["href"]), Translate="f").body.decode()
    assert "RECURRENCE-ID:20260608T090000Z" in source
    assert box.submit(draft).status == 200
    assert [[sent[name] for name in reported] for sent in seen(box, box.sent)] == [[row[name] for name in reported]]


def test_who_is_invited_to_occurrences_has_an_item_for_each(box: Box) -> None:
    for original, start in ((SECOND, "20260609T140000Z"), (FIRST, "")):
        command(box, invited(box, original, start), "accept")
    assert booked(box) == [("06-01T09", "06-01T09", "2"), ("06-08T09", "06-09T14", "3")]
    assert {item["uid"] for item in seen(box, box.calendar)} == {UID}


def test_an_update_replaces_its_own_occurrence_alone(box: Box) -> None:
    for original, start, sequence in ((FIRST, "", 0), (SECOND, "", 0), (FIRST, "20260602T110000Z", 1)):
        command(box, invited(box, original, start, sequence), "accept")
    assert booked(box) == [("06-01T09", "06-02T11", "3"), ("06-08T09", "06-08T09", "2")]


def test_declining_an_occurrence_removes_it_alone(box: Box) -> None:
    for original in (FIRST, SECOND, THIRD):
        command(box, invited(box, original), "accept")
    command(box, invited(box, SECOND, "20260609T140000Z", 1), "decline")
    assert [one[0] for one in booked(box)] == ["06-01T09", "06-15T09"]


def with_series(box: Box) -> None:
    command(box, invited(box, ""), "accept")
    assert [one[2] for one in booked(box)] == ["2"] * 5


def test_who_is_invited_to_the_series_gets_an_exception_of_it(box: Box) -> None:
    with_series(box)
    command(box, invited(box, SECOND, "20260609T140000Z", 1), "accept")
    (master,) = seen(box, box.calendar)
    assert (master["instancetype"], master["sequence"]) == ("1", "0")
    assert booked(box)[:3] == [
        ("06-01T09", "06-01T09", "2"),
        ("06-08T09", "06-09T14", "3"),
        ("06-15T09", "06-15T09", "2"),
    ]
    (moved,) = seen(
        box,
        box.calendar,
        "AND \"urn:schemas:calendar:dtend\" > '2026-06-09' AND \"urn:schemas:calendar:dtstart\" < '2026-06-10'",
    )
    assert moved["sequence"] == "1"


def test_declining_an_occurrence_leaves_the_series(box: Box) -> None:
    with_series(box)
    command(box, invited(box, SECOND, "20260609T140000Z", 1), "decline")
    assert [one[0] for one in booked(box)] == ["06-01T09", "06-15T09", "06-22T09", "06-29T09"]


def test_declining_the_series_leaves_an_occurrence_that_is_an_item_of_its_own(box: Box) -> None:
    command(box, invited(box, SECOND), "accept")
    command(box, invited(box, "", sequence=1), "decline")
    assert [one[0] for one in booked(box)] == ["06-08T09"]


def test_a_cancellation_of_an_occurrence_names_it(box: Box) -> None:
    row = put(box, box.inbox, "off", event(SECOND, sequence=4), "CANCEL")
    assert (row["uid"], row["recurrenceid"][:10], row["sequence"]) == (UID, "2026-06-08", "4")
    (found,) = [one for one in box.find(box.inbox) if one["href"] == row["href"]]
    assert found[f"{EXCHANGE}outlookmessageclass"] == "IPM.Schedule.Meeting.Canceled"


def test_the_answer_in_the_inbox_of_the_organizer_names_the_occurrence(many: Boxes, box: Box) -> None:
    host = many.take()
    address = next(one["address"] for one in box.simulator.oracle("mailboxes") if one["mailbox"] == host.name)
    lines = [line.replace("nora@example.com", address) for line in event(SECOND, "20260609T140000Z", 2)]
    command(box, put(box, box.inbox, "hosted", lines, "REQUEST"), "accept")
    (draft,) = seen(box, box.drafts)
    assert box.submit(draft).status == 200
    (response,) = seen(box, host.inbox)
    assert (response["uid"], response["recurrenceid"][:10], response["instancetype"]) == (UID, "2026-06-08", "3")


def test_an_answer_that_a_client_wrote_names_its_occurrence(box: Box) -> None:
    lines = [line.replace("RSVP=TRUE", "PARTSTAT=ACCEPTED") for line in event(THIRD, sequence=1)]
    row = put(box, box.drafts, "own", lines, "REPLY")
    assert (row["recurrenceid"][:10], row["instancetype"]) == ("2026-06-15", "2")
